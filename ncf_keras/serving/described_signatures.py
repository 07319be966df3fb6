"""The signatures for users and items who are in neither model nor dataset, by their features.

Each column of features of the dataset is an input: texts as they stand in a CSV file, an empty one where the
value is missing. `docs/serving.md` has them as a table.
"""

import re
from collections.abc import Sequence

import tensorflow as tf
from tensorflow import Tensor

from ncf_keras.data.features import Features
from ncf_keras.models.latent_tables import LatentTable
from ncf_keras.recommending.ranking import Ranker
from ncf_keras.serving.graph_encoder import GraphEncoder
from ncf_keras.serving.names import IdTable, Names, Outputs
from ncf_keras.serving.signatures import USER_IDS, USERS, K, Signature

# What other inputs are called.
TAKEN = (
    "user_input", "item_input", "user_id", "item_id", "history", "only_items", "not_items", "max_per",
    "popularity_penalty", "k", "session",
)  # fmt: skip


def input_names(columns: Sequence[str]) -> list[str]:
    """Return what the input of each column of features is called: as the column, where that can be a name.

    Other characters than the letters and digits of ASCII become `_`; what would begin with one of these, or is
    called like another input, has `feature_` before it; where an earlier column is called so, `_` and the
    number of the column stand behind, as often as it takes.
    """
    names: list[str] = []
    taken: set[str] = set()
    for number, column in enumerate(columns):
        name = re.sub(r"[^A-Za-z0-9_]", "_", column)
        if not re.match("[A-Za-z]", name) or name.lower() in TAKEN:
            name = f"feature_{name}"
        while name.lower() in taken:
            name = f"{name}_{number}"
        taken.add(name.lower())
        names.append(name)
    return names


class _Side:
    """The users, or the items, that a request describes.

    Args:
        features: the columns that the dataset has.
        tables: of the model's users or items.
        side: `user` or `item`.
    """

    def __init__(self, features: Features, tables: Sequence[LatentTable], side: str):
        embeddings = [table.features for table in tables]
        assert all(embedding is not None for embedding in embeddings)
        self._embeddings = [embedding.embeddings for embedding in embeddings if embedding is not None]
        self.encoder = GraphEncoder(features, self._embeddings[0].shape[0], side)
        self.inputs = [tf.TensorSpec([None], tf.string, name) for name in input_names(list(features))]

    def rows(self, cells: Sequence[Tensor]) -> tuple[list[Tensor], Tensor]:
        """Return the rows in each embedding, float32, shape (rows, width), and of which something is known."""
        pairs = self.encoder.encode(*cells)
        return [pairs.sums(tf.convert_to_tensor(table)) for table in self._embeddings], pairs.known


def make_described_signatures(
    ranker: Ranker,
    tables: tuple[Sequence[LatentTable], Sequence[LatentTable]],
    features: tuple[Features | None, Features | None],
    names: Names | None,
) -> tuple[dict[str, Signature], list[IdTable]]:
    """Return the signatures by name, and the tables that an archive must track.

    Args:
        ranker: makes the lists.
        tables: of the model's users and items.
        features: of the dataset's users and items.
        names: what speaks of raw ids; None: indices alone.

    Those of a side are there if the model takes features of it and the dataset has them.
    """
    users, items = (
        None if known is None or of_side[0].features is None else _Side(known, of_side, side)
        for known, of_side, side in zip(features, tables, ("user", "item"), strict=True)
    )
    signatures: dict[str, Signature] = {}
    found: list[IdTable] = []
    if users is not None:
        signatures |= _by_profile(ranker, users, names)
        found += users.encoder.tables
    if items is not None:
        signatures |= _of_new_items(ranker, items, names)
        found += items.encoder.tables
    return signatures, found


def _by_profile(ranker: Ranker, users: _Side, names: Names | None) -> dict[str, Signature]:
    def recommend(*given: Tensor) -> Outputs:
        *cells, k = given
        rows, known = users.rows(cells)
        return ranker.recommend_to_rows(known, k, *rows)._asdict()

    by_index = Signature(recommend, *users.inputs, K)
    signatures = {"recommend_by_profile": by_index}
    if names is not None:
        named = names.of_items

        def recommend_by_id(*given: Tensor) -> Outputs:
            return named(by_index(*given))

        signatures["recommend_by_profile_by_id"] = Signature(recommend_by_id, *users.inputs, K)
    return signatures


def _of_new_items(ranker: Ranker, items: _Side, names: Names | None) -> dict[str, Signature]:
    def place(*given: Tensor) -> Outputs:
        *cells, user_input = given
        rows, known = items.rows(cells)
        places = ranker.place(tf.concat(rows, axis=1), user_input, tf.range(tf.size(user_input)), known)
        return {"prediction": places.predictions, "rank": places.ranks, "known": places.known}

    def users_for(*given: Tensor) -> Outputs:
        *cells, k = given
        rows, known = items.rows(cells)
        lists = ranker.best_users_of_rows(tf.concat(rows, axis=1), known, k)
        return {"users": lists.items, "scores": lists.scores, "known": lists.known}

    placed, listed = Signature(place, *items.inputs, USERS), Signature(users_for, *items.inputs, K)
    signatures = {"new_item_by_features": placed, "users_for_new_item": listed}
    if names is not None and names.users is not None:
        ids, named = names.users, names.of_users

        def place_by_id(*given: Tensor) -> Outputs:
            *cells, user_id = given
            return placed(*cells, ids.find(user_id))

        def users_for_by_id(*given: Tensor) -> Outputs:
            return named(listed(*given))

        signatures["new_item_by_features_by_id"] = Signature(place_by_id, *items.inputs, USER_IDS)
        signatures["users_for_new_item_by_id"] = Signature(users_for_by_id, *items.inputs, K)
    return signatures
