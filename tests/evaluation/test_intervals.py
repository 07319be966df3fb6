import inspect
from unittest import mock

import numpy as np
import pytest
import scipy.stats

from ncf_keras.base.errors import InputError
from ncf_keras.evaluation import bootstrap_intervals, intervals


def scipys(values, seed, **options):
    """Return scipy's percentile interval of the mean, drawn by the same generator."""
    generator = "rng" if "rng" in inspect.signature(scipy.stats.bootstrap).parameters else "random_state"
    options[generator] = np.random.default_rng(seed)
    return scipy.stats.bootstrap((values,), np.mean, method="percentile", **options).confidence_interval


@pytest.mark.parametrize("draws_a_chunk", [1, 1000, 2**22])
def test_intervals_are_scipys(generator, draws_a_chunk):
    values = np.stack([generator.random(150) < 0.6, generator.exponential(size=150)], axis=1).astype(float)
    with mock.patch.object(intervals, "DRAWS_A_CHUNK", draws_a_chunk):
        ours = bootstrap_intervals(values, 0.9, 400, seed=5)
    for column, interval in zip(values.T, ours, strict=True):
        expected = scipys(column, 5, confidence_level=0.9, n_resamples=400)
        assert interval.mean == pytest.approx(column.mean(), rel=1e-12)
        assert (interval.low, interval.high) == pytest.approx(tuple(expected), rel=1e-12)


def test_an_interval_of_many_values_is_the_normal_one(generator):
    values = generator.random((4000, 1))
    ((mean, low, high),) = bootstrap_intervals(values)
    half = 1.959964 * values.std() / np.sqrt(4000)
    # The ends of 1,000 resamples vary by a few percent of the width.
    assert (mean - low, high - mean) == pytest.approx((half, half), rel=0.15)


def test_the_seed_decides(generator):
    values = generator.random((50, 2))
    assert bootstrap_intervals(values, seed=1) == bootstrap_intervals(values, seed=1)
    assert bootstrap_intervals(values, seed=1) != bootstrap_intervals(values, seed=2)


def test_values_that_are_all_the_same_have_an_interval_of_no_width():
    assert bootstrap_intervals(np.zeros((9, 1))) == [(0, 0, 0)]
    assert bootstrap_intervals(np.ones((1, 1))) == [(1, 1, 1)]


@pytest.mark.parametrize(
    ("shape", "options", "rule"),
    [
        ((0, 2), {}, "`values` must have at least one row"),
        ((3, 2), {"confidence": 1.0}, "`confidence` must be between 0 and 1"),
        ((3, 2), {"confidence": 95}, "`confidence` must be between 0 and 1"),
        ((3, 2), {"resamples": 0}, "`resamples` must be at least 1"),
    ],
)
def test_arguments_out_of_range_are_refused(shape, options, rule):
    with pytest.raises(InputError, match=f"{rule}. Received: "):
        bootstrap_intervals(np.zeros(shape), **options)
