"""Full ranking: each test item among all items that its user has not interacted with in training.

No sampling, so nothing depends on which negatives were drawn. Its figures can't be compared with those of the
paper's protocol, which ranks against 99 sampled items: Krichene and Rendle, "On sampled metrics for item
recommendation" (KDD 2020).
"""

from collections.abc import Callable

import numpy as np

from ncf_keras.base.errors import InputError
from ncf_keras.evaluation.beyond_accuracy import ListStatistics
from ncf_keras.evaluation.calibration import Calibration
from ncf_keras.evaluation.metrics import Rankings
from ncf_keras.evaluation.top_items import top_items

ScoreAll = Callable[[np.ndarray], np.ndarray]

# 16 MiB of float32.
SCORES_A_CALL = 2**22


class FullRanking:
    """Ranks the test items of each test user among all items, the user's train items left out.

    A test item is always ranked, also where it is among the train items. A pair that is listed twice counts
    once. As in `LeaveOneOut`, a test item loses to other items of the same score, and one whose score is not a
    number comes last. Of a user's several test items none stands in another's way: those of higher score come
    first, as they are relevant too.

    Args:
        train_offsets: int64, shape (users + 1,). The train items of user u are
            `train_items[train_offsets[u]:train_offsets[u + 1]]`.
        train_items: int32, shape (interactions,).
        test_users, test_items: int32, shape (tests,); at least one test.
        num_items: items are 0 … num_items - 1.
        active_items: bool, shape (items,): which items a list may hold; all others are ranked nowhere. None:
            a list may hold any.
    """

    def __init__(
        self,
        train_offsets: np.ndarray,
        train_items: np.ndarray,
        test_users: np.ndarray,
        test_items: np.ndarray,
        num_items: int,
        active_items: np.ndarray | None = None,
    ):
        if len(test_users) == 0 or len(test_users) != len(test_items):
            raise InputError(
                "`test_users` and `test_items` must be of one length, at least 1. "
                f"Received: {len(test_users)} and {len(test_items)}"
            )
        self._train_offsets = np.asarray(train_offsets, np.int64)
        self._train_items = train_items
        self._num_items = num_items
        self._active_items = np.ones(num_items, bool) if active_items is None else active_items
        if self._active_items.shape != (num_items,) or self._active_items.dtype != bool:
            raise InputError(
                f"`active_items` must be bool, shape ({num_items},). "
                f"Received: {self._active_items.dtype}, shape {self._active_items.shape}"
            )
        pairs = np.unique(np.stack([test_users, test_items], axis=1).astype(np.int64), axis=0)
        self._users, first = np.unique(pairs[:, 0], return_index=True)
        self._test_items = pairs[:, 1]
        self._offsets = np.append(first, len(pairs))

    def rankings(
        self,
        score_all: ScoreAll,
        scores_a_call: int = SCORES_A_CALL,
        *,
        lists: ListStatistics | None = None,
        calibration: Calibration | None = None,
    ) -> Rankings:
        """Return where the test items of each test user stand, by user.

        Args:
            score_all: takes users, int32 of shape (n,), and returns the scores of all items for each, float32
                of shape (n, items). It is called with some users at a time.
            scores_a_call: how many scores it is asked for at a time, at the most; those of one user at least.
            lists: is given the list of each test user, the active items that are not train items by falling
                score, a test item among them.
            calibration: is given the scores of the test items and of their rivals, which must then be
                probabilities.

        Raises:
            InputError: `score_all` returns scores of another shape.
        """
        users = self._users.astype(np.int32)
        positions = np.empty(len(self._test_items), np.int64)
        ranked_items = np.empty(len(self._test_items), np.int32)
        users_a_call = max(1, scores_a_call // self._num_items)
        for start in range(0, len(users), users_a_call):
            some = users[start : start + users_a_call]
            scores = np.asarray(score_all(some))
            if scores.shape != (len(some), self._num_items):
                raise InputError(
                    f"`score_all` must return scores of shape {(len(some), self._num_items)}. "
                    f"Received: shape {scores.shape}"
                )
            candidates = self._candidates(some)
            if lists is not None:
                lists.add(top_items(scores, candidates, lists.longest))
            bounds = self._offsets[start : start + len(some) + 1]
            rows, items = (
                np.repeat(np.arange(len(some)), np.diff(bounds)),
                self._test_items[bounds[0] : bounds[-1]],
            )
            # Of the candidates, the test items are no rivals.
            candidates[rows, items] = False
            if calibration is not None:
                is_test = np.zeros_like(candidates)
                is_test[rows, items] = True
                calibration.add(scores, is_test, candidates)
            # A score that is not a number sorts last.
            order = np.lexsort((-scores[rows, items], rows))
            ranked_items[bounds[0] : bounds[-1]] = items[order]
            positions[bounds[0] : bounds[-1]] = _ahead(scores, candidates, rows, items[order])
        # Behind the rivals, a user's test items stand in the order of their scores.
        places = np.arange(len(positions)) - np.repeat(self._offsets[:-1], np.diff(self._offsets))
        return Rankings(users, self._offsets, positions + places, ranked_items)

    def _candidates(self, users: np.ndarray) -> np.ndarray:
        """Return which items the lists of some users may hold: bool, shape (users, items)."""
        candidates = np.tile(self._active_items, (len(users), 1))
        starts, stops = self._train_offsets[users].tolist(), self._train_offsets[users + 1].tolist()
        for own, start, stop in zip(candidates, starts, stops, strict=True):
            own[self._train_items[start:stop]] = False
        return candidates


def _ahead(scores: np.ndarray, is_rival: np.ndarray, rows: np.ndarray, items: np.ndarray) -> list[int]:
    """Return how many rivals are ahead of each pair of a row and an item; all, if its score is no number."""
    pairs = zip(rows.tolist(), scores[rows, items], strict=True)
    # Of truth values, `a > b` is a and not b.
    return [int(np.count_nonzero(is_rival[row] > (scores[row] < score))) for row, score in pairs]
