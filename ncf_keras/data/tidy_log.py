"""A raw log as one clean table, whatever it was read from, and a count of the rows that were incomplete."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ncf_keras.base.errors import InputError
from ncf_keras.data.encode import encode

# What stands for a missing rating or timestamp, in any case. An id is missing only where it is empty.
MISSING_MARKS = ("", "nan", "na", "n/a", "null", "none", "\\n")


@dataclass(frozen=True)
class TidyLog:
    """The complete rows of a raw log, in its order.

    Attributes:
        frame: columns `user` and `item`, int32 indices into the ids; `rating`, float64, and `timestamp`,
            int64, uint64, float64 or datetime64 in UTC, where the log has them. Nothing is missing.
        user_ids: str, shape (users,), in order of first appearance.
        item_ids: str, shape (items,), in order of first appearance.
        rows: number of rows of the raw log.
        missing: number of rows dropped for want of each of user, item, rating, timestamp; a row is counted
            once, under the first it lacks.
    """

    frame: pd.DataFrame
    user_ids: np.ndarray
    item_ids: np.ndarray
    rows: int
    missing: Mapping[str, int]


def tidy_log(
    user: pd.Series,
    item: pd.Series,
    rating: pd.Series | None,
    timestamp: pd.Series | None,
    where: Callable[[int], str],
) -> TidyLog:
    """Encode the ids, make ratings and timestamps numbers, and drop the rows that lack one of them.

    Args:
        user: raw user ids.
        item: raw item ids.
        rating: numbers, or texts of numbers.
        timestamp: numbers of any unit, dates, or texts of either (dates as in ISO 8601).
        where: names the place of a row, counted from 0, in an error, such as `log.csv, line 7`.

    Raises:
        InputError: a rating or timestamp is there and can't be understood.
    """
    users, user_ids = encode(user, "user")
    items, item_ids = encode(item, "item")
    columns = {"user": users, "item": items}
    absent = {"user": users < 0, "item": items < 0}
    if rating is not None:
        columns["rating"] = _ratings(rating, where)
        absent["rating"] = np.isnan(columns["rating"])
    if timestamp is not None:
        columns["timestamp"], absent["timestamp"] = _timestamps(timestamp, where)
    complete = np.ones(len(users), dtype=bool)
    missing = {}
    for role, lacking in absent.items():
        missing[role] = int(np.count_nonzero(complete & lacking))
        complete &= ~lacking
    if not complete.all():
        columns = {role: values[complete] for role, values in columns.items()}
    return TidyLog(pd.DataFrame(columns, copy=False), user_ids, item_ids, len(users), missing)


def _ratings(values: pd.Series, where: Callable[[int], str]) -> np.ndarray:
    """Return float64, NaN where missing."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        values = values.astype(values.cat.categories.dtype)
    numbers = _numbers(values).to_numpy(dtype=np.float64, na_value=np.nan)
    lacking = np.isnan(numbers)
    wrong = np.isinf(numbers)
    if lacking.any() and not pd.api.types.is_numeric_dtype(values.dtype):
        wrong[lacking] = ~_is_missing(values[lacking])
    _require(wrong, values, "a finite number for the rating", where)
    return numbers


def _timestamps(values: pd.Series, where: Callable[[int], str]) -> tuple[np.ndarray, np.ndarray]:
    """Return the timestamps, anything where missing, and where they are missing."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        values = values.astype(values.cat.categories.dtype)
    lacking = values.isna().to_numpy()
    if isinstance(values.dtype, pd.DatetimeTZDtype) or values.dtype.kind == "M":
        return _in_utc(values), lacking
    if values.dtype.kind not in "iuf":
        lacking = _is_missing(values)
    present = values[~lacking]
    numbers = _numbers(present)
    # The first timestamp decides whether they are numbers or dates.
    if len(present) and pd.isna(numbers.iloc[0]):
        parsed = _in_utc(pd.to_datetime(present.astype(str), errors="coerce", utc=True, format="ISO8601"))
        wrong = np.isnat(parsed)
    else:
        parsed = numbers.to_numpy(dtype=_number_dtype(numbers))
        wrong = ~np.isfinite(parsed)
    bad = np.zeros(len(values), dtype=bool)
    bad[~lacking] = wrong
    _require(bad, values, "a number or an ISO 8601 date for the timestamp", where)
    if not lacking.any():
        return parsed, lacking
    everywhere = np.zeros(len(values), dtype=parsed.dtype)
    everywhere[~lacking] = parsed
    return everywhere, lacking


def _in_utc(dates: pd.Series) -> np.ndarray:
    if isinstance(dates.dtype, pd.DatetimeTZDtype):
        dates = dates.dt.tz_convert("UTC").dt.tz_localize(None)
    return dates.to_numpy()


def _numbers(values: pd.Series) -> pd.Series:
    """Return numbers, NaN for what is none."""
    try:
        return pd.to_numeric(values, errors="coerce")
    except TypeError:
        return pd.Series(np.nan, index=values.index)


def _number_dtype(numbers: pd.Series) -> np.dtype:
    kind = numbers.dtype.kind if numbers.dtype.kind in "iu" else "f"
    return np.dtype(f"{kind}8")


def _is_missing(values: pd.Series) -> np.ndarray:
    marks = values.astype(str).str.strip().str.lower().isin(MISSING_MARKS)
    return (values.isna() | marks).to_numpy(dtype=bool)


def _require(wrong: np.ndarray, values: pd.Series, rule: str, where: Callable[[int], str]) -> None:
    if wrong.any():
        row = int(np.argmax(wrong))
        raise InputError(f"{where(row)} must have {rule}. Received: {str(values.iloc[row])[:40]!r}")
