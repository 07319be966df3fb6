"""Titles of items from a file: MovieLens `movies.dat`, `u.item` and `movies.csv`, any TSV or CSV."""

import csv
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ncf_keras.base.errors import InputError
from ncf_keras.data.log_layout import guess_delimiter, letters_of
from ncf_keras.data.reading import READ_ERRORS, open_text, unreadable

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
    if not file.is_file():
        raise InputError(f"`titles` must be a file. Received: {file}, which is not there or no file")
    lines = _lines(file)
    delimiter = guess_delimiter(next((line for line in lines if line.strip()), ""), file)
    try:
        rows = [row for row in _rows(lines, delimiter) if any(row)]
    except csv.Error as error:
        raise InputError(f"{file} must be a table of ids and titles. Received: {error}") from None
    if not rows or len(rows[0]) < 2:
        raise InputError(
            f"{file} must have the item id in its first column and the title in another. "
            f"Received: {len(rows[0]) if rows else 0} column(s) in its first line"
        )
    named = (place for place, name in enumerate(rows[0]) if place and letters_of(name) in TITLE_NAMES)
    column = next(named, 1)
    titles: dict[str, str] = {}
    for row in rows:
        if len(row) > column:
            titles.setdefault(row[0].strip(), row[column].strip())
    return titles


def titles_of(item_ids: Sequence[str] | np.ndarray, titles: Mapping[str, str]) -> list[str]:
    """Return the title of each item, empty where there is none; InputError if no item has one."""
    found = [titles.get(item_id, "") for item_id in item_ids]
    if not any(found):
        raise InputError(
            "`titles` must hold items of the log. Received: "
            f"ids such as {', '.join(list(titles)[:3])}, where the log has {', '.join(item_ids[:3])}"
        )
    return found


def _lines(file: Path) -> list[str]:
    try:
        with open_text(file) as text:
            return text.read().splitlines(keepends=True)
    except UnicodeError:
        with open_text(file) as text:
            text.reconfigure(encoding="latin-1")
            return text.read().splitlines(keepends=True)
    except READ_ERRORS as error:
        raise unreadable(file, error) from None


def _rows(lines: Sequence[str], delimiter: str) -> list[list[str]]:
    if delimiter in (",", ";"):
        return list(csv.reader(lines, delimiter=delimiter))
    return [[_unquoted(field) for field in line.rstrip("\r\n").split(delimiter)] for line in lines]


def _unquoted(field: str) -> str:
    if len(field) > 1 and field.startswith('"') and field.endswith('"'):
        return field[1:-1].replace('""', '"')
    return field
