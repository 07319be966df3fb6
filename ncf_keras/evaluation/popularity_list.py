"""The list that everybody gets of whom nothing is known: the most popular items."""

import numpy as np

from ncf_keras.evaluation.metrics import Rankings


def popularity_rankings(
    item_counts: np.ndarray, active_items: np.ndarray, users: np.ndarray, items: np.ndarray
) -> Rankings | None:
    """Return where relevant items stand among the active items by falling number of train interactions.

    Of equally popular items the lower index comes first. The list is the same for all, so nobody's train items
    are left out: it is for users without any. Pairs with an item that is not active are left out, and so are
    users without another; None if that leaves nobody.

    Args:
        item_counts: int64, shape (items,).
        active_items: bool, shape (items,).
        users, items: int32, shape (pairs,); a pair that is listed twice counts once.
    """
    listed = np.flatnonzero(active_items)
    listed = listed[np.argsort(-item_counts[listed], kind="stable")]
    position = np.full(len(item_counts), -1)
    position[listed] = np.arange(len(listed))
    pairs = np.unique(np.stack([users, position[items]], axis=1)[active_items[items]], axis=0)
    if not len(pairs):
        return None
    distinct, first = np.unique(pairs[:, 0], return_index=True)
    positions = pairs[:, 1].astype(np.int64)
    offsets = np.append(first, len(pairs))
    return Rankings(distinct.astype(np.int32), offsets, positions, listed[positions].astype(np.int32))
