"""A dataset with features of every kind, whose cells are awkward, and a model that was trained with them."""

import dataclasses

import numpy as np

from ncf_keras.data.feature_encoding import Encoding
from ncf_keras.data.features import Feature, Features
from ncf_keras.data.states import FORGOTTEN, INACTIVE
from ncf_keras.models import build_neumf
from tests.serving.small_exports import ITEMS, LIVING_USER_IDS, USER_STATES, USERS, living_dataset

GENRES = ["drama", "comedy | drama", "", "war", "Ä|映画", "comedy|war", " ", "|drama|"]
TITLES = ["The Cat's Cradle", "Größe und ΟΔΟΣ", "", "日本 語 2001", "a b c", "The THE the", "...", "x_y 1,000"]
WORDS = [f"{TITLES[n % 8]} {n}" if n % 8 != 6 else "" for n in range(ITEMS)]
ITEM_COLUMNS = {
    "genre": ([GENRES[n % 8] for n in range(ITEMS)], "categories"),
    "year of release": ([str(1950 + n) if n % 7 else "" for n in range(ITEMS)], "number"),
    "date": ([f"{1 + n % 28:02}-{('Jan', 'Feb', 'Dec')[n % 3]}-{1990 + n}" for n in range(ITEMS)], "date"),
    "title_words": (WORDS, "text"),
}
USER_COLUMNS = {
    "age": ([("18", "25", "")[n % 3] for n in range(USERS)], "categories"),
    "k": ([f"2020-01-{1 + n:02} 10:00" for n in range(USERS)], "date"),
}


def features_of(columns):
    return Features(
        Feature.of_cells(name, cells, Encoding.of(name, cells, kind)) for name, (cells, kind) in columns.items()
    )


def described_dataset():
    """Return the living dataset with features; the item 11 has none."""
    return dataclasses.replace(
        living_dataset(), user_features=features_of(USER_COLUMNS), item_features=features_of(ITEM_COLUMNS)
    )


def described_model(dataset):
    users, items = dataset.feature_matrices()
    model = build_neumf(USERS, ITEMS, 4, (12, 7, 5), (0, 0, 0), user_features=users, item_features=items)
    generator = np.random.default_rng(2)
    for weight in model.trainable_variables:
        weight.assign(generator.normal(0, 0.4, weight.shape))
    return model


NAMES = [name if state != FORGOTTEN else "" for name, state in zip(LIVING_USER_IDS, USER_STATES, strict=True)]
INACTIVE_USERS = np.flatnonzero(USER_STATES == INACTIVE)
