"""Raw logs of interactions: MovieLens files, CSV, TSV, any delimiter, Parquet, with or without gzip.

Text is parsed by pandas' C parser a column at a time. Memory grows with the rows, not with the text: ids become
categories while they are read, and a column that nobody asked for takes one byte a row. All columns are read,
because a line with one column too many (an unquoted delimiter in a title, say) would otherwise shift the ids
without a word.
"""

import csv
import dataclasses
import itertools
import os
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ncf_keras.base.errors import InputError
from ncf_keras.base.inputs import open_input
from ncf_keras.base.terminal import shortened
from ncf_keras.data.log_layout import LogColumns, LogLayout, find_columns, guess_delimiter, has_header, listed
from ncf_keras.data.reading import (
    LONGEST_REASON,
    LONGEST_RECORD,
    READ_ERRORS,
    UNIT_SEPARATOR,
    Cost,
    Lines,
    ParserText,
    file_digest,
    may_be_quoted,
    open_parquet,
    open_text,
    raise_if_out_of_memory,
    require_room_for_parquet,
    unreadable,
)
from ncf_keras.data.tidy_log import EXACT_FLOAT, MISSING_MARKS, TidyLog, tidy_log

PARQUET_MAGIC = b"PAR1"
MOST_COLUMNS = 10_000
# Measured from the file to the written dataset: logs of 20 to 90 bytes a row, whose ids repeat, took 130 to 140
# bytes a row, hardly more for long ids than for short ones. Dates and new ids everywhere take 150 to 300 more.
TEXT_COST = Cost(row=120, byte=0.5)
# The same from Parquet, besides the columns as they are unpacked.
PARQUET_ROW = 180
PACKED_MAGICS = {b"PK\x03\x04": "a zip archive", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"(\xb5/\xfd": "zstd"}


class Record(NamedTuple):
    """A record of a text log that is not blank: its place among all, from 0, last line, from 1, and texts."""

    position: int
    line: int
    fields: list[str]


def read_log(
    file: str | os.PathLike,
    columns: LogColumns | None = None,
    no_timestamps: bool = False,
    on_read: Callable[[int], None] = lambda position: None,
    largest_rating: float | None = None,
) -> tuple[TidyLog, LogLayout]:
    """Return the complete rows of a raw log of interactions, and where its columns were found.

    What the file is is told by its first bytes: Parquet, gzip or else text. Ids stay the strings they are.

    Args:
        file: the log.
        columns: what is known about its columns; the rest is found out.
        no_timestamps: read no timestamps. Otherwise the log must have them.
        on_read: told how many bytes of the file have been read, for a progress bar.
        largest_rating: a rating further from 0 is refused.
    """
    file, columns = Path(file), columns or LogColumns()
    with open_input(file, "The log") as stream:
        try:
            magic = stream.read(8)
        except OSError as error:
            raise unreadable(file, error) from None
    for packed, called in PACKED_MAGICS.items():
        if magic.startswith(packed):
            raise InputError(f"{file} must be text, gzip or Parquet. Received: {called}; unpack it first")
    parquet = magic.startswith(PARQUET_MAGIC)
    layout = _parquet_layout(file, columns) if parquet else _text_layout(file, columns)
    if no_timestamps:
        positions = {role: at for role, at in layout.positions.items() if role != "timestamp"}
        layout = dataclasses.replace(layout, positions=positions)
    elif "timestamp" not in layout.positions:
        names = layout.names
        has = f"the columns {listed(names)}" if names else f"{layout.width} columns and no header"
        raise InputError(
            f"`timestamp` must name the column of {file} that tells each user's latest interaction, or "
            f"`no_timestamps` must ask for a random one to be held out. Received: a file with {has}"
        )
    series = _read_parquet(file, layout) if parquet else _read_text(file, layout, on_read, largest_rating)

    def where(row: int) -> str:
        return f"{file}, row {row + 1}" if parquet else f"{file}, line {_line_of_row(file, layout, row)}"

    log = tidy_log(series, where, largest_rating)
    if not len(log.frame):
        lacking = ", ".join(f"{count:,} without {role}" for role, count in log.missing.items() if count)
        raise InputError(f"{file} must hold at least one complete interaction. Received: {lacking or 'none'}")
    return log, layout


def describe_source(
    file: str | os.PathLike, layout: LogLayout, titles: str | os.PathLike | None = None
) -> dict[str, Any]:
    """Return the name, SHA-256 and layout of a log, and the name and SHA-256 of its title file, for JSON."""
    source = {"name": Path(file).name, "sha256": file_digest(file, "sha256")} | layout.describe()
    if titles is not None:
        source["titles"] = {"name": Path(titles).name, "sha256": file_digest(titles, "sha256")}
    return source


def _parquet_layout(file: Path, columns: LogColumns) -> LogLayout:
    if columns.delimiter is not None or columns.header is not None:
        raise InputError(f"`delimiter` and `header` must be left out for Parquet. Received: {file}")
    with open_parquet(file) as table:
        names = tuple(table.schema_arrow.names)
    _require_few_columns(file, len(names))
    return LogLayout(None, 0, names, len(names), find_columns(str(file), names, len(names), columns))


def _read_parquet(file: Path, layout: LogLayout) -> dict[str, pd.Series]:
    assert layout.names is not None
    names = {role: layout.names[position] for role, position in layout.positions.items()}
    wanted = list(names.values())
    with open_parquet(file) as parquet:
        require_room_for_parquet(file, parquet, len(wanted), PARQUET_ROW)
        types = parquet.schema_arrow.types
    few = [names[role] for role, position in layout.positions.items() if not types[position].num_fields]
    # Texts stay the few that they are in the file, with a number a row, however long they are.
    with open_parquet(file, read_dictionary=few) as parquet:
        table = parquet.read(columns=wanted).unify_dictionaries()
        # Texts as categories take a few bytes a row; integers with gaps as floats would be rounded.
        frame = table.to_pandas(strings_to_categorical=True, integer_object_nulls=True, ignore_metadata=True)
    return {role: frame[name] for role, name in names.items()}


def _text_layout(file: Path, columns: LogColumns) -> LogLayout:
    """Find out where `file` keeps its columns, from its first two records and from what the user says."""
    try:
        delimiter = columns.delimiter or guess_delimiter(_first_line(file), file)
        records = list(itertools.islice(_records_of(file, delimiter), 2))
    except csv.Error as error:
        raise InputError(f"{file} must begin with a line of a table. Received: {error}") from None
    except READ_ERRORS as error:
        raise unreadable(file, error) from None
    if not records:
        raise InputError(f"{file} must hold at least one interaction. Received: an empty file")
    first, second = records[0], records[-1]
    _require_few_columns(file, len(first.fields))
    header = has_header(first.fields, second.fields, columns) if columns.header is None else columns.header
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


def _require_few_columns(file: Path, count: int) -> None:
    if count > MOST_COLUMNS:
        raise InputError(f"{file} must have at most {MOST_COLUMNS:,} columns. Received: {count:,}")


def _first_line(file: Path) -> str:
    with open_text(file) as text:
        lines = iter(lambda: text.readline(LONGEST_RECORD), "")
        return next((line for line in lines if line.strip()), "")


def _read_text(
    file: Path, layout: LogLayout, on_read: Callable[[int], None], largest_rating: float | None
) -> dict[str, pd.Series]:
    """Return the columns that `layout` names, by role."""
    at = layout.positions
    kinds = {"user": "category", "item": "category", "rating": "float64", "timestamp": None}
    wanted = {position: kinds[role] for role, position in at.items()}
    try:
        frame = _parse(file, layout, wanted, on_read)
        largest = np.finfo(np.float64).max if largest_rating is None else largest_rating
        understood = "rating" not in at or not (frame[at["rating"]].abs() > largest).any()
    except InputError:
        raise
    except (ValueError, OverflowError) as error:
        if "rating" not in at:
            raise unreadable(file, error) from None
        understood = False
    if not understood:
        # Read as texts, so that the rating that is no number or too large can be shown as it is.
        frame = _parse(file, layout, wanted | {at["rating"]: "str"}, on_read)
    series = {role: frame[position] for role, position in at.items()}
    if "timestamp" in at and not _is_exact(series["timestamp"]):
        series["timestamp"] = _parse(file, layout, {at["timestamp"]: "str"}, on_read)[at["timestamp"]]
    return series


def _parse(
    file: Path, layout: LogLayout, kinds: dict[int, str | None], on_read: Callable[[int], None]
) -> pd.DataFrame:
    """Return the columns in `kinds` with those dtypes, or ValueError; None is a dtype found by pandas."""
    marks = [variant for mark in MISSING_MARKS for variant in (mark, mark.upper(), mark.title())] + ["NaN"]
    unwanted = set(range(layout.width)) - set(kinds)
    known = {position: kind for position, kind in kinds.items() if kind}
    absent = {position: marks if kind in ("float64", None) else [""] for position, kind in kinds.items()}
    delimiter = layout.delimiter or ""
    options: dict[str, Any] = {"sep": UNIT_SEPARATOR, "quoting": csv.QUOTE_NONE}
    if may_be_quoted(delimiter):
        options = {"sep": delimiter, "quoting": csv.QUOTE_MINIMAL}
    options |= {"dtype": known | dict.fromkeys(unwanted, "S1"), "na_values": absent}
    # A column that nobody asked for takes one byte a row.
    cost = TEXT_COST._replace(row=TEXT_COST.row + len(unwanted))
    with warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)
        # Timestamps of mixed kinds are read again as texts.
        warnings.simplefilter("ignore", pd.errors.DtypeWarning)
        try:
            with open_text(file, on_read, cost=cost) as text:
                source: Any = ParserText(text, delimiter)
                return pd.read_csv(
                    source, header=None, index_col=False, engine="c", names=range(layout.width),
                    skiprows=layout.header_lines, keep_default_na=False, **options,
                )  # fmt: skip
        except (pd.errors.ParserError, pd.errors.ParserWarning) as error:
            raise_if_out_of_memory(error)
            raise _first_wrong_line(file, layout, error) from None
        except READ_ERRORS as error:
            raise unreadable(file, error) from None


def _is_exact(timestamp: pd.Series) -> bool:
    """Tell whether pandas read numbers, and none that a float would round."""
    if timestamp.dtype.kind in "iu":
        return True
    return timestamp.dtype.kind == "f" and not (timestamp.abs() >= EXACT_FLOAT).any()


def _records_of(file: Path, delimiter: str) -> Iterator[Record]:
    """Yield the records of a log as pandas reads them."""
    with open_text(file) as text:
        lines = Lines(text)
        if not may_be_quoted(delimiter):
            split = (line.rstrip("\r\n").split(delimiter) for line in lines)
            numbered: Iterator[tuple[int, list[str]]] = enumerate(split, 1)
        else:
            reader = csv.reader(lines, delimiter=delimiter)
            numbered = ((reader.line_num, fields) for fields in reader)
        for position, (line, fields) in enumerate(numbered):
            lines.taken = 0
            if len(fields) > 1 or "".join(fields).strip():
                yield Record(position, line, fields)


def _line_of_row(file: Path, layout: LogLayout, row: int) -> str:
    records = _records_of(file, layout.delimiter or "")
    data = (record for record in records if record.position >= layout.header_lines)
    try:
        return str(next(itertools.islice(data, row, None)).line)
    except (StopIteration, csv.Error, *READ_ERRORS):
        return f"unknown (record {row + 1})"


def _first_wrong_line(file: Path, layout: LogLayout, error: Exception) -> InputError:
    """Return the sentence for a log that pandas could not cut into columns."""
    try:
        for record in _records_of(file, layout.delimiter or ""):
            if len(record.fields) > layout.width:
                return InputError(
                    f"{file}, line {record.line} must have as many columns as the first, {layout.width}. "
                    f"Received: {len(record.fields)}"
                )
    except (csv.Error, *READ_ERRORS):
        pass
    return InputError(
        f"{file} must be a table of {layout.width} columns with every quotation closed. "
        f"Received: {shortened(str(error).strip(), LONGEST_REASON)}"
    )
