"""The best items of many rows, found in blocks of items and of rows, so that memory stays bounded."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf
from tensorflow import Tensor

# Items whose scores are held at a time.
ITEMS_A_BLOCK = 2**14
# Numbers between two layers that are held at a time: 4 MiB of float32, which a core's cache holds.
NUMBERS_A_BLOCK = 2**20

NO_ITEM = -1
NO_SCORE = -1.0
LOWEST = float("-inf")

# Of what a loop carries: where it is, items and scores of the best so far.
SHAPES = (tf.TensorShape([]), tf.TensorShape([None, None]), tf.TensorShape([None, None]))

# (start, stop) -> float32, shape (rows, stop - start): the scores of a stretch of items.
ScoreBlock = Callable[[Any, Any], Tensor]


def best_items(
    score_block: ScoreBlock,
    num_items: int,
    hidden_rows: Tensor,
    hidden_items: Tensor,
    k: Tensor,
    items_a_block: int = ITEMS_A_BLOCK,
) -> tuple[Tensor, Tensor]:
    """Return the items with the highest scores of each row; of equal scores the lower index comes first.

    Places for which no item is left come last and hold `NO_ITEM` and `NO_SCORE`.

    Args:
        score_block: scores a stretch of items for all rows; of finite values, or `LOWEST`, which no row gets.
        num_items: items are 0 … num_items - 1.
        hidden_rows, hidden_items: int32; `hidden_rows[n]` must not get `hidden_items[n]`; no pair twice.
        k: int32 scalar, between 0 and num_items.
        items_a_block: the length of a stretch.
    """

    masked_block = _masked(score_block, hidden_rows, hidden_items)

    def body(start: Tensor, best: Tensor, items: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        stop = tf.minimum(start + items_a_block, num_items)
        more, places = tf.math.top_k(masked_block(start, stop), tf.minimum(k, stop - start))
        # The best so far stand first, so of equal scores theirs, which have the lower indices, win.
        best, order = tf.math.top_k(tf.concat([best, more], 1), tf.minimum(k, stop))
        return stop, best, tf.gather(tf.concat([items, start + places], 1), order, batch_dims=1)

    first = tf.constant(min(items_a_block, num_items))
    scores, items = tf.math.top_k(masked_block(tf.constant(0), first), tf.minimum(k, first))
    if num_items > items_a_block:
        _, scores, items = tf.while_loop(
            lambda start, *_: start < num_items,
            body,
            (first, scores, items),
            shape_invariants=SHAPES,
            parallel_iterations=1,
        )
    empty = scores == LOWEST
    return tf.where(empty, NO_ITEM, items), tf.where(empty, NO_SCORE, scores)


def ranks_among(
    score_block: ScoreBlock,
    num_items: int,
    hidden_rows: Tensor,
    hidden_items: Tensor,
    scores: Tensor,
    items_a_block: int = ITEMS_A_BLOCK,
) -> Tensor:
    """Return where a score would stand in each row's list, behind equal ones: int32, shape (rows,), from 1.

    `scores` has one for each row, float32; the other arguments are those of `best_items`.
    """
    masked_block = _masked(score_block, hidden_rows, hidden_items)

    def body(start: Tensor, ranks: Tensor) -> tuple[Tensor, Tensor]:
        stop = tf.minimum(start + items_a_block, num_items)
        before = masked_block(start, stop) >= scores[:, None]
        return stop, ranks + tf.math.count_nonzero(before, axis=1, dtype=tf.int32)

    first = tf.constant(0), tf.ones_like(scores, tf.int32)
    _, ranks = tf.while_loop(lambda start, _: start < num_items, body, first, parallel_iterations=1)
    return ranks


def in_blocks_of_rows(
    best: Callable[[Tensor], tuple[Tensor, Tensor]], rows: Tensor, rows_a_block: int | Tensor, k: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the items and scores, shape (rows, k), that `best` returns for all `rows`, by some."""
    if isinstance(rows_a_block, int) and rows.shape[0] is not None and rows.shape[0] <= rows_a_block:
        return best(rows)

    def body(start: Tensor, items: Tensor, scores: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        more_items, more_scores = best(rows[start : start + rows_a_block])
        return start + rows_a_block, tf.concat([items, more_items], 0), tf.concat([scores, more_scores], 0)

    nothing = tf.stack([0, k])
    _, items, scores = tf.while_loop(
        lambda start, *_: start < tf.size(rows),
        body,
        (tf.constant(0), tf.zeros(nothing, tf.int32), tf.zeros(nothing, tf.float32)),
        shape_invariants=SHAPES,
        parallel_iterations=1,
    )
    return items, scores


def _masked(score_block: ScoreBlock, hidden_rows: Tensor, hidden_items: Tensor) -> ScoreBlock:
    """Return `score_block` with the lowest score in each of the hidden places."""

    def masked_block(start: Tensor, stop: Tensor) -> Tensor:
        scores = score_block(start, stop)
        inside = (hidden_items >= start) & (hidden_items < stop)
        pairs = tf.stack([hidden_rows, hidden_items - start], axis=1)
        pairs = tf.boolean_mask(pairs, inside)
        return tf.tensor_scatter_nd_update(scores, pairs, tf.fill(tf.shape(pairs)[:1], LOWEST))

    return masked_block
