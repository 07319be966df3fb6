"""A log in the order of time, cut into a first day and steps after it; for `replay.py`."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.sparse

from ncf_keras.base.errors import InputError
from ncf_keras.data import Dataset
from ncf_keras.data.earlier import EarlierDataset
from ncf_keras.data.logs.log import Log
from ncf_keras.data.negatives import draw_negatives, free_items
from ncf_keras.data.prepare import PrepareOptions
from ncf_keras.evaluation import FullRanking, LeaveOneOut
from ncf_keras.evaluation.full_ranking import ScoreAll

# Of the items, where arrivals are drawn.
ONE_NEW_ITEM_IN = 20


@dataclass(frozen=True, eq=False)
class ReplayedLog:
    """The interactions of a log by time, each (user, item) pair once.

    Users and items are numbered in the order in which they come, so that those of the first n interactions are
    the first of all, and none ever changes its number.

    Attributes:
        users, items: int32, shape (interactions,).
        user_ids, item_ids: raw id of each number.
        bounds: day one is the interactions before `bounds[0]`, step s from 1 those from `bounds[s - 1]` to
            `bounds[s]`, the last of which is their number.
    """

    users: np.ndarray
    items: np.ndarray
    user_ids: list[str]
    item_ids: list[str]
    bounds: list[int]

    @property
    def num_steps(self) -> int:
        """How many steps follow day one."""
        return len(self.bounds) - 1

    def sizes_before(self, step: int) -> tuple[int, int]:
        """Return how many users and how many items have come before a step, counted from 1."""
        end = self.bounds[step - 1]
        return int(self.users[:end].max()) + 1, int(self.items[:end].max()) + 1

    def dataset_before(self, step: int, seed: int, negatives: int = 99) -> Dataset:
        """Return all interactions before a step as train interactions, and those of the step as test pairs.

        A test pair is of a user and an item that have come before. Its negatives are drawn from the items that
        have, and with which the user has no interaction by the end of the step.
        """
        start, end = self.bounds[step - 1 : step + 1]
        num_users, num_items = self.sizes_before(step)
        users, items = self._known(end, num_users, num_items)
        tests = slice(int(np.count_nonzero(self._is_known(start, num_users, num_items))), None)
        test_users, test_items = users[tests], items[tests]
        enough = free_items(users, test_users, num_items) >= negatives
        if not enough.any():
            raise InputError(f"`steps` must leave each step a pair to test. Received: none in step {step}")
        test_users, test_items = test_users[enough], test_items[enough]
        generator = np.random.default_rng([seed, step])
        return Dataset.from_pairs(
            self.users[:start],
            self.items[:start],
            test_users,
            test_items,
            draw_negatives(users, items, test_users, np.ones(num_items, bool), negatives, generator),
            name=f"before_step_{step}",
            num_users=num_users,
            num_items=num_items,
            user_ids=self.user_ids[:num_users],
            item_ids=self.item_ids[:num_items],
        )

    def earlier_before(self, step: int) -> EarlierDataset:
        """Return what was known before a step, to go on from."""
        users, items = (column[: self.bounds[step - 1]] for column in (self.users, self.items))
        num_users, num_items = self.sizes_before(step)
        return EarlierDataset(
            name=f"before_step_{step}",
            user_ids=np.array(self.user_ids[:num_users], object),
            item_ids=np.array(self.item_ids[:num_items], object),
            user_states=np.zeros(num_users, np.uint8),
            item_states=np.zeros(num_items, np.uint8),
            titles=None,
            options=PrepareOptions(),
            sizes=[(num_users, num_items)],
            frame=pd.DataFrame({"user": users, "item": items}),
            num_train=len(users),
            waiting=None,
        )

    def _is_known(self, end: int, num_users: int, num_items: int) -> np.ndarray:
        return (self.users[:end] < num_users) & (self.items[:end] < num_items)

    def _known(self, end: int, num_users: int, num_items: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the users and items of the interactions before `end` of the first users and items."""
        is_known = self._is_known(end, num_users, num_items)
        return self.users[:end][is_known], self.items[:end][is_known]


def read_replayed_log(path: Path, first: float, steps: int, arrivals: int | None) -> ReplayedLog:
    """Read a log in any format of `ncf prepare` and cut it.

    Args:
        path: the file.
        first: share of the interactions that are day one's.
        steps: how many equal parts the others make.
        arrivals: None takes the timestamps of the log as they are. Otherwise they only say in which order a
            user's interactions come. The user joins at a moment drawn with this seed, evenly from the time of
            the log, and interacts at even intervals from then to its end. One in `ONE_NEW_ITEM_IN` items, drawn
            too, is launched after day one, at a moment drawn from the time that is left; its earlier
            interactions fall away.
    """
    log = Log.of(path).read()
    frame = log.frame
    if "timestamp" not in frame:
        raise InputError(f"`--log` must have timestamps. Received: {path}, which has none")
    users, items = frame["user"].to_numpy(), frame["item"].to_numpy()
    times = frame["timestamp"].to_numpy()
    if arrivals is not None:
        generator = np.random.default_rng(arrivals)
        times = _times_of_arrivals(users, times, generator)
        stays = times >= _launches(len(log.item_ids), np.quantile(times, first), generator)[items]
        users, items, times = users[stays], items[stays], times[stays]
    order = np.argsort(times, kind="stable")
    pairs = users[order].astype(np.int64) * len(log.item_ids) + items[order]
    order = order[np.sort(np.unique(pairs, return_index=True)[1])]
    users, user_ids = _numbered(users[order], log.user_ids)
    items, item_ids = _numbered(items[order], log.item_ids)
    bounds = np.linspace(round(first * len(order)), len(order), steps + 1).round().astype(int).tolist()
    if bounds[0] < 1 or min(np.diff(bounds)) < 1:
        raise InputError(
            f"`--steps` must leave an interaction to each. Received: {steps} for {len(order):,} interactions"
        )
    return ReplayedLog(users, items, user_ids, item_ids, bounds)


def _times_of_arrivals(users: np.ndarray, times: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Return a time from 0 to 1 of each interaction: see `arrivals` above."""
    order = np.lexsort((times, users))
    counts = np.bincount(users)
    place = np.empty(len(users))
    place[order] = np.arange(len(users)) - np.repeat(np.cumsum(counts) - counts, counts)
    joined = generator.random(len(counts))[users]
    return joined + (1 - joined) * place / counts[users]


def _launches(num_items: int, day_one: float, generator: np.random.Generator) -> np.ndarray:
    """Return from which time each item is there: from the beginning, but for some, launched after `day_one`."""
    launches = np.zeros(num_items)
    launched = generator.choice(num_items, num_items // ONE_NEW_ITEM_IN, replace=False)
    launches[launched] = generator.uniform(day_one, 1, len(launched))
    return launches


def _numbered(indices: np.ndarray, ids: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Number indices in the order in which they come; return the numbers, int32, and the id of each."""
    values, first, places = np.unique(indices, return_index=True, return_inverse=True)
    order = np.argsort(first)
    number = np.empty(len(values), np.int32)
    number[order] = np.arange(len(values))
    return number[places], ids[values[order]].tolist()


class NextStep:
    """Ranks the item of each test pair of a dataset, of which a user may have many.

    Args:
        dataset: as of `ReplayedLog.dataset_before`.
    """

    def __init__(self, dataset: Dataset):
        self._users, self._row_of_test = np.unique(dataset.test_users, return_inverse=True)
        self._items = dataset.test_items
        self._num_items = dataset.num_items
        self._sampled = LeaveOneOut(self._row_of_test, self._items, dataset.test_negatives)
        self._offsets, self._known = self._items_by_the_end(dataset)

    def positions(self, score_all: ScoreAll) -> dict[str, np.ndarray]:
        """Return the 0-based rank of the item of each test pair: int64, shape (tests,), by protocol.

        `sampled` is among the negatives of the pair; `full` among all items without an interaction of the user
        by the end of the step, so that no other test item of the user stands in the way.

        Args:
            score_all: as in `FullRanking.rankings`.
        """
        scores = score_all(self._users.astype(np.int32))
        tests = np.arange(len(self._items))
        full = FullRanking(self._offsets, self._known, tests, self._items, self._num_items)
        return {
            "sampled": self._sampled.positions(lambda rows, items: scores[rows, items]),
            "full": full.rankings(lambda some: scores[self._row_of_test[some]]).positions,
        }

    def _items_by_the_end(self, dataset: Dataset) -> tuple[np.ndarray, np.ndarray]:
        """Return the items of the user of each test pair, as if it had a user of its own: offsets, items."""
        ones, shape = np.ones(len(self._items), np.float32), (len(self._users), dataset.num_items)
        tests = scipy.sparse.csr_matrix((ones, (self._row_of_test, self._items)), shape)
        rows = (dataset.train_matrix[self._users] + tests)[self._row_of_test]
        return rows.indptr, rows.indices
