"""A tidy log, cleaned and split: for `ncf prepare` and `Dataset.from_dataframe`."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from ncf_keras.base.checks import require_count, require_one_of
from ncf_keras.base.errors import InputError
from ncf_keras.data.cleaning import (
    is_positive,
    no_ratings,
    nothing_left,
    one_of_each_pair,
    reason_of_rare,
    reason_of_rating,
    reason_of_repeats,
)
from ncf_keras.data.cold_split import split_cold_items
from ncf_keras.data.grown_features import grown_features
from ncf_keras.data.joining import Rows, joined
from ncf_keras.data.k_core import core_filter
from ncf_keras.data.leave_one_out import split_leave_one_out
from ncf_keras.data.prepared_log import IdsFrom, PreparedLog
from ncf_keras.data.states import ACTIVE, FORGOTTEN, active_among
from ncf_keras.data.tidy_log import TidyLog
from ncf_keras.data.time_cut import Moment, checked_moment, checked_share
from ncf_keras.data.time_split import split_in_time

if TYPE_CHECKING:
    from ncf_keras.data.earlier import EarlierDataset

SPLITS = ("leave-one-out", "time", "cold_items")


@dataclass(frozen=True)
class PrepareOptions:
    """How a log is cleaned and split.

    Attributes:
        min_rating: a lower rating is no positive and is dropped. Without it, ratings of 0 and below are, as
            the authors' `Dataset.py` drops them.
        min_user_interactions, min_item_interactions: users and items with fewer are taken out, repeatedly.
        keep: which interaction stands for several of one user with one item, `first` or `last` in time.
        negatives: items to rank each held-out item against. Of a user with fewer left none is tested.
        seed: of the negatives, of the held-out items where there are no timestamps, and of the cold items.
        split: `leave-one-out` holds out the latest interaction of each user, `time` all that are from `at` on,
            `cold_items` all of some items, and of the others the latest of each user.
        at: with `split="time"`, a share of the interactions, such as 0.8; a date in ISO 8601, such as
            `1998-03-01`; or a time in the log's own unit, such as 888710400. With `split="cold_items"` the
            share of the items that are held out, such as 0.05.
        validation_at: the same for what `split_validation` holds out of train, which is before `at`; None: it
            holds out one of each user.
    """

    min_rating: float | None = None
    min_user_interactions: int = 1
    min_item_interactions: int = 1
    keep: Literal["first", "last"] = "first"
    negatives: int = 99
    seed: int = 2017
    split: Literal["leave-one-out", "time", "cold_items"] = "leave-one-out"
    at: Moment | None = None
    validation_at: Moment | None = None

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
        require_one_of(self.split, SPLITS, "split")
        self._check_where()

    def _check_where(self) -> None:
        """Keep the times of a split as `checked_moment` has them, or the share of its items as a float."""
        says = {"time": "where a log is cut", "cold_items": "which share of the items is held out"}
        if self.split in says and self.at is None:
            raise InputError(f"`at` must say {says[self.split]} with `split` {self.split}. Received: none")
        if self.at is not None and self.split == "leave-one-out":
            raise InputError("`at` must come with `split` time or cold_items. Received: leave-one-out")
        if self.validation_at is not None and self.split != "time":
            raise InputError(f"`validation_at` must come with `split` time. Received: {self.split}")
        if self.split == "cold_items":
            object.__setattr__(self, "at", checked_share(self.at, "at"))
            return
        for argument in ("at", "validation_at"):
            if getattr(self, argument) is not None:
                object.__setattr__(self, argument, checked_moment(getattr(self, argument), argument))


def prepare(
    log: TidyLog | None,
    options: PrepareOptions,
    earlier: "EarlierDataset | None" = None,
    append: bool = False,
    forget: Sequence[str] = (),
) -> PreparedLog:
    """Drop low ratings, repeats and rare users and items, in this order; number; hold out; draw negatives.

    Args:
        log: all rows; or with `append` those that are new, None where there are none.
        options: how it is cleaned and split. Those of an earlier dataset are in `earlier.options`.
        earlier: the dataset of which users and items keep their indices, whether they have interactions left or
            not; new ones come behind them.
        append: whether the interactions of `earlier`, and the rows that wait there, come before those of the
            log.
        forget: raw ids of users of whom nothing may be kept but the id, now and in all datasets that go on from
            this one.

    Raises:
        InputError: nothing is left, nobody can be tested, or the log does not go with the options or `earlier`.
    """
    if options.min_rating is not None and log is not None and "rating" not in log.frame:
        if append and earlier is not None:
            raise InputError(
                f"A log that is appended to {earlier.name} must have ratings, because `min_rating` keeps those "
                f"from {options.min_rating:g}. Received: none"
            )
        raise no_ratings(options.min_rating)
    rows = joined(log, earlier, append, forget)
    cleaned, waiting, dropped = _cleaned(rows, options)
    frame, user_ids, item_ids, user_states, item_states = rows.numbered(cleaned)
    generator = np.random.default_rng(options.seed)
    if options.split == "time":
        split = split_in_time(frame, options, generator)
        train = frame[split.in_train]
        user_states = active_among(user_states, train["user"].to_numpy())
        item_states = active_among(item_states, train["item"].to_numpy())
    elif options.split == "cold_items":
        split = split_cold_items(frame, earlier, item_states == ACTIVE, options, generator)
        # An item may have its only interactions in the test, and is known all the same.
        user_states = active_among(user_states, np.delete(frame["user"].to_numpy(), split.cold))
        item_states = active_among(item_states, np.delete(frame["item"].to_numpy(), split.cold))
    else:
        split = split_leave_one_out(frame, earlier, item_states == ACTIVE, options, generator)
    return PreparedLog(
        frame=frame,
        split=split,
        user_ids=user_ids,
        item_ids=item_ids,
        options=options,
        dropped=dropped,
        rows=rows.rows,
        user_states=user_states,
        item_states=item_states,
        waiting=waiting,
        ids_from=None if earlier is None else IdsFrom.of(earlier, rows.unknown),
        user_features=None
        if earlier is None
        else grown_features(
            earlier.user_features, user_ids, forgotten=np.flatnonzero(user_states == FORGOTTEN)
        ),
        item_features=None if earlier is None else grown_features(earlier.item_features, item_ids),
    )


def _cleaned(rows: Rows, options: PrepareOptions) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, int]]:
    """Return the rows that stay, those that wait, by raw ids, and how many were dropped, by reason."""
    frame = rows.frame
    dropped = {f"no {role}": count for role, count in rows.missing.items()}
    frame = _left(frame, ~rows.is_forgotten(), dropped, "forgotten user")
    if "rating" in frame:
        positive = is_positive(frame["rating"].to_numpy(), options.min_rating)
        frame = _left(frame, positive, dropped, reason_of_rating(options.min_rating))
    single = one_of_each_pair(frame, len(rows.item_ids), options.keep)
    frame = _left(frame, single, dropped, reason_of_repeats(options.keep))
    waiting = frame[:0]
    of_user, of_item = options.min_user_interactions, options.min_item_interactions
    if max(of_user, of_item) > 1:
        stays = core_filter(frame["user"].to_numpy(), frame["item"].to_numpy(), of_user, of_item)
        waiting = frame[~stays]
        frame = _left(frame, stays, dropped, reason_of_rare(of_user, of_item))
    return (
        frame,
        waiting.assign(user=rows.user_ids[waiting["user"]], item=rows.item_ids[waiting["item"]]),
        dropped,
    )


def _left(frame: pd.DataFrame, stays: np.ndarray, dropped: dict[str, int], reason: str) -> pd.DataFrame:
    """Return the rows that stay; count the others in `dropped`."""
    dropped[reason] = int((~stays).sum())
    if not dropped[reason]:
        return frame
    if not stays.any():
        raise nothing_left(dropped)
    return frame[stays]
