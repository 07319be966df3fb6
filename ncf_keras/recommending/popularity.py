"""The list for somebody nothing is known of: what most users interacted with. It is labelled as such."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ncf_keras.base.checks import require_count
from ncf_keras.data import Dataset
from ncf_keras.recommending.tables import recommendation_table
from ncf_keras.recommending.top_lists import TopLists


def popular_items(dataset: Dataset, k: int = 10, users: Sequence[object] = ("",)) -> pd.DataFrame:
    """Rank all items by their number of train interactions; of equally popular ones the lower index first.

    Args:
        dataset: whose train interactions count.
        k: length of the list.
        users: what to write in the column `user_id`, a list for each; they need not be in the dataset.

    Returns:
        The columns of `recommend`: `score` is the number of interactions, `source` is `popularity`.

    Raises:
        InputError: `k` is not a whole number of at least 1.
    """
    require_count(k, "k")
    return recommendation_table(dataset, popular_lists(dataset, k, len(users)), list(users), "popularity")


def popular_lists(dataset: Dataset, k: int, count: int) -> TopLists:
    """Return the list of `popular_items` for each of `count` users."""
    counts = np.bincount(dataset.train_items, minlength=dataset.num_items)
    items = np.argsort(-counts, kind="stable")[:k].astype(np.int32)
    return TopLists(
        np.repeat(np.arange(count), len(items)),
        np.tile(np.arange(1, len(items) + 1), count),
        np.tile(items, count),
        np.tile(counts[items].astype(np.float32), count),
    )
