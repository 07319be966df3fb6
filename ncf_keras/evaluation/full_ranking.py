"""Full ranking: each test item among all items that its user has not interacted with in training.

No sampling, so nothing depends on which negatives were drawn. Its figures can't be compared with those of the
paper's protocol, which ranks against 99 sampled items: Krichene and Rendle, "On sampled metrics for item
recommendation" (KDD 2020).
"""

from collections.abc import Callable

import numpy as np

from ncf_keras.base.errors import InputError
from ncf_keras.evaluation.metrics import Rankings

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

    def rankings(self, score_all: ScoreAll, scores_a_call: int = SCORES_A_CALL) -> Rankings:
        """Return where the test items of each test user stand, by user.

        Args:
            score_all: takes users, int32 of shape (n,), and returns the scores of all items for each, float32
                of shape (n, items). It is called with some users at a time.
            scores_a_call: how many scores it is asked for at a time, at the most; those of one user at least.

        Raises:
            InputError: `score_all` returns scores of another shape.
        """
        users = self._users.astype(np.int32)
        positions = np.empty(len(self._test_items), np.int64)
        users_a_call = max(1, scores_a_call // self._num_items)
        for start in range(0, len(users), users_a_call):
            some = users[start : start + users_a_call]
            scores = np.asarray(score_all(some))
            if scores.shape != (len(some), self._num_items):
                raise InputError(
                    f"`score_all` must return scores of shape {(len(some), self._num_items)}. "
                    f"Received: shape {scores.shape}"
                )
            bounds = self._offsets[start : start + len(some) + 1]
            positions[bounds[0] : bounds[-1]] = self._ahead(scores, some, bounds)
        # Behind the rivals, a user's test items stand in the order of their scores.
        places = np.arange(len(positions)) - np.repeat(self._offsets[:-1], np.diff(self._offsets))
        return Rankings(users, self._offsets, positions + places)

    def _ahead(self, scores: np.ndarray, users: np.ndarray, bounds: np.ndarray) -> list[int]:
        """Return how many rivals are ahead of each test item of some users, by user and falling score."""
        is_rival = np.tile(self._active_items, (len(users), 1))
        starts, stops = self._train_offsets[users].tolist(), self._train_offsets[users + 1].tolist()
        for own, start, stop in zip(is_rival, starts, stops, strict=True):
            own[self._train_items[start:stop]] = False
        rows, items = (
            np.repeat(np.arange(len(users)), np.diff(bounds)),
            self._test_items[bounds[0] : bounds[-1]],
        )
        is_rival[rows, items] = False
        relevant = scores[rows, items]
        # A score that is not a number sorts last, and every rival is ahead of it.
        ordered = relevant[np.lexsort((-relevant, rows))]
        # Of truth values, `a > b` is a and not b.
        pairs = zip(rows.tolist(), ordered, strict=True)
        return [int(np.count_nonzero(is_rival[row] > (scores[row] < score))) for row, score in pairs]
