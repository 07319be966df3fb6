import numpy as np
import pytest

from ncf_keras.data import sample_dataset
from ncf_keras.evaluation import LeaveOneOut

ARRAYS = ("train_offsets", "train_items", "test_users", "test_items", "test_negatives")


def hit_ratio_of(dataset, score):
    return LeaveOneOut(dataset.test_users, dataset.test_items, dataset.test_negatives).evaluate(score).hr


def test_is_the_protocol_of_the_paper_and_the_same_seed_gives_the_same_data(sample):
    again, other = sample_dataset(), sample_dataset(seed=1)
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(again, name), getattr(sample, name))
    assert not np.array_equal(other.test_items, sample.test_items)
    assert (sample.name, *sample.test_negatives.shape) == ("sample", 1000, 99)
    assert (sample.num_users, sample.num_items, sample.num_test) == (1000, 500, 1000)
    np.testing.assert_array_equal(sample.test_users, np.arange(1000))
    for user in range(sample.num_users):
        train = set(sample.train_items[sample.train_offsets[user] : sample.train_offsets[user + 1]].tolist())
        negatives = set(sample.test_negatives[user].tolist())
        held_out = int(sample.test_items[user])
        assert 19 <= len(train) <= 59 and len(negatives) == 99
        assert held_out not in train and held_out not in negatives and not train & negatives


def test_chance_finds_one_in_ten_popularity_little_more_and_users_of_one_taste_most(sample, generator):
    by_chance = hit_ratio_of(sample, lambda users, items: generator.random(len(users), np.float32))
    counts = np.bincount(sample.train_items, minlength=sample.num_items).astype(np.float32)
    by_popularity = hit_ratio_of(sample, lambda users, items: counts[items])
    assert by_chance == pytest.approx(0.1, abs=0.03)
    assert by_chance < by_popularity < 0.35
    # A neighbourhood model in two lines, which shares nothing with the models of the package.
    matrix = np.zeros((sample.num_users, sample.num_items), np.float32)
    matrix[sample.train_users, sample.train_items] = 1
    affinity = matrix @ (matrix.T @ matrix / np.sqrt(np.maximum(matrix.sum(axis=0), 1)))
    neighbours = hit_ratio_of(sample, lambda users, items: affinity[users, items])
    assert neighbours > max(0.5, by_popularity + 0.2)
