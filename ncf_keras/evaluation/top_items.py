"""The items with the highest scores, as lists show them."""

import numpy as np

NO_ITEM = -1


def top_items(scores: np.ndarray, candidates: np.ndarray, top_k: int) -> np.ndarray:
    """Return the candidates with the highest scores of each row, the highest first.

    Of equal scores the lower index comes first; one that is not a number counts as the lowest. Places for which
    no candidate is left hold `NO_ITEM`.

    Args:
        scores: float32, shape (rows, items).
        candidates: bool, of that shape: which items a row's list may hold.
        top_k: length of the lists, from 1 to the number of items.

    Returns:
        int32, shape (rows, top_k).
    """
    lists = np.full((len(scores), top_k), NO_ITEM, np.int32)
    costs = np.where(candidates & ~np.isnan(scores), -scores, np.float32(np.inf))
    worst = np.partition(costs, top_k - 1, axis=1)[:, top_k - 1]
    for row, listed in enumerate(lists):
        # In the order of their indices, so that a stable sort leaves equal ones in it.
        good = np.flatnonzero(candidates[row] & (costs[row] <= worst[row]))
        best = good[np.argsort(costs[row, good], kind="stable")[:top_k]]
        listed[: len(best)] = best
    return lists
