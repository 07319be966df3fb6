"""Titles of items from a file: MovieLens `movies.dat`, `u.item` and `movies.csv`, any TSV or CSV."""

import csv
import io
import itertools
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from ncf_keras.base.errors import InputError
from ncf_keras.base.ids import id_text
from ncf_keras.data.log_layout import guess_delimiter, letters_of, listed
from ncf_keras.data.reading import READ_ERRORS, Cost, Lines, open_text, unreadable

# Measured: of a line, besides its text.
TITLES_COST = Cost(row=110, byte=2)
TITLE_NAMES = {
    "title", "movietitle", "itemtitle", "booktitle", "producttitle", "name", "itemname", "productname",
}  # fmt: skip


def read_titles(file: str | os.PathLike) -> dict[str, str]:
    """Read the title of each item id.

    The id stands in the first column; the title in the column that a header calls title or name, else in the
    second. Only commas and semicolons are quoted as in CSV: titles hold quotation marks. What is not UTF-8
    is read as Latin-1, which the older MovieLens files are in. An id's first title counts.
    """
    file = Path(file)
    try:
        return _titles(file, "utf-8-sig")
    except UnicodeError:
        return _titles(file, "latin-1")
    except csv.Error as error:
        raise InputError(f"{file} must be a table of ids and titles. Received: {error}") from None
    except READ_ERRORS as error:
        raise unreadable(file, error) from None


def titles_of(item_ids: Sequence[str] | np.ndarray, titles: Mapping[str, str]) -> list[str]:
    """Return the title of each item, empty where there is none; InputError if no item has one."""
    found = [titles.get(item_id, "") for item_id in item_ids]
    if not any(found):
        raise InputError(
            "`titles` must hold items of the log. Received: "
            f"ids such as {listed(list(titles)[:3])}, where the log has {listed(list(item_ids[:3]))}"
        )
    return found


def _titles(file: Path, encoding: str) -> dict[str, str]:
    titles: dict[str, str] = {}
    column = 0
    with open_text(file, subject="`titles`", cost=TITLES_COST) as text:
        text.reconfigure(encoding=encoding)
        for row in filter(any, _rows(file, text)):
            if not column:
                column = _title_column(file, row)
            if len(row) > column:
                titles.setdefault(id_text(row[0], "titles") or "", row[column].strip())
    if not column:
        _title_column(file, [])
    return titles


def _title_column(file: Path, first: Sequence[str]) -> int:
    """Return the column of the title, counted from 0, as the fields of the first line tell."""
    if len(first) < 2:
        raise InputError(
            f"{file} must have the item id in its first column and the title in another. "
            f"Received: {len(first)} column(s) in its first line"
        )
    named = (place for place, name in enumerate(first) if place and letters_of(name) in TITLE_NAMES)
    return next(named, 1)


def _rows(file: Path, text: io.TextIOBase) -> Iterator[list[str]]:
    lines = Lines(text)
    # What the first line that is not blank tells; the blank ones before it hold nothing.
    first = next((line for line in lines if line.strip()), "")
    delimiter = guess_delimiter(first, file)
    rest = itertools.chain([first], lines)
    quoted = delimiter in (",", ";")
    rows = csv.reader(rest, delimiter=delimiter) if quoted else (_fields(line, delimiter) for line in rest)
    for row in rows:
        lines.taken = 0
        yield row


def _fields(line: str, delimiter: str) -> list[str]:
    return [_unquoted(field) for field in line.rstrip("\r\n").split(delimiter)]


def _unquoted(field: str) -> str:
    if len(field) > 1 and field.startswith('"') and field.endswith('"'):
        return field[1:-1].replace('""', '"')
    return field
