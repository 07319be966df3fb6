from collections import Counter

import numpy as np
import pytest

from ncf_keras.base.errors import InputError
from ncf_keras.sampling.pairs import PairSampler, pair_batch_dataset


def epoch_of(sampler, epoch=0, chunk_size=10_000):
    return tuple(np.concatenate(part) for part in zip(*sampler.chunks(epoch, chunk_size), strict=True))


def positives_of(dataset):
    return Counter(zip(dataset.train_users.tolist(), dataset.train_items.tolist(), strict=True))


@pytest.mark.parametrize("num_neg", [1, 3])
def test_each_positive_comes_with_each_of_its_negatives(sample, num_neg):
    sampler = PairSampler(sample, num_neg, seed=1)
    users, positives, negatives = epoch_of(sampler)
    assert len(users) == sampler.num_examples == num_neg * sample.num_train
    known = positives_of(sample)
    drawn = Counter(zip(users.tolist(), positives.tolist(), strict=True))
    assert drawn == Counter(dict.fromkeys(known, num_neg))
    assert not any(pair in known for pair in zip(users.tolist(), negatives.tolist(), strict=True))
    assert users.dtype == positives.dtype == negatives.dtype == np.int32


def test_pairs_are_shuffled_and_drawn_anew_each_epoch(sample):
    sampler = PairSampler(sample, seed=1)
    first, again, second = epoch_of(sampler), epoch_of(sampler), epoch_of(sampler, 1)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first[0], second[0]) and not np.array_equal(first[2], second[2])
    assert abs(np.corrcoef(first[0], np.arange(len(first[0])))[0, 1]) < 0.02


def test_negatives_may_be_drawn_by_weight(sample):
    weights = np.zeros(sample.num_items)
    weights[:50] = 1
    assert epoch_of(PairSampler(sample, 1, 1, weights))[2].max() < 50


def test_batches_are_what_fit_takes_and_are_the_epoch(sample):
    sampler = PairSampler(sample, seed=1)
    batches = pair_batch_dataset(sampler, 1000, 3)
    parts = list(batches.as_numpy_iterator())
    assert len(parts) == len(batches) == -(-sample.num_train // 1000)
    joined = [np.concatenate([inputs[name] for inputs, _ in parts])
              for name in ("user_input", "item_input", "negative_input")]  # fmt: skip
    assert all(column.shape == (sample.num_train, 1) and column.dtype == np.int32 for column in joined)
    np.testing.assert_array_equal(np.hstack(joined).T, epoch_of(sampler, 3, 2048 * 1000))
    assert all((labels == 1).all() and labels.dtype == np.float32 for _, labels in parts)


def test_a_pair_needs_a_negative(sample):
    with pytest.raises(InputError, match=r"`num_neg` must be at least 1 for pairs\. Received: 0"):
        PairSampler(sample, 0)
