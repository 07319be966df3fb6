"""The best items of each user, in order, from the scores of all items."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import scipy.sparse
import tensorflow as tf

from ncf_keras.base.errors import InputError

# Scores that lie in memory at a time: 32 MiB of float32.
SCORES_A_CHUNK = 2**23


class TopLists(NamedTuple):
    """Lists of items, one after another.

    Attributes:
        rows: int64, shape (entries,): which user, counted in the order asked for.
        ranks: int64, shape (entries,), from 1.
        items: int32, shape (entries,).
        scores: float32, shape (entries,).
    """

    rows: np.ndarray
    ranks: np.ndarray
    items: np.ndarray
    scores: np.ndarray


def top_lists(
    score_all: Callable[[np.ndarray], np.ndarray], users: np.ndarray, k: int, seen: scipy.sparse.csr_matrix
) -> TopLists:
    """Return the `k` items with the highest scores of each user; of equal scores the lower index comes first.

    Args:
        score_all: as `ncf_keras.models.all_scores.all_scores` makes it.
        users: int32, shape (users,); one may be there twice.
        k: length of a list; a user with fewer items left gets a shorter one.
        seen: shape (users, items): a non-zero is an item to leave out of the list of the user of that row.

    Raises:
        InputError: a score is not a finite number.
    """
    chunks = list(_chunks(score_all, users, k, seen))
    return TopLists(*(np.concatenate(parts) for parts in zip(*chunks, strict=True)))


def _chunks(
    score_all: Callable[[np.ndarray], np.ndarray], users: np.ndarray, k: int, seen: scipy.sparse.csr_matrix
) -> Iterator[TopLists]:
    num_items = seen.shape[1]
    k = min(k, num_items)
    size = max(1, SCORES_A_CHUNK // num_items)
    for start in range(0, max(len(users), 1), size):
        scores = score_all(users[start : start + size])
        if not np.isfinite(scores).all():
            raise InputError("The model must give finite scores. Received: one that is not, as after diverging")
        scores[seen[start : start + size].nonzero()] = -np.inf
        # Of equal values the one with the lower index comes first, as the operation promises.
        best, items = (part.numpy() for part in tf.math.top_k(scores, k))
        rows, places = np.nonzero(best > -np.inf)
        yield TopLists(rows + start, places + 1, items[rows, places], best[rows, places])
