"""The lists of a `Ranker` under the constraints of a request."""

import numpy as np
import tensorflow as tf
from tensorflow import Tensor

from ncf_keras.data import Dataset
from ncf_keras.recommending.blocks import LOWEST, NUMBERS_A_BLOCK, ScoreBlock, in_blocks_of_rows
from ncf_keras.recommending.ranking import Lists
from ncf_keras.recommending.scorer import Scorer
from ncf_keras.recommending.steering import (
    PLACES_A_TURN,
    Constraints,
    Groups,
    all_scores,
    popularity_share,
    steered_items,
)

# What is held of a row and an item: its score, sorted and not, its place, and which are allowed.
NUMBERS_AN_ITEM = 4

LISTS, NUMBERS = tf.TensorSpec([None, None], tf.int32), tf.TensorSpec([None], tf.int32)
NUMBER = tf.TensorSpec([], tf.int32)
# The arguments of `steered_items`.
CHOICE = (
    tf.TensorSpec([None, None]),
    NUMBERS,
    NUMBERS,
    Constraints(LISTS, LISTS, NUMBERS, tf.TensorSpec([None])),
    Groups(tf.TensorSpec([None], tf.int64), NUMBERS, NUMBER),
    NUMBERS,
    NUMBER,
)


class SteeredRanker:
    """Lists under constraints, by index. It has variables, so make it outside of a function that is traced.

    Args:
        scorer: gives the scores, and knows who has seen what.
        dataset: whose train interactions tell what is popular; None: nothing is.
        numbers_a_block: how many numbers are held at a time, though at least those of one list.
    """

    def __init__(self, scorer: Scorer, dataset: Dataset | None, numbers_a_block: int = NUMBERS_A_BLOCK):
        self._scorer = scorer
        counts = np.zeros(scorer.num_items, np.int64) if dataset is None else dataset.item_counts
        self._share = tf.Variable(popularity_share(counts), trainable=False)
        # An unknown user gets what is popular, among what the constraints leave.
        listed = np.full(scorer.num_items, LOWEST, np.float32) if dataset is None else popular_scores(dataset)
        self._popular = tf.Variable(listed, trainable=False)
        self._numbers_a_block = numbers_a_block
        rows = numbers_a_block // (scorer.num_items * NUMBERS_AN_ITEM)
        self._users_a_block = max(1, min(rows, scorer.users_a_block))
        # Traced, or each turn of the walk would take as long as a score.
        self._choose = tf.function(steered_items, input_signature=CHOICE, autograph=False)

    def recommend(
        self,
        users: Tensor,
        k: Tensor,
        constraints: Constraints,
        groups: Groups,
        include_seen: Tensor | bool = False,
    ) -> Lists:
        """Return what `Ranker.recommend` does, under constraints.

        The list of a user without index is of what is popular: by its number of interactions, without penalty.
        """
        scorer, count = self._scorer, tf.size(users)
        users, known = scorer.find_users(users)
        width, lengths = scorer.lengths(k, count)

        def best(rows: Tensor) -> tuple[Tensor, Tensor]:
            some, are_known = tf.gather(users, rows), tf.gather(known, rows)
            of_rows = constraints.of_rows(rows, count)
            score_block = scorer.scores_for(some)

            def steered_block(start: Tensor, stop: Tensor) -> Tensor:
                scores = score_block(start, stop) - self._penalties(of_rows, start, stop)
                return tf.where(are_known[:, None], scores, self._popular[start:stop])

            scores = all_scores(steered_block, scorer.num_items, scorer.items_a_block)
            hidden = scorer.seen_by(some, include_seen | ~are_known)
            return self._choose(scores, *hidden, of_rows, groups, tf.gather(lengths, rows), width)

        items, scores = in_blocks_of_rows(best, tf.range(count), self._rows_a_block(groups), width)
        return Lists(items, scores, known)

    def recommend_to_vectors(
        self, seen: Tensor, k: Tensor, constraints: Constraints, groups: Groups, *vectors: Tensor
    ) -> Lists:
        """Return what `Ranker.recommend_to_vectors` does, under the constraints of one row."""
        return self._list_of(self._scorer.scores_for_vectors(*vectors), seen, k, constraints, groups)

    def recommend_by_scores(
        self, seen: Tensor, k: Tensor, constraints: Constraints, groups: Groups, scores: Tensor
    ) -> Lists:
        """Return what `Ranker.recommend_by_scores` does, under the constraints of one row."""
        return self._list_of(self._scorer.scores_in(scores), seen, k, constraints, groups)

    def _list_of(
        self, score_block: ScoreBlock, seen: Tensor, k: Tensor, constraints: Constraints, groups: Groups
    ) -> Lists:
        constraints = constraints.of_rows(tf.constant([0]), tf.constant(1))

        def steered_block(start: Tensor, stop: Tensor) -> Tensor:
            return score_block(start, stop) - self._penalties(constraints, start, stop)

        scores = all_scores(steered_block, self._scorer.num_items, self._scorer.items_a_block)
        hidden, lengths = (tf.zeros_like(seen), seen), tf.reshape(k, [1])
        items, scores = self._choose(scores, *hidden, constraints, groups, lengths, k)
        return Lists(items, scores, tf.constant([True]))

    def _rows_a_block(self, groups: Groups) -> Tensor:
        """Return how many lists are made at a time: fewer where there are many categories, or of one item."""
        of_item = tf.reduce_max(groups.offsets[1:] - groups.offsets[:-1])
        a_row = tf.maximum(
            tf.cast(groups.count, tf.int64), min(PLACES_A_TURN, self._scorer.num_items) * of_item
        )
        rows = tf.cast(self._numbers_a_block // tf.maximum(a_row, 1), tf.int32)
        return tf.clip_by_value(rows, 1, self._users_a_block)

    def _penalties(self, constraints: Constraints, start: Tensor, stop: Tensor) -> Tensor:
        penalty = constraints.popularity_penalty
        penalty = tf.where((penalty > 0) & tf.math.is_finite(penalty), penalty, 0)
        return tf.reshape(penalty, [-1, 1]) * self._share[start:stop]


def steered_popularity(
    dataset: Dataset, k: int, constraints: Constraints, groups: Groups
) -> tuple[np.ndarray, np.ndarray]:
    """Return the list of what is popular, of at most `k` items, under the constraints of one row."""
    one, nothing = tf.constant(1), tf.zeros([0], tf.int32)
    constraints = Constraints(*map(tf.constant, constraints)).of_rows(tf.constant([0]), one)
    width = tf.constant(min(k, dataset.num_items))
    lists = steered_items(
        tf.constant(popular_scores(dataset)[None]), nothing, nothing, constraints, groups, width[None], width
    )
    items, scores = (part[0].numpy() for part in lists)
    return items, scores


def popular_scores(dataset: Dataset) -> np.ndarray:
    """Return the number of train interactions of each item, `LOWEST` of one not active: float32."""
    return np.where(dataset.active_items, dataset.item_counts, LOWEST).astype(np.float32)
