"""The k-core of a log: what is left when every user and item must have enough interactions."""

import numpy as np

# As often the rare users and items of a log are taken out all at once.
ROUNDS = 30


def core_filter(
    users: np.ndarray, items: np.ndarray, min_user_interactions: int, min_item_interactions: int
) -> np.ndarray:
    """Return which interactions stay when every user and item left must have enough of them: the k-core.

    Taking an item out can leave a user with too few interactions, and the other way round, so the filter is
    repeated until nothing changes. What is left is the largest such part of the log, whatever the order.

    `users` and `items` are int32, shape (interactions,), each (user, item) pair once.
    """
    left = np.arange(len(users))
    for _ in range(ROUNDS):
        left_users, left_items = users[left], items[left]
        enough = np.bincount(left_users)[left_users] >= min_user_interactions
        enough &= np.bincount(left_items)[left_items] >= min_item_interactions
        left = left[enough]
        if enough.all():
            break
    else:
        # A chain of users and items would take a round for each of its links.
        left = left[_peeled(users[left], items[left], min_user_interactions, min_item_interactions)]
    stays = np.zeros(len(users), dtype=bool)
    stays[left] = True
    return stays


def _peeled(
    users: np.ndarray, items: np.ndarray, min_user_interactions: int, min_item_interactions: int
) -> np.ndarray:
    """Return the k-core as `core_filter` does, in time that grows with what is taken out alone."""
    sides = []
    for ids, least in ((users, min_user_interactions), (items, min_item_interactions)):
        counts = np.bincount(ids)
        rows = np.argsort(ids, kind="stable")
        sides.append((ids, counts, rows, np.append(0, np.cumsum(counts)), least))
    stays = np.ones(len(users), dtype=bool)
    rare = [
        (side, index)
        for side, (_, counts, _, _, least) in enumerate(sides)
        for index in np.flatnonzero((counts > 0) & (counts < least)).tolist()
    ]
    while rare:
        side, index = rare.pop()
        _, _, rows, ends, _ = sides[side]
        gone = rows[ends[index] : ends[index + 1]]
        gone = gone[stays[gone]]
        stays[gone] = False
        other_ids, other_counts, _, _, least = sides[1 - side]
        # Each once, because no pair comes twice.
        others = other_ids[gone]
        other_counts[others] -= 1
        rare += [(1 - side, other) for other in others[other_counts[others] == least - 1].tolist()]
    return stays
