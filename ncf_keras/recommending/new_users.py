"""Lists for people whom the model was not trained on, from what they interacted with."""

from collections.abc import Iterable, Sequence

import keras
import numpy as np
import pandas as pd
import scipy.sparse

from ncf_keras.base.checks import require_count
from ncf_keras.data import Dataset
from ncf_keras.models.all_scores import all_scores
from ncf_keras.recommending.checks import require_sizes
from ncf_keras.recommending.ids import require_indices
from ncf_keras.recommending.tables import recommendation_table
from ncf_keras.recommending.top_lists import top_lists
from ncf_keras.solvers.fold_in import fold_in, with_users


def recommend_for_history(
    model: keras.Model,
    dataset: Dataset,
    history: Iterable[object],
    k: int = 10,
    include_seen: bool = False,
    *,
    user: object = "",
) -> pd.DataFrame:
    """Fold a new user in and return the items that the model ranks highest for that user.

    Args:
        model: GMF, MLP or NeuMF, trained on `dataset`.
        dataset: where raw ids and titles come from.
        history: the items the user interacted with, at least one: raw ids if the dataset has `item_ids`, else
            indices.
        k: length of the list.
        include_seen: rank the history too.
        user: what to write in the column `user_id`.

    Returns:
        The columns of `recommend`; `source` is `folded in`.

    Raises:
        InputError: an item is unknown, the history is empty, `k` breaks its rule, the model is of another kind
            or other sizes.

    Example:
        >>> recommend_for_history(model, dataset, ["/prices", "/team"], k=3)
    """
    require_count(k, "k")
    items = require_indices(history, dataset.item_ids, dataset.num_items, "history")
    require_sizes(model, dataset)
    folded = with_users(model, fold_in(model, [items]))
    seen = _matrix([] if include_seen else items, dataset.num_items)
    lists = top_lists(all_scores(folded), np.zeros(1, np.int32), k, seen)
    return recommendation_table(dataset, lists, [user], "folded in")


def _matrix(items: Sequence[int], num_items: int) -> scipy.sparse.csr_matrix:
    ones = np.ones(len(items), np.float32)
    return scipy.sparse.csr_matrix((ones, items, [0, len(items)]), (1, num_items))
