"""What lists are like beyond being right: how much of the catalogue they show, how unevenly, and what.

At K, over the first K items of the lists of all test users:

- coverage: share of the active items that stand in a list. Herlocker et al., "Evaluating collaborative
  filtering recommender systems" (ACM TOIS 2004), section 4.1.
- Gini: Gini index of how often each active item is listed; 0 if all are alike often, near 1 if a few take all
  places. Fleder and Hosanagar, "Blockbuster culture's next rise or fall" (Management Science 2009).
- popularity: mean number of train interactions of the listed items.
- novelty: mean of -log2 of the share of users who have a listed item, in bits. Zhou et al., "Solving the
  apparent diversity-accuracy dilemma of recommender systems" (PNAS 2010). An item that nobody has counts as one
  that one user has.
- diversity: 1 - mean cosine of two items of a list, by the vectors that a model has of its items. Ziegler et
  al., "Improving recommendation lists through topic diversification" (WWW 2005).

The last three are means over a user's list, and then over users; a user without such a list (for diversity, of
two items) is left out.
"""

from collections.abc import Sequence

import numpy as np

from ncf_keras.base.errors import InputError
from ncf_keras.base.memory import require_memory

MEASURES = ("coverage", "Gini", "popularity", "novelty", "diversity")
# Numbers in the vectors of listed items that are held at a time: 8 MiB of float64.
NUMBERS_A_CHUNK = 2**20


class ListStatistics:
    """Takes in the lists of users as they come along, and tells the measures above at the end.

    What it holds grows with the items alone, not with the users.

    Args:
        top_ks: the Ks, each at least 1; one above the number of items is as if it were that.
        item_counts: int64, shape (items,): train interactions of each item.
        num_users: how many users have train interactions.
        active_items: bool, shape (items,): which items a list may hold; None: all.
        item_vectors: float32, shape (items, width), as `FactoredModel.item_vectors`: the product of two is
            their cosine. None: there is no diversity.
    """

    def __init__(
        self,
        top_ks: Sequence[int],
        item_counts: np.ndarray,
        num_users: int,
        active_items: np.ndarray | None = None,
        item_vectors: np.ndarray | None = None,
    ):
        if not len(top_ks) or min(top_ks) < 1:
            raise InputError(f"`top_ks` must be one or more lengths of at least 1. Received: {list(top_ks)}")
        items = len(item_counts)
        require_memory(
            8 * len(top_ks) * items, f"{len(top_ks)} counts of how often each of {items:,} items is listed"
        )
        self._top_ks = list(top_ks)
        # The place of the last item within each K.
        self._last = np.minimum(top_ks, items) - 1
        self._active_items = np.ones(items, bool) if active_items is None else active_items
        self._popularity = item_counts.astype(np.float64)
        self._novelty = np.log2(max(num_users, 1)) - np.log2(np.maximum(item_counts, 1))
        self._vectors = item_vectors
        self._listed = np.zeros((len(top_ks), items), np.int64)
        # By measure: sums over users, and how many of them have a list.
        self._sums = {name: np.zeros((2, len(top_ks))) for name in MEASURES[2:]}

    @property
    def longest(self) -> int:
        """How long the lists must be that `add` takes."""
        return int(self._last.max()) + 1

    def add(self, lists: np.ndarray) -> None:
        """Take in the lists of some users: int32, shape (users, `longest`), -1 where they are shorter."""
        filled = lists >= 0
        lengths = np.cumsum(filled, axis=1)[:, self._last]
        for number, last in enumerate(self._last):
            listed = lists[:, : last + 1][filled[:, : last + 1]]
            self._listed[number] += np.bincount(listed, minlength=self._listed.shape[1])
        for name, values in (("popularity", self._popularity), ("novelty", self._novelty)):
            totals = np.cumsum(np.where(filled, values[lists], 0), axis=1)[:, self._last]
            self._add_means(name, totals, lengths)
        if self._vectors is not None:
            users = max(1, NUMBERS_A_CHUNK // max(1, self.longest * self._vectors.shape[1]))
            for start in range(0, len(lists), users):
                part = slice(start, start + users)
                self._add_diversity(lists[part], filled[part], lengths[part])

    def result(self) -> dict[str, float | None]:
        """Return each measure at each K by name, such as `coverage@10`; None where there is no list to measure.

        First come all measures of the first K, then of the next. Without item vectors there is no `diversity`.
        """
        found: dict[str, float | None] = {}
        for number, top_k in enumerate(self._top_ks):
            listed = self._listed[number][self._active_items]
            values = {"coverage": float(np.mean(listed > 0)), "Gini": gini(listed)}
            for name, (sums, users) in self._sums.items():
                if name != "diversity" or self._vectors is not None:
                    values[name] = float(sums[number] / users[number]) if users[number] else None
            found |= {f"{name}@{top_k}": value for name, value in values.items()}
        return found

    def _add_means(self, name: str, totals: np.ndarray, counts: np.ndarray) -> None:
        """Add each user's mean at each K to those of a measure; `counts` of 0 are no mean."""
        self._sums[name] += (
            np.where(counts > 0, totals / np.maximum(counts, 1), 0).sum(axis=0),
            (counts > 0).sum(axis=0),
        )

    def _add_diversity(self, lists: np.ndarray, filled: np.ndarray, lengths: np.ndarray) -> None:
        assert self._vectors is not None
        vectors = np.where(filled[:, :, None], self._vectors[lists], np.float64(0))
        # The square of a sum is all products, of an item with itself too.
        whole = np.square(np.cumsum(vectors, axis=1)[:, self._last]).sum(axis=2)
        own = np.cumsum(np.square(vectors).sum(axis=2), axis=1)[:, self._last]
        pairs = lengths * (lengths - 1)
        self._add_means("diversity", pairs - (whole - own), pairs)


def gini(counts: np.ndarray) -> float | None:
    """Return the Gini index of counts, shape (items,): 0 if all are equal; None if there is none above 0."""
    total = counts.sum()
    if not total:
        return None
    # Half the mean absolute difference of two items, by the mean.
    ranks = np.arange(1, len(counts) + 1)
    return float((2 * ranks - len(counts) - 1) @ np.sort(counts) / (len(counts) * total))
