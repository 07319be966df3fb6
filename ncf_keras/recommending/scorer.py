"""Who scores: a model and a dataset as functions of tensors, by index, for blocks of users and items.

What does not depend on who asks is computed once and kept. An item that is not listed (`listed.py`) has the
lowest score, and a user who is not listed has no index here. Every function answers each row by itself: a user
or item that is unknown spoils no other row, because a server may put the rows of different clients into one
call.
"""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tensorflow import Tensor

from ncf_keras.data import Dataset
from ncf_keras.models.factored import FactoredModel, Halves, can_factor, rows_of
from ncf_keras.models.recent import pair_inputs, tell_recent_items
from ncf_keras.recommending.blocks import ITEMS_A_BLOCK, LOWEST, NUMBERS_A_BLOCK, ScoreBlock
from ncf_keras.recommending.listed import Listed

# Numbers between two layers for a pair, of a model that can't be asked.
WIDTH_OF_OTHERS = 32

NOT_FINITE = "The model must give finite scores. Received: one that is not, as after diverging"


class NetworkScores:
    """The scores of a GMF, MLP or NeuMF for some users: a `ScoreBlock`, and of items that are named one by one.

    Args:
        halves: of these users and of all items.
        score_grid: gives the scores of all users with all items in halves.
        listed: bool, shape (items,): which items are listed; None: all.

    Attributes:
        halves: as given.
    """

    def __init__(self, halves: Halves, score_grid: Callable[[Halves], Tensor], listed: tf.Variable | None):
        self.halves = halves
        self._score_grid, self._listed = score_grid, listed

    def __call__(self, start: Any, stop: Any) -> Tensor:
        """Return the scores of a stretch of items, `LOWEST` of those not listed."""
        scores = self._score_grid(self.halves.between(start, stop))
        return scores if self._listed is None else tf.where(self._listed[start:stop], scores, LOWEST)

    def of_items(self, items: Tensor) -> Tensor:
        """Return the scores of these items, all of which must be listed: float32, shape (users, items)."""
        return self._score_grid(self.halves.of_items(items))


class Scorer:
    """Scores of pairs and of all items, and who is known and has seen what, by index.

    Args:
        model: GMF, MLP or NeuMF; or another Keras model from `user_input` and `item_input` to one prediction;
            or a fitted baseline with `score(users, items)`, and `score_all(users)` if it can, which can't be
            traced. One that takes recent items is told those of the dataset, if that tells an order of time.
        num_users: users are the indices 0 … num_users - 1.
        num_items: items are the indices 0 … num_items - 1.
        dataset: whose train interactions are seen, and which says who is active; None: there are no
            interactions, and all are listed.
        check_scores: whether a score that is not finite, which has no place in an order, is an
            InvalidArgumentError with `NOT_FINITE` in its message. A server can't: it would spoil other rows.
        items_a_block: how many items are scored at a time.
        numbers_a_block: how many numbers lie between two layers at a time.

    Attributes:
        num_items: how many items there are.
        listed: who gets lists, and what is on them.
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
        if dataset is not None and dataset.train_order is not None:
            tell_recent_items(model, dataset.recent_items)
        self._factored = FactoredModel(model) if can_factor(model) else None
        self._halves = Halves()
        # None where all are listed: then nothing is computed for it.
        self.listed = Listed.of(dataset, model)
        self._listed_users, self._listed_items = (
            None if some is None else kept(some) for some in (self.listed.users, self.listed.items)
        )
        if self._factored:
            halves = self._factored.halves()
            if self._listed_users is not None:
                halves = halves.with_users_alone(self._listed_users)
            self._halves = Halves(*(half if half is None else kept(half) for half in halves))
        offsets = np.zeros(num_users + 1, np.int64) if dataset is None else dataset.train_offsets
        self._seen_offsets = kept(np.asarray(offsets, np.int64))
        self._seen_items = kept(np.zeros(0, np.int32) if dataset is None else dataset.train_items)
        self.items_a_block = min(num_items, items_a_block)
        # A row also holds its scores, a number an item, twice: before and after the mask.
        width = max(self._factored.widest, 2) if self._factored else WIDTH_OF_OTHERS
        self.users_a_block = max(1, numbers_a_block // (self.items_a_block * width))

    def score(self, users: Tensor, items: Tensor) -> Tensor:
        """Return the predictions of pairs, NaN where user or item has no index: float32, shape (pairs,)."""
        users, known_users = self.find_users(users)
        items, known_items = checked(items, self.num_items, self._listed_items)
        predictions = self._score_pairs(users, items)
        return tf.where(known_users & known_items, predictions, float("nan"))

    def find_users(self, users: Tensor) -> tuple[Tensor, Tensor]:
        """Return users with 0 for those without index, int32, and who has one and is listed, bool."""
        return checked(users, self._num_users, self._listed_users)

    def seen_by(self, users: Tensor, include_seen: Any = False) -> tuple[Tensor, Tensor]:
        """Return the rows of users and the items beside them that are to be in no list, int32.

        `include_seen` is for all users or for each, bool.
        """
        starts, stops = tf.gather(self._seen_offsets, users), tf.gather(self._seen_offsets, users + 1)
        seen = tf.ragged.range(starts, tf.where(include_seen, starts, stops))
        return tf.cast(seen.value_rowids(), tf.int32), tf.gather(self._seen_items, seen.flat_values)

    def scores_for(self, users: Tensor) -> ScoreBlock:
        """Return what scores a stretch of items for users with an index; `LOWEST` for items not listed."""
        if self._factored:
            return self._network_scores(self._halves.of_users(users))
        return self._only_listed(self._scores_of_all(users))

    def scores_for_vectors(self, *vectors: Tensor) -> ScoreBlock:
        """Return what `scores_for` does for users not in the model, by their row of each user embedding."""
        assert self._factored is not None
        return self._network_scores(self._factored.with_users(self._halves, vectors))

    def scores_in(self, scores: Tensor) -> ScoreBlock:
        """Return what `scores_for` does for users whose scores are known: float32, shape (users, items)."""
        return self._only_listed(self._stretches_of(scores))

    def _scores_of_all(self, users: Tensor) -> ScoreBlock:
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

    def _only_listed(self, score_block: ScoreBlock) -> ScoreBlock:
        """Return `score_block` with the lowest score for items that are not listed."""
        listed = self._listed_items
        if listed is None:
            return score_block
        return lambda start, stop: tf.where(listed[start:stop], score_block(start, stop), LOWEST)

    def _network_scores(self, halves: Halves) -> NetworkScores:
        return NetworkScores(halves, self._grid, self._listed_items)

    def _grid(self, halves: Halves) -> Tensor:
        assert self._factored is not None
        return self._finite(self._factored.score_grid(halves))

    def _finite(self, scores: Tensor) -> Tensor:
        return tf.debugging.check_numerics(scores, NOT_FINITE) if self._check_scores else scores

    def _score_pairs(self, users: Tensor, items: Tensor) -> Tensor:
        if self._factored:
            return self._factored.score_pairs(self._halves, users, items)
        if isinstance(self._model, keras.Model):
            scores = self._model(pair_inputs(self._model, users, items), training=False)
            return tf.cast(tf.reshape(scores, [-1]), tf.float32)
        return tf.convert_to_tensor(self._model.score(users.numpy(), items.numpy()), tf.float32)

    def lengths(self, k: Tensor, rows: Tensor, most: int | None = None) -> tuple[Tensor, Tensor]:
        """Return the length of the longest list, int32 scalar, and that of each, int32, shape (rows,).

        None is longer than `most`, or where that is None than there are items.
        """
        most = self.num_items if most is None else most
        lengths = tf.broadcast_to(tf.clip_by_value(tf.reshape(k, [-1]), 0, most), [rows])
        return tf.maximum(tf.reduce_max(lengths), 0), lengths


def kept(value: np.ndarray | Tensor) -> tf.Variable:
    """Return a variable that nothing trains: a constant would lie in the graph, which can't be above 2 GB."""
    return tf.Variable(value, trainable=False)


def checked(indices: Tensor, count: int, listed: tf.Variable | None) -> tuple[Tensor, Tensor]:
    """Return the indices with 0 for those out of range, and which are in range and listed."""
    known = (indices >= 0) & (indices < count)
    indices = tf.where(known, indices, 0)
    return indices, known if listed is None else known & rows_of(listed, indices)
