"""Whether scores are probabilities: what was predicted, held against how often it came true, in bins of scores.

The curve is the reliability diagram of DeGroot and Fienberg, "The comparison and evaluation of forecasters"
(The Statistician 1983); the expected calibration error is that of Naeini et al., "Obtaining well calibrated
probabilities using Bayesian binning" (AAAI 2015).

How often a pair is a positive depends on how many negatives stand beside it. A model that learned from four
negatives for each positive predicts 0.2 on average, so that is what it must be held against: each positive
weighs 1, and a list's negatives, however many were scored, together weigh 4 for each of its positives.
"""

from dataclasses import dataclass

import numpy as np

from ncf_keras.base.checks import require_above_zero, require_count
from ncf_keras.base.errors import InputError

BINS = 10
# As many as a training draws for a positive where nobody says otherwise.
NEGATIVES = 4
# Scores that are looked at together: 8 MiB of float64.
SCORES_A_CHUNK = 2**20


@dataclass(frozen=True, eq=False)
class CalibrationCurve:
    """Predicted and observed shares of positives; bins that no score fell into have NaN.

    Attributes:
        edges: float64, shape (bins + 1,), from 0 to 1; a bin holds its lower edge, the last one both.
        weights: float64, shape (bins,): the share of all weight in each bin.
        predicted: float64, shape (bins,): mean score.
        observed: float64, shape (bins,): share of positives.
    """

    edges: np.ndarray
    weights: np.ndarray
    predicted: np.ndarray
    observed: np.ndarray

    @property
    def error(self) -> float:
        """Expected calibration error: the mean distance between predicted and observed, by weight.

        NaN where no score was a number.
        """
        filled = self.weights > 0
        if not filled.any():
            return float("nan")
        return float(self.weights[filled] @ abs(self.predicted - self.observed)[filled])


class Calibration:
    """Adds up scores of positives and negatives, bin by bin, as they come along.

    Args:
        negatives: how much the negatives of a positive weigh, which weighs 1.
        bins: how many, of equal width.
    """

    def __init__(self, negatives: float = NEGATIVES, bins: int = BINS):
        require_above_zero(negatives, "negatives")
        require_count(bins, "bins")
        self.negatives = negatives
        self._bins = bins
        # Weight, weight times score, and weight of positives.
        self._sums = np.zeros((3, bins))

    def add(self, scores: np.ndarray, is_positive: np.ndarray, is_negative: np.ndarray) -> None:
        """Take in the scores of some lists; one that is not a number is left out.

        Args:
            scores: floats from 0 to 1, shape (lists, items).
            is_positive: bool, of that shape.
            is_negative: bool, of that shape, true of no positive; what is neither is left out.

        Raises:
            InputError: a score of a positive or negative is below 0 or above 1.
        """
        rows = max(1, SCORES_A_CHUNK // max(1, scores.shape[1]))
        for start in range(0, len(scores), rows):
            chunk = slice(start, start + rows)
            self._add(scores[chunk], is_positive[chunk], is_negative[chunk])

    def curve(self) -> CalibrationCurve:
        """Return the curve of all that was added."""
        weights, predicted, positives = self._sums
        with np.errstate(invalid="ignore"):
            shares = (weights / weights.sum(), predicted / weights, positives / weights)
        return CalibrationCurve(np.linspace(0, 1, self._bins + 1), *shares)

    def _add(self, scores: np.ndarray, is_positive: np.ndarray, is_negative: np.ndarray) -> None:
        is_number = ~np.isnan(scores)
        is_positive, is_negative = is_positive & is_number, is_negative & is_number
        counts, totals = self._by_bin(scores[is_positive][None, :])
        self._sums += counts[0], totals[0], counts[0]
        # What is left out is counted as a score of 0, and taken off again.
        others = np.count_nonzero(~is_negative, axis=1)
        counts, totals = self._by_bin(np.where(is_negative, scores, np.float32(0)))
        counts[:, 0] -= others
        negatives = scores.shape[1] - others
        weights = self.negatives * is_positive.sum(axis=1) / np.maximum(negatives, 1)
        self._sums[:2] += weights @ counts, weights @ totals

    def _by_bin(self, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return how many scores of each row are in each bin, and their sums: shape (rows, bins)."""
        if scores.size and not 0 <= scores.min() <= scores.max() <= 1:
            raise InputError(
                "Scores must be probabilities, from 0 to 1, to be calibrated. "
                f"Received: {scores.min():g} to {scores.max():g}"
            )
        rows, bins = len(scores), np.minimum((scores * self._bins).astype(np.int64), self._bins - 1)
        bins += self._bins * np.arange(rows)[:, None]
        counts = np.bincount(bins.ravel(), minlength=rows * self._bins)
        totals = np.bincount(bins.ravel(), scores.ravel(), rows * self._bins)
        return counts.reshape(rows, -1), totals.reshape(rows, -1)
