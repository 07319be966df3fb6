"""The order that programs compute: every number once, and as random as a shuffle."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings, strategies as st
from scipy import stats

from ncf_keras.base.device_random import WORD_KEYS, below, mix, random_words
from ncf_keras.sampling.device_order import ORDER_KEYS, DeviceOrder

SIZE = 200_003


def keys_of(seed, count=ORDER_KEYS):
    return tf.constant(np.random.default_rng(seed).integers(0, 2**32, count, dtype=np.uint32))


def numbers_at(order, places, seed):
    return order(tf.constant(places, tf.uint32), keys_of(seed)).numpy()


@given(size=st.integers(1, 5_000), seed=st.integers(0, 2**32))
def test_every_number_comes_once(size, seed):
    numbers = numbers_at(DeviceOrder(size), np.arange(size), seed)
    np.testing.assert_array_equal(np.sort(numbers), np.arange(size))


@settings(max_examples=20)
@given(size=st.sampled_from([2**32, 2**32 - 1, 2**31 + 1, 2**30 - 7]), seed=st.integers(0, 2**32))
def test_of_very_many_numbers_none_is_out_of_range_and_none_comes_twice(size, seed):
    places = np.concatenate([start + np.arange(500) for start in (0, 12_345_678, size - 500)])
    numbers = numbers_at(DeviceOrder(size), places, seed)
    assert len(np.unique(numbers)) == 1_500
    assert numbers.max() < size


@pytest.mark.parametrize("size", [2, 3, 5, 7, 12])
def test_each_place_of_a_few_has_each_number_alike(size):
    """Over many keys: of a place, and of the numbers of two neighbours together."""
    trials = 10_000
    # A column of keys for each place of each trial.
    keys = np.random.default_rng(7).integers(0, 2**32, (ORDER_KEYS, trials, 1), dtype=np.uint32)
    keys = np.broadcast_to(keys, (ORDER_KEYS, trials, size)).reshape(ORDER_KEYS, -1)
    places = np.tile(np.arange(size), trials)
    numbers = DeviceOrder(size)(tf.constant(places, tf.uint32), tf.constant(keys)).numpy()
    counts, pairs = np.zeros((2, size, size), int)
    np.add.at(counts, (places, numbers), 1)
    np.add.at(pairs, tuple(numbers.reshape(trials, size)[:, :2].T), 1)
    assert stats.chisquare(counts, axis=1).pvalue.min() > 1e-4
    assert (np.diag(pairs) == 0).all()
    assert stats.chisquare(pairs[~np.eye(size, dtype=bool)]).pvalue > 1e-4


@pytest.mark.parametrize("size", [SIZE, 2**17 + 1])
def test_it_looks_like_a_shuffle(size):
    """What a shuffle has: no drift, no memory, each place and its neighbour anywhere alike."""
    numbers = numbers_at(DeviceOrder(size), np.arange(size), 3) / size
    places = np.arange(size) / size
    noise = 5 / np.sqrt(size)
    assert abs(np.corrcoef(places, numbers)[0, 1]) < noise
    for lag in (1, 2, 5, 256):
        assert abs(np.corrcoef(numbers[:-lag], numbers[lag:])[0, 1]) < noise
    for one, other in ((places, numbers), (numbers[:-1], numbers[1:]), (numbers[:-5], numbers[5:])):
        counts, _, _ = np.histogram2d(one, other, bins=32, range=[[0, 1], [0, 1]])
        expected = len(one) / 32**2
        # 31 x 31 degrees of freedom, because a permutation fixes the sums of rows and columns.
        assert 1e-4 < stats.chi2.sf(((counts - expected) ** 2 / expected).sum(), 31**2) < 1 - 1e-4


def test_orders_of_different_keys_have_nothing_in_common():
    one, other = (numbers_at(DeviceOrder(SIZE), np.arange(SIZE), seed) for seed in (1, 2))
    assert np.mean(one == other) < 1e-3
    assert abs(np.corrcoef(one, other)[0, 1]) < 5 / np.sqrt(SIZE)


def test_mix_is_the_published_function():
    """In Python's whole numbers, as its author has it in C."""

    def lowbias32(x):
        x = (x ^ x >> 16) * 0x7FEB352D % 2**32
        x = (x ^ x >> 15) * 0x846CA68B % 2**32
        return x ^ x >> 16

    words = [0, 1, 2, 2**31, 2**32 - 1, 0xDEADBEEF]
    assert mix(tf.constant(words, tf.uint32)).numpy().tolist() == [lowbias32(word) for word in words]


def test_random_words_are_uniform_and_some_come_twice():
    count = 2**18
    words = random_words(tf.constant(np.arange(count), tf.uint32), keys_of(4, WORD_KEYS)).numpy()
    for shift in (0, 8, 16, 24):
        byte = words >> shift & 255
        assert 1e-4 < stats.chisquare(np.bincount(byte, minlength=256)).pvalue < 1 - 1e-4
        pairs = np.bincount(byte[:-1].astype(int) * 256 + byte[1:], minlength=2**16)
        assert 1e-4 < stats.chisquare(pairs).pvalue < 1 - 1e-4
    # As of independent words: Poisson, of mean count^2 / 2^33 = 8.
    assert 1 <= count - len(np.unique(words)) <= 20


@pytest.mark.parametrize("bound", [1, 2, 3_706, 2**31 - 1, 2**32 - 1])
def test_below_is_the_high_half_of_a_product(bound):
    words = [0, 1, 2**16, 2**31, 2**32 - 1]
    assert below(tf.constant(words, tf.uint32), bound).numpy().tolist() == [
        word * bound >> 32 for word in words
    ]
