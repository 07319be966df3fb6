"""Lists of the best items as functions of tensors: computed at once here, or traced into an export.

What does not depend on who asks is computed once and kept. Scores are computed in blocks of users and items, so
that memory stays bounded for any catalogue. An item that is not active is in no list, and a user who is not
active has no index here. Every function answers each row by itself: a user or item that is
unknown spoils no other row, because a server may put the rows of different clients into one call.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from tensorflow import Tensor

from ncf_keras.data import Dataset
from ncf_keras.models.factored import FactoredModel, Halves, can_factor

# Items whose scores are held at a time.
ITEMS_A_BLOCK = 2**14
# Numbers between two layers that are held at a time: 4 MiB of float32, which a core's cache holds.
NUMBERS_A_BLOCK = 2**20
# Numbers between two layers for a pair, of a model that can't be asked.
WIDTH_OF_OTHERS = 32

NO_ITEM = -1
NO_SCORE = -1.0
LOWEST = float("-inf")
NOT_FINITE = "The model must give finite scores. Received: one that is not, as after diverging"

# Of what a loop carries: where it is, items and scores of the best so far.
SHAPES = (tf.TensorShape([]), tf.TensorShape([None, None]), tf.TensorShape([None, None]))

# (start, stop) -> float32, shape (rows, stop - start): the scores of a stretch of items.
ScoreBlock = Callable[[Any, Any], Tensor]


class Lists(NamedTuple):
    """Lists of items, a row a user (or item) asked for; empty places come last and hold item -1, score -1.

    Attributes:
        items: int32, shape (rows, length).
        scores: float32, shape (rows, length), descending.
        known: bool, shape (rows,): whether the one asked for has an index and is active.
    """

    items: Tensor
    scores: Tensor
    known: Tensor


class Ranker:
    """Scores, lists for users and lists of similar items, by index.

    Args:
        model: GMF, MLP or NeuMF; or another Keras model from `user_input` and `item_input` to one prediction;
            or a fitted baseline with `score(users, items)`, which can't be traced.
        num_users: users are the indices 0 … num_users - 1.
        num_items: items are the indices 0 … num_items - 1.
        dataset: whose train interactions are seen and make the popularity list, and which says who is active;
            None: there are no interactions, and all are active.
        check_scores: whether a score that is not finite, which has no place in an order, is an
            InvalidArgumentError with `NOT_FINITE` in its message. A server can't: it would spoil other rows.
        items_a_block: how many items are scored at a time.
        numbers_a_block: how many numbers lie between two layers at a time.
    """

    def __init__(
        self,
        model: Any,
        num_users: int,
        num_items: int,
        dataset: Dataset | None,
        *,
        check_scores: bool = False,
        items_a_block: int = ITEMS_A_BLOCK,
        numbers_a_block: int = NUMBERS_A_BLOCK,
    ):
        self._model = model
        self._num_users, self._num_items = num_users, num_items
        self._check_scores = check_scores
        self._factored = FactoredModel(model) if can_factor(model) else None
        self._halves = Halves(None, None, None, None)
        # None where all are active: then nothing is computed for it.
        self._active_users = self._active_items = None
        if dataset is not None and dataset.user_states is not None:
            self._active_users = _kept(dataset.active_users)
        if dataset is not None and dataset.item_states is not None:
            self._active_items = _kept(dataset.active_items)
        if self._factored:
            halves = self._factored.halves()
            if self._active_users is not None:
                halves = halves.with_users_alone(self._active_users)
            self._halves = Halves(*(half if half is None else _kept(half) for half in halves))
            self._item_vectors = _kept(self._factored.item_vectors())
        offsets = np.zeros(num_users + 1, np.int64) if dataset is None else dataset.train_offsets
        self._seen_offsets = _kept(np.asarray(offsets, np.int64))
        self._seen_items = _kept(np.zeros(0, np.int32) if dataset is None else dataset.train_items)
        popular = np.full(num_items, NO_ITEM, np.int32), np.full(num_items, NO_SCORE, np.float32)
        if dataset is not None:
            for whole, listed in zip(popular, popularity(dataset), strict=True):
                whole[: len(listed)] = listed
        self._popular_items, self._popular_scores = map(_kept, popular)
        self._items_a_block = min(num_items, items_a_block)
        # A row also holds its scores, a number an item, twice: before and after the mask.
        width = max(self._factored.widest, 2) if self._factored else WIDTH_OF_OTHERS
        self._users_a_block = max(1, numbers_a_block // (self._items_a_block * width))
        self._queries_a_block = max(1, numbers_a_block // (self._items_a_block * 2))

    def score(self, users: Tensor, items: Tensor) -> Tensor:
        """Return the predictions of pairs, NaN where user or item has no index: float32, shape (pairs,)."""
        users, known_users = _checked(users, self._num_users, self._active_users)
        items, known_items = _checked(items, self._num_items, self._active_items)
        predictions = self._score_pairs(users, items)
        return tf.where(known_users & known_items, predictions, float("nan"))

    def recommend(self, users: Tensor, k: Tensor, include_seen: Tensor | bool = False) -> Lists:
        """Return the items each user has not seen, best first; the most popular ones for a user without index.

        Args:
            users: int32, shape (rows,).
            k: int32: length of all lists, or shape (rows,), of each; below 0 is 0, more than there are items is
                their number. The lists are as wide as the longest.
            include_seen: bool scalar: rank the seen items too.
        """
        users, known = _checked(users, self._num_users, self._active_users)
        width, lengths = self._lengths(k, tf.size(users))
        best = functools.partial(self._best_for, k=width, include_seen=include_seen)
        items, scores = in_blocks_of_rows(best, users, self._users_a_block, width)
        items = tf.where(known[:, None], items, self._popular_items[:width])
        scores = tf.where(known[:, None], scores, self._popular_scores[:width])
        return _cut(items, scores, known, lengths)

    def recommend_to_vectors(self, seen: Tensor, k: Tensor, *vectors: Tensor) -> Lists:
        """Return the best items for one user who is not in the model.

        Args:
            seen: int32, shape (seen,): the items to leave out, none twice.
            k: int32 scalar, between 0 and the number of items.
            vectors: the user's row of each user embedding, as `ncf_keras.solvers.fold_in` finds it.
        """
        assert self._factored is not None
        halves = self._factored.with_users(self._halves, vectors)
        items, scores = self._best(lambda *block: self._grid(halves, *block), tf.zeros_like(seen), seen, k)
        return Lists(items, scores, tf.constant([True]))

    def similar_items(self, items: Tensor, k: Tensor) -> Lists:
        """Return the items most like each item by cosine, itself left out; nothing for one without index.

        A GMF, MLP or NeuMF alone has vectors of its items. The arguments are as in `recommend`.
        """
        queries, known = _checked(items, self._num_items, self._active_items)
        width, lengths = self._lengths(k, tf.size(queries))
        best = functools.partial(self._most_similar_to, k=width)
        found, scores = in_blocks_of_rows(best, queries, self._queries_a_block, width)
        return _cut(found, scores, known, tf.where(known, lengths, 0))

    def nearest(self, items: Tensor, among: Tensor, k: Tensor) -> Lists:
        """Return those of some items that are most like each item by cosine, itself left out.

        Args:
            items: int32, shape (rows,), each with an index.
            among: int32, shape (candidates,), each active, none twice; of equal cosines the first wins.
            k: int32 scalar, between 0 and the number of candidates.
        """
        vectors, others = tf.gather(self._item_vectors, items), tf.gather(self._item_vectors, among)
        cosines = tf.matmul(vectors, others, transpose_b=True)
        cosines = tf.where(items[:, None] == among[None, :], LOWEST, cosines)
        cosines, places = tf.math.top_k(cosines, k)
        empty = cosines == LOWEST
        found = tf.where(empty, NO_ITEM, tf.gather(among, places))
        return Lists(found, tf.where(empty, NO_SCORE, cosines), tf.ones_like(items, tf.bool))

    def _best_for(self, users: Tensor, k: Tensor, include_seen: Any) -> tuple[Tensor, Tensor]:
        starts, stops = tf.gather(self._seen_offsets, users), tf.gather(self._seen_offsets, users + 1)
        seen = tf.ragged.range(starts, tf.where(include_seen, starts, stops))
        hidden_rows = tf.cast(seen.value_rowids(), tf.int32)
        hidden_items = tf.gather(self._seen_items, seen.flat_values)
        if self._factored:
            halves = self._halves.of_users(users)
            return self._best(lambda *block: self._grid(halves, *block), hidden_rows, hidden_items, k)

        def score_block(start: Tensor, stop: Tensor) -> Tensor:
            rows, items = tf.meshgrid(users, tf.range(start, stop), indexing="ij")
            scores = self._score_pairs(tf.reshape(rows, [-1]), tf.reshape(items, [-1]))
            return self._finite(tf.reshape(scores, tf.shape(rows)))

        return self._best(score_block, hidden_rows, hidden_items, k)

    def _best(self, score_block: ScoreBlock, rows: Tensor, items: Tensor, k: Any) -> tuple[Any, Any]:
        active = self._active_items
        if active is None:
            return best_items(score_block, self._num_items, rows, items, k, self._items_a_block)

        def active_block(start: Tensor, stop: Tensor) -> Tensor:
            return tf.where(active[start:stop], score_block(start, stop), LOWEST)

        return best_items(active_block, self._num_items, rows, items, k, self._items_a_block)

    def _grid(self, halves: Halves, start: Tensor, stop: Tensor) -> Tensor:
        assert self._factored is not None
        return self._finite(self._factored.score_grid(halves.between(start, stop)))

    def _finite(self, scores: Tensor) -> Tensor:
        return tf.debugging.check_numerics(scores, NOT_FINITE) if self._check_scores else scores

    def _score_pairs(self, users: Tensor, items: Tensor) -> Tensor:
        if self._factored:
            return self._factored.score_pairs(self._halves, users, items)
        if isinstance(self._model, keras.Model):
            scores = self._model([users[:, None], items[:, None]], training=False)
            return tf.cast(tf.reshape(scores, [-1]), tf.float32)
        return tf.convert_to_tensor(self._model.score(users.numpy(), items.numpy()), tf.float32)

    def _most_similar_to(self, queries: Tensor, k: Tensor) -> tuple[Tensor, Tensor]:
        vectors = tf.gather(self._item_vectors, queries)

        def cosines(start: Tensor, stop: Tensor) -> Tensor:
            return tf.matmul(vectors, self._item_vectors[start:stop], transpose_b=True)

        return self._best(cosines, tf.range(tf.size(queries)), queries, k)

    def _lengths(self, k: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return the length of the longest list, int32 scalar, and that of each, int32, shape (rows,)."""
        lengths = tf.broadcast_to(tf.clip_by_value(tf.reshape(k, [-1]), 0, self._num_items), [rows])
        return tf.maximum(tf.reduce_max(lengths), 0), lengths


def popularity(dataset: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Return the active items by their number of train interactions, equal ones by index, and the numbers."""
    items = np.argsort(-dataset.item_counts, kind="stable")
    if dataset.item_states is not None:
        items = items[dataset.active_items[items]]
    return items.astype(np.int32), dataset.item_counts[items].astype(np.float32)


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

    def masked_block(start: Tensor, stop: Tensor) -> Tensor:
        scores = score_block(start, stop)
        inside = (hidden_items >= start) & (hidden_items < stop)
        pairs = tf.stack([hidden_rows, hidden_items - start], axis=1)
        pairs = tf.boolean_mask(pairs, inside)
        return tf.tensor_scatter_nd_update(scores, pairs, tf.fill(tf.shape(pairs)[:1], LOWEST))

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


def in_blocks_of_rows(
    best: Callable[[Tensor], tuple[Tensor, Tensor]], rows: Tensor, rows_a_block: int, k: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the items and scores, shape (rows, k), that `best` returns for all `rows`, by some."""
    if rows.shape[0] is not None and rows.shape[0] <= rows_a_block:
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


def _kept(value: np.ndarray | Tensor) -> tf.Variable:
    """Return a variable that nothing trains: a constant would lie in the graph, which can't be above 2 GB."""
    return tf.Variable(value, trainable=False)


def _checked(indices: Tensor, count: int, active: tf.Variable | None) -> tuple[Tensor, Tensor]:
    """Return the indices with 0 for those out of range, and which are in range and active."""
    known = (indices >= 0) & (indices < count)
    indices = tf.where(known, indices, 0)
    return indices, known if active is None else known & tf.gather(active, indices)


def _cut(items: Tensor, scores: Tensor, known: Tensor, lengths: Tensor) -> Lists:
    """Empty the places of each row from its length on."""
    inside = tf.sequence_mask(lengths, tf.shape(items)[1])
    return Lists(tf.where(inside, items, NO_ITEM), tf.where(inside, scores, NO_SCORE), known)
