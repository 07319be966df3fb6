"""Whether two models differ, ranking by ranking: paired tests and the interval of the difference."""

from dataclasses import dataclass

import numpy as np

from ncf_keras.base.errors import InputError
from ncf_keras.evaluation.intervals import CONFIDENCE, RESAMPLES, MeanInterval, bootstrap_intervals


@dataclass(frozen=True)
class PairedComparison:
    """What two models gave on the same rankings.

    Attributes:
        mean_a: mean of the first model.
        mean_b: mean of the second.
        difference: mean of second - first over the rankings, and its bootstrap interval.
        differing: number of rankings on which the two differ.
        t_test: two-sided p-value of the paired t-test, that of section 4.2 of the paper; None where there is
            nothing to test: the two agree on every ranking, or there is a single ranking.
        wilcoxon: two-sided p-value of the Wilcoxon signed-rank test, rankings without a difference left out;
            None likewise.
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
        values_b: the same of the other model, the rankings in the same order.
        confidence: of the interval of the difference.
        resamples: of the bootstrap.
        seed: of the bootstrap.

    Raises:
        InputError: the metrics or the numbers of rankings differ.

    Example:
        >>> compare_paired(ranking_metrics(rankings_a), ranking_metrics(rankings_b))["NDCG@10"].t_test
    """
    if values_a.keys() != values_b.keys() or any(
        len(values_a[name]) != len(values_b[name]) for name in values_a
    ):
        raise InputError(
            "`values_a` and `values_b` must have the same metrics of as many rankings. "
            f"Received: {_shapes(values_a)} and {_shapes(values_b)}"
        )
    differences = {name: values_b[name] - values_a[name] for name in values_a}
    intervals = bootstrap_intervals(np.stack(list(differences.values()), axis=1), confidence, resamples, seed)
    return {
        name: PairedComparison(
            float(values_a[name].mean()),
            float(values_b[name].mean()),
            interval,
            int(np.count_nonzero(differences[name])),
            paired_t_test(differences[name]),
            _wilcoxon(differences[name]),
        )
        for name, interval in zip(differences, intervals, strict=True)
    }


def paired_t_test(differences: np.ndarray) -> float | None:
    """Return the two-sided p-value of Student's paired t-test, the test of section 4.2 of the paper.

    Args:
        differences: float64, shape (rankings,): of two models' values of each ranking.

    Returns:
        None where there is nothing to test: fewer than two rankings, or no difference at all.
    """
    if len(differences) < 2 or not differences.any():
        return None
    # Imported here, because it takes a third of a second and training imports this package.
    import scipy.stats

    # Without spread, but for rounding, the statistic is infinite.
    if np.ptp(differences) <= 1e-12 * abs(differences).max():
        return 0.0
    return float(scipy.stats.ttest_1samp(differences, 0.0).pvalue)


def _wilcoxon(differences: np.ndarray) -> float | None:
    if len(differences) < 2 or not differences.any():
        return None
    import scipy.stats

    return float(scipy.stats.wilcoxon(differences[differences != 0]).pvalue)


def _shapes(values: dict[str, np.ndarray]) -> str:
    return ", ".join(f"{name} {value.shape}" for name, value in values.items()) or "none"
