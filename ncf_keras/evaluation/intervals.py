"""Confidence intervals of means over users: the percentile bootstrap.

Efron and Tibshirani, "An introduction to the bootstrap" (1993), chapter 13: users are drawn with replacement as
often as there are users, again and again, and the interval holds the middle part of the means.
"""

from typing import NamedTuple

import numpy as np

from ncf_keras.base.errors import InputError

CONFIDENCE = 0.95
RESAMPLES = 1000
# Indices drawn at a time: 32 MiB.
DRAWS_A_CHUNK = 2**22


class MeanInterval(NamedTuple):
    """A mean and the interval that holds it with the confidence asked for.

    Attributes:
        mean: of the values.
        low: lower end.
        high: upper end.
    """

    mean: float
    low: float
    high: float


def bootstrap_intervals(
    values: np.ndarray, confidence: float = CONFIDENCE, resamples: int = RESAMPLES, seed: int = 0
) -> list[MeanInterval]:
    """Return the mean of each column and its percentile bootstrap interval over the rows.

    All columns see the same resamples, so one pass serves many metrics.

    Args:
        values: float64, shape (rankings, columns).
        confidence: between 0 and 1.
        resamples: how often the rows are drawn anew; at 1,000 the ends of the interval vary by a few percent of
            its width from seed to seed.
        seed: of the draws.

    Raises:
        InputError: there is no row, `confidence` is not between 0 and 1, or `resamples` is below 1.
    """
    rows = len(values)
    if rows == 0:
        raise InputError("`values` must have at least one row. Received: none")
    if not 0 < confidence < 1:
        raise InputError(f"`confidence` must be between 0 and 1. Received: {confidence}")
    if resamples < 1:
        raise InputError(f"`resamples` must be at least 1. Received: {resamples}")
    generator = np.random.default_rng(seed)
    means = np.empty((resamples, values.shape[1]))
    chunk = max(1, DRAWS_A_CHUNK // rows)
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
