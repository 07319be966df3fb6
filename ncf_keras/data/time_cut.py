"""The time at which a log is cut: what came before is learned from, what came from then on is held out."""

import datetime
import math
import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd

from ncf_keras.base.checks import is_number
from ncf_keras.base.errors import InputError
from ncf_keras.base.ids import EXACT_FLOAT
from ncf_keras.base.terminal import LONGEST_SHOWN
from ncf_keras.data.reading import number_in
from ncf_keras.data.tidy_times import numbers_of_times

# What a user gives: a share of the interactions, a time in the log's own unit, or a date.
Moment = float | int | str
# Times are in Unix seconds, or in milliseconds, where a typical one is of this size: both are of 1973 to 2286.
SECONDS, MILLISECONDS = (1e8, 1e10), (1e11, 1e13)

DATE = re.compile("[0-9]{4}-[0-9]{2}[-+0-9Tt:., Zz]*")
WHOLE = re.compile("-?[0-9]{1,20}")


@dataclass(frozen=True)
class Times:
    """The times of interactions as whole Unix seconds, or as the numbers that the log has.

    Attributes:
        numbers: int64, uint64 or float64, shape (interactions,).
        per_second: how many units of time a second has; None where that is not known.
    """

    numbers: np.ndarray
    per_second: int | None

    @classmethod
    def of(cls, timestamps: pd.Series) -> "Times":
        """Return the times of a column of a TidyLog, dates in whole seconds as the files have them."""
        numbers = numbers_of_times(timestamps)
        if timestamps.dtype.kind == "M":
            return cls(numbers, 1)
        typical = float(np.median(np.abs(numbers.astype(np.float64))))
        for (least, beyond), per_second in ((SECONDS, 1), (MILLISECONDS, 1000)):
            if least <= typical < beyond:
                return cls(numbers, per_second)
        return cls(numbers, None)


@dataclass(frozen=True)
class Cut:
    """Where a log is cut.

    Attributes:
        given: what the user gave, as of `checked_moment`.
        time: in the unit of the log; what is from then on is later.
        date: the same as an ISO 8601 date in UTC; None where the unit is not known.
    """

    given: Moment
    time: int | float
    date: str | None

    def __str__(self) -> str:
        if self.given == self.time:
            return f"{self.time}" if self.date is None else f"{self.time} ({self.date})"
        found = f"{self.time}" if self.date is None else f"{self.date} ({self.time})"
        return f"{self.given}, which is the time {found}"


def checked_moment(value: object, argument: str) -> Moment:
    """Return a share or a time as a number, a date as a text.

    Args:
        value: a number, or the text of one, above 0 and below 1 for a share, any other for a time in the log's
            own unit; or a date, or a text of one in ISO 8601, in UTC where it names no zone.
        argument: what it is called in an error.

    Raises:
        InputError: it is none of these.
    """
    if isinstance(value, datetime.date | np.datetime64) and not pd.isna(value):
        # As a text: one that is out of range is refused as such a text is.
        date: Any = pd.to_datetime(value, errors="coerce")
        value = date.isoformat()
    found = _number_in(value.strip()) if isinstance(value, str) else value
    if isinstance(value, str) and found is None and _date_in(value.strip()) is not None:
        return value.strip()
    if is_number(found):
        number: Any = found if isinstance(found, int) else float(found)  # type: ignore[arg-type]
        return int(number) if number == int(number) and abs(number) < EXACT_FLOAT else number
    raise InputError(
        f"`{argument}` must be a share of the interactions such as 0.8, a date such as 1998-03-01, or a time "
        f"in the log's own unit. Received: {repr(value)[:LONGEST_SHOWN]}"
    )


def checked_share(value: object, argument: str) -> float:
    """Return a share of items, a number or the text of one, above 0 and below 1, as a float.

    `argument` is what it is called in an error. InputError if it is none.
    """
    found: Any = _number_in(value.strip()) if isinstance(value, str) else value
    if is_number(found) and is_share(float(found)):
        return float(found)
    raise InputError(
        f"`{argument}` must be a share of the items, above 0 and below 1, such as 0.05, with `split` "
        f"cold_items. Received: {repr(value)[:LONGEST_SHOWN]}"
    )


def is_share(moment: Moment) -> bool:
    """Return whether this is a share of the interactions."""
    return not isinstance(moment, str) and 0 < moment < 1


def cut_at(times: Times, moment: Moment, argument: str) -> Cut:
    """Return where a log is cut; `moment` and `argument` are as `checked_moment` has them.

    A share is cut at the time of the interaction at that place of all, in the order of time. So what has one
    time is never cut in two, and what is before the cut is that share at the most.

    Raises:
        InputError: it is a date, and the unit of the times is not known.
    """
    time: int | float
    if isinstance(moment, str):
        time = _time_of(moment, times, argument)
    elif is_share(moment):
        # As it is written: 0.29 of 100 interactions are 29, which the product of floats is not.
        place = math.floor(Fraction(repr(moment)) * len(times.numbers))
        time = np.partition(times.numbers, place)[place].item()
    else:
        time = moment
    return Cut(moment, time, _date_of(time, times.per_second))


def _time_of(date: str, times: Times, argument: str) -> int | float:
    found = _date_in(date)
    assert found is not None
    if times.per_second is None:
        raise InputError(
            f"`{argument}` must be a share of the interactions or a time in the log's own unit, because its "
            f"timestamps, such as {times.numbers[0]}, are neither dates nor Unix seconds or milliseconds. "
            f"Received: {date}"
        )
    # To the millisecond; between two seconds, at the later one.
    milliseconds = int(found.tz_localize(None).to_datetime64().astype("M8[ms]").astype(np.int64))
    return -(-milliseconds * times.per_second // 1000)


def _date_in(text: str) -> pd.Timestamp | None:
    """Return a date of ISO 8601 in UTC, None if the text is none."""
    # pandas takes `now` for a date, too.
    if not DATE.fullmatch(text):
        return None
    date = pd.to_datetime(text, format="ISO8601", utc=True, errors="coerce")
    return None if pd.isna(date) else date


def _number_in(text: str) -> float | int | None:
    if WHOLE.fullmatch(text):
        return int(text)
    return number_in(text) if text.isascii() and "_" not in text else None


def _date_of(time: int | float, per_second: int | None) -> str | None:
    if per_second is None:
        return None
    try:
        date = pd.Timestamp(time / per_second, unit="s")
    except (ValueError, OverflowError):
        return None
    return f"{date.isoformat()}Z"
