"""Logs that are text: CSV, TSV, MovieLens' `::`, any delimiter.

pandas' C parser reads them a column at a time. Memory grows with the rows, not with the text: ids become
categories while they are read, and a column that nobody asked for takes one byte a row. All columns are read,
because a line with one column too many (an unquoted delimiter in a title, say) would otherwise shift the ids
without a word.
"""

import contextlib
import csv
import dataclasses
import io
import itertools
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from string import ascii_letters
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ncf_keras.base.errors import InputError
from ncf_keras.base.ids import EXACT_FLOAT
from ncf_keras.data.logs.columns import are_names, find_columns, has_header
from ncf_keras.data.logs.dialect import delimiter_told, dialect_of
from ncf_keras.data.logs.files import LogFile
from ncf_keras.data.logs.layout import Dialect, LogLayout
from ncf_keras.data.logs.options import LogOptions
from ncf_keras.data.reading import (
    READ_ERRORS,
    UNIT_SEPARATOR,
    Cost,
    Lines,
    ParserText,
    keep_nulls,
    may_be_quoted,
    open_text,
    raise_if_out_of_memory,
    unreadable,
)
from ncf_keras.data.tidy_columns import MISSING_MARKS

MOST_COLUMNS = 10_000
# Measured from the file to the written dataset: logs of 20 to 90 bytes a row, whose ids repeat, took 130 to 140
# bytes a row, hardly more for long ids than for short ones. Dates and new ids everywhere take 150 to 300 more.
TEXT_COST = Cost(row=120, byte=0.5)
OTHER_ENCODING = " (`encoding` names another, such as latin-1, cp1252 or utf-16)"
OTHER_DIALECT = "`delimiter`, `quoting` or `escape` says how its columns are told apart"


class Record(NamedTuple):
    """A record of a text log that is not blank: its place among all, from 0, last line, from 1, and texts."""

    position: int
    line: int
    fields: list[str]


def text_layout(file: LogFile, options: LogOptions, before: LogLayout | None = None) -> LogLayout | None:
    """Find out where a file keeps its columns, from its first two records and from what the user says.

    Args:
        file: the log, or one part of it.
        options: what the user says.
        before: the layout of the first part of the log, if this is another and that is text too.

    Returns:
        None if it holds no interaction.
    """
    try:
        lines = _first_lines(file, options.encoding)
        dialect = dialect_of(lines, Path(file), options)
        # A line that Excel writes for itself is none of the log.
        begin = int(bool(lines) and delimiter_told(lines[0]) is not None)
        records = list(itertools.islice(_records_of(file, dialect, options.encoding), begin, begin + 2))
    except csv.Error as error:
        raise InputError(f"{file} must begin with a line of a table. Received: {plain_words(error)}") from None
    except READ_ERRORS as error:
        raise unreadable(file, error, options.encoding, OTHER_ENCODING) from None
    if not records:
        return None
    first, second = records[0], records[-1]
    require_few_columns(file, len(first.fields))
    header = _begins_with_names(first, second, options, before)
    names = names_of(first) if header else None
    if before is not None and options.header is None and not header:
        # The parts that one file was cut into have its header in the first alone.
        names = before.names
    if header and len(records) == 1:
        return None
    data = second if header else first
    layout = LogLayout(
        "text",
        names,
        len(first.fields),
        {},
        encoding=options.encoding,
        dialect=dialect,
        header_lines=data.position,
    )
    if len(data.fields) != len(first.fields) or (names is not None and len(names) != len(first.fields)):
        raise InputError(
            f"{file}, line {data.line} must have as many columns as the header, {len(names or first.fields)} "
            f"({OTHER_DIALECT}). Received: {len(data.fields)}, read as {layout.how()}"
        )
    found = find_columns(str(file), names, layout.width, options, layout.how())
    return dataclasses.replace(layout, positions=found.positions, by_place=found.by_place)


def _begins_with_names(first: Record, second: Record, options: LogOptions, before: LogLayout | None) -> bool:
    if options.header is not None:
        return options.header
    if before is None:
        return has_header(first.fields, second.fields, options)
    return are_names(first.fields, options) or names_of(first) == before.names


def names_of(record: Record) -> tuple[str, ...]:
    """Return the fields of a header as the names of columns."""
    return tuple(field.strip() for field in record.fields)


def require_few_columns(file: LogFile, count: int) -> None:
    """Raise InputError if a log has more columns than any table that people keep."""
    if count > MOST_COLUMNS:
        raise InputError(f"{file} must have at most {MOST_COLUMNS:,} columns. Received: {count:,}")


def read_text(
    file: LogFile,
    layout: LogLayout,
    options: LogOptions,
    on_read: Callable[[int], None],
    largest_rating: float | None,
) -> dict[str, pd.Series]:
    """Return the columns that `layout` names, by role."""
    at = layout.positions
    timestamp = None if options.time_format is None else "str"
    kinds = {"user": "category", "item": "category", "rating": "float64", "timestamp": timestamp}
    wanted = {position: kinds[role] for role, position in at.items()}
    largest = np.finfo(np.float64).max if largest_rating is None else largest_rating
    try:
        frame = _parse(file, layout, wanted, options, on_read)
        understood = "rating" not in at or not (frame[at["rating"]].abs() > largest).any()
    except InputError:
        raise
    except (ValueError, OverflowError) as error:
        if "rating" not in at:
            raise unreadable(file, error) from None
        understood = False
    if not understood:
        # Read as texts, so that the rating that is no number or too large can be shown as it is.
        frame = _parse(file, layout, wanted | {at["rating"]: "str"}, options, on_read)
    series = {role: frame[position] for role, position in at.items()}
    if "timestamp" in at and options.time_format is None and not is_exact(series["timestamp"]):
        texts = _parse(file, layout, {at["timestamp"]: "str"}, options, on_read)
        series["timestamp"] = texts[at["timestamp"]]
    return series


def line_of_row(file: LogFile, layout: LogLayout, row: int) -> str:
    """Return the line of a row of the log, counted from 1; that of the end of a record of several lines."""
    assert layout.dialect is not None
    records = _records_of(file, layout.dialect, layout.encoding)
    data = (record for record in records if record.position >= layout.header_lines)
    try:
        return f"line {next(itertools.islice(data, row, None)).line}"
    except (StopIteration, csv.Error, *READ_ERRORS):
        return f"record {row + 1}"


def _first_lines(file: LogFile, encoding: str | None) -> list[str]:
    """Return the first two lines that are not blank, or fewer; csv.Error where the first has no end."""
    found: list[str] = []
    with open_text(file, encoding=encoding) as text:
        lines = Lines(text)
        try:
            while len(found) < 2 and (line := next(lines, "")):
                if line.strip():
                    found.append(line)
                    lines.taken = 0
        except csv.Error:
            if not found:
                raise
    return found


def _parse(
    file: LogFile,
    layout: LogLayout,
    kinds: Mapping[int, str | None],
    options: LogOptions,
    on_read: Callable[[int], None],
) -> pd.DataFrame:
    """Return the columns in `kinds` with those dtypes, or ValueError; None is a dtype found by pandas."""
    # A column that nobody asked for takes one byte a row.
    cost = TEXT_COST._replace(row=TEXT_COST.row + layout.width - len(kinds))
    with parser_errors(file, layout), open_text(file, on_read, cost=cost, encoding=layout.encoding) as text:
        frame = pd.read_csv(
            parser_text(text, layout, kinds, options), **parser_settings(layout, kinds, options)
        )
        return frame.iloc[1:].reset_index(drop=True)


def parser_text(
    text: io.TextIOBase, layout: LogLayout, kinds: Mapping[int, str | None], options: LogOptions
) -> Any:
    """Return a text for pandas' parser, with a line before it that is no row of the log."""
    assert layout.dialect is not None
    letters = _letters(layout, kinds, options.missing)
    return ParserText(text, layout.dialect.delimiter, letters, layout.dialect.escape)


def parser_settings(layout: LogLayout, kinds: Mapping[int, str | None], options: LogOptions) -> dict[str, Any]:
    """Return the arguments of `pandas.read_csv` for a `parser_text`, given the dtypes of columns."""
    assert layout.dialect is not None
    marks = [variant for mark in MISSING_MARKS for variant in (mark, mark.upper(), mark.title())] + ["NaN"]
    marks += options.missing
    unwanted = set(range(layout.width)) - set(kinds)
    known = {position: kind for position, kind in kinds.items() if kind}
    absent = {position: marks if kind in ("float64", None) else [""] for position, kind in kinds.items()}
    delimiter = layout.dialect.delimiter
    separator = delimiter if may_be_quoted(delimiter) else UNIT_SEPARATOR
    quoting = csv.QUOTE_MINIMAL if layout.dialect.quoted else csv.QUOTE_NONE
    return {
        "sep": separator,
        "quoting": quoting,
        "escapechar": layout.dialect.escape,
        "dtype": known | dict.fromkeys(unwanted, "S1"),
        "na_values": absent,
        "keep_default_na": False,
        "header": None,
        "index_col": False,
        "engine": "c",
        "names": range(layout.width),
        "skiprows": range(1, 1 + layout.header_lines),
    }


@contextlib.contextmanager
def parser_errors(file: LogFile, layout: LogLayout) -> Iterator[None]:
    """Turn what pandas' parser complains of into a sentence with the line."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)
        # Timestamps of mixed kinds are read again as texts.
        warnings.simplefilter("ignore", pd.errors.DtypeWarning)
        try:
            yield
        except (pd.errors.ParserError, pd.errors.ParserWarning) as error:
            raise_if_out_of_memory(error)
            raise _first_wrong_line(file, layout) from None
        except READ_ERRORS as error:
            raise unreadable(file, error, layout.encoding, OTHER_ENCODING) from None


def _letters(layout: LogLayout, known: Mapping[int, str | None], missing: Sequence[str]) -> str:
    """Return a first line, to be dropped, whose ids are letters and whose other fields are a number.

    From 3.1 on, pandas makes numbers of categories that are all numbers: of 007 the number 7.
    """
    assert layout.dialect is not None
    special = layout.dialect.delimiter + (layout.dialect.escape or "")
    letter = next(one for one in ascii_letters if one not in special)
    # One that is not missing: integers beside a gap would be floats.
    numbers = (str(one) for one in range(1000) if str(one) not in missing and not set(str(one)) & set(special))
    number = next(numbers, letter)
    fields = [letter if known.get(column) == "category" else number for column in range(layout.width)]
    return layout.dialect.delimiter.join(fields) + "\n"


def is_exact(timestamp: pd.Series) -> bool:
    """Tell whether pandas read numbers, and none that a float would round."""
    if timestamp.dtype.kind in "iu":
        return True
    return timestamp.dtype.kind == "f" and not (timestamp.abs() >= EXACT_FLOAT).any()


def _records_of(file: LogFile, dialect: Dialect, encoding: str | None) -> Iterator[Record]:
    """Yield the records of a log as pandas reads them."""
    with open_text(file, encoding=encoding) as text:
        lines = Lines(text)
        for position, (line, fields) in enumerate(_split(lines, dialect)):
            lines.taken = 0
            if len(fields) > 1 or "".join(fields).strip():
                yield Record(position, line, fields)


def _split(lines: Lines, dialect: Dialect) -> Iterator[tuple[int, list[str]]]:
    """Yield the last line, counted from 1, and the fields of each record."""
    if not dialect.quoted and dialect.escape is None:
        split = (line.rstrip("\r\n").split(dialect.delimiter) for line in lines)
        yield from enumerate(split, 1)
        return
    separator = dialect.delimiter if may_be_quoted(dialect.delimiter) else UNIT_SEPARATOR
    reader = csv.reader(
        (
            keep_nulls(line, dialect.delimiter, dialect.escape).replace(dialect.delimiter, separator)
            for line in lines
        ),
        delimiter=separator,
        quoting=csv.QUOTE_MINIMAL if dialect.quoted else csv.QUOTE_NONE,
        escapechar=dialect.escape,
    )
    for fields in reader:
        yield reader.line_num, fields


def _first_wrong_line(file: LogFile, layout: LogLayout) -> InputError:
    """Return the sentence for a log that pandas could not cut into columns."""
    assert layout.dialect is not None
    try:
        for record in _records_of(file, layout.dialect, layout.encoding):
            if len(record.fields) > layout.width:
                return InputError(
                    f"{file}, line {record.line} must have as many columns as the first, {layout.width} "
                    f"({OTHER_DIALECT}). Received: {len(record.fields)}, read as {layout.how()}"
                )
    except (csv.Error, *READ_ERRORS):
        pass
    closed = " with every quotation closed (`quoting` none takes quotation marks for letters)"
    return InputError(
        f"{file} must be a table of {layout.width} columns{closed if layout.dialect.quoted else ''}. "
        f"Received: something else, read as {layout.how()}"
    )


def plain_words(error: csv.Error) -> str:
    """Return what the csv module says, in our words where it speaks of its own settings."""
    words = str(error)
    return "a field of more than 131,072 characters" if "field limit" in words else words
