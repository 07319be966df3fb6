"""A tidy log, cleaned and split leave-one-out: for `ncf prepare` and `Dataset.from_dataframe`."""

import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from numbers import Real
from typing import Any, Literal

import numpy as np
import pandas as pd

from ncf_keras.base.checks import require_count, require_one_of
from ncf_keras.base.errors import InputError
from ncf_keras.data.dataset import Dataset
from ncf_keras.data.k_core import core_filter
from ncf_keras.data.split import (
    draw_negatives,
    free_items,
    latest_interactions,
    random_interactions,
    too_many_negatives,
)
from ncf_keras.data.tidy_log import TidyLog, renumber


@dataclass(frozen=True)
class PrepareOptions:
    """How a log is cleaned and split.

    Attributes:
        min_rating: a lower rating is no positive and is dropped. Without it, ratings of 0 and below are, as
            the authors' `Dataset.py` drops them.
        min_user_interactions, min_item_interactions: users and items with fewer are taken out, repeatedly.
        keep: which interaction stands for several of one user with one item, `first` or `last` in time.
        negatives: items to rank each held-out item against; a user with fewer left is in train alone.
        seed: of the negatives, and of the held-out items where there are no timestamps.
    """

    min_rating: float | None = None
    min_user_interactions: int = 1
    min_item_interactions: int = 1
    keep: Literal["first", "last"] = "first"
    negatives: int = 99
    seed: int = 2017

    def __post_init__(self):
        least = self.min_rating
        if least is not None and not (isinstance(least, Real) and 0 < least <= sys.float_info.max):
            raise InputError(
                "`min_rating` must be above 0, because a rating of 0 or below is never a positive. "
                f"Received: {least if isinstance(least, int | float) else type(least).__name__}"
            )
        require_one_of(self.keep, ("first", "last"), "keep")
        for argument in ("min_user_interactions", "min_item_interactions", "negatives"):
            require_count(getattr(self, argument), argument)
        require_count(self.seed, "seed", 0)


@dataclass(frozen=True)
class PreparedLog:
    """A cleaned log, split.

    Attributes:
        train: columns `user` and `item`, int32 indices, and `rating` and `timestamp` where the log has them;
            in the order of the log.
        test: the same columns, one row a test user, by user.
        dropped: number of rows of the log that were dropped, by reason, in the order of the steps.
        rows: number of rows of the log.
        too_few_free: of each user with two or more interactions who is in train alone, because too few items
            are left to draw negatives from, how many are left: int64.
    """

    train: pd.DataFrame = field(repr=False)
    test: pd.DataFrame = field(repr=False)
    negatives: np.ndarray = field(repr=False)
    user_ids: np.ndarray = field(repr=False)
    item_ids: np.ndarray = field(repr=False)
    options: PrepareOptions
    dropped: Mapping[str, int]
    rows: int
    too_few_free: np.ndarray = field(repr=False)

    def dataset(self, name: str, titles: list[str] | None = None) -> Dataset:
        """Return the same as a Dataset, what `read_dataset` returns once it is written and read."""
        return Dataset.from_pairs(
            self.train["user"].to_numpy(),
            self.train["item"].to_numpy(),
            self.test["user"].to_numpy(),
            self.test["item"].to_numpy(),
            self.negatives,
            name=name,
            num_users=len(self.user_ids),
            num_items=len(self.item_ids),
            user_ids=list(self.user_ids),
            item_ids=list(self.item_ids),
            item_titles=titles,
            train_timestamps=self.train["timestamp"].to_numpy() if "timestamp" in self.train else None,
        )

    def report(self) -> dict[str, Any]:
        """Return the options, what was dropped, the counts and the sparsity, for people and for JSON."""
        users, items = len(self.user_ids), len(self.item_ids)
        interactions = len(self.train) + len(self.test)
        by_time = "timestamp" in self.train
        without_negatives = {}
        if self.too_few_free.size:
            without_negatives = {
                "users_without_negatives": len(self.too_few_free),
                "fewest_items_left": int(self.too_few_free.min()),
            }
        return {
            "options": asdict(self.options),
            "split": "leave-one-out: of each user with two or more interactions "
            + ("the latest, of equal timestamps the later row" if by_time else "a random one (no timestamps)"),
            "dropped": {reason: count for reason, count in self.dropped.items() if count},
            "counts": {
                "rows": self.rows,
                "users": users,
                "items": items,
                "interactions": interactions,
                "train": len(self.train),
                "test": len(self.test),
                "users_without_test": users - len(self.test),
                **without_negatives,
                "negatives_per_test": int(self.negatives.shape[1]),
            },
            "sparsity": round(1 - interactions / (users * items), 6),
        }


def prepare(log: TidyLog, options: PrepareOptions) -> PreparedLog:
    """Drop low ratings, repeats and rare users and items, in this order; renumber; hold out; draw negatives."""
    frame = log.frame
    dropped = {f"no {role}": count for role, count in log.missing.items()}
    if "rating" in frame:
        least = options.min_rating
        positive = frame["rating"] > 0 if least is None else frame["rating"] >= least
        reason = "rating not above 0" if least is None else f"rating below {least:g}"
        frame = _left(frame, positive.to_numpy(), dropped, reason)
    elif options.min_rating is not None:
        raise InputError(
            f"`min_rating` must be left out where a log has no ratings. Received: {options.min_rating:g}"
        )
    single = _one_of_each_pair(frame, len(log.item_ids), options.keep)
    frame = _left(frame, single, dropped, f"repeated (user, item), {options.keep} kept")
    of_user, of_item = options.min_user_interactions, options.min_item_interactions
    if max(of_user, of_item) > 1:
        stays = core_filter(frame["user"].to_numpy(), frame["item"].to_numpy(), of_user, of_item)
        reason = f"user with fewer than {of_user} or item with fewer than {of_item}"
        frame = _left(frame, stays, dropped, reason)
    users, user_ids = renumber(frame["user"].to_numpy(), log.user_ids)
    items, item_ids = renumber(frame["item"].to_numpy(), log.item_ids)
    frame = frame.assign(user=users, item=items)
    generator = np.random.default_rng(options.seed)
    if "timestamp" in frame:
        held_out = latest_interactions(users, frame["timestamp"].to_numpy())
    else:
        held_out = random_interactions(users, generator)
    if not len(held_out):
        raise InputError(
            "The log must have a user with two interactions, one to learn from and one to hold out. "
            f"Received: {len(user_ids):,} user(s) with one each"
        )
    free = free_items(users, users[held_out], len(item_ids))
    enough = free >= options.negatives
    if not enough.any():
        raise too_many_negatives(free, options.negatives)
    held_out = held_out[enough]
    test = frame.iloc[held_out]
    in_train = np.ones(len(frame), dtype=bool)
    in_train[held_out] = False
    drawn = draw_negatives(users, items, users[held_out], len(item_ids), options.negatives, generator)
    return PreparedLog(
        frame[in_train], test, drawn, user_ids, item_ids, options, dropped, log.rows, free[~enough]
    )


def _one_of_each_pair(frame: pd.DataFrame, num_items: int, keep: Literal["first", "last"]) -> np.ndarray:
    """Return which rows are the first or last in time of their (user, item) pair, by row where times tie."""
    pairs = pd.Series(frame["user"].to_numpy(np.int64) * num_items + frame["item"].to_numpy())
    if "timestamp" not in frame:
        return ~pairs.duplicated(keep=keep).to_numpy()
    order = np.argsort(frame["timestamp"].to_numpy(), kind="stable")
    single = np.empty(len(frame), dtype=bool)
    single[order] = ~pairs.iloc[order].duplicated(keep=keep).to_numpy()
    return single


def _left(frame: pd.DataFrame, stays: np.ndarray, dropped: dict[str, int], reason: str) -> pd.DataFrame:
    """Return the rows that stay; count the others in `dropped`."""
    dropped[reason] = int((~stays).sum())
    if not dropped[reason]:
        return frame
    if not stays.any():
        reasons = ", ".join(f"{count:,} with {reason}" for reason, count in dropped.items() if count)
        raise InputError(f"The filters must leave at least one interaction. Received: {reasons}, and none left")
    return frame[stays]
