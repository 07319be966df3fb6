import inspect

import numpy as np
import pytest
import scipy.stats

from ncf_keras.base.errors import InputError
from ncf_keras.evaluation import bootstrap_intervals, compare_paired

# Student's sleep data: extra hours of ten patients under two drugs (Biometrika 1908), as in R's `sleep`.
FIRST = np.array([0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0])
SECOND = np.array([1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4])


def scipys(values, seed, **options):
    """Return scipy's percentile interval of the mean, drawn by the same generator."""
    names = inspect.signature(scipy.stats.bootstrap).parameters
    options["rng" if "rng" in names else "random_state"] = np.random.default_rng(seed)
    return scipy.stats.bootstrap((values,), np.mean, method="percentile", **options).confidence_interval


@pytest.mark.parametrize("draws_a_chunk", [1, 1000, 2**22])
def test_intervals_are_scipys(generator, draws_a_chunk):
    values = np.stack([generator.random(150) < 0.6, generator.exponential(size=150)], axis=1).astype(float)
    ours = bootstrap_intervals(values, 0.9, 400, seed=5, draws_a_chunk=draws_a_chunk)
    for column, interval in zip(values.T, ours, strict=True):
        expected = scipys(column, 5, confidence_level=0.9, n_resamples=400)
        assert interval.mean == pytest.approx(column.mean(), rel=1e-12)
        assert (interval.low, interval.high) == pytest.approx(tuple(expected), rel=1e-12)


def test_the_seed_decides(generator):
    values = generator.random((50, 2))
    assert bootstrap_intervals(values, seed=1) == bootstrap_intervals(values, seed=1)
    assert bootstrap_intervals(values, seed=1) != bootstrap_intervals(values, seed=2)
    # Values that are all the same have an interval of no width.
    assert bootstrap_intervals(np.zeros((9, 1))) == [(0, 0, 0)]
    assert bootstrap_intervals(np.ones((1, 1))) == [(1, 1, 1)]


@pytest.mark.parametrize(("shape", "options", "rule"), [
    ((0, 2), {}, "`values` must have at least one row"),
    ((3, 2), {"confidence": 1.0}, "`confidence` must be between 0 and 1"),
    ((3, 2), {"confidence": 95}, "`confidence` must be between 0 and 1"),
    ((3, 2), {"resamples": 0}, "`resamples` must be a whole number of at least 1"),
])  # fmt: skip
def test_arguments_out_of_range_are_refused(shape, options, rule):
    with pytest.raises(InputError, match=f"{rule}. Received: "):
        bootstrap_intervals(np.zeros(shape), **options)


def compare(a, b):
    return compare_paired({"HR@10": np.asarray(a)}, {"HR@10": np.asarray(b)})["HR@10"]


def test_students_own_example():
    result = compare(FIRST, SECOND)
    assert (result.mean_a, result.mean_b) == pytest.approx((0.75, 2.33))
    assert result.difference.mean == pytest.approx(1.58)
    assert 0 < result.difference.low < 1.58 < result.difference.high
    assert result.differing == 9
    # R: t.test(paired = TRUE) gives p = 0.002833. All nine differences that are not 0 point one way: 2 / 2^9.
    assert result.t_test == pytest.approx(0.002833, abs=5e-7)
    assert result.wilcoxon == pytest.approx(2 / 2**9)


def test_p_values_are_scipys_paired_ones(generator):
    a = (generator.random(2000) < 0.5).astype(float)
    b = np.where(generator.random(2000) < 0.2, 1.0, a)
    result = compare(a, b)
    assert result.t_test == pytest.approx(scipy.stats.ttest_rel(b, a).pvalue)
    assert result.wilcoxon == pytest.approx(scipy.stats.wilcoxon(b, a).pvalue)
    assert result.differing == np.count_nonzero(a != b)
    swapped = compare(b, a)
    assert swapped.difference.mean == -result.difference.mean
    assert (swapped.t_test, swapped.wilcoxon) == pytest.approx((result.t_test, result.wilcoxon))


def test_no_difference_and_a_single_ranking_are_nothing_to_test():
    result = compare(FIRST, FIRST)
    assert result.difference == (0, 0, 0)
    assert (result.differing, result.t_test, result.wilcoxon) == (0, None, None)
    result = compare([0.0], [1.0])
    assert (result.difference, result.t_test, result.wilcoxon) == ((1, 1, 1), None, None)


def test_a_difference_that_is_always_the_same_is_certain():
    result = compare(FIRST, FIRST + 0.1)
    assert (result.t_test, result.differing) == (0, 10)
    assert result.difference.low == pytest.approx(0.1)


@pytest.mark.parametrize("other", [{"HR@5": FIRST}, {"HR@10": FIRST[:3]}, {}])
def test_values_that_do_not_pair_are_refused(other):
    with pytest.raises(InputError, match=r"the same metrics of as many rankings. Received: HR@10 \(10,\)"):
        compare_paired({"HR@10": FIRST}, other)
