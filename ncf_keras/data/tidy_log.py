"""A raw log as one clean table, whatever it was read from, and a count of the rows that were incomplete."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from ncf_keras.base.errors import InputError
from ncf_keras.base.ids import id_text, missing_marks
from ncf_keras.data.tidy_columns import MISSING_MARKS, kinds_of, plain_column, ratings
from ncf_keras.data.tidy_times import require_time_format, timestamps

# In seconds since 1970, a day of 1973.
LIKE_TIME = 1e8
# What programs write for no value, in any case. As an id it may be meant, so it is told, not dropped.
SUSPECTS = frozenset(
    "".join(letters)
    for mark in filter(None, MISSING_MARKS)
    for letters in itertools.product(*((letter, letter.upper()) for letter in mark))
)


@dataclass(frozen=True)
class TidyLog:
    """The complete rows of a raw log, in its order.

    Attributes:
        frame: columns `user` and `item`, int32 indices into the ids; `rating`, float64, and `timestamp`,
            int64, uint64, float64 or datetime64 in UTC, where the log has them. Nothing is missing.
        user_ids, item_ids: raw id of each index, str, in order of first appearance.
        rows: number of rows of the raw log.
        missing: number of rows dropped for want of each of user, item, rating, timestamp; a row is counted
            once, under the first it lacks.
        suspects: for `user` and `item`, the ids that read as if they were missing, such as `NULL`, with the
            number of rows of each.
        are_dates: whether timestamps are dates, not numbers; None where there are none.
    """

    frame: pd.DataFrame = field(repr=False)
    user_ids: np.ndarray = field(repr=False)
    item_ids: np.ndarray = field(repr=False)
    rows: int
    missing: Mapping[str, int]
    suspects: Mapping[str, Mapping[str, int]]
    are_dates: bool | None = None

    @property
    def rating_like_time(self) -> float | None:
        """The first rating, where most look like times; None where they don't."""
        ratings = self.frame["rating"].to_numpy() if "rating" in self.frame else np.zeros(0)
        return float(ratings[0]) if len(ratings) and looks_like_time(ratings).mean() > 0.5 else None


def looks_like_time(ratings: np.ndarray) -> np.ndarray:
    """Return which ratings are as large as the seconds since 1970."""
    return np.abs(ratings) >= LIKE_TIME


def tidy_log(
    series: Mapping[str, pd.Series],
    where: Callable[[int], str],
    largest_rating: float | None = None,
    missing: Sequence[str] = (),
    time_format: str | None = None,
    are_dates: bool | None = None,
) -> TidyLog:
    """Encode the ids, make ratings and timestamps numbers, and drop the rows that lack one of them.

    Args:
        series: by role, of any dtype. `user` and `item` hold raw ids; `rating`, if it is there, numbers, truth
            values or texts of either; `timestamp`, if it is there, numbers of any unit, dates, or texts of
            either (ISO 8601).
        where: names the place of a row, counted from 0, in an error, such as `log.csv, line 7`.
        largest_rating: a rating further from 0 is refused.
        missing: texts that stand for a missing value in every column, in this case alone. Where they are
            numbers, ratings and timestamps of that value are missing too, however they are written.
        time_format: what texts of timestamps look like, in the letters of `strptime`; numbers are then texts.
        are_dates: whether timestamps are dates, where these are the later rows of a log; None: the first of
            them decides.
    """
    marks = frozenset(missing_marks(missing))
    if time_format is not None:
        require_time_format(time_format)
    series = {role: plain_column(column) for role, column in series.items()}
    users, user_ids = encode(series["user"], "user", marks)
    items, item_ids = encode(series["item"], "item", marks)
    columns = {"user": users, "item": items}
    absent = {"user": users < 0, "item": items < 0}
    suspects = {"user": _suspects(users, user_ids), "item": _suspects(items, item_ids)}
    if "rating" in series:
        columns["rating"] = ratings(series["rating"], where, marks, largest_rating)
        absent["rating"] = np.isnan(columns["rating"])
    if "timestamp" in series:
        columns["timestamp"], absent["timestamp"] = timestamps(
            series["timestamp"], where, marks, time_format, are_dates
        )
    if "timestamp" in columns and not absent["timestamp"].all():
        are_dates = columns["timestamp"].dtype.kind == "M"
    complete = np.ones(len(users), dtype=bool)
    lacking = {}
    for role, is_absent in absent.items():
        lacking[role] = int(np.count_nonzero(complete & is_absent))
        complete &= ~is_absent
    if not complete.all():
        columns = {role: values[complete] for role, values in columns.items()}
    frame = pd.DataFrame(columns, copy=False)
    return TidyLog(frame, user_ids, item_ids, len(users), lacking, suspects, are_dates)


def encode(
    values: pd.Series, argument: str, missing: frozenset[str] = frozenset()
) -> tuple[np.ndarray, np.ndarray]:
    """Number the ids of a column in order of first appearance, as the authors' files are numbered.

    Their texts are those of `id_text`. The index of a row, int32, is -1 where the id is missing, empty, or its
    text is one of `missing`.
    """
    try:
        codes, uniques = _factorized(values)
    except (TypeError, NotImplementedError):
        raise InputError(
            f"`{argument}` must be a column of single values. Received: a column of lists or the like"
        ) from None
    texts = [id_text(value, argument) for value in uniques]
    if missing:
        texts = [None if text in missing else text for text in texts]
    # Different values can be one id: 7 and 7.0, or `a` and `a` with a space.
    merged, ids = pd.factorize(np.array(texts, dtype=object))
    index_of = np.append(merged, -1).astype(np.int32)
    return index_of[codes], np.asarray(ids, dtype=object)


def renumber(indices: np.ndarray, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Close the gaps left by ids that no longer occur, keeping the order: new indices, int32, and ids."""
    present = np.zeros(len(ids), dtype=bool)
    present[indices] = True
    new_index = np.cumsum(present, dtype=np.int32) - 1
    return new_index[indices], ids[present]


def number_behind(indices: np.ndarray, known: int, more: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Keep the first `known` indices, and number the others that occur behind them, as they first appear.

    Returns:
        The new indices, int32, and of each new index the one that it was; those of `more`, which do not occur,
        are the last.
    """
    present = pd.unique(indices)
    order = np.concatenate([np.arange(known), present[present >= known], more]).astype(np.int32)
    new_index = np.zeros(int(order.max(initial=-1)) + 1, np.int32)
    new_index[order] = np.arange(len(order), dtype=np.int32)
    return new_index[indices], order


def _factorized(values: pd.Series) -> tuple[np.ndarray, list]:
    """Return the code of each row, -1 where it is missing, and the different values by their code."""
    codes, uniques = pd.factorize(values)
    if values.dtype != object or len(kinds_of(values) - {str, bytes, type(None)}) < 2:
        return codes, uniques.tolist()
    # Values of different types may be equal and have other texts: True and 1, 10**22 and 1e22.
    objects = values.to_numpy()
    kinds, names = pd.factorize(np.fromiter((id(type(value)) for value in objects), np.int64, len(objects)))
    both = np.where(codes < 0, -1, codes * len(names) + kinds)
    codes, _ = pd.factorize(np.where(both < 0, np.nan, both))
    present = codes >= 0
    _, first = np.unique(codes[present], return_index=True)
    return codes, objects[present][first].tolist()


def _suspects(indices: np.ndarray, ids: np.ndarray) -> dict[str, int]:
    """Return how many rows have each id that reads as if it were missing."""
    if SUSPECTS.isdisjoint(ids):
        return {}
    found = {text: index for index, text in enumerate(ids) if text in SUSPECTS}
    return {text: int(np.count_nonzero(indices == index)) for text, index in found.items()}
