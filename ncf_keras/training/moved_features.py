"""Which feature of an earlier model is which of a model today: a column may have got categories since.

Where the columns of the earlier dataset are known, by the names of columns and categories. Where there are but
weights, it is found by the rows that both models have. A category keeps its code within its column, but the
columns stand side by side: where one has grown, all behind it have moved. What both have of a row has the same
order, so a row's n-th feature was its n-th, unless it has got more since; what nearly all rows say of a column
is how far it has moved.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from ncf_keras.base.errors import InputError
from ncf_keras.data.feature_encoding import FORGOTTEN_NAME, MISSING, Encoding
from ncf_keras.data.feature_kinds import DATE, NUMBER, TEXT
from ncf_keras.data.features import Features
from ncf_keras.models.features import NO_FEATURE

# Of what rows say of a column, so much must agree: the features of a few may be others than they were.
LEAST_AGREEMENT = 0.95
# Where so many rows have as many features as they had, the others, which have got more, are not asked.
ENOUGH_ROWS = 0.1

# How each column is encoded, by its name and in order.
Columns = Mapping[str, Encoding]


def columns_of(features: Features | None) -> Columns | None:
    """Return how the columns of features are encoded; None where there are none."""
    return None if features is None else {name: column.encoding for name, column in features.items()}


def features_by_name(earlier: Columns, today: Columns, what: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the numbers of features that are there today, and of each the number it had: int64, from 0.

    A category whose name was taken away, because those who had it are forgotten, has kept its code.

    Args:
        earlier: the columns that the earlier model was trained with.
        today: those of the dataset.
        what: whose features they are, such as `items`, for the error.

    Raises:
        InputError: there is none of them.
    """
    starts = dict(zip(today, np.cumsum([0, *(len(each.categories) for each in today.values())]), strict=False))
    here: list[int] = []
    there: list[int] = []
    begins = 0
    for name, had in earlier.items():
        if name in today:
            for code, now in _codes_today(had, today[name]).items():
                here.append(int(starts[name]) + now)
                there.append(begins + code)
        begins += len(had.categories)
    if not here:
        raise _others(what)
    return np.array(here, np.int64), np.array(there, np.int64)


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
        InputError: the rows contradict each other, so the features are not those of the earlier training, or
            there is no telling which is which.
    """
    starts = np.cumsum([0, *widths])
    before, now = _pairs(had, has)
    columns = np.searchsorted(starts, now, side="right") - 1
    moves = now - before
    moved_by = np.zeros(len(widths), np.int64)
    agrees, is_told = True, True
    for column in range(len(widths)):
        said, counts = np.unique(moves[columns == column], return_counts=True)
        if len(said):
            moved_by[column] = said[counts.argmax()]
            agrees &= bool(counts.max() >= LEAST_AGREEMENT * counts.sum())
            # Between columns that have moved by other numbers, one that no row has may have moved by either.
            agrees &= is_told or moved_by[column] == moved_by[column - 1]
        elif column:
            # Of a column that no row has, nothing is known: as the one before it, or all of it is new.
            moved_by[column] = moved_by[column - 1]
        is_told = bool(len(said)) or (is_told and not column)
    # Where each column began in the earlier model; a new one is behind all others.
    began = np.minimum(starts[:-1] - moved_by, num_earlier)
    found = np.searchsorted(began, np.arange(num_earlier), side="right") - 1
    numbers = np.arange(num_earlier) + moved_by[found]
    fits = moved_by[0] == 0 and (np.diff(moved_by) >= 0).all() and (np.diff(began) >= 0).all()
    if not (agrees and fits and (numbers < starts[found + 1]).all()):
        raise _others(what)
    return numbers


def _codes_today(had: Encoding, has: Encoding) -> dict[int, int]:
    """Return of each code of a column, where it is there today, the code that it has."""
    if had.kind != has.kind:
        return {}
    code_of = {name: code for code, name in enumerate(has.categories)}
    if had.kind == TEXT and had.num_buckets != has.num_buckets:
        # Other words share a bucket.
        return {} if had.missing is None or has.missing is None else {had.missing: has.missing}
    found = {code: code_of[name] for code, name in enumerate(had.categories) if name in code_of}
    taken = set(found.values())
    for code in range(min(len(had.categories), len(has.categories))):
        if code not in found and code not in taken and _is_renamed(had, has, code):
            found[code] = code
    return found


def _is_renamed(had: Encoding, has: Encoding, code: int) -> bool:
    """Tell whether a category has but lost its name to somebody who is forgotten."""
    if MISSING in (had.categories[code], has.categories[code]):
        return False
    if has.categories[code].startswith(FORGOTTEN_NAME):
        return True
    if had.kind not in (NUMBER, DATE) or len(had.edges) != len(has.edges):
        return False
    (low, high), (low_now, high_now) = had.bounds_of(code), has.bounds_of(code)
    return low < high_now and low_now < high


def _pairs(had: np.ndarray, has: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the numbers, from 0, of features that stand in the same place of a row, before and now."""
    none = np.iinfo(np.int32).max
    had, has = (np.sort(np.where(codes == NO_FEATURE, none, codes), axis=1) for codes in (had, has))
    slots = min(had.shape[1], has.shape[1])
    # A row that has lost a feature says nothing, and one that has got more may be out of step.
    more = (has != none).sum(axis=1) - (had != none).sum(axis=1)
    keeps = more == 0
    if keeps.sum() < ENOUGH_ROWS * len(keeps):
        # As where there is a new column, of which each row has something.
        keeps = more >= 0
    before, now = had[keeps, :slots], has[keeps, :slots]
    both = (before != none) & (now != none)
    return before[both].astype(np.int64) - 1, now[both].astype(np.int64) - 1


def _others(what: str) -> InputError:
    return InputError(
        f"`dataset` must have the features of {what} that the earlier model was trained with, or these and "
        "more. Received: others, or such that only the earlier dataset tells which is which"
    )
