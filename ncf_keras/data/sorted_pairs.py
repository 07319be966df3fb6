"""Train pairs in the order in which a Dataset has them, with what is known of each."""

from typing import NamedTuple

import numpy as np

from ncf_keras.base.errors import InputError
from ncf_keras.data.time_order import order_in_time


class SortedPairs(NamedTuple):
    """Pairs, each once, ascending.

    Attributes:
        keys: int64, shape (interactions,), as of `pair_numbers`.
        is_latest: bool, shape (interactions,): which are their user's latest; None without timestamps.
        is_validation: bool, shape (interactions,): which are marked for validation; None where none can be.
        order: int32, shape (interactions,), as of `order_in_time`; None without timestamps.
    """

    keys: np.ndarray
    is_latest: np.ndarray | None
    is_validation: np.ndarray | None
    order: np.ndarray | None


def sorted_pairs(
    keys: np.ndarray, users: np.ndarray, timestamps: np.ndarray | None, is_validation: np.ndarray | None
) -> SortedPairs:
    """Sort the numbers of pairs, which may repeat; a pair that is marked once is marked.

    Args:
        keys: int64, shape (interactions,), changed in place.
        users: of each pair.
        timestamps: of each pair, numbers or dates of any unit.
        is_validation: bool, shape (interactions,).

    Raises:
        InputError: there are more or fewer timestamps or marks than pairs, or a timestamp is missing.
    """
    marked = None
    if is_validation is not None:
        _require_each(is_validation, users, "train_is_validation")
        marked = keys[np.asarray(is_validation, bool)]
    order: np.ndarray | None = None
    if timestamps is None:
        keys.sort()
        # Sorting takes a tenth of the time of np.unique, which hashes.
        pairs, is_latest = keys[_last_of_each(keys)], None
    else:
        # The answer rides along in the lowest bit: sorting numbers is several times as fast as sorting their
        # order.
        is_latest = _is_latest(users, np.asarray(timestamps))
        order = order_in_time(keys, users, np.asarray(timestamps))
        keys = 2 * keys + is_latest
        keys.sort()
        last = _last_of_each(keys >> 1)
        pairs, is_latest = keys[last] >> 1, (keys[last] & 1).astype(bool)
    if marked is None:
        return SortedPairs(pairs, is_latest, None, order)
    marks = np.zeros(len(pairs), dtype=bool)
    marks[np.searchsorted(pairs, marked)] = True
    return SortedPairs(pairs, is_latest, marks, order)


def _last_of_each(ascending: np.ndarray) -> np.ndarray | slice:
    """Return where the last of equal numbers is, or everywhere if all differ."""
    last = np.ones(len(ascending), dtype=bool)
    np.not_equal(ascending[1:], ascending[:-1], out=last[:-1])
    return slice(None) if last.all() else last


def _is_latest(users: np.ndarray, timestamps: np.ndarray) -> np.ndarray:
    """Return bool, shape (interactions,): whether none of the user's interactions has a later timestamp."""
    _require_each(timestamps, users, "train_timestamps")
    missing = int(np.count_nonzero(timestamps != timestamps))
    if missing:
        raise InputError(f"`train_timestamps` must have no missing values. Received: {missing:,} missing")
    if timestamps.dtype.kind in "mM":
        timestamps = timestamps.view(np.int64)
    latest = np.empty(int(users.max(initial=-1)) + 1, timestamps.dtype)
    latest[users] = timestamps
    np.maximum.at(latest, users, timestamps)
    return timestamps == latest[users]


def _require_each(values: np.ndarray, users: np.ndarray, argument: str) -> None:
    if len(values) != len(users):
        raise InputError(
            f"`{argument}` must have one entry for each train interaction. "
            f"Received: {len(values)} for {len(users)}"
        )
