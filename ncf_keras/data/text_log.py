"""Delimited text logs, parsed by pandas' C parser a column at a time.

Memory grows with the rows, not with the text: ids become categories while they are read, and a column that
nobody asked for takes one byte a row. All columns are read, because a line with one column too many (an
unquoted delimiter in a title, say) would otherwise shift the ids without a word.
"""

import csv
import itertools
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from ncf_keras.base.errors import InputError
from ncf_keras.data.log_layout import (
    LogColumns,
    LogLayout,
    find_columns,
    guess_delimiter,
    has_header,
)
from ncf_keras.data.text_file import (
    LONGEST_LINE,
    READ_ERRORS,
    UNIT_SEPARATOR,
    CheckedText,
    SeparatedText,
    open_text,
    unreadable,
)
from ncf_keras.data.tidy_log import MISSING_MARKS, TidyLog, tidy_log

EXACT_FLOAT = 2.0**53


def text_layout(file: Path, columns: LogColumns) -> LogLayout:
    """Find out where `file` keeps its columns, from its first two records and from what the user says.

    Raises:
        InputError: the file holds no line, or the columns can't be found.
    """
    try:
        delimiter = columns.delimiter or guess_delimiter(_first_line(file), file)
        records = list(itertools.islice(records_of(file, delimiter), 2))
    except csv.Error as error:
        raise InputError(f"{file} must begin with a line of a table. Received: {error}") from None
    except READ_ERRORS as error:
        raise unreadable(file, error) from None
    if not records:
        raise InputError(f"{file} must hold at least one interaction. Received: an empty file")
    first, second = records[0], records[-1]
    header = columns.header
    if header is None:
        header = has_header(first.fields, second.fields, columns)
    if header and len(records) == 1:
        raise InputError(f"{file} must hold at least one interaction. Received: a header alone")
    data = second if header else first
    if len(data.fields) != len(first.fields):
        raise InputError(
            f"{file}, line {data.line} must have as many columns as the header, {len(first.fields)}. "
            f"Received: {len(data.fields)}"
        )
    names = tuple(field.strip() for field in first.fields) if header else None
    positions = find_columns(str(file), names, len(data.fields), columns)
    return LogLayout(delimiter, data.position, names, len(data.fields), positions)


def read_text_log(file: Path, layout: LogLayout, on_read: Callable[[int], None]) -> TidyLog:
    """Read the columns that `layout` names.

    Raises:
        InputError: a line has too many columns, a quotation mark is never closed, a rating or a timestamp
            can't be understood, or the file is not UTF-8; it names the line.
    """
    at = layout.positions
    kinds = {at["user"]: "category", at["item"]: "category"}
    if "rating" in at:
        kinds[at["rating"]] = "float64"
    guessed = {at["timestamp"]} if "timestamp" in at else set()
    try:
        frame = _parse(file, layout, kinds, guessed, on_read)
    except InputError:
        raise
    except ValueError as error:
        if "rating" not in at:
            raise unreadable(file, error) from None
        # A rating is no number: read as texts, so that its line can be named.
        kinds[at["rating"]] = "str"
        frame = _parse(file, layout, kinds, guessed, on_read)
    timestamp = frame[at["timestamp"]] if guessed else None
    if timestamp is not None and not _exact(timestamp):
        texts = dict.fromkeys(guessed, "str")
        timestamp = _parse(file, layout, texts, set(), on_read)[at["timestamp"]]
    return tidy_log(
        frame[at["user"]],
        frame[at["item"]],
        frame[at["rating"]] if "rating" in at else None,
        timestamp,
        lambda row: f"{file}, line {_line_of_row(file, layout, row)}",
    )


def _parse(
    file: Path, layout: LogLayout, kinds: dict[int, str], guessed: set[int], on_read: Callable[[int], None]
) -> pd.DataFrame:
    """Return the columns in `kinds` with those dtypes, and those in `guessed` with a dtype found by pandas.

    Raises:
        ValueError: a column that must be float64 is not.
    """
    unwanted = set(range(layout.width)) - set(kinds) - guessed
    marks = [variant for mark in MISSING_MARKS for variant in (mark, mark.upper(), mark.title())] + ["NaN"]
    numeric = {position for position, kind in kinds.items() if kind == "float64"} | guessed
    wide = len(layout.delimiter) > 1
    with warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)
        # Timestamps of mixed kinds are read again as texts.
        warnings.simplefilter("ignore", pd.errors.DtypeWarning)
        try:
            with open_text(file, on_read) as text:
                checked = CheckedText(text)
                return pd.read_csv(
                    SeparatedText(checked, layout.delimiter) if wide else checked,
                    sep=UNIT_SEPARATOR if wide else layout.delimiter,
                    quoting=csv.QUOTE_NONE if wide else csv.QUOTE_MINIMAL,
                    header=None, names=range(layout.width), skiprows=layout.header_lines, index_col=False,
                    dtype={**kinds, **dict.fromkeys(unwanted, "S1")}, engine="c", keep_default_na=False,
                    na_values={position: marks if position in numeric else [""]
                               for position in (*kinds, *guessed)},
                )  # fmt: skip
        except (pd.errors.ParserError, pd.errors.ParserWarning) as error:
            raise _first_wrong_line(file, layout, error) from None
        except READ_ERRORS as error:
            raise unreadable(file, error) from None


def _exact(timestamp: pd.Series) -> bool:
    """Tell whether pandas read numbers, and none that a float would round."""
    if timestamp.dtype.kind in "iu":
        return True
    return timestamp.dtype.kind == "f" and not (timestamp.abs() >= EXACT_FLOAT).any()


def _first_line(file: Path) -> str:
    with open_text(file) as text:
        lines = iter(lambda: text.readline(LONGEST_LINE), "")
        return next((line for line in lines if line.strip()), "")


class _Record(NamedTuple):
    """A record that is not blank: its position among all records, its last line, its fields."""

    position: int
    line: int
    fields: list[str]


def records_of(file: Path, delimiter: str) -> Iterator[_Record]:
    """Yield the records of a log as pandas reads them."""
    with open_text(file) as text:
        if len(delimiter) > 1:
            numbered = enumerate((line.rstrip("\r\n").split(delimiter) for line in text), 1)
        else:
            reader = csv.reader(text, delimiter=delimiter)
            numbered = ((reader.line_num, fields) for fields in reader)
        for position, (line, fields) in enumerate(numbered):
            if len(fields) > 1 or "".join(fields).strip():
                yield _Record(position, line, fields)


def _line_of_row(file: Path, layout: LogLayout, row: int) -> str:
    try:
        records = (
            found for found in records_of(file, layout.delimiter) if found.position >= layout.header_lines
        )
        return str(next(itertools.islice(records, row, None)).line)
    except (StopIteration, csv.Error, *READ_ERRORS):
        return f"unknown (record {row + 1})"


def _first_wrong_line(file: Path, layout: LogLayout, error: Exception) -> InputError:
    """Return the sentence for a log that pandas could not cut into columns."""
    try:
        for record in records_of(file, layout.delimiter):
            if len(record.fields) > layout.width:
                return InputError(
                    f"{file}, line {record.line} must have as many columns as the first, {layout.width}. "
                    f"Received: {len(record.fields)}"
                )
    except (csv.Error, *READ_ERRORS):
        pass
    return InputError(
        f"{file} must be a table of {layout.width} columns with every quotation closed. "
        f"Received: {str(error).strip()}"
    )
