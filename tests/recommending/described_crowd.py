"""The crowd with features: some items and users have them alone, and of some of these nothing is known."""

import dataclasses

import numpy as np

from ncf_keras.data.feature_encoding import Encoding
from ncf_keras.data.features import Feature, Features
from ncf_keras.data.states import FORGOTTEN, INACTIVE
from ncf_keras.models import build_neumf
from tests.models import by_hand
from tests.recommending.crowd import SIZES, with_states

# Item 1 has features alone, of item 8 nothing is known; item 12 is in no category, but has a year.
ITEM_STATES = [int(item in (1, 8, 12)) * INACTIVE for item in range(SIZES[1])]
GENRES = [
    "drama",
    "comedy|drama",
    "war",
    "drama|war",
    "",
    "comedy",
    "war",
    "drama",
    "",
    "",
    "comedy",
    "war",
    "",
]
YEARS = [str(1950 + 3 * item) for item in range(SIZES[1])]
YEARS[8] = ""
# User 2 has features alone, user 4 is forgotten, of user 5 nothing is known.
USER_STATES = [0, 0, INACTIVE, 0, FORGOTTEN, INACTIVE, 0, 0]
AGES = ["18", "25", "18", "35", "25", "", "18", "35"]


def described_crowd():
    dataset = with_states(USER_STATES, ITEM_STATES)
    genres = Feature.of_cells("genre", GENRES, Encoding.of("genre", GENRES, "categories"))
    years = Feature.of_cells("year", YEARS, Encoding.of("year", YEARS, "number"))
    ages = Feature.of_cells("age", AGES, Encoding.of("age", AGES, "categories"))
    return dataclasses.replace(dataset, item_features=Features([genres, years]), user_features=Features([ages]))


def described_model(dataset, identity="both", seed=3):
    """Return a NeuMF with random weights, the identities of those who are not active at zero."""
    users, items = dataset.feature_matrices()
    model = build_neumf(
        *SIZES, 3, (8, 6, 4), (0, 0, 0), user_features=users, item_features=items, identity=identity
    )
    generator = np.random.default_rng(seed)
    for weight in model.trainable_variables:
        weight.assign(generator.normal(0, 0.7, weight.shape))
    for layer in model.layers:
        active = dataset.active_users if "user" in layer.name else dataset.active_items
        if layer.name in ("mf_embedding_user", "mlp_embedding_user", "mf_embedding_item", "mlp_embedding_item"):
            layer.set_weights([layer.get_weights()[0] * active[:, None]])
    return model


def rows_by_hand(model, dataset, side):
    """Return the rows of each tower: of the identity, and a row of the features' table for each category."""
    features = getattr(dataset, f"{side}_features")
    known = features.matrix().toarray()
    tables = []
    for tower in ("mf", "mlp"):
        added = known @ model.get_layer(f"{tower}_feature_embedding_{side}").get_weights()[0].astype(np.float64)
        names = {layer.name for layer in model.layers}
        if f"{tower}_embedding_{side}" in names:
            identities = model.get_layer(f"{tower}_embedding_{side}").get_weights()[0]
            added[: len(identities)] += identities
        tables.append(added)
    return tables


def scores_by_hand(model, users, items):
    """Return the predictions of all pairs by NumPy, for rows of the two towers: shape (users, items)."""
    weights = {layer.name: [np.float64(array) for array in layer.get_weights()] for layer in model.layers}
    for tower, user_rows, item_rows in zip(("mf", "mlp"), users, items, strict=True):
        weights |= {f"{tower}_embedding_user": [user_rows], f"{tower}_embedding_item": [item_rows]}
    size = (len(users[0]), len(items[0]))
    return by_hand.neumf(weights, *np.divmod(np.arange(size[0] * size[1]), size[1])).reshape(size)
