"""The signatures of an export: names, inputs, outputs. `docs/serving.md` has them as a table."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ncf_keras.recommending.blocks import NO_ITEM
from ncf_keras.recommending.ranking import Ranker
from ncf_keras.recommending.steered_ranking import SteeredRanker
from ncf_keras.recommending.steering import NO_SUCH_ITEM, Constraints, Groups

DEFAULT_K = 10

USERS = tf.TensorSpec([None], tf.int32, "user_input")
ITEMS = tf.TensorSpec([None], tf.int32, "item_input")
USER_IDS = tf.TensorSpec([None], tf.string, "user_id")
ITEM_IDS = tf.TensorSpec([None], tf.string, "item_id")
# Of each row the users who interacted with a new item, padded with what is no user's index or id.
HISTORIES = tf.TensorSpec([None, None], tf.int32, "history")
HISTORIES_OF_IDS = tf.TensorSpec([None, None], tf.string, "history")
# A scalar, or one for each row: servers that batch, and rows in REST, can't have a scalar.
K = tf.TensorSpec(None, tf.int32, "k")

# Of each row the items to choose from and to leave out, padded with -1 or "".
LISTS = (
    tf.TensorSpec([None, None], tf.int32, "only_items"),
    tf.TensorSpec([None, None], tf.int32, "not_items"),
)
LISTS_OF_IDS = tuple(tf.TensorSpec(spec.shape, tf.string, spec.name) for spec in LISTS)
# As `k`.
NUMBERS = (
    tf.TensorSpec(None, tf.int32, "max_per"),
    tf.TensorSpec(None, tf.float32, "popularity_penalty"),
)

Outputs = Mapping[str, tf.Tensor]
Compute = Callable[..., Outputs]


class Signature:
    """What a client can ask for under one name: a program that is traced once, whoever calls it.

    Args:
        compute: takes a tensor for each of `inputs`, in order, and returns the outputs by name.
        inputs: their names, shapes and types.
    """

    def __init__(self, compute: Compute, *inputs: tf.TensorSpec):
        self.inputs = inputs
        self._program = tf.function(compute, input_signature=inputs, autograph=False)

    def __call__(self, *inputs: tf.Tensor) -> Outputs:
        """Return the outputs; inside of another program, a call of this one."""
        return self._program(*inputs)

    @property
    def concrete_function(self) -> Any:
        """The traced program."""
        return self._program.get_concrete_function()


class IdTable(tf.saved_model.experimental.TrackableResource):
    """A hash table from raw ids to indices, filled when the export is loaded.

    The ids are read from a variable rather than kept as constants: a variable lies in the checksummed part of
    an export, and may be larger than the 2 GB that a graph can be.

    Args:
        ids: no id twice.
        name: tells the tables of an export apart.
        indices: the index of each id; None: `ids[index]` is the id of `index`.
    """

    def __init__(self, ids: Sequence[str], name: str, indices: np.ndarray | None = None):
        super().__init__()
        # A resource doesn't track its attributes by itself.
        self.ids = self._track_trackable(_texts(ids), "ids")
        self._indices = None
        if indices is not None:
            kept = tf.Variable(indices, trainable=False, dtype=tf.int32)
            self._indices = self._track_trackable(kept, "indices")
        self._name = name

    def _create_resource(self) -> tf.Tensor:
        return tf.raw_ops.HashTableV2(key_dtype=tf.string, value_dtype=tf.int32, shared_name=self._name)

    def _initialize(self) -> None:
        indices = tf.range(tf.size(self.ids)) if self._indices is None else self._indices
        tf.raw_ops.InitializeTableV2(table_handle=self.resource_handle, keys=self.ids, values=indices)

    def find(self, ids: tf.Tensor) -> tf.Tensor:
        """Return the index of each id, white space around it aside, -1 where there is none: int32."""
        # A table made inside the trace that asks for it first would be another one than is filled.
        with tf.init_scope():
            table = self.resource_handle
        found = tf.raw_ops.LookupTableFindV2(table_handle=table, keys=tf.strings.strip(ids), default_value=-1)
        return tf.ensure_shape(found, ids.shape)


def make_signatures(ranker: Ranker, steered: SteeredRanker, groups: Groups) -> dict[str, Signature]:
    """Return the signatures that every export has, by name; they speak of indices.

    `steered` is of the same ranker, and `groups` are what `max_per` limits, in variables.
    """
    folder = ranker.item_folder

    def score(user_input: tf.Tensor, item_input: tf.Tensor) -> Outputs:
        return {"prediction": ranker.score(user_input, item_input)}

    def recommend(user_input: tf.Tensor, k: tf.Tensor) -> Outputs:
        return ranker.recommend(user_input, k)._asdict()

    def recommend_steered(
        user_input: tf.Tensor,
        k: tf.Tensor,
        only_items: tf.Tensor,
        not_items: tf.Tensor,
        max_per: tf.Tensor,
        popularity_penalty: tf.Tensor,
    ) -> Outputs:
        constraints = Constraints(only_items, not_items, max_per, popularity_penalty)
        return steered.recommend(user_input, k, constraints, groups)._asdict()

    def similar_items(item_input: tf.Tensor, k: tf.Tensor) -> Outputs:
        return ranker.similar_items(item_input, k)._asdict()

    def new_item(history: tf.Tensor, user_input: tf.Tensor) -> Outputs:
        places = ranker.new_items(folder, history, user_input)
        return {"prediction": places.predictions, "rank": places.ranks, "known": places.known}

    return {
        "score": Signature(score, USERS, ITEMS),
        "new_item": Signature(new_item, HISTORIES, USERS),
        **_with_default("recommend", Signature(recommend, USERS, K)),
        "recommend_steered": Signature(recommend_steered, USERS, K, *LISTS, *NUMBERS),
        **_with_default("similar_items", Signature(similar_items, ITEMS, K)),
    }


def make_id_signatures(
    by_index: Mapping[str, Signature],
    user_ids: Sequence[str] | None,
    listed_users: np.ndarray | None,
    item_ids: Sequence[str],
    titles: Sequence[str],
) -> tuple[dict[str, Signature], list[IdTable]]:
    """Return the signatures that speak of raw ids, by name, and the tables that an archive must track.

    Args:
        by_index: the signatures of `make_signatures`, which they look ids up for.
        user_ids: raw id of each user; without them no signature is by user id.
        listed_users: bool, shape (users,): whose ids are found; None: all. The others' are nowhere in the
            export.
        item_ids: raw id of each item.
        titles: of each item, empty where there is none.
    """
    items, texts = IdTable(item_ids, "items"), _texts(titles)
    tables = [items]

    def named(lists: Outputs) -> Outputs:
        empty = lists["items"] == NO_ITEM
        indices = tf.where(empty, 0, lists["items"])
        return {
            "item_ids": tf.where(empty, "", tf.gather(items.ids, indices)),
            "titles": tf.where(empty, "", tf.gather(texts, indices)),
            "scores": lists["scores"],
            "known": lists["known"],
        }

    def similar_items(item_id: tf.Tensor, k: tf.Tensor) -> Outputs:
        return named(by_index["similar_items"](items.find(item_id), k))

    signatures = _with_default("similar_items_by_id", Signature(similar_items, ITEM_IDS, K))
    if user_ids is not None:
        indices = None if listed_users is None else np.flatnonzero(listed_users)
        found_ids = user_ids if listed_users is None else list(itertools.compress(user_ids, listed_users))
        users = IdTable(found_ids, "users", indices)
        tables.append(users)

        def recommend(user_id: tf.Tensor, k: tf.Tensor) -> Outputs:
            return named(by_index["recommend"](users.find(user_id), k))

        def recommend_steered(
            user_id: tf.Tensor,
            k: tf.Tensor,
            only_items: tf.Tensor,
            not_items: tf.Tensor,
            max_per: tf.Tensor,
            popularity_penalty: tf.Tensor,
        ) -> Outputs:
            # An id that is unknown restricts, what is padding does not.
            unknown = tf.where(tf.strings.strip(only_items) == "", NO_ITEM, NO_SUCH_ITEM)
            found = items.find(only_items)
            lists = tf.where(found < 0, unknown, found), items.find(not_items)
            steered = by_index["recommend_steered"]
            return named(steered(users.find(user_id), k, *lists, max_per, popularity_penalty))

        def new_item(history: tf.Tensor, user_id: tf.Tensor) -> Outputs:
            return by_index["new_item"](users.find(history), users.find(user_id))

        signatures |= _with_default("recommend_by_id", Signature(recommend, USER_IDS, K))
        steered = Signature(recommend_steered, USER_IDS, K, *LISTS_OF_IDS, *NUMBERS)
        signatures["recommend_steered_by_id"] = steered
        signatures["new_item_by_id"] = Signature(new_item, HISTORIES_OF_IDS, USER_IDS)
    return signatures, tables


def _with_default(name: str, signature: Signature) -> dict[str, Signature]:
    """Return a signature that takes `k`, and `<name>_default`, which needs none."""

    def with_default_k(asked: tf.Tensor) -> Outputs:
        return signature(asked, tf.constant(DEFAULT_K))

    return {name: signature, f"{name}_default": Signature(with_default_k, signature.inputs[0])}


def _texts(texts: Sequence[str]) -> Any:
    return tf.Variable(list(texts), trainable=False, dtype=tf.string)
