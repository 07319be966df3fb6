"""Lists for users whom the model was trained on."""

from collections.abc import Iterable

import keras
import numpy as np
import pandas as pd
import scipy.sparse

from ncf_keras.base.checks import require_count
from ncf_keras.data import Dataset
from ncf_keras.models.all_scores import all_scores
from ncf_keras.recommending.checks import require_sizes
from ncf_keras.recommending.ids import named, require_indices
from ncf_keras.recommending.tables import recommendation_table
from ncf_keras.recommending.top_lists import TopLists, top_lists


def recommend(
    model: keras.Model,
    dataset: Dataset,
    users: Iterable[object],
    k: int = 10,
    include_seen: bool = False,
) -> pd.DataFrame:
    """Return the items that the model ranks highest for each user.

    Args:
        model: trained on `dataset`: GMF, MLP, NeuMF, or any other from `user_input` and `item_input` to one
            prediction.
        dataset: where raw ids, titles and the items seen come from.
        users: raw ids if the dataset has `user_ids`, else indices; one, or any number in any order.
        k: length of a list; a user who has seen all but fewer items gets a shorter one.
        include_seen: rank the user's train items too. The held-out test item always counts as not seen.

    Returns:
        A row a user and item, in the order of `users` and then by rank:

        - `user_id`, `item_id`: raw ids, as texts, where the dataset has them, else indices;
        - `rank`: from 1; of equal scores the lower item index comes first;
        - `title`: only if the dataset has titles;
        - `score`: the model's prediction, float32;
        - `source`: `model`.

    Raises:
        InputError: a user is unknown, `k` breaks its rule, the model is of other sizes or its scores are not
            finite.

    Example:
        >>> recommend(model, dataset, ["ann", "007"], k=3)
    """
    require_count(k, "k")
    indices = require_indices(users, dataset.user_ids, dataset.num_users, "users")
    lists = model_lists(model, dataset, indices, k, include_seen)
    return recommendation_table(dataset, lists, named(indices, dataset.user_ids), "model")


def model_lists(
    model: keras.Model, dataset: Dataset, indices: np.ndarray, k: int, include_seen: bool
) -> TopLists:
    """Return what `recommend` does as indices, for user indices, int32 of shape (users,)."""
    require_sizes(model, dataset)
    seen = dataset.train_matrix[indices]
    if include_seen:
        seen = scipy.sparse.csr_matrix(seen.shape)
    return top_lists(all_scores(model, dataset.num_items), indices, k, seen)
