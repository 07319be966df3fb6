"""Lists of the best items as functions of tensors: computed at once here, or traced into an export.

What does not depend on who asks is computed once and kept. Scores are computed in blocks of users and items, so
that memory stays bounded for any catalogue. An item that is not active is in no list, and a user who is not
active has no index here. Every function answers each row by itself: a user or item that is
unknown spoils no other row, because a server may put the rows of different clients into one call.
"""

import functools
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from tensorflow import Tensor

from ncf_keras.data import Dataset
from ncf_keras.models.factored import FactoredModel, Halves, can_factor
from ncf_keras.recommending.blocks import (
    ITEMS_A_BLOCK,
    LOWEST,
    NO_ITEM,
    NO_SCORE,
    NUMBERS_A_BLOCK,
    ScoreBlock,
    best_items,
    in_blocks_of_rows,
    ranks_among,
)
from ncf_keras.solvers.fold_in import ItemFolder

# Numbers between two layers for a pair, of a model that can't be asked.
WIDTH_OF_OTHERS = 32

NOT_FINITE = "The model must give finite scores. Received: one that is not, as after diverging"


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


class Places(NamedTuple):
    """Where new items stand in lists, a row a user; NaN and -1 in rows that are not known.

    Attributes:
        predictions: float32, shape (rows,).
        ranks: int32, shape (rows,), from 1.
        known: bool, shape (rows,): whether the user is known and active, and so is one in the item's history.
    """

    predictions: Tensor
    ranks: Tensor
    known: Tensor


class Ranker:
    """Scores, lists for users and lists of similar items, by index.

    Args:
        model: GMF, MLP or NeuMF; or another Keras model from `user_input` and `item_input` to one prediction;
            or a fitted baseline with `score(users, items)`, and `score_all(users)` if it can, which can't be
            traced.
        num_users: users are the indices 0 … num_users - 1.
        num_items: items are the indices 0 … num_items - 1.
        dataset: whose train interactions are seen and make the popularity list, and which says who is active;
            None: there are no interactions, and all are active.
        check_scores: whether a score that is not finite, which has no place in an order, is an
            InvalidArgumentError with `NOT_FINITE` in its message. A server can't: it would spoil other rows.
        items_a_block: how many items are scored at a time.
        numbers_a_block: how many numbers lie between two layers at a time.

    Attributes:
        num_items: how many items there are.
        items_a_block: of how many items scores are computed at a time.
        users_a_block: for how many users scores are computed at a time.
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
        self._num_users, self.num_items = num_users, num_items
        self._check_scores = check_scores
        self._factored = FactoredModel(model) if can_factor(model) else None
        self._halves = Halves()
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
        # None weighs all users as one; those who are not active have no interactions.
        self._user_counts = None if dataset is None else np.diff(dataset.train_offsets)
        self._users_at_once, self.items_a_block = items_a_block, min(num_items, items_a_block)
        # A row also holds its scores, a number an item, twice: before and after the mask.
        width = max(self._factored.widest, 2) if self._factored else WIDTH_OF_OTHERS
        self.users_a_block = max(1, numbers_a_block // (self.items_a_block * width))
        self._queries_a_block = max(1, numbers_a_block // (self.items_a_block * 2))

    def score(self, users: Tensor, items: Tensor) -> Tensor:
        """Return the predictions of pairs, NaN where user or item has no index: float32, shape (pairs,)."""
        users, known_users = self.find_users(users)
        items, known_items = _checked(items, self.num_items, self._active_items)
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
        users, known = self.find_users(users)
        width, lengths = self.lengths(k, tf.size(users))
        best = functools.partial(self._best_for, k=width, include_seen=include_seen)
        items, scores = in_blocks_of_rows(best, users, self.users_a_block, width)
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
        items, scores = self._best(self.scores_for_vectors(*vectors), tf.zeros_like(seen), seen, k)
        return Lists(items, scores, tf.constant([True]))

    def recommend_by_scores(self, seen: Tensor, k: Tensor, scores: Tensor) -> Lists:
        """Return the best items for one user by the scores of all items: float32, shape (1, items)."""
        best = self._best(self.scores_in(scores), tf.zeros_like(seen), seen, k)
        return Lists(*best, tf.constant([True]))

    def similar_items(self, items: Tensor, k: Tensor) -> Lists:
        """Return the items most like each item by cosine, itself left out; nothing for one without index.

        A GMF, MLP or NeuMF alone has vectors of its items. The arguments are as in `recommend`.
        """
        queries, known = _checked(items, self.num_items, self._active_items)
        width, lengths = self.lengths(k, tf.size(queries))
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

    @functools.cached_property
    def item_folder(self) -> ItemFolder:
        """What fits rows of new items; InputError for a model that is no GMF, MLP or NeuMF.

        It has variables, so ask for it outside of a function that is traced.
        """
        active = None if self._active_items is None else self._active_items.numpy()
        return ItemFolder(self._model, user_counts=self._user_counts, halves=self._halves, active=active)

    def new_items(self, folder: ItemFolder, histories: Tensor, users: Tensor) -> Places:
        """Return where new items stand in users' lists, each row an item and a user.

        Args:
            folder: `item_folder`.
            histories: int32, shape (rows, length): the users who interacted with each item. Those without index
                are passed over; rows that are equal are fitted once.
            users: int32, shape (rows,).
        """
        width = sum(self._item_widths)

        def fold(history: Tensor) -> tuple[Tensor, Tensor]:
            known = tf.boolean_mask(*_checked(history, self._num_users, self._active_users))
            some = tf.size(known) > 0
            row = tf.cond(some, lambda: folder.fit(known), lambda: tf.zeros([width]))
            return tf.ensure_shape(row, [width]), some

        distinct, which = tf.raw_ops.UniqueV2(x=histories, axis=[0])
        kinds = tf.TensorSpec([width]), tf.TensorSpec([], tf.bool)
        rows, some = tf.map_fn(fold, distinct, fn_output_signature=kinds, parallel_iterations=1)
        # An error where there are fewer or more users than histories.
        return self.place(rows, tf.reshape(users, tf.shape(histories)[:1]), which, some)

    def place(self, rows: Tensor, users: Tensor, which: Tensor, fitted: Tensor) -> Places:
        """Return where new items would stand in users' lists, by prediction.

        Of equal predictions that of an item of the model comes first. The ranks are those among the active
        items that the user has not seen.

        Args:
            rows: float32, shape (items, width), as `ItemFolder.fit` returns each.
            users: int32, shape (pairs,).
            which: int32, shape (pairs,): which of the items is asked about.
            fitted: bool, shape (items,): which of the items have a row.
        """
        users, known = self.find_users(users)
        halves = self._of_new_items(rows)

        def place_some(pairs: Tensor) -> tuple[Tensor, Tensor]:
            some = tf.gather(users, pairs)
            predictions = self._predictions(halves.of_users(some).of_items(tf.gather(which, pairs)))
            scores, hidden = self.scores_for(some), self.seen_by(some)
            ranks = ranks_among(scores, self.num_items, *hidden, predictions, self.items_a_block)
            return ranks[:, None], predictions[:, None]

        ranks, predictions = in_blocks_of_rows(place_some, tf.range(tf.size(users)), self.users_a_block, 1)
        known &= tf.gather(fitted, which)
        predictions = tf.where(known, predictions[:, 0], float("nan"))
        return Places(predictions, tf.where(known, ranks[:, 0], -1), known)

    def best_users(self, row: Tensor, history: Tensor, k: Tensor) -> Lists:
        """Return the active users with the highest predictions of a new item, as the items of one list.

        Args:
            row: float32, shape (1, width), as `ItemFolder.fit` returns it.
            history: int32, shape (interactions,): the users to leave out, none twice.
            k: int32 scalar, between 0 and the number of users.
        """
        halves = self._of_new_items(row)

        def score_block(start: Tensor, stop: Tensor) -> Tensor:
            scores = self._predictions(halves.of_users(tf.range(start, stop)))
            if self._active_users is not None:
                scores = tf.where(self._active_users[start:stop], scores, LOWEST)
            return scores[None]

        hidden = tf.zeros_like(history), history
        users, scores = best_items(score_block, self._num_users, *hidden, k, self._users_at_once)
        return Lists(users, scores, tf.constant([True]))

    @property
    def _item_widths(self) -> list[int]:
        assert self._factored is not None
        return [layer.output_dim for layer in self._factored.item_layers]

    def _of_new_items(self, rows: Tensor) -> Halves:
        assert self._factored is not None
        return self._factored.with_items(self._halves, tf.split(rows, self._item_widths, axis=1))

    def _predictions(self, pairs: Halves) -> Tensor:
        assert self._factored is not None
        return self._finite(tf.sigmoid(self._factored.logits_of(pairs)))

    def _best_for(self, users: Tensor, k: Tensor, include_seen: Any) -> tuple[Tensor, Tensor]:
        return self._best(self.scores_for(users), *self.seen_by(users, include_seen), k)

    def find_users(self, users: Tensor) -> tuple[Tensor, Tensor]:
        """Return users with 0 for those without index, int32, and who has one and is active, bool."""
        return _checked(users, self._num_users, self._active_users)

    def seen_by(self, users: Tensor, include_seen: Any = False) -> tuple[Tensor, Tensor]:
        """Return the rows of users and the items beside them that are to be in no list, int32.

        `include_seen` is for all users or for each, bool.
        """
        starts, stops = tf.gather(self._seen_offsets, users), tf.gather(self._seen_offsets, users + 1)
        seen = tf.ragged.range(starts, tf.where(include_seen, starts, stops))
        return tf.cast(seen.value_rowids(), tf.int32), tf.gather(self._seen_items, seen.flat_values)

    def scores_for(self, users: Tensor) -> ScoreBlock:
        """Return what scores a stretch of items for users with an index; `LOWEST` for items not active."""
        return self._active(self._scores_of_all(users))

    def scores_for_vectors(self, *vectors: Tensor) -> ScoreBlock:
        """Return what `scores_for` does for users not in the model, by their row of each user embedding."""
        assert self._factored is not None
        return self._active(functools.partial(self._grid, self._factored.with_users(self._halves, vectors)))

    def scores_in(self, scores: Tensor) -> ScoreBlock:
        """Return what `scores_for` does for users whose scores are known: float32, shape (users, items)."""
        return self._active(self._stretches_of(scores))

    def _scores_of_all(self, users: Tensor) -> ScoreBlock:
        if self._factored:
            return functools.partial(self._grid, self._halves.of_users(users))
        if hasattr(self._model, "score_all"):
            return self._stretches_of(tf.convert_to_tensor(self._model.score_all(users.numpy()), tf.float32))

        def score_block(start: Tensor, stop: Tensor) -> Tensor:
            rows, items = tf.meshgrid(users, tf.range(start, stop), indexing="ij")
            scores = self._score_pairs(tf.reshape(rows, [-1]), tf.reshape(items, [-1]))
            return self._finite(tf.reshape(scores, tf.shape(rows)))

        return score_block

    def _stretches_of(self, scores: Tensor) -> ScoreBlock:
        finite = self._finite(scores)
        return lambda start, stop: finite[:, start:stop]

    def _best(self, score_block: ScoreBlock, rows: Tensor, items: Tensor, k: Any) -> tuple[Any, Any]:
        return best_items(score_block, self.num_items, rows, items, k, self.items_a_block)

    def _active(self, score_block: ScoreBlock) -> ScoreBlock:
        """Return `score_block` with the lowest score for items that are not active."""
        active = self._active_items
        if active is None:
            return score_block
        return lambda start, stop: tf.where(active[start:stop], score_block(start, stop), LOWEST)

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

        return self._best(self._active(cosines), tf.range(tf.size(queries)), queries, k)

    def lengths(self, k: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return the length of the longest list, int32 scalar, and that of each, int32, shape (rows,)."""
        lengths = tf.broadcast_to(tf.clip_by_value(tf.reshape(k, [-1]), 0, self.num_items), [rows])
        return tf.maximum(tf.reduce_max(lengths), 0), lengths


def popularity(dataset: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Return the active items by their number of train interactions, equal ones by index, and the numbers."""
    items = np.argsort(-dataset.item_counts, kind="stable")
    if dataset.item_states is not None:
        items = items[dataset.active_items[items]]
    return items.astype(np.int32), dataset.item_counts[items].astype(np.float32)


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
