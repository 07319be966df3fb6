"""Items whose vectors point the same way."""

from collections.abc import Iterable

import keras
import numpy as np
import pandas as pd

from ncf_keras.base.checks import require_count
from ncf_keras.data import Dataset
from ncf_keras.models.item_vectors import item_vectors
from ncf_keras.recommending.checks import require_sizes
from ncf_keras.recommending.ids import named, require_indices
from ncf_keras.recommending.tables import item_columns

# Similarities that lie in memory at a time: 32 MiB of float32.
NUMBERS_A_CHUNK = 2**23


def similar_items(model: keras.Model, dataset: Dataset, items: Iterable[object], k: int = 10) -> pd.DataFrame:
    """Return the items whose vectors have the largest cosine with that of each given item.

    The vectors are those of `ncf_keras.models.item_vectors`: for NeuMF the cosine is the mean of its towers'.

    Args:
        model: GMF, MLP or NeuMF, trained on `dataset`.
        dataset: where raw ids and titles come from.
        items: raw ids if the dataset has `item_ids`, else indices; one, or any number in any order.
        k: length of a list; an item is not similar to itself, so there are fewer in a small catalogue.

    Returns:
        A row a pair: `item_id`, `rank` from 1, `similar_item_id`, its `title` (if the dataset has titles) and
        `cosine`, float32. Of equal ones the lower index comes first.

    Raises:
        InputError: an item is unknown, `k` breaks its rule, the model is of another kind or other sizes.
    """
    require_count(k, "k")
    indices = require_indices(items, dataset.item_ids, dataset.num_items, "items")
    require_sizes(model, dataset)
    vectors = item_vectors(model)
    length = min(k, dataset.num_items - 1)
    similar = np.empty((len(indices), length), np.int32)
    cosines = np.empty((len(indices), length), np.float32)
    size = max(1, NUMBERS_A_CHUNK // dataset.num_items)
    for start in range(0, len(indices), size):
        part = slice(start, start + size)
        found = vectors[indices[part]] @ vectors.T
        found[np.arange(len(found)), indices[part]] = -np.inf
        similar[part] = np.argsort(-found, axis=1, kind="stable")[:, :length]
        cosines[part] = np.take_along_axis(found, similar[part], axis=1)
    columns = {
        "item_id": named(np.repeat(indices, length), dataset.item_ids),
        "rank": np.tile(np.arange(1, length + 1), len(indices)),
        **item_columns(dataset, similar.ravel(), "similar_item_id"),
        "cosine": cosines.ravel(),
    }
    return pd.DataFrame(columns)
