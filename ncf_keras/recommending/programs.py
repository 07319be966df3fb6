"""What a model answers by index: each kind of list is a program, traced once, when it is first asked for."""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, TypeVar

import keras
import numpy as np
import tensorflow as tf

from ncf_keras.base.errors import InputError
from ncf_keras.base.float32 import tensor_float_32
from ncf_keras.data import Dataset
from ncf_keras.models.factored import FactoredModel, require_factored
from ncf_keras.models.latent_tables import LatentTable
from ncf_keras.recommending.ranking import Lists, Places
from ncf_keras.recommending.scorer import NOT_FINITE
from ncf_keras.recommending.stages import Stages, Wanted
from ncf_keras.recommending.steered_ranking import SteeredRanker
from ncf_keras.recommending.steering import Constraints, Groups
from ncf_keras.recommending.two_stage import make_ranker
from ncf_keras.solvers.fold_in import UserFolder

INDICES = tf.TensorSpec([None], tf.int32)
K = tf.TensorSpec([], tf.int32)
TRUTH = tf.TensorSpec([], tf.bool)
ROWS = tf.TensorSpec([None, None])
LISTS = tf.TensorSpec([None, None], tf.int32)
CONSTRAINTS = Constraints(LISTS, LISTS, K, tf.TensorSpec([]))
GROUPS = Groups(tf.TensorSpec([None], tf.int64), INDICES, K)

Answer = TypeVar("Answer", Lists, Places)
# Of all lists alike, as `read_constraints` returns it.
Steering = tuple[Constraints, Groups]


class Programs:
    """Lists and places by index, in arrays, with the weights that a model has when this is made.

    Indices are int32, shape (rows,), of users and items that are listed. Every method raises InputError if a
    score is not finite.

    Args:
        model: as of a `Recommender`.
        dataset: what it was trained on.
        wanted: in how many stages lists are found.
    """

    def __init__(self, model: Any, dataset: Dataset, wanted: Wanted):
        self._model, self._dataset = model, dataset
        sizes = dataset.num_users, dataset.num_items
        self._ranker = make_ranker(model, *sizes, dataset, wanted, check_scores=True)

    @property
    def stages(self) -> Stages:
        """How lists are found, and how good they are."""
        return self._ranker.stages

    def recommend(self, users: np.ndarray, k: int, include_seen: bool, steering: Steering | None) -> Lists:
        """Return the items each user has not seen, best first; the most popular ones for an index of -1."""
        if steering is not None:
            return _ask(self._steered_lists, users, k, *steering, include_seen)
        # One user is asked for most often: that program has no loop over blocks of users.
        program = self._list_for_one if len(users) == 1 else self._lists_for_users
        return _ask(program, users, k, include_seen)

    def fold_in(
        self,
        history: np.ndarray,
        seen: np.ndarray,
        k: int,
        steering: Steering | None,
        described: int | None = None,
    ) -> Lists:
        """Return the best items for a new user by the items of a history, those that were `seen` left out.

        `described` is the index of a user whose features the new one has.
        """
        given = () if steering is None else steering
        if hasattr(self._model, "score_history"):
            ranker = self._ranker if steering is None else self._steered
            scores = self._model.score_history(history)[None]
            return _ask(ranker.recommend_by_scores, seen, k, *given, scores)
        program = self._list_for_vectors if steering is None else self._steered_list_for_vectors
        features = None if described is None else self._features_of(self._parts.users, described)
        return _ask(program, seen, k, *given, *self._folder([history], features))

    def recommend_session(self, items: np.ndarray, k: int, include_seen: bool) -> Lists:
        """Return the best items for someone by the items chosen last: int32, shape (items,), the newest last.

        -1 is passed over; where nothing else is left, the list is that of the most popular items.
        """
        return _ask(self._list_for_session, items[None], k, include_seen)

    def similar_items(self, items: np.ndarray, k: int) -> Lists:
        """Return the items most like each item by cosine, itself left out."""
        return _ask(self._similar_items, items, k)

    def nearest(self, items: np.ndarray, among: np.ndarray, k: int) -> Lists:
        """Return those of some items that are most like each item by cosine, itself left out."""
        return _ask(self._nearest, items, among, k)

    def place_item(self, history: np.ndarray, users: np.ndarray, described: int | None = None) -> Places:
        """Return where a new item would stand in users' lists, by the users of its history.

        `described` is the index of an item whose features the new one has.
        """
        row = self._row_of_item(history, described)
        return _ask(self._places, row, users, np.zeros_like(users), np.array([True]))

    def users_for_item(self, history: np.ndarray, k: int, described: int | None = None) -> Lists:
        """Return the other users with the highest predictions of a new item, as the items of one list.

        `history` are the users who interacted with it, none twice; `described` is as in `place_item`.
        """
        return _ask(self._best_users, self._row_of_item(history, described), history, k)

    def users_for_items(self, items: np.ndarray, k: int) -> Lists:
        """Return the users with the highest predictions of each item, those who interacted with it left out."""
        by_item = self._dataset.train_matrix.tocsc()
        found = []
        for item in items:
            history = by_item.indices[by_item.indptr[item] : by_item.indptr[item + 1]].astype(np.int32)
            found.append(_ask(self._best_users_of, np.array([item], np.int32), np.sort(history), k))
        if not found:
            return Lists(np.zeros((0, k), np.int32), np.zeros((0, k), np.float32), np.zeros(0, bool))
        return Lists(*map(np.concatenate, zip(*found, strict=True)))

    # Each program is traced for any number of users and any k, and can't be traced again.
    @cached_property
    def _lists_for_users(self) -> Callable[..., Lists]:
        return self._traced(self._ranker.recommend, INDICES, K, TRUTH)

    @cached_property
    def _list_for_one(self) -> Callable[..., Lists]:
        return self._traced(self._ranker.recommend, tf.TensorSpec([1], tf.int32), K, TRUTH)

    @cached_property
    def _steered(self) -> SteeredRanker:
        return SteeredRanker(self._ranker, self._dataset)

    @cached_property
    def _steered_lists(self) -> Callable[..., Lists]:
        return self._traced(self._steered.recommend, INDICES, K, CONSTRAINTS, GROUPS, TRUTH)

    @cached_property
    def _folder(self) -> UserFolder:
        states = self._dataset.user_states
        return UserFolder(self._model, active=None if states is None else self._dataset.active_users)

    @cached_property
    def _list_for_vectors(self) -> Callable[..., Lists]:
        return self._traced(self._ranker.recommend_to_vectors, INDICES, K, *self._vectors)

    @cached_property
    def _steered_list_for_vectors(self) -> Callable[..., Lists]:
        program = self._steered.recommend_to_vectors
        return self._traced(program, INDICES, K, CONSTRAINTS, GROUPS, *self._vectors)

    @cached_property
    def _list_for_session(self) -> Callable[..., Lists]:
        sessions = self._ranker.sessions
        if sessions is None:
            name = getattr(self._model, "name", None) or repr(self._model)
            raise InputError(f"`model` must take recent items (`--recent`). Received: {name}, which takes none")

        def recommend(items: tf.Tensor, k: tf.Tensor, include_seen: tf.Tensor) -> Lists:
            return self._ranker.recommend_to_sessions(sessions, items, k, include_seen)

        return self._traced(recommend, LISTS, K, TRUTH)

    @cached_property
    def _similar_items(self) -> Callable[..., Lists]:
        require_factored(self._model, "to have item vectors")
        return self._traced(self._ranker.similar_items, INDICES, K)

    @cached_property
    def _nearest(self) -> Callable[..., Lists]:
        require_factored(self._model, "to have item vectors")
        return self._traced(self._ranker.nearest, INDICES, INDICES, K)

    @cached_property
    def _places(self) -> Callable[..., Places]:
        return self._traced(self._ranker.place, ROWS, INDICES, INDICES, tf.TensorSpec([None], tf.bool))

    @cached_property
    def _best_users(self) -> Callable[..., Lists]:
        return self._traced(self._ranker.best_users, ROWS, INDICES, K)

    @cached_property
    def _best_users_of(self) -> Callable[..., Lists]:
        require_factored(self._model, "to find users for items")
        return self._traced(self._ranker.best_users_of, tf.TensorSpec([1], tf.int32), INDICES, K)

    def _row_of_item(self, history: np.ndarray, described: int | None) -> np.ndarray:
        """Return the row of a new item, that of all embeddings side by side: float32, shape (1, width)."""
        features = None if described is None else self._features_of(self._parts.items, described)
        return np.concatenate(self._ranker.item_folder([history], features), axis=1)

    @cached_property
    def _parts(self) -> FactoredModel:
        return require_factored(self._model, "to know users and items by features")

    @staticmethod
    def _features_of(tables: Sequence[LatentTable], index: int) -> list[np.ndarray] | None:
        """Return what the features of one add to its rows, an array of shape (1, width) for each embedding."""
        if tables[0].codes is None:
            return None
        codes = tf.convert_to_tensor(tables[0].codes.codes)[index : index + 1]
        return [table.of_features(codes).numpy() for table in tables]

    @property
    def _vectors(self) -> list[tf.TensorSpec]:
        return [tf.TensorSpec([1, table.width]) for table in FactoredModel(self._model).users]

    def _traced(self, compute: Callable[..., Answer], *signature: Any) -> Callable[..., Answer]:
        """Return `compute` as one program; as it is for a baseline, which TensorFlow can't trace."""
        if not isinstance(self._model, keras.Model):
            return compute
        return tf.function(compute, autograph=False).get_concrete_function(*signature)


@tensor_float_32(False)
def _ask(compute: Callable[..., Answer], *arguments: Any) -> Answer:
    """Return the answer's tensors as arrays; raise InputError if a score is not finite."""
    try:
        answer = compute(*tf.nest.map_structure(tf.constant, arguments))
        return type(answer)(*(part.numpy() for part in answer))
    except tf.errors.InvalidArgumentError as error:
        if NOT_FINITE not in str(error):
            raise
        raise InputError(NOT_FINITE) from None
