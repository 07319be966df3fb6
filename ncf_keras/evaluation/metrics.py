"""Ranking metrics at several K, for any number of relevant items a list: pure NumPy.

R is the set of a list's relevant items, p1 < p2 < … their positions from 1, at K:

- HR: 1 if p1 <= K, else 0.
- NDCG: sum of 1 / log2(p + 1) over the p <= K, by the same sum for the positions 1 … min(|R|, K). Järvelin and
  Kekäläinen, "Cumulated gain-based evaluation of IR techniques" (ACM TOIS 2002), gains of 0 and 1.
- MRR: 1 / p1 if p1 <= K, else 0. Voorhees, "The TREC-8 question answering track report" (TREC 1999).
- MAP: sum of j / pj over the pj <= K, by min(|R|, K).
- recall: how many p <= K, by |R|.

With one relevant item, as in leave-one-out, recall is HR, MAP is MRR, and HR and NDCG are those of section 4.1
of the paper.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ncf_keras.base.errors import InputError

METRICS = ("HR", "NDCG", "MRR", "MAP", "recall")


@dataclass(frozen=True, eq=False)
class Rankings:
    """The positions of the relevant items of many ranked lists: what a protocol gives and a metric takes.

    Attributes:
        users: int32, shape (rankings,): whose list each is.
        offsets: int64, shape (rankings + 1,). The relevant items of ranking r have the positions
            `positions[offsets[r]:offsets[r + 1]]`; every ranking has at least one.
        positions: int64, shape (relevant items,), ascending within a ranking; 0 is the top of the list.
        items: int32, shape (relevant items,): which item stands at each position; None where nobody knows.
    """

    users: np.ndarray
    offsets: np.ndarray
    positions: np.ndarray
    items: np.ndarray | None = None

    def __post_init__(self):
        if len(self.offsets) != len(self.users) + 1 or self.offsets[-1] != len(self.positions):
            raise InputError(
                "`offsets` must have one entry more than `users` and end in the number of `positions`. "
                f"Received: {len(self.offsets)}, {len(self.users)} and {len(self.positions)} entries"
            )
        if len(self.users) == 0 or np.diff(self.offsets).min() < 1:
            raise InputError("Rankings must have at least one, each with a relevant item. Received: none")
        if self.items is not None and len(self.items) != len(self.positions):
            raise InputError(
                "`items` must have as many entries as `positions`. "
                f"Received: {len(self.items)} and {len(self.positions)}"
            )

    @classmethod
    def of_single_items(
        cls, users: np.ndarray, positions: np.ndarray, items: np.ndarray | None = None
    ) -> "Rankings":
        """Return rankings with one relevant item each, from integers of shape (rankings,)."""
        return cls(users.astype(np.int32), np.arange(len(users) + 1), positions.astype(np.int64), items)

    def __len__(self) -> int:
        return len(self.users)

    @property
    def distinct_users(self) -> np.ndarray:
        """Each user once, in the order of their first rankings: int32, shape (users,)."""
        return places_of_users(self.users)[0]

    @property
    def relevant_users(self) -> np.ndarray:
        """The user of each relevant item: int32, shape (relevant items,)."""
        return np.repeat(self.users, np.diff(self.offsets))

    def selected(self, chosen: np.ndarray) -> "Rankings | None":
        """Return the rankings of some relevant items alone, which keep their positions; None if of none.

        `chosen` is bool, shape (relevant items,). A ranking that loses all its relevant items is left out.
        """
        counts = np.add.reduceat(chosen.astype(np.int64), self.offsets[:-1])
        if not counts.any():
            return None
        kept = counts > 0
        offsets = np.concatenate([[0], np.cumsum(counts[kept])])
        items = None if self.items is None else self.items[chosen]
        return Rankings(self.users[kept], offsets, self.positions[chosen], items)


def places_of_users(users: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return each user once, in the order of first entries, and which of them each entry is of: int64."""
    distinct, first, place = np.unique(users, return_index=True, return_inverse=True)
    order = np.argsort(first)
    number = np.empty(len(order), np.int64)
    number[order] = np.arange(len(order))
    return distinct[order], number[place]


def means_by_user(places: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return the mean of each user's values: float64, shape (users,); `places` are those of the values."""
    return np.bincount(places, weights=values) / np.bincount(places)


def hit_ratio(positions: np.ndarray, top_k: int) -> np.ndarray:
    """Return 1 where an item is among the first `top_k`, else 0: float64, of the shape of `positions`.

    `positions` are integers, of which 0 is the top of the list. The mean is HR@K of section 4.1 of the paper.
    """
    return (positions < top_k).astype(np.float64)


def ndcg(positions: np.ndarray, top_k: int) -> np.ndarray:
    """Return ln 2 / ln(position + 2) where an item is among the first `top_k`, else 0.

    With one relevant item the ideal gain is 1, so this is the normalised gain. Arguments and result are as in
    `hit_ratio`. Source: `getNDCG` in the authors' evaluate.py.
    """
    length = min(top_k, int(np.max(positions, initial=0)) + 1)
    # Not NumPy's logarithm, whose last bit depends on its version and on the processor.
    gains = [math.log(2) / math.log(position + 2) for position in range(length)]
    return np.array([*gains, 0.0])[np.minimum(positions, np.int64(length))]


def ranking_metrics(rankings: Rankings, top_ks: Sequence[int] = (10,)) -> dict[str, np.ndarray]:
    """Return each metric at each K of each user: float64 of shape (users,) by name, such as `HR@10`.

    The users are those of `rankings.distinct_users`. Of a user with several rankings, as where each test pair
    is ranked by itself, it is their mean: so users weigh alike, and no value depends on another.

    First come all metrics of the first of `top_ks`, then of the next; each is a length of at least 1.

    Example:
        >>> values = ranking_metrics(LeaveOneOut(users, items, negatives).rankings(score), (5, 10))
        >>> values["NDCG@10"].mean()
    """
    if not len(top_ks) or min(top_ks) < 1:
        raise InputError(f"`top_ks` must be one or more lengths of at least 1. Received: {list(top_ks)}")
    positions, starts, counts = rankings.positions, rankings.offsets[:-1], np.diff(rankings.offsets)
    # 1, 2, … within each ranking: how many relevant items stand at or before each position.
    found = np.arange(1, len(positions) + 1) - np.repeat(starts, counts)
    reciprocal = 1.0 / (positions + 1)
    ideal_gains = np.cumsum(ndcg(np.arange(counts.max()), counts.max()))
    places = places_of_users(rankings.users)[1]
    values: dict[str, np.ndarray] = {}
    for top_k in top_ks:
        listed = hit_ratio(positions, top_k)
        most = np.minimum(counts, top_k)
        at_k = (
            listed[starts],
            np.add.reduceat(ndcg(positions, top_k), starts) / ideal_gains[most - 1],
            (listed * reciprocal)[starts],
            np.add.reduceat(listed * found * reciprocal, starts) / most,
            np.add.reduceat(listed, starts) / counts,
        )
        values |= {
            f"{metric}@{top_k}": means_by_user(places, value)
            for metric, value in zip(METRICS, at_k, strict=True)
        }
    return values
