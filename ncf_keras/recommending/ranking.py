"""Lists of the best items as functions of tensors: computed at once here, or traced into an export.

Scores are computed in blocks of users and items (`scorer.py`), so that memory stays bounded for any catalogue.
An item that is not listed is in no list, and a user who is not listed is answered as an unknown one
(`listed.py`).
"""

import functools
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from tensorflow import Tensor

from ncf_keras.data import Dataset
from ncf_keras.models.factored import Halves, rows_of
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
from ncf_keras.recommending.scorer import Scorer, checked, kept
from ncf_keras.recommending.sessions import Sessions
from ncf_keras.recommending.stages import Stages
from ncf_keras.solvers.fold_in import ItemFolder


class Lists(NamedTuple):
    """Lists of items, a row a user (or item) asked for; empty places come last and hold item -1, score -1.

    Attributes:
        items: int32, shape (rows, length).
        scores: float32, shape (rows, length), descending.
        known: bool, shape (rows,): whether the one asked for has an index and is listed.
    """

    items: Tensor
    scores: Tensor
    known: Tensor


class Places(NamedTuple):
    """Where new items stand in lists, a row a user; NaN and -1 in rows that are not known.

    Attributes:
        predictions: float32, shape (rows,).
        ranks: int32, shape (rows,), from 1.
        known: bool, shape (rows,): whether the user is known and listed, and so is one in the item's history.
    """

    predictions: Tensor
    ranks: Tensor
    known: Tensor


class Ranker(Scorer):
    """Lists for users, lists of similar items, and places of new items, by index.

    Args:
        model, num_users, num_items, check_scores, items_a_block, numbers_a_block: as of a `Scorer`.
        dataset: the same, and its train interactions make the popularity list.

    Attributes:
        stages: how lists are found: here all are exact.
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
        super().__init__(
            model,
            num_users,
            num_items,
            dataset,
            check_scores=check_scores,
            items_a_block=items_a_block,
            numbers_a_block=numbers_a_block,
        )
        self.stages = Stages(
            None, None, num_items if self.listed.items is None else int(self.listed.items.sum())
        )
        if self._factored:
            self._item_vectors = kept(self._factored.item_vectors())
        popular = np.full(num_items, NO_ITEM, np.int32), np.full(num_items, NO_SCORE, np.float32)
        if dataset is not None:
            for whole, listed in zip(popular, popularity(dataset), strict=True):
                whole[: len(listed)] = listed
        self._popular_items, self._popular_scores = map(kept, popular)
        # Of the rows that new ones are fitted beside; None: all.
        has_states = dataset is not None and dataset.item_states is not None
        self._with_interactions = dataset.active_items if dataset is not None and has_states else None
        # None weighs all users as one; those who are not active have no interactions.
        self._user_counts = None if dataset is None else np.diff(dataset.train_offsets)
        self._users_at_once = items_a_block
        self._queries_a_block = max(1, numbers_a_block // (self.items_a_block * 2))

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
        return self._or_popular(in_blocks_of_rows(best, users, self.users_a_block, width), known, lengths)

    def recommend_to_rows(self, known: Tensor, k: Tensor, *vectors: Tensor) -> Lists:
        """Return the best items for users who are not in the model; what is popular for one who is not known.

        Args:
            known: bool, shape (rows,): whether something is known of each.
            k: as in `recommend`.
            vectors: the rows of each user embedding, float32, shape (rows, width).
        """
        width, lengths = self.lengths(k, tf.size(known))
        nobody = tf.zeros([0], tf.int32)

        def best(rows: Tensor) -> tuple[Tensor, Tensor]:
            some = [tf.gather(table, rows) for table in vectors]
            return self._best(self.scores_for_vectors(*some), nobody, nobody, width)

        found = in_blocks_of_rows(best, tf.range(tf.size(known)), self.users_a_block, width)
        return self._or_popular(found, known, lengths)

    def recommend_to_sessions(self, sessions: Sessions, items: Tensor, k: Tensor, include_seen: Any) -> Lists:
        """Return the best items for sessions; what is popular for one without an item that is listed.

        Args:
            sessions: `sessions`.
            items: int32, shape (rows, any length), the newest last; those without index are passed over. A
                list has none of them.
            k: as in `recommend`.
            include_seen: bool scalar: rank the items of the session too.
        """
        found, are_known = checked(items, self.num_items, self._listed_items)
        items = tf.where(are_known, found, NO_ITEM)
        vectors, known = sessions.vectors(items)
        width, lengths = self.lengths(k, tf.size(known))

        def best(rows: Tensor) -> tuple[Tensor, Tensor]:
            some = [tf.gather(table, rows) for table in vectors]
            seen = tf.gather(items, rows)
            is_hidden = (seen >= 0) & tf.logical_not(include_seen)
            hidden = tf.cast(tf.where(is_hidden)[:, 0], tf.int32), tf.boolean_mask(seen, is_hidden)
            return self._best(self.scores_for_vectors(*some), *hidden, width)

        lists = in_blocks_of_rows(best, tf.range(tf.size(known)), self.users_a_block, width)
        return self._or_popular(lists, known, lengths)

    @functools.cached_property
    def sessions(self) -> Sessions | None:
        """What makes vectors of sessions; None where the model takes no recent items.

        Ask for it outside of a function that is traced.
        """
        if self._factored is None or self._factored.users[0].session is None:
            return None
        return Sessions(self._factored.users, self.listed.users)

    def _or_popular(self, lists: tuple[Tensor, Tensor], known: Tensor, lengths: Tensor) -> Lists:
        items, scores = lists
        width = tf.shape(items)[1]
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
        queries, known = checked(items, self.num_items, self._listed_items)
        width, lengths = self.lengths(k, tf.size(queries))
        best = functools.partial(self._most_similar_to, k=width)
        found, scores = in_blocks_of_rows(best, queries, self._queries_a_block, width)
        return _cut(found, scores, known, tf.where(known, lengths, 0))

    def nearest(self, items: Tensor, among: Tensor, k: Tensor) -> Lists:
        """Return those of some items that are most like each item by cosine, itself left out.

        Args:
            items: int32, shape (rows,), each with an index.
            among: int32, shape (candidates,), each listed, none twice; of equal cosines the first wins.
            k: int32 scalar, between 0 and the number of candidates.
        """
        vectors, others = rows_of(self._item_vectors, items), rows_of(self._item_vectors, among)
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
        return ItemFolder(
            self._model, user_counts=self._user_counts, halves=self._halves, active=self._with_interactions
        )

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
            known = tf.boolean_mask(*checked(history, self._num_users, self._listed_users))
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

        Of equal predictions that of an item of the model comes first. The ranks are those among the listed
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
        """Return the listed users with the highest predictions of a new item, as the items of one list.

        Args:
            row: float32, shape (1, width), as `ItemFolder.fit` returns it.
            history: int32, shape (interactions,): the users to leave out, none twice.
            k: int32 scalar, between 0 and the number of users.
        """
        return self._best_users(self._of_new_items(row), history, k)

    def best_users_of(self, item: Tensor, history: Tensor, k: Tensor) -> Lists:
        """Return the same of an item of the model: int32, shape (1,), listed."""
        return self._best_users(self._halves.of_items(item), history, k)

    def best_users_of_rows(self, rows: Tensor, known: Tensor, k: Tensor) -> Lists:
        """Return the listed users with the highest predictions of each new item, nobody for one not known.

        Args:
            rows: float32, shape (items, width), as `ItemFolder.fit` returns each.
            known: bool, shape (items,): whether something is known of each.
            k: int32: length of all lists, or shape (items,), of each.
        """
        width, lengths = self.lengths(k, tf.size(known), self._num_users)
        nobody = tf.zeros([0], tf.int32)

        def best(places: Tensor) -> tuple[Tensor, Tensor]:
            lists = self._best_users(self._of_new_items(tf.gather(rows, places)), nobody, width)
            return lists.items, lists.scores

        # An item at a time: a tower is as wide for its users as for a user's items.
        users, scores = in_blocks_of_rows(best, tf.range(tf.size(known)), 1, width)
        return _cut(users, scores, known, tf.where(known, lengths, 0))

    def _best_users(self, halves: Halves, history: Tensor, k: Tensor) -> Lists:
        def score_block(start: Tensor, stop: Tensor) -> Tensor:
            scores = self._predictions(halves.of_users(tf.range(start, stop)))
            if self._listed_users is not None:
                scores = tf.where(self._listed_users[start:stop], scores, LOWEST)
            return scores[None]

        hidden = tf.zeros_like(history), history
        users, scores = best_items(score_block, self._num_users, *hidden, k, self._users_at_once)
        return Lists(users, scores, tf.constant([True]))

    @property
    def _item_widths(self) -> list[int]:
        assert self._factored is not None
        return [table.width for table in self._factored.items]

    def _of_new_items(self, rows: Tensor) -> Halves:
        assert self._factored is not None
        return self._factored.with_items(self._halves, tf.split(rows, self._item_widths, axis=1))

    def _predictions(self, pairs: Halves) -> Tensor:
        assert self._factored is not None
        return self._finite(tf.sigmoid(self._factored.logits_of(pairs)))

    def _best_for(self, users: Tensor, k: Tensor, include_seen: Any) -> tuple[Tensor, Tensor]:
        return self._best(self.scores_for(users), *self.seen_by(users, include_seen), k)

    def _best(self, score_block: ScoreBlock, rows: Tensor, items: Tensor, k: Any) -> tuple[Any, Any]:
        return best_items(score_block, self.num_items, rows, items, k, self.items_a_block)

    def _most_similar_to(self, queries: Tensor, k: Tensor) -> tuple[Tensor, Tensor]:
        vectors = rows_of(self._item_vectors, queries)

        def cosines(start: Tensor, stop: Tensor) -> Tensor:
            return tf.matmul(vectors, self._item_vectors[start:stop], transpose_b=True)

        return self._best(self._only_listed(cosines), tf.range(tf.size(queries)), queries, k)


def popularity(dataset: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Return the active items by their number of train interactions, equal ones by index, and the numbers.

    An item without interactions is not popular, whatever its features say.
    """
    items = np.argsort(-dataset.item_counts, kind="stable")
    if dataset.item_states is not None:
        items = items[dataset.active_items[items]]
    return items.astype(np.int32), dataset.item_counts[items].astype(np.float32)


def _cut(items: Tensor, scores: Tensor, known: Tensor, lengths: Tensor) -> Lists:
    """Empty the places of each row from its length on."""
    inside = tf.sequence_mask(lengths, tf.shape(items)[1])
    return Lists(tf.where(inside, items, NO_ITEM), tf.where(inside, scores, NO_SCORE), known)
