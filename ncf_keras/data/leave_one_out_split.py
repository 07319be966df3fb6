"""The paper's leave-one-out protocol (section 4.1): one interaction a user held out, ranked among negatives."""

import numpy as np

from ncf_keras.base.errors import InputError


def latest_interactions(users: np.ndarray, timestamps: np.ndarray) -> np.ndarray:
    """Return the position of the latest interaction of each user who has two or more.

    Of interactions at the same time the one that comes later in the log is the latest.

    Args:
        users: int32, shape (interactions,), every index from 0 to the highest present.
        timestamps: shape (interactions,), anything that sorts.

    Returns:
        int64, ascending by user. A user with a single interaction has none: it is kept for training.
    """
    order = np.lexsort((timestamps, users))
    counts = np.bincount(users)
    return order[np.cumsum(counts) - 1][counts > 1]


def random_interactions(users: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Return the position of a random interaction of each user who has two or more, each as likely.

    Args:
        users: int32, shape (interactions,), every index from 0 to the highest present.
        generator: draws one number a user.

    Returns:
        int64, ascending by user.
    """
    order = np.argsort(users, kind="stable")
    counts = np.bincount(users)
    first = np.cumsum(counts) - counts
    return order[first + generator.integers(0, counts)][counts > 1]


def draw_negatives(
    users: np.ndarray,
    items: np.ndarray,
    test_users: np.ndarray,
    num_items: int,
    negatives: int,
    generator: np.random.Generator,
) -> np.ndarray:
    """Draw for each test user items that the user has never interacted with, without replacement.

    Floyd's method (Bentley and Floyd, "A sample of brilliance", CACM 1987) draws ranks among the free items
    of all users at once, every subset as likely; a rank then becomes an item by counting the taken items
    below it. So a user with a million interactions, or with just enough free items, costs no more.

    Args:
        users: int32, shape (interactions,), of train and test together.
        items: int32, shape (interactions,), no item twice for a user.
        test_users: int32, shape (tests,).
        num_items: items are 0 … num_items - 1.
        negatives: how many to draw for each test user.
        generator: of all draws.

    Returns:
        int32, shape (tests, negatives).

    Raises:
        InputError: a user has too few free items; it names the largest number possible.
    """
    counts = np.bincount(users, minlength=int(test_users.max(initial=-1)) + 1)
    free = (num_items - counts[test_users]).astype(np.int64)
    _require_enough(free, negatives)
    ranks = np.empty((negatives, len(test_users)), dtype=np.int32)
    for step in range(negatives):
        highest = free - negatives + step
        drawn = generator.integers(0, highest + 1).astype(np.int32)
        drawn_before = (ranks[:step] == drawn).any(axis=0)
        ranks[step] = np.where(drawn_before, highest, drawn)
    return _free_items(users, items, counts, test_users, num_items, ranks.T)


def _free_items(
    users: np.ndarray,
    items: np.ndarray,
    counts: np.ndarray,
    test_users: np.ndarray,
    num_items: int,
    ranks: np.ndarray,
) -> np.ndarray:
    """Return the item of each rank among the items that its test user has not interacted with.

    The j-th taken item p (from 0, ascending) has p - j free items below it. So the free item of rank r is
    r + the number of taken items with p - j <= r, which one binary search over all users finds.
    """
    stride = num_items + 1
    taken = np.sort(users.astype(np.int64) * stride + items)
    first = np.cumsum(counts) - counts
    free_below = taken - (np.arange(len(taken)) - np.repeat(first, counts))
    keys = test_users[:, None].astype(np.int64) * stride + ranks
    taken_below = np.searchsorted(free_below, keys, side="right") - first[test_users][:, None]
    return (ranks + taken_below).astype(np.int32)


def _require_enough(free: np.ndarray, negatives: int) -> None:
    fewest = int(free.min(initial=negatives))
    if fewest >= negatives:
        return
    if fewest == 0:
        raise InputError(
            f"`negatives` must leave each test user items without interaction to draw from, but "
            f"{np.count_nonzero(free == 0):,} user(s) have interacted with every item: filter them out of the "
            f"log, or give a log with more items. Received: {negatives}"
        )
    raise InputError(
        f"`negatives` must be at most {fewest}, because a test user has interacted with all but {fewest} of "
        f"the items. Received: {negatives}"
    )
