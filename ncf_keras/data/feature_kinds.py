"""The kinds that a column of features may be of, what a cell is of each, and which kind a column looks like.

    categories  one or several between |, such as `Animation|Comedy`
    number      cut into bins
    date        in one form for the whole column, cut into bins
    text        words, hashed into buckets

An empty cell is a missing value in all of them; so are `nan` and `inf` of a number, and a text without a word.
"""

import math
import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from ncf_keras.data.tidy_times import parsed_times, propose_time_format

CATEGORIES, NUMBER, DATE, TEXT = KINDS = ("categories", "number", "date", "text")
# What is said of a column that is to be no feature.
LEFT_OUT = "none"
BETWEEN_CATEGORIES = "|"
# A column of numbers that has no more different ones is one of categories, such as ages in groups.
MOST_CODES = 32
MOST_WORDS = 32
WORD = re.compile(r"[^\W_]+")
# Python's own numbers include 1_000 and other scripts' digits.
A_NUMBER = re.compile(r"[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?")
NO_NUMBER = re.compile(r"[-+]?(nan|inf(inity)?)", re.IGNORECASE)
LEADING_ZERO = re.compile(r"[-+]?0[0-9]")
ISO8601 = "ISO8601"
A_DIGIT = re.compile("[0-9]")


def parts_of(cell: str) -> list[str]:
    """Return the categories of a cell, each once, in ascending order."""
    return sorted(set(filter(None, map(str.strip, cell.split(BETWEEN_CATEGORIES)))))


def words_of(cell: str) -> list[str]:
    """Return the words of a text, runs of letters and digits in lower case: the first 32 different ones."""
    return list(dict.fromkeys(WORD.findall(lower(cell))))[:MOST_WORDS]


def lower(text: str) -> str:
    """Return a text in lower case, as a graph can, too, which has no `casefold`; a sigma ends no word."""
    return text.lower().replace("ς", "σ")


def number_of(cell: str) -> float:
    """Return the number in a cell, NaN where there is no finite one."""
    number = float(cell) if A_NUMBER.fullmatch(cell.strip()) else math.nan
    return number if math.isfinite(number) else math.nan


def is_no_value(cell: str, kind: str) -> bool:
    """Return whether a cell stands for no value, rather than for one that can't be understood."""
    if kind == NUMBER:
        text = cell.strip()
        is_number = A_NUMBER.fullmatch(text) is not None
        return not text or NO_NUMBER.fullmatch(text) is not None or (is_number and math.isnan(number_of(text)))
    if kind == TEXT:
        return WORD.search(cell) is None
    return not parts_of(cell) if kind == CATEGORIES else not cell.strip()


def seconds_of(cells: Sequence[str], form: str) -> np.ndarray:
    """Return dates as whole Unix seconds, float64, NaN for what is none of this form."""
    times = parsed_times(pd.Series(cells, dtype=object).str.strip(), form)
    lacking = times.isna().to_numpy()
    seconds = times.dt.tz_convert(None).to_numpy().astype("M8[s]").astype(np.int64).astype(np.float64)
    return np.where(lacking, np.nan, seconds)


def form_of_dates(cells: Sequence[str]) -> str | None:
    """Return a form that all of these texts, which are not empty, have as dates; None if there is not one."""
    # Without a digit are `today` and `now`, which pandas knows.
    if not cells or not all(map(A_DIGIT.search, cells)):
        return None
    texts = pd.Series(cells, dtype=object).str.strip()
    if all(parsed_times(part, ISO8601).notna().all() for part in (texts.iloc[:1], texts)):
        return ISO8601
    return propose_time_format(texts)


def kind_of_cells(cells: Sequence[str]) -> str:
    """Return which kind a column of these cells looks like.

    Numbers, more than 32 different ones and none with a leading zero, are numbers, others categories; dates if
    all are; text if most cells are different and have two words or more on average; else categories.
    """
    filled = [cell for cell in map(str.strip, cells) if cell]
    values = list(dict.fromkeys(filled))
    numbers = [value for value in values if not NO_NUMBER.fullmatch(value)]
    if all(map(A_NUMBER.fullmatch, numbers)):
        are_codes = len(numbers) <= MOST_CODES or any(map(LEADING_ZERO.match, numbers))
        return CATEGORIES if are_codes else NUMBER
    if form_of_dates(values) is not None:
        return DATE
    words = sum(len(WORD.findall(value)) for value in values)
    return TEXT if len(values) > len(filled) / 2 and words >= 2 * len(values) else CATEGORIES
