"""A raw log as one clean table, whatever it was read from, and a count of the rows that were incomplete."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from ncf_keras.base.errors import InputError
from ncf_keras.base.memory import require_memory
from ncf_keras.base.terminal import shown
from ncf_keras.data.reading import LONGEST_REASON

# What stands for a missing rating or timestamp, in any case. An id is missing only where it is empty.
MISSING_MARKS = ("", "nan", "na", "n/a", "null", "none", "\\n")
LONGEST_ID = 10_000
# Whole numbers above this are not all representable as floats, so they are left as they print.
EXACT_FLOAT = 2.0**53


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
    """

    frame: pd.DataFrame = field(repr=False)
    user_ids: np.ndarray = field(repr=False)
    item_ids: np.ndarray = field(repr=False)
    rows: int
    missing: Mapping[str, int]


def tidy_log(
    series: Mapping[str, pd.Series], where: Callable[[int], str], largest_rating: float | None = None
) -> TidyLog:
    """Encode the ids, make ratings and timestamps numbers, and drop the rows that lack one of them.

    Args:
        series: by role. `user` and `item` hold raw ids; `rating`, if it is there, numbers or texts of numbers;
            `timestamp`, if it is there, numbers of any unit, dates, or texts of either (ISO 8601).
        where: names the place of a row, counted from 0, in an error, such as `log.csv, line 7`.
        largest_rating: a rating further from 0 is refused.
    """
    users, user_ids = encode(series["user"], "user")
    items, item_ids = encode(series["item"], "item")
    columns = {"user": users, "item": items}
    absent = {"user": users < 0, "item": items < 0}
    if "rating" in series:
        ratings = _without_categories(series["rating"], "rating")
        columns["rating"] = numbers = _ratings(ratings, where)
        if largest_rating is not None:
            rule = f"a rating from {-largest_rating:.0f} to {largest_rating:.0f}"
            _require_none(np.abs(numbers) > largest_rating, ratings, rule, where)
        absent["rating"] = np.isnan(numbers)
    if "timestamp" in series:
        times = _without_categories(series["timestamp"], "timestamp")
        columns["timestamp"], absent["timestamp"] = _timestamps(times, where)
    complete = np.ones(len(users), dtype=bool)
    missing = {}
    for role, lacking in absent.items():
        missing[role] = int(np.count_nonzero(complete & lacking))
        complete &= ~lacking
    if not complete.all():
        columns = {role: values[complete] for role, values in columns.items()}
    return TidyLog(pd.DataFrame(columns, copy=False), user_ids, item_ids, len(users), missing)


def encode(values: pd.Series, argument: str) -> tuple[np.ndarray, np.ndarray]:
    """Number the ids of a column in order of first appearance, as the authors' files are numbered.

    An id is the text it is in the file, without the white space around it: `007` is not `7`. Numbers in a
    DataFrame or in Parquet are ids as they print; whole floats print as integers, because one missing value
    turns a column of integers into floats. The index of a row, int32, is -1 where the id is missing or empty.
    """
    try:
        codes, uniques = pd.factorize(values)
    except TypeError as error:
        raise InputError(
            f"`{argument}` must be a column of single values. Received: {shown(str(error), LONGEST_REASON)}"
        ) from None
    texts = [_id_text(value, argument) for value in uniques.tolist()]
    # Different values can be one id: 7 and 7.0, or `a` and `a` with a space. An empty text is no id.
    merged, ids = pd.factorize(np.array([text or None for text in texts], dtype=object))
    index_of = np.append(merged, -1).astype(np.int32)
    return index_of[codes], np.asarray(ids, dtype=object)


def renumber(indices: np.ndarray, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Close the gaps left by ids that no longer occur, keeping the order: new indices, int32, and ids."""
    present = np.zeros(len(ids), dtype=bool)
    present[indices] = True
    new_index = np.cumsum(present, dtype=np.int32) - 1
    return new_index[indices], ids[present]


def _id_text(value: object, argument: str) -> str:
    if isinstance(value, float) and value.is_integer() and abs(value) < EXACT_FLOAT:
        value = int(value)
    if isinstance(value, bytes):
        value = value.decode("utf-8", errors="backslashreplace")
    text = str(value).strip()
    if "\0" in text:
        raise InputError(f"`{argument}` must hold ids without NUL characters. Received: {text[:40]!r}")
    if len(text) > LONGEST_ID:
        raise InputError(
            f"`{argument}` must hold ids of at most {LONGEST_ID:,} characters (a quotation mark that is never "
            f"closed makes long ones). Received: {len(text):,} characters beginning {text[:40]!r}"
        )
    return text


def _ratings(values: pd.Series, where: Callable[[int], str]) -> np.ndarray:
    """Return float64, NaN where missing."""
    numbers = _numbers(values).to_numpy(dtype=np.float64, na_value=np.nan)
    lacking = np.isnan(numbers)
    wrong = np.isinf(numbers)
    if lacking.any() and not pd.api.types.is_numeric_dtype(values.dtype):
        wrong[lacking] = ~_is_missing(values[lacking])
    _require_none(wrong, values, "a finite number for the rating", where)
    return numbers


def _timestamps(values: pd.Series, where: Callable[[int], str]) -> tuple[np.ndarray, np.ndarray]:
    """Return the timestamps, anything where missing, and where they are missing."""
    lacking = values.isna().to_numpy()
    if isinstance(values.dtype, pd.DatetimeTZDtype) or values.dtype.kind == "M":
        return _in_utc(values), lacking
    if values.dtype.kind not in "iuf":
        lacking = _is_missing(values)
    present = values[~lacking]
    numbers = _numbers(present)
    # The first timestamp decides whether they are numbers or dates.
    if len(present) and pd.isna(numbers.iloc[0]):
        parsed = _in_utc(pd.to_datetime(_texts(present), errors="coerce", utc=True, format="ISO8601"))
        wrong = np.isnat(parsed)
    else:
        parsed = numbers.to_numpy(dtype=f"{numbers.dtype.kind}8" if numbers.dtype.kind in "iu" else "f8")
        wrong = ~np.isfinite(parsed)
    bad = np.zeros(len(values), dtype=bool)
    bad[~lacking] = wrong
    _require_none(bad, values, "a number or an ISO 8601 date for the timestamp", where)
    if not lacking.any():
        return parsed, lacking
    everywhere = np.zeros(len(values), dtype=parsed.dtype)
    everywhere[~lacking] = parsed
    return everywhere, lacking


def _without_categories(values: pd.Series, argument: str) -> pd.Series:
    if isinstance(values.dtype, pd.CategoricalDtype):
        lengths = [len(value) for value in values.cat.categories if isinstance(value, str | bytes)]
        require_memory(len(values) * max(lengths, default=0), f"`{argument}` as texts of {len(values):,} rows")
        return values.astype(values.cat.categories.dtype)
    return values


def _in_utc(dates: pd.Series) -> np.ndarray:
    if isinstance(dates.dtype, pd.DatetimeTZDtype):
        dates = dates.dt.tz_convert("UTC").dt.tz_localize(None)
    return dates.to_numpy()


def _numbers(values: pd.Series) -> pd.Series:
    """Return real numbers, NaN for what is none."""
    try:
        numbers = pd.to_numeric(values, errors="coerce")
        if numbers.dtype.kind in "biuf":
            return numbers
    except (TypeError, ValueError, ArithmeticError):
        pass
    # Among them is something that pandas can't turn into a number, nor say so: 10**400, 1j, a lone surrogate.
    return pd.Series([_number(value) for value in values], values.index, dtype=np.float64)


def _number(value: object) -> float:
    try:
        if isinstance(value, str | bytes):
            return float(pd.to_numeric(value, errors="coerce"))
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, ArithmeticError):
        return np.nan


def _texts(values: pd.Series) -> pd.Series:
    try:
        return values.astype(str)
    except UnicodeError:
        return pd.Series([ascii(value) for value in values], values.index)


def _is_missing(values: pd.Series) -> np.ndarray:
    marks = _texts(values).str.strip().str.lower().isin(MISSING_MARKS)
    return (values.isna() | marks).to_numpy(dtype=bool)


def _require_none(wrong: np.ndarray, values: pd.Series, rule: str, where: Callable[[int], str]) -> None:
    """Raise InputError with the first row of `values` that is wrong, if there is one."""
    if wrong.any():
        row = int(np.argmax(wrong))
        raise InputError(f"{where(row)} must have {rule}. Received: {str(values.iloc[row])[:40]!r}")
