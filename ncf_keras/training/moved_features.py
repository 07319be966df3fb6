"""Which feature of an earlier model is which of a model today: a column may have got categories since.

A category keeps its code within its column, but the columns stand side by side: where one has grown, all behind
it have moved. By how much is found by the rows that both models have. What both have of a row has the same
order, so a row's n-th feature was its n-th; what most rows say of a column is how far it has moved.
"""

from collections.abc import Sequence

import numpy as np

from ncf_keras.base.errors import InputError
from ncf_keras.models.features import NO_FEATURE

# Of what rows say, so much must agree: the features of some may be others than they were.
LEAST_AGREEMENT = 0.5


def moved_features(
    had: np.ndarray, has: np.ndarray, num_earlier: int, widths: Sequence[int], what: str
) -> np.ndarray:
    """Return the number that each feature of the earlier model has today, from 0: int64, shape (num_earlier,).

    Args:
        had: the codes of rows in the earlier model: int32, shape (rows, slots), as of `FeatureRows`.
        has: those of the same rows today: int32, shape (rows, slots).
        num_earlier: features of the earlier model.
        widths: how many features each column has today, in order.
        what: whose features they are, such as `items`, for the error.

    Raises:
        InputError: the rows contradict each other, so the features are not those of the earlier training.
    """
    starts = np.cumsum([0, *widths])
    before, now = _pairs(had, has)
    columns = np.searchsorted(starts, now, side="right") - 1
    moves = now - before
    moved_by = np.zeros(len(widths), np.int64)
    agreeing = 0
    for column in range(len(widths)):
        said, counts = np.unique(moves[columns == column], return_counts=True)
        if len(said):
            moved_by[column] = said[counts.argmax()]
            agreeing += int(counts.max())
        elif column:
            # Of a column that no row has, nothing is known: as the one before it, or all of it is new.
            moved_by[column] = moved_by[column - 1]
    # Where each column began in the earlier model; a new one is behind all others.
    began = np.minimum(starts[:-1] - moved_by, num_earlier)
    found = np.searchsorted(began, np.arange(num_earlier), side="right") - 1
    numbers = np.arange(num_earlier) + moved_by[found]
    fits = moved_by[0] == 0 and (np.diff(moved_by) >= 0).all() and (np.diff(began) >= 0).all()
    fits = fits and (numbers < starts[found + 1]).all()
    if agreeing < LEAST_AGREEMENT * len(now) or not fits:
        raise InputError(
            f"`dataset` must have the features of {what} that the earlier model was trained with, or these and "
            "more. Received: others"
        )
    return numbers


def _pairs(had: np.ndarray, has: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the numbers, from 0, of features that stand in the same place of a row, before and now."""
    none = np.iinfo(np.int32).max
    had, has = (np.sort(np.where(codes == NO_FEATURE, none, codes), axis=1) for codes in (had, has))
    slots = min(had.shape[1], has.shape[1])
    # A row that has lost a feature says nothing.
    keeps = (had != none).sum(axis=1) <= (has != none).sum(axis=1)
    before, now = had[keeps, :slots], has[keeps, :slots]
    both = (before != none) & (now != none)
    return before[both].astype(np.int64) - 1, now[both].astype(np.int64) - 1
