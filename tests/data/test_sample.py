import hashlib
import re

import numpy as np
import pytest

from ncf_keras.baselines import EASE
from ncf_keras.data import sample_dataset
from ncf_keras.data.sample_titles import sample_titles
from ncf_keras.evaluation import LeaveOneOut

# Of the arrays as they were before items had titles.
CHECKSUMS = {
    2017: "45c1c3ed6d3a05ef724e992074d2ff5a755494d96be08847647967cb429fb827",
    1: "440e583a712209785f6b4f7adc1e73ee6cf25a17be7171f7b065f1d98319a0ea",
}
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


@pytest.mark.parametrize("seed", CHECKSUMS)
def test_the_interactions_are_those_that_all_figures_were_measured_on(seed):
    dataset, digest = sample_dataset(seed), hashlib.sha256()
    for name in ARRAYS:
        digest.update(getattr(dataset, name).astype("<i8").tobytes())
    assert digest.hexdigest() == CHECKSUMS[seed]
    assert dataset.user_ids is dataset.item_ids is None


def genres_of(dataset):
    """Return the genre that each title tells."""
    return np.array([re.fullmatch(r".* \(([a-z ]+)\)", title)[1] for title in dataset.item_titles])


def test_every_item_has_a_title_of_its_own_in_plain_words(sample):
    titles = sample.item_titles
    assert len(set(titles)) == len({title.rpartition(" (")[0] for title in titles}) == 500
    assert len(set(genres_of(sample))) == 12
    assert all(re.fullmatch(r"[A-Z][\w-]*( [\w-]+)+ \([a-z ]+\)", title, re.ASCII) for title in titles)
    assert max(map(len, titles)) < 60
    assert sample_dataset().item_titles == titles != sample_dataset(seed=1).item_titles


def test_titles_do_not_end_where_the_words_do():
    titles = sample_titles([3] * 250 + [0])
    assert len(set(titles)) == 251 and titles[100:102] == [
        f"{title[:-10]}, Part 2 (musical)" for title in titles[:2]
    ]


def test_by_eye_a_list_fits_a_history(sample):
    """The lists are of EASE, which knows nothing of tastes, and leave out what a user knows."""
    genres = genres_of(sample)
    names, genre_of_item = np.unique(genres, return_inverse=True)
    scores = (
        EASE(regularization=100.0).fit(sample).score(*np.divmod(np.arange(500_000), 500)).reshape(1000, 500)
    )
    scores[sample.train_users, sample.train_items] = -np.inf
    lists = np.argsort(-scores, axis=1)[:, :10]
    history = np.zeros((sample.num_users, len(names)))
    np.add.at(history, (sample.train_users, genre_of_item[sample.train_items]), 1)
    favourite = history.argmax(axis=1)
    share = (genre_of_item[lists] == favourite[:, None]).mean()
    by_chance = np.bincount(genre_of_item)[favourite].mean() / sample.num_items
    assert by_chance < 0.13 and share > 4 * by_chance
