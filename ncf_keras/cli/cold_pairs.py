"""What other splits than leave-one-out keep out of every figure: held-out interactions of what is new."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ncf_keras.data import Dataset
    from ncf_keras.evaluation import MeanInterval


class ColdPairs(NamedTuple):
    """Held-out interactions that are no test pairs; new is who is not in train.

    Attributes:
        new_items: pairs of known users with new items, which no list holds.
        both_new: pairs of new users with new items.
        new_users: pairs of new users with known items.
        without_negatives: pairs of known users with known items, too few of which are left to draw negatives.
        users: how many users the pairs of `new_users` are of.
        metrics: what the popularity list gives these, by name; empty where there is none.
    """

    new_items: int
    both_new: int
    new_users: int
    without_negatives: int
    users: int
    metrics: "Mapping[str, MeanInterval]"


def cold_pairs(dataset: "Dataset", top_ks: Sequence[int]) -> ColdPairs | None:
    """Count the cold pairs of a dataset, and rank new users' items by popularity; None without such pairs."""
    import numpy as np

    from ncf_keras.evaluation import metric_intervals, popularity_rankings, ranking_metrics

    users, items = dataset.cold_users, dataset.cold_items
    if users is None or items is None:
        return None
    knows_user = np.diff(dataset.train_offsets)[users] > 0
    knows_item = dataset.item_counts[items] > 0
    of_new_users = ~knows_user & knows_item
    rankings = popularity_rankings(
        dataset.item_counts, dataset.active_items, users[of_new_users], items[of_new_users]
    )
    return ColdPairs(
        new_items=int(np.count_nonzero(knows_user & ~knows_item)),
        both_new=int(np.count_nonzero(~knows_user & ~knows_item)),
        new_users=int(np.count_nonzero(of_new_users)),
        without_negatives=int(np.count_nonzero(knows_user & knows_item)),
        users=0 if rankings is None else len(rankings),
        metrics={} if rankings is None else metric_intervals(ranking_metrics(rankings, top_ks)),
    )
