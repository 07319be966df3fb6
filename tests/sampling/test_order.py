"""The order of an epoch: every number once, and as random as a shuffle."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from ncf_keras.sampling.order import ComputedOrder, shuffled_order

SIZE = 200_003


@given(size=st.integers(1, 5_000), seed=st.integers(0, 2**32))
def test_every_number_comes_once(size, seed):
    order = ComputedOrder(size, np.random.default_rng(seed))
    assert len(order) == size
    np.testing.assert_array_equal(np.sort(order[0:size]), np.arange(size))


@given(size=st.sampled_from([2**32 - 1, 2**32, 2**32 + 1, 2**40 + 7]), seed=st.integers(0, 2**32))
def test_of_very_many_numbers_none_is_out_of_range_and_none_comes_twice(size, seed):
    order = ComputedOrder(size, np.random.default_rng(seed))
    found = np.concatenate([order[start : start + 500] for start in (0, 12_345_678, size - 500)])
    assert len(np.unique(found)) == 1_500
    assert found.max() < size


def test_slices_are_parts_of_the_whole_and_another_seed_is_another_order():
    order, other = (ComputedOrder(SIZE, np.random.default_rng(seed)) for seed in (1, 2))
    parts = [order[start : start + 997] for start in range(0, SIZE, 997)]
    np.testing.assert_array_equal(np.concatenate(parts), order[0:SIZE])
    assert np.mean(order[0:SIZE] == other[0:SIZE]) < 1e-3


@pytest.mark.parametrize("size", [SIZE, 2**17 + 1])
def test_it_looks_like_a_shuffle(size):
    """What a shuffle has: no drift, no memory, each place and its neighbour anywhere alike."""
    numbers = ComputedOrder(size, np.random.default_rng(3))[0:size].astype(np.float64) / size
    places = np.arange(size) / size
    noise = 5 / np.sqrt(size)
    assert abs(np.corrcoef(places, numbers)[0, 1]) < noise
    for lag in (1, 2, 5, 256):
        assert abs(np.corrcoef(numbers[:-lag], numbers[lag:])[0, 1]) < noise
    for one, other in ((places, numbers), (numbers[:-1], numbers[1:])):
        counts, _, _ = np.histogram2d(one, other, bins=32, range=[[0, 1], [0, 1]])
        expected = len(one) / 32**2
        chi_square = ((counts - expected) ** 2 / expected).sum()
        # 1,023 degrees of freedom: mean 1,023, standard deviation 45.
        assert 1_023 - 5 * 45 < chi_square < 1_023 + 5 * 45


def test_few_numbers_are_shuffled_and_many_computed():
    shuffled = shuffled_order(1_000, np.random.default_rng(5))
    expected = np.arange(1_000, dtype=np.uint32)
    np.random.default_rng(5).shuffle(expected)
    np.testing.assert_array_equal(shuffled, expected)
    computed = shuffled_order(1_000, np.random.default_rng(5), most_in_memory=999)
    assert isinstance(computed, ComputedOrder)
