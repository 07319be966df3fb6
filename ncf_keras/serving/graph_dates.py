"""Dates in texts as Unix seconds, computed in a graph: no library of Python is there when a server answers."""

import re
from collections.abc import Sequence

import tensorflow as tf
from tensorflow import Tensor

from ncf_keras.base.errors import InputError
from ncf_keras.data.feature_kinds import ISO8601

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
FULL_MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october",
    "november", "december",
)  # fmt: skip
# What the letters of strptime stand for, and which part of a date it is.
LETTERS = {
    "Y": ("year", r"(\d{4})"),
    "y": ("short_year", r"(\d\d)"),
    "m": ("month", r"(1[0-2]|0[1-9]|[1-9])"),
    "d": ("day", r"(3[01]|[12]\d|0[1-9]|[1-9])"),
    "b": ("name", f"({'|'.join(MONTHS)})"),
    "B": ("name", f"({'|'.join(FULL_MONTHS)})"),
    "H": ("hour", r"(2[0-3]|[01]\d|\d)"),
    "I": ("hour", r"(1[0-2]|0[1-9]|[1-9])"),
    "M": ("minute", r"([0-5]\d|\d)"),
    "S": ("second", r"([0-5]\d|\d)"),
    "p": ("half", "(am|pm)"),
    "f": ("", r"\d{1,9}"),
    "a": ("", "(?:mon|tue|wed|thu|fri|sat|sun)"),
    "A": ("", "(?:mon|tues|wednes|thurs|fri|satur|sun)day"),
    "z": ("zone", r"(Z|[+-]\d\d:?\d\d)"),
    "%": ("", "%"),
}
# A date, alone or with a time, which may have a zone; its parts in this order.
ISO_PATTERN = (
    r"(\d{4})(?:[-/](\d{1,2})(?:[-/](\d{1,2}))?|(\d\d)(\d\d))?"
    r"(?:[T ](\d\d)(?::?(\d\d)(?::?(\d\d)(?:[.,]\d+)?)?)?\s*(Z|[+-]\d\d(?::?\d\d)?)?)?"
)
ISO_PARTS = ("year", "month", "day", "month", "day", "hour", "minute", "second", "zone")
# RE2 hands out so many groups.
MOST_PARTS = 9


def seconds_of(texts: Tensor, form: str) -> Tensor:
    """Return dates as whole Unix seconds: float64, NaN for a text that is none.

    Args:
        texts: strings without white space around them, of any shape.
        form: in the letters of Python's strptime, those of `LETTERS`, or `ISO8601`.

    Raises:
        InputError: the form has other letters, or no year, month and day.
    """
    found_pattern = (ISO_PATTERN, ISO_PARTS) if form == ISO8601 else _pattern(form)
    if found_pattern is None:
        letters = ", ".join(f"%{letter}" for letter in LETTERS)
        raise InputError(
            "`dataset` must have dates of a form that a served model can read, to be exported: ISO 8601, or a "
            f"year, a month and a day in {letters}. Received: {form!r}"
        )
    pattern, parts = found_pattern
    pattern = f"(?i)^(?:{pattern})$"
    fits = tf.strings.regex_full_match(texts, pattern)
    found: dict[str, Tensor] = {}
    for place, part in enumerate(parts, 1):
        text = tf.where(fits, tf.strings.regex_replace(texts, pattern, rf"\{place}"), "")
        # A part that stands in one of two places is empty in the other.
        found[part] = text if part not in found else tf.strings.join([found[part], text])
    return _seconds(fits, found)


def _pattern(form: str) -> tuple[str, Sequence[str]] | None:
    """Return a form as a pattern of RE2 and the parts of its groups; None if that can't be."""
    pattern, parts = "", list[str]()
    for letter, space, other in re.findall(r"%(.)|(\s+)|(.)", form, re.DOTALL):
        if letter and letter not in LETTERS:
            return None
        if letter:
            part, piece = LETTERS[letter]
            pattern += piece
            parts += [part] if part else []
        else:
            pattern += r"\s+" if space else re.escape(other)
    has_year, has_month = {"year", "short_year"} & set(parts), {"month", "name"} & set(parts)
    if (
        len(parts) > MOST_PARTS
        or len(set(parts)) < len(parts)
        or not (has_year and has_month and "day" in parts)
    ):
        return None
    return pattern, parts


def _seconds(fits: Tensor, parts: dict[str, Tensor]) -> Tensor:
    def number(part: str, default: int) -> Tensor:
        if part not in parts:
            return tf.fill(tf.shape(fits), tf.constant(default, tf.int64))
        text = parts[part]
        return tf.strings.to_number(tf.where(text == "", str(default), text), tf.int64)

    year = number("year", 1970)
    if "short_year" in parts:
        short = number("short_year", 70)
        # As in POSIX.
        year = tf.where(short < 69, 2000 + short, 1900 + short)
    month = _month(parts["name"]) if "name" in parts else number("month", 1)
    day, hour = number("day", 1), number("hour", 0)
    if "half" in parts:
        is_late = tf.strings.regex_full_match(parts["half"], "(?i)pm")
        hour = hour % 12 + tf.where(is_late, tf.constant(12, tf.int64), 0)
    is_leap = ((year % 4 == 0) & (year % 100 != 0)) | (year % 400 == 0)
    lengths = tf.constant([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31], tf.int64)
    is_month = (month >= 1) & (month <= 12)
    length = tf.gather(lengths, tf.clip_by_value(month, 1, 12) - 1)
    length += tf.cast((month == 2) & is_leap, tf.int64)
    fits &= is_month & (day >= 1) & (day <= length) & (year >= 1) & (hour < 24)
    minute, second = number("minute", 0), number("second", 0)
    fits &= (minute < 60) & (second < 60)
    seconds = ((_days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second
    if "zone" in parts:
        seconds -= _seconds_of_zone(parts["zone"])
    return tf.where(fits, tf.cast(seconds, tf.float64), float("nan"))


def _month(names: Tensor) -> Tensor:
    start = tf.strings.substr(tf.strings.lower(names), 0, 3)
    is_one = start[..., None] == tf.constant(MONTHS)
    return tf.where(tf.reduce_any(is_one, axis=-1), tf.argmax(is_one, axis=-1) + 1, 0)


def _days(year: Tensor, month: Tensor, day: Tensor) -> Tensor:
    """Return the days since 1970-01-01, int64, after Hinnant, "chrono-compatible low-level date algorithms"."""
    year -= tf.cast(month <= 2, tf.int64)
    era = year // 400
    year_of_era = year - era * 400
    day_of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    day_of_era = year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year
    return era * 146_097 + day_of_era - 719_468


def _seconds_of_zone(zones: Tensor) -> Tensor:
    """Return how many seconds a zone such as `+02:00` is ahead; 0 for none and `Z`."""
    digits = tf.strings.regex_replace(zones, "[^0-9]", "")
    digits = tf.strings.substr(tf.strings.join([digits, "0000"]), 0, 4)
    both = tf.strings.to_number(digits, tf.int64)
    ahead = (both // 100 * 60 + both % 100) * 60
    return tf.where(tf.strings.regex_full_match(zones, "-.*"), -ahead, ahead)
