"""The order in time of each user's train interactions, and the items that came last before a place in it.

Interactions are numbered as a Dataset has them: users ascending, and the items of a user ascending. Where each
stands in time is a number within its user, from 0, the earliest.
"""

import numpy as np

# Stands where there are fewer recent items than are asked for.
NO_ITEM = -1


def order_in_time(keys: np.ndarray, users: np.ndarray, timestamps: np.ndarray) -> np.ndarray | None:
    """Return where each pair stands in time within its user: int32, a number for each different pair.

    Of equal timestamps the earlier row comes first; a pair that repeats stands where it is last. None where no
    user has two different timestamps: what is in the file then tells no order.

    Args:
        keys: the numbers of the pairs, int64, ascending with user and item; they may repeat.
        users: of each pair.
        timestamps: of each pair, numbers or dates, none missing.
    """
    rows = _stable_order(timestamps, np.arange(len(keys)))
    rows = _stable_order(users, rows)
    users, timestamps, keys = users[rows], timestamps[rows], keys[rows]
    if not ((users[1:] == users[:-1]) & (timestamps[1:] != timestamps[:-1])).any():
        return None
    places = _stable_order(keys, np.arange(len(keys)))
    repeats = keys[places[1:]] == keys[places[:-1]]
    if repeats.any():
        kept = np.ones(len(keys), bool)
        kept[places[:-1][repeats]] = False
        users, keys = users[kept], keys[kept]
        places = _stable_order(keys, np.arange(len(keys)))
    starts = np.flatnonzero(np.concatenate([[True], users[1:] != users[:-1]]))
    first = np.repeat(starts, np.diff([*starts, len(users)]))
    return (places - first[places]).astype(np.int32)


def _stable_order(values: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Return places in the order of their values, those of equal ones as they are in `order`."""
    if values.dtype.kind in "mM":
        values = values.view(np.int64)
    lowest, highest = (values.min(), values.max()) if len(values) else (0, 0)
    is_whole = values.dtype.kind in "iub" or (np.abs([lowest, highest]) < 2**53).all()
    numbers = values.astype(np.int64) if is_whole else np.zeros(0, np.int64)
    bits = len(values).bit_length()
    if not is_whole or (numbers != values).any() or int(highest) - int(lowest) >= 2 ** (63 - bits):
        return order[np.argsort(values[order], kind="stable")]
    # The place rides along in the lowest bits: sorting numbers is several times as fast as sorting their order.
    packed = (numbers[order] - int(lowest)) << bits | np.arange(len(values))
    packed.sort()
    return order[packed & (2**bits - 1)]


def order_of_part(order: np.ndarray, offsets: np.ndarray, is_kept: np.ndarray) -> np.ndarray:
    """Return where each of the interactions that are kept stands in time among those of its user.

    Args:
        order: int32, shape (interactions,), as of `order_in_time`.
        offsets: int64, shape (users + 1,): where each user's interactions begin.
        is_kept: bool, shape (interactions,).
    """
    places = places_in_time(order, offsets)
    kept = np.empty(len(order), bool)
    kept[places] = is_kept
    before = np.concatenate([[0], np.cumsum(kept)])
    first = before[np.repeat(offsets[:-1], np.diff(offsets))]
    return (before[places] - first)[is_kept].astype(np.int32)


def places_in_time(order: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Return the place of each interaction where each user's are in the order of time: int64, each once."""
    return np.repeat(offsets[:-1], np.diff(offsets)) + order


class ItemsInTime:
    """The items of each user in the order of time, and the last ones before any place.

    Args:
        items: of each interaction.
        order: as of `order_in_time`.
        offsets: int64, shape (users + 1,): where each user's interactions begin.
    """

    def __init__(self, items: np.ndarray, order: np.ndarray, offsets: np.ndarray):
        self._offsets = offsets
        self._places = places_in_time(order, offsets)
        self._items = np.empty_like(items)
        self._items[self._places] = items
        self._first = np.repeat(offsets[:-1], np.diff(offsets))

    def before(self, interactions: np.ndarray, length: int) -> np.ndarray:
        """Return the last items of the user before each interaction, the newest first.

        Returns:
            int32, shape (n, length): indices, `NO_ITEM` where there are no more.
        """
        return self._last(self._places[interactions], self._first[interactions], length)

    def last(self, length: int) -> np.ndarray:
        """Return the last items of each user: int32, shape (users, length), as of `before`."""
        return self._last(self._offsets[1:], self._offsets[:-1], length)

    def _last(self, ends: np.ndarray, starts: np.ndarray, length: int) -> np.ndarray:
        places = ends[:, None] - np.arange(1, length + 1)
        found = self._items[np.maximum(places, 0)]
        return np.where(places >= starts[:, None], found, NO_ITEM).astype(np.int32)
