"""The paper's protocol: each held-out item ranked among its user's sampled negatives (section 4.1).

Two traps, both in the authors' data and code (`evaluate.py`), which keeps the scores in a dict that it fills
with the negatives in their order and then with the held-out item:

- An item that is listed twice is held once. In 156 lines of ML-1M the held-out item is among its own
  negatives; it must not count against itself.
- Of items with equal scores the one that entered the dict first ranks first. So the held-out item loses every
  tie, except against negatives that stand behind itself where it is among its own negatives.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ncf_keras.base.errors import InputError
from ncf_keras.evaluation.calibration import Calibration
from ncf_keras.evaluation.metrics import Rankings, hit_ratio, means_by_user, ndcg, places_of_users

Score = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True, repr=False)
class RankingResult:
    """HR@K and NDCG@K of each test user, of a user with several test pairs the mean over them.

    Attributes:
        hits: float64, shape (users,), in the order of the users' first test pairs.
        ndcgs: the same of NDCG.
    """

    hits: np.ndarray
    ndcgs: np.ndarray

    def __repr__(self) -> str:
        return f"RankingResult(hr={self.hr:.4f}, ndcg={self.ndcg:.4f}, {len(self.hits):,} users)"

    @property
    def hr(self) -> float:
        """Mean hit ratio."""
        return float(self.hits.mean())

    @property
    def ndcg(self) -> float:
        """Mean NDCG."""
        return float(self.ndcgs.mean())


class LeaveOneOut:
    """Ranks each test item among its negatives, for any scoring function.

    A user may have several test pairs, each with negatives of its own and ranked by itself; the user's figures
    are their means.

    Args:
        test_users, test_items: int32, shape (tests,); at least one test.
        test_negatives: int32, shape (tests, negatives); at least one for each.
    """

    def __init__(self, test_users: np.ndarray, test_items: np.ndarray, test_negatives: np.ndarray):
        if test_negatives.size == 0:
            raise InputError(
                "`test_negatives` must have at least one test and one negative for each. "
                f"Received: shape {test_negatives.shape}"
            )
        self._test_users, self._test_items = test_users, test_items.astype(np.int32)
        self._places = places_of_users(test_users)[1]
        self._shape = (len(test_users), test_negatives.shape[1] + 1)
        candidates = np.concatenate([test_negatives, test_items[:, None]], axis=1).astype(np.int32)
        self._users = np.repeat(test_users.astype(np.int32), self._shape[1])
        self._items = candidates.ravel()
        is_test_item = test_negatives == test_items[:, None]
        # Where the held-out item entered the order: at its first place among the negatives, or last.
        entered = np.where(is_test_item.any(axis=1), is_test_item.argmax(axis=1), test_negatives.shape[1])
        counts = _first_occurrence(test_negatives) & ~is_test_item
        stands_before = np.arange(test_negatives.shape[1]) < entered[:, None]
        self._wins_ties = counts & stands_before
        self._loses_ties = counts & ~stands_before

    def positions(self, score: Score, calibration: Calibration | None = None) -> np.ndarray:
        """Return the 0-based rank of each test item: int64, shape (tests,).

        Args:
            score: takes users and items, int32 of shape (pairs,), and returns float32 of shape (pairs,). A
                score that is not a number ranks its test item last.
            calibration: is given the scores of all pairs, which must then be probabilities.
        """
        scores = np.asarray(score(self._users, self._items)).reshape(self._shape)
        if calibration is not None:
            is_test = np.zeros(self._shape, bool)
            is_test[:, -1] = True
            counts = np.concatenate([self._wins_ties | self._loses_ties, ~is_test[:, -1:]], axis=1)
            calibration.add(scores, is_test, counts)
        negatives, test = scores[:, :-1], scores[:, -1:]
        ahead = (self._wins_ties & ~(negatives < test)) | (self._loses_ties & ~(negatives <= test))
        return ahead.sum(axis=1)

    def rankings(self, score: Score, calibration: Calibration | None = None) -> Rankings:
        """Return the positions as `ranking_metrics` takes them, a ranking a test pair; arguments as above."""
        positions = self.positions(score, calibration)
        return Rankings.of_single_items(self._test_users, positions, self._test_items)

    def evaluate(self, score: Score, top_k: int = 10) -> RankingResult:
        """Return HR@`top_k` and NDCG@`top_k` of every test user; `score` as in `positions`."""
        positions = self.positions(score)
        hits, gains = hit_ratio(positions, top_k), ndcg(positions, top_k)
        return RankingResult(means_by_user(self._places, hits), means_by_user(self._places, gains))


def _first_occurrence(rows: np.ndarray) -> np.ndarray:
    """Return bool of the shape of `rows`: whether an entry stands in its row for the first time."""
    order = np.argsort(rows, axis=1, kind="stable")
    ordered = np.take_along_axis(rows, order, axis=1)
    first = np.ones(rows.shape, dtype=bool)
    first[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    result = np.empty_like(first)
    np.put_along_axis(result, order, first, axis=1)
    return result
