"""Timestamps of a log: numbers of any unit, dates, and texts of dates in any form that a user names."""

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from ncf_keras.base.errors import InputError
from ncf_keras.base.ids import EXACT_FLOAT
from ncf_keras.base.terminal import LONGEST_SHOWN
from ncf_keras.data.tidy_columns import (
    Where,
    equals_one_of,
    is_missing_text,
    kinds_of,
    numbers_of,
    require_kind,
    require_none,
    texts_of,
    without_categories,
)

# Forms that logs have besides ISO 8601: a date and a time of these, the month before the day where both fit,
# and what Twitter and Goodreads, shops and web servers write. Names of time zones are none: to tell one, files
# of that name would be opened.
DATES = (
    "%m/%d/%Y", "%d/%m/%Y", "%Y/%m/%d", "%d.%m.%Y", "%Y.%m.%d", "%m-%d-%Y", "%d-%m-%Y", "%Y%m%d", "%m/%d/%y",
    "%d/%m/%y", "%d.%m.%y", "%m-%d-%y", "%d-%m-%y", "%b %d, %Y", "%B %d, %Y", "%m %d, %Y", "%d %b %Y",
    "%d %B %Y", "%d-%b-%Y", "%d-%b-%y",
)  # fmt: skip
TIMES = ("", " %H:%M:%S", " %H:%M", " %I:%M:%S %p", " %I:%M %p", " %H:%M:%S.%f")
WHOLE = ("%a %b %d %H:%M:%S %z %Y", "%Y-%m-%d %H:%M:%S UTC", "%a, %d %b %Y %H:%M:%S GMT")
# An ISO 8601 date with something behind it that makes its time one of a zone.
ZONE = r"\s*[^\s]{8}.*[-+Zz]"
# A form that doesn't fit is mostly told by the first values.
FEW = 100


def timestamps(
    values: pd.Series,
    where: Where,
    missing: frozenset[str] = frozenset(),
    time_format: str | None = None,
    are_dates: bool | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the timestamps, anything where missing, and where they are missing.

    They are int64, uint64, float64, or datetime64 in UTC. `are_dates` says which it is where these are not the
    first timestamps of a log; None: the first decides.
    """
    values = without_categories(values, "timestamp")
    require_kind(values, "timestamp", "bmc", (pd.IntervalDtype,), "numbers, dates or texts of dates")
    if isinstance(values.dtype, pd.PeriodDtype):
        values = values.dt.to_timestamp()
    if are_dates is False and _is_dates(values):
        # Behind numbers, which a column of dates could not be.
        values = values.astype(object)
    lacking = values.isna().to_numpy()
    if not _is_dates(values) and values.dtype.kind not in "iuf":
        lacking = is_missing_text(values, missing)
    present = values[~lacking]
    if _is_dates(values):
        found, rule = _in_utc(present), ""
    elif time_format is not None:
        found = _in_utc(parsed_times(_as_texts(present), time_format))
        rule = f"a time of the form {repr(time_format)[:LONGEST_SHOWN]} (`time_format`) for the timestamp"
    else:
        found, rule = _numbers_or_dates(present, are_dates)
    wrong = np.isnat(found) if found.dtype.kind == "M" else ~np.isfinite(found)
    if values.dtype == object and not kinds_of(present).isdisjoint({bool, np.bool_}):
        wrong |= np.array([isinstance(value, bool | np.bool_) for value in present], dtype=bool)
    if wrong.any():
        bad = np.zeros(len(values), dtype=bool)
        bad[~lacking] = wrong
        require_none(bad, values, rule + _advice(present, time_format), where)
    everywhere = found
    if lacking.any():
        everywhere = np.zeros(len(values), dtype=found.dtype)
        everywhere[~lacking] = found
    if missing:
        lacking = lacking | _is_one_of(everywhere, missing)
    return everywhere, lacking


def require_time_format(time_format: str) -> None:
    """Raise InputError unless texts can be read in this form."""
    try:
        if "%" not in time_format:
            raise ValueError
        parsed_times(pd.Series(["x"]), time_format)
    except (ValueError, TypeError, LookupError, re.error):
        raise InputError(
            "`time_format` must be a form of dates in the letters of Python's strptime, such as '%m/%d/%Y'. "
            f"Received: {repr(time_format)[:LONGEST_SHOWN]}"
        ) from None


def known_forms() -> list[str]:
    """Return the forms of dates that logs are known to have besides ISO 8601, the first to try first."""
    return [*WHOLE, *(date + time for time in TIMES for date in DATES)]


def propose_time_format(texts: pd.Series) -> str | None:
    """Return the first known form that all of these texts of dates have, or None."""
    for form in known_forms():
        if all(parsed_times(part, form).notna().all() for part in (texts.iloc[:1], texts.iloc[:FEW], texts)):
            return form
    return None


def numbers_of_times(times: pd.Series) -> np.ndarray:
    """Return timestamps as numbers: those of dates are whole Unix seconds, int64."""
    values = times.to_numpy()
    return values.astype("M8[s]").astype(np.int64) if values.dtype.kind == "M" else values


def times_together(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Return timestamps, int64, uint64 or float64, one part behind another, without rounding whole ones."""
    if {part.dtype.kind for part in parts} == {"i", "u"} and all(part.min(initial=0) >= 0 for part in parts):
        parts = [part.astype(np.uint64) for part in parts]
    return np.concatenate(parts)


def _numbers_or_dates(present: pd.Series, are_dates: bool | None) -> tuple[np.ndarray, str]:
    """Return numbers or dates, NaN or NaT for what is none, and what is wanted."""
    rule = "a number or an ISO 8601 date for the timestamp"
    if are_dates is None:
        are_dates = bool(numbers_of(present.iloc[:1]).isna().any())
    if are_dates:
        return _in_utc(parsed_times(texts_of(present), "ISO8601")), rule
    numbers = numbers_of(present)
    return numbers.to_numpy(dtype=f"{numbers.dtype.kind}8" if numbers.dtype.kind in "iu" else "f8"), rule


def _advice(present: pd.Series, time_format: str | None) -> str:
    if time_format is not None:
        return ""
    form = propose_time_format(_as_texts(present))
    return "" if form is None else f" (`time_format` says another form, such as {form!r})"


def _as_texts(values: pd.Series) -> pd.Series:
    """Return what values read as, whole numbers without a point: 20050131.0 is the text 20050131."""
    if values.dtype.kind == "f" and (values.mod(1) == 0).all() and (values.abs() < EXACT_FLOAT).all():
        return values.astype(np.int64).astype(str)
    if values.dtype == object:
        numbers = [int(value) if _is_whole(value) else value for value in values]
        values = pd.Series(numbers, values.index, dtype=object)
    return texts_of(values).str.strip()


def _is_whole(value: object) -> bool:
    return isinstance(value, float) and value.is_integer() and abs(value) < EXACT_FLOAT


def parsed_times(texts: pd.Series, form: str) -> pd.Series:
    """Return dates in UTC, NaT for a text of another form."""
    dates = pd.to_datetime(texts, errors="coerce", utc=True, format=form)
    if form == "ISO8601":
        # In pandas 2.2 and 2.3 a time without a zone takes the zone of a time before it.
        has_zone = texts.str.match(ZONE).to_numpy(dtype=bool)
        if has_zone.any() and not has_zone.all():
            dates[~has_zone] = pd.to_datetime(texts[~has_zone], errors="coerce", utc=True, format=form)
    return dates


def _is_dates(values: pd.Series) -> bool:
    return isinstance(values.dtype, pd.DatetimeTZDtype) or values.dtype.kind == "M"


def _in_utc(dates: pd.Series) -> np.ndarray:
    if isinstance(dates.dtype, pd.DatetimeTZDtype):
        dates = dates.dt.tz_convert("UTC").dt.tz_localize(None)
    return dates.to_numpy()


def _is_one_of(found: np.ndarray, missing: frozenset[str]) -> np.ndarray:
    if found.dtype.kind != "M":
        return equals_one_of(found, missing)
    dates = _in_utc(parsed_times(pd.Series(sorted(missing)), "ISO8601").dropna())
    return np.isin(found, dates)
