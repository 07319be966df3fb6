"""Vectors of users and items whose inner products order items nearly as a network's logits do.

Of GMF these are the factors themselves, and the order is exact. Of a network with hidden layers it is a
low-rank approximation of its logits: the logits of some users (*anchor users*) with some items (*anchor items*)
give by singular value decomposition a basis, on which the logits of the anchor users with any item are
projected: that is the item's vector. A user's vector is found when a list is asked for, from the user's logits
with the anchor items, by one matrix: least squares. So nothing is kept for a user, and users of the model, new
ones and sessions have vectors in the same way.

Neither a number that is added to all logits of a user nor a positive factor of them changes the order of the
user's items. So the logits of each anchor user are taken with mean 0 and standard deviation 1.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from tensorflow import Tensor

from ncf_keras.base.errors import InputError
from ncf_keras.base.float32 import tensor_float_32
from ncf_keras.base.memory import require_memory
from ncf_keras.models.factored import FactoredModel, Halves, rows_of
from ncf_keras.recommending.scorer import NOT_FINITE

# Measured on ML-1M: with 24 the ten best of all lists are among 64 candidates, with 16 nearly all.
RANK = 24
# Anchor users, and anchor items, where there are as many.
ANCHORS = 512
# Items that are tried for each anchor item, and how many of an anchor user's best of them count.
TRIED_AN_ANCHOR = 8
BEST_TRIED = 50
# Singular values below this share of the largest are rounding errors of float32.
SMALLEST_SHARE = 1e-5
# Of a vector's number: float32 six times over, while vectors are put together and divided into cells.
BYTES_A_NUMBER = 24
# Numbers between two layers that are held at a time: 16 MiB of float32.
NUMBERS_A_BLOCK = 2**22


class LogitVectors(NamedTuple):
    """Vectors of items, and what makes vectors of users.

    Attributes:
        items: float32, shape (items, rank), of those that it was fitted for, in their order.
        anchors: int32, shape (anchors,): the anchor items; None: a user's vector is the user half of a GMF.
        from_anchors: float32, shape (rank, anchors): makes a user's vector of the logits; None likewise.
    """

    items: np.ndarray
    anchors: np.ndarray | None = None
    from_anchors: np.ndarray | None = None


def user_vector(
    factored: FactoredModel, halves: Halves, anchors: Tensor | None, from_anchors: Tensor | None
) -> Tensor:
    """Return the vector of the one user in `halves`, float32, shape (rank,); the rest is of `LogitVectors`."""
    if anchors is None:
        return halves.mf_user[0]
    return tf.linalg.matvec(from_anchors, factored.logit_grid(halves.of_items(anchors))[0])


@tensor_float_32(False)
def fit_logit_vectors(
    factored: FactoredModel,
    halves: Halves,
    users: np.ndarray,
    items: np.ndarray,
    item_counts: np.ndarray,
    generator: np.random.Generator,
) -> LogitVectors:
    """Return the vectors of some items.

    Half of the anchor items are those that the anchor users rank highest most often, among 4,096 that are drawn
    by popularity and uniformly, half and half; the other half are drawn from the rest of these.

    Args:
        factored: the model.
        halves: of all its users and items.
        users: int32, shape (users,): from whom the anchor users are drawn.
        items: int32, shape (items,): the items, none twice.
        item_counts: how many interactions each of these items has.
        generator: draws users and items.

    Raises:
        InputError: a logit is not finite, or there is too little memory.
    """
    of_gmf = halves.mlp_item is None
    width = halves.mf_item.shape[1] if of_gmf else RANK
    require_memory(len(items) * width * BYTES_A_NUMBER, f"The vectors of {len(items):,} items")
    if of_gmf:
        return LogitVectors(_finite(rows_of(halves.mf_item, items).numpy()))
    of_anchors = halves.of_users(generator.choice(users, min(ANCHORS, len(users)), replace=False))
    tried = _draw(items, item_counts, ANCHORS * TRIED_AN_ANCHOR, generator)
    logits = np.concatenate(list(_logits(factored, of_anchors, tried)), axis=1)
    if not np.isfinite(logits).all():
        raise InputError(NOT_FINITE)
    chosen = _often_best(logits, ANCHORS, generator)
    logits = logits[:, chosen].astype(np.float64)
    mean, deviation = logits.mean(axis=1, keepdims=True), logits.std(axis=1, keepdims=True)
    deviation[deviation == 0] = 1
    logits = (logits - mean) / deviation
    basis, sizes, _ = np.linalg.svd(logits, full_matrices=False)
    basis = basis[:, : max(1, min(RANK, int((sizes > SMALLEST_SHARE * sizes[0]).sum())))]
    # A user's logits are the inner products and a number that is the same for all items, which is left out.
    from_anchors = np.linalg.pinv(np.c_[logits.T @ basis, np.ones(len(chosen))])[:-1]
    mean, scaled = mean.astype(np.float32), (basis / deviation).astype(np.float32)
    vectors = [(block - mean).T @ scaled for block in _logits(factored, of_anchors, items)]
    return LogitVectors(_finite(np.concatenate(vectors)), tried[chosen], from_anchors.astype(np.float32))


def _finite(vectors: np.ndarray) -> np.ndarray:
    """Return the vectors; InputError if one is not finite."""
    if not np.isfinite(vectors).all():
        raise InputError(NOT_FINITE)
    return vectors


def _draw(items: np.ndarray, item_counts: np.ndarray, count: int, generator: np.random.Generator) -> np.ndarray:
    """Return some items, none twice, drawn half by their number of interactions, half uniformly."""
    shares = np.full(len(items), 1 / len(items))
    if item_counts.any():
        shares = (shares + item_counts / item_counts.sum()) / 2
    return generator.choice(items, min(count, len(items)), replace=False, p=shares)


def _often_best(logits: np.ndarray, count: int, generator: np.random.Generator) -> np.ndarray:
    """Return the places of `count` columns: half that are often among the best of a row, half drawn."""
    columns = logits.shape[1]
    if columns <= count:
        return np.arange(columns)
    best = np.argsort(-logits, axis=1, kind="stable")[:, :BEST_TRIED]
    order = np.argsort(-np.bincount(best.ravel(), minlength=columns), kind="stable")
    often, others = np.split(order, [count // 2])
    return np.r_[often, generator.choice(others, count - len(often), replace=False)]


def _logits(factored: FactoredModel, of_users: Halves, items: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the logits of users with a stretch of the items after another: float32, shape (users, some)."""
    rows = next(half.shape[0] for half in (of_users.mlp_user, of_users.mf_user) if half is not None)
    at_once = max(1, NUMBERS_A_BLOCK // (rows * factored.widest))

    def logits(some: Tensor) -> Tensor:
        return factored.logit_grid(of_users.of_items(some))

    program = tf.function(logits, autograph=False).get_concrete_function(tf.TensorSpec([None], tf.int32))
    for start in range(0, len(items), at_once):
        yield program(tf.constant(items[start : start + at_once], tf.int32)).numpy()
