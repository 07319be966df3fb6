"""What a split in time leaves out of every figure: later interactions of users, or with items, that are new."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from ncf_keras.cli.intervals import interval_columns

if TYPE_CHECKING:
    from ncf_keras.data import Dataset
    from ncf_keras.evaluation import MeanInterval


class ColdPairs(NamedTuple):
    """Later interactions of users or with items that are not in train, as a split in time finds them.

    Attributes:
        warm_users: pairs of users in train with items that are not, which no list holds.
        both: pairs of users and items that are both not in train.
        warm_items: pairs of users who are not in train with items that are.
        users: how many users the last are of.
        metrics: what the popularity list gives these, by name; empty where there is none.
    """

    warm_users: int
    both: int
    warm_items: int
    users: int
    metrics: "Mapping[str, MeanInterval]"


def cold_pairs(dataset: "Dataset", top_ks: Sequence[int]) -> ColdPairs | None:
    """Count the cold pairs of a dataset, and rank new users' items by popularity; None without such pairs."""
    import numpy as np

    from ncf_keras.evaluation import popularity_rankings, ranking_metrics

    users, items = dataset.cold_users, dataset.cold_items
    if users is None or items is None:
        return None
    user_is_warm = np.diff(dataset.train_offsets)[users] > 0
    item_is_warm = dataset.item_counts[items] > 0
    of_new_users = ~user_is_warm & item_is_warm
    rankings = popularity_rankings(
        dataset.item_counts, dataset.active_items, users[of_new_users], items[of_new_users]
    )
    return ColdPairs(
        int(np.count_nonzero(user_is_warm & ~item_is_warm)),
        int(np.count_nonzero(~user_is_warm & ~item_is_warm)),
        int(np.count_nonzero(of_new_users)),
        0 if rankings is None else len(rankings),
        {} if rankings is None else interval_columns(ranking_metrics(rankings, top_ks)),
    )
