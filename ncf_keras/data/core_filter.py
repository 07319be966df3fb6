"""The k-core of a log: what is left when users and items with too few interactions are taken out for good."""

import numpy as np


def core_filter(
    users: np.ndarray, items: np.ndarray, min_user_interactions: int, min_item_interactions: int
) -> np.ndarray:
    """Return which interactions stay when every user and item left must have enough of them.

    Taking an item out can leave a user with too few interactions, and the other way round, so the filter is
    repeated until nothing changes. What is left is the largest such part of the log, whatever the order.

    Args:
        users: int32, shape (interactions,), each (user, item) pair once.
        items: int32, shape (interactions,).
        min_user_interactions: a user with fewer interactions is taken out.
        min_item_interactions: an item with fewer interactions is taken out.

    Returns:
        bool, shape (interactions,).
    """
    left = np.arange(len(users))
    while len(left):
        left_users, left_items = users[left], items[left]
        enough = np.bincount(left_users)[left_users] >= min_user_interactions
        enough &= np.bincount(left_items)[left_items] >= min_item_interactions
        if enough.all():
            break
        left = left[enough]
    stays = np.zeros(len(users), dtype=bool)
    stays[left] = True
    return stays
