"""The signatures of an export: names, inputs, outputs. `docs/serving.md` has them as a table."""

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from ncf_keras.recommending.blocks import NO_ITEM
from ncf_keras.recommending.ranking import Ranker
from ncf_keras.recommending.steered_ranking import SteeredRanker
from ncf_keras.recommending.steering import NO_SUCH_ITEM, Constraints, Groups
from ncf_keras.serving.names import Names, Outputs

DEFAULT_K = 10

USERS = tf.TensorSpec([None], tf.int32, "user_input")
ITEMS = tf.TensorSpec([None], tf.int32, "item_input")
USER_IDS = tf.TensorSpec([None], tf.string, "user_id")
ITEM_IDS = tf.TensorSpec([None], tf.string, "item_id")
# Of each row the users who interacted with a new item, padded with what is no user's index or id.
HISTORIES = tf.TensorSpec([None, None], tf.int32, "history")
HISTORIES_OF_IDS = tf.TensorSpec([None, None], tf.string, "history")
# Of each row the items that someone chose last, the newest last, padded with what is no item's index or id.
SESSIONS = tf.TensorSpec([None, None], tf.int32, "session")
SESSIONS_OF_IDS = tf.TensorSpec([None, None], tf.string, "session")
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

    sessions = ranker.sessions
    of_sessions: dict[str, Signature] = {}
    if sessions is not None:
        known_sessions = sessions

        def recommend_session(session: tf.Tensor, k: tf.Tensor) -> Outputs:
            return ranker.recommend_to_sessions(known_sessions, session, k, False)._asdict()

        of_sessions["recommend_session"] = Signature(recommend_session, SESSIONS, K)

    return {
        **of_sessions,
        "score": Signature(score, USERS, ITEMS),
        "new_item": Signature(new_item, HISTORIES, USERS),
        **_with_default("recommend", Signature(recommend, USERS, K)),
        "recommend_steered": Signature(recommend_steered, USERS, K, *LISTS, *NUMBERS),
        **_with_default("similar_items", Signature(similar_items, ITEMS, K)),
    }


def make_id_signatures(by_index: Mapping[str, Signature], names: Names) -> dict[str, Signature]:
    """Return the signatures that speak of raw ids, by name; those by user id only where users have ids.

    `by_index` are the signatures of `make_signatures`, which they look ids up for.
    """
    items, named = names.items, names.of_items

    def similar_items(item_id: tf.Tensor, k: tf.Tensor) -> Outputs:
        return named(by_index["similar_items"](items.find(item_id), k))

    signatures = _with_default("similar_items_by_id", Signature(similar_items, ITEM_IDS, K))
    if "recommend_session" in by_index:

        def recommend_session(session: tf.Tensor, k: tf.Tensor) -> Outputs:
            return named(by_index["recommend_session"](items.find(session), k))

        signatures["recommend_session_by_id"] = Signature(recommend_session, SESSIONS_OF_IDS, K)
    if names.users is not None:
        users = names.users

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
    return signatures


def _with_default(name: str, signature: Signature) -> dict[str, Signature]:
    """Return a signature that takes `k`, and `<name>_default`, which needs none."""

    def with_default_k(asked: tf.Tensor) -> Outputs:
        return signature(asked, tf.constant(DEFAULT_K))

    return {name: signature, f"{name}_default": Signature(with_default_k, signature.inputs[0])}
