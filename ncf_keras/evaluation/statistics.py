"""How sure figures are: bootstrap intervals of means over users, and whether two models differ.

The interval is the percentile bootstrap of Efron and Tibshirani, "An introduction to the bootstrap" (1993),
chapter 13: users are drawn with replacement as often as there are users, again and again, and the interval
holds the middle part of the means.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ncf_keras.base.checks import require_count
from ncf_keras.base.errors import InputError

CONFIDENCE = 0.95
RESAMPLES = 1000
# Indices drawn at a time: 32 MiB.
DRAWS_A_CHUNK = 2**22


class MeanInterval(NamedTuple):
    """A mean and the ends of the interval that holds it with the confidence asked for."""

    mean: float
    low: float
    high: float


def bootstrap_intervals(
    values: np.ndarray,
    confidence: float = CONFIDENCE,
    resamples: int = RESAMPLES,
    seed: int = 0,
    draws_a_chunk: int = DRAWS_A_CHUNK,
) -> list[MeanInterval]:
    """Return the mean of each column and its percentile bootstrap interval over the rows.

    All columns see the same resamples, so one pass serves many metrics.

    Args:
        values: float64, shape (rankings, columns).
        confidence: between 0 and 1.
        resamples: how often the rows are drawn anew; at 1,000 the ends of the interval vary by a few percent of
            its width from seed to seed.
        seed: of the draws.
        draws_a_chunk: indices drawn at a time; it changes the memory that is taken and nothing else.
    """
    rows = len(values)
    if rows == 0:
        raise InputError("`values` must have at least one row. Received: none")
    if not 0 < confidence < 1:
        raise InputError(f"`confidence` must be between 0 and 1. Received: {confidence}")
    require_count(resamples, "resamples")
    generator = np.random.default_rng(seed)
    means = np.empty((resamples, values.shape[1]))
    chunk = max(1, draws_a_chunk // rows)
    for start in range(0, resamples, chunk):
        size = min(chunk, resamples - start)
        drawn = generator.integers(0, rows, (size, rows))
        # How often each row was drawn, a resample a line: summing becomes a product of matrices.
        drawn += rows * np.arange(size)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=size * rows).reshape(size, rows)
        means[start : start + size] = counts @ values / rows
    tail = 50 * (1 - confidence)
    low, high = np.percentile(means, [tail, 100 - tail], axis=0)
    return [MeanInterval(*map(float, column)) for column in zip(values.mean(axis=0), low, high, strict=True)]


def metric_intervals(
    values: Mapping[str, np.ndarray],
    confidence: float = CONFIDENCE,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, MeanInterval]:
    """Return the mean of each metric and its interval, by name.

    `values` are as `ranking_metrics` returns them; the other arguments are those of `bootstrap_intervals`.
    """
    columns = np.stack(list(values.values()), axis=1)
    return dict(zip(values, bootstrap_intervals(columns, confidence, resamples, seed), strict=True))


@dataclass(frozen=True)
class PairedComparison:
    """What two models gave on the same rankings.

    Attributes:
        mean_a: mean of the first model.
        mean_b: mean of the second model.
        difference: mean of second - first over the rankings, and its bootstrap interval.
        differing: number of rankings on which the two differ.
        t_test: two-sided p-value of the paired t-test, that of section 4.2 of the paper; None where there is
            nothing to test: the two agree on every ranking, or there is a single ranking.
        wilcoxon: two-sided p-value of the Wilcoxon signed-rank test, rankings without a difference left out;
            None as for `t_test`.
    """

    mean_a: float
    mean_b: float
    difference: MeanInterval
    differing: int
    t_test: float | None
    wilcoxon: float | None


def compare_paired(
    values_a: dict[str, np.ndarray],
    values_b: dict[str, np.ndarray],
    confidence: float = CONFIDENCE,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, PairedComparison]:
    """Compare two models metric by metric on the same rankings; p-values are not corrected for many metrics.

    Args:
        values_a: float64, shape (rankings,), by metric, as `ranking_metrics` returns them.
        values_b: the same of the other model, the same metrics of the same rankings in the same order.
        confidence, resamples, seed: of the intervals, as in `bootstrap_intervals`.

    Example:
        >>> compare_paired(ranking_metrics(rankings_a), ranking_metrics(rankings_b))["NDCG@10"].t_test
    """
    lengths_a, lengths_b = ({name: len(value) for name, value in side.items()} for side in (values_a, values_b))
    if lengths_a != lengths_b:
        sides = ([f"{name} {value.shape}" for name, value in side.items()] for side in (values_a, values_b))
        shapes = [", ".join(side) or "none" for side in sides]
        raise InputError(
            "`values_a` and `values_b` must have the same metrics of as many rankings. "
            f"Received: {shapes[0]} and {shapes[1]}"
        )
    differences = {name: values_b[name] - values_a[name] for name in values_a}
    intervals = metric_intervals(differences, confidence, resamples, seed)
    comparisons = {}
    for name, by in differences.items():
        comparisons[name] = PairedComparison(
            float(values_a[name].mean()),
            float(values_b[name].mean()),
            intervals[name],
            int(np.count_nonzero(by)),
            paired_t_test(by),
            _wilcoxon(by),
        )
    return comparisons


def paired_t_test(differences: np.ndarray) -> float | None:
    """Return the two-sided p-value of Student's paired t-test, the test of section 4.2 of the paper.

    `differences` are those of two models on each ranking. Fewer than two, or only zeros, give None.
    """
    if len(differences) < 2 or not differences.any():
        return None
    # Without spread, but for rounding, the statistic is infinite.
    if np.ptp(differences) <= 1e-12 * abs(differences).max():
        return 0.0
    # Imported here, because it takes a third of a second and training imports this package.
    import scipy.stats

    return float(scipy.stats.ttest_1samp(differences, 0.0).pvalue)


def _wilcoxon(differences: np.ndarray) -> float | None:
    if len(differences) < 2 or not differences.any():
        return None
    import scipy.stats

    return float(scipy.stats.wilcoxon(differences[differences != 0]).pvalue)
