"""Titles of items from a file: MovieLens `movies.dat`, `u.item` and `movies.csv`, any TSV or CSV, JSON."""

import csv
import io
import itertools
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TextIO

import numpy as np

from ncf_keras.base.errors import InputError
from ncf_keras.base.ids import id_text
from ncf_keras.base.terminal import listed
from ncf_keras.data.logs.columns import KNOWN_NAMES, letters_of
from ncf_keras.data.logs.json_records import JsonRecords
from ncf_keras.data.logs.kinds import JSON_BEGINS
from ncf_keras.data.logs.text import plain_words
from ncf_keras.data.reading import LONGEST_LINE, READ_ERRORS, Cost, open_text, unreadable
from ncf_keras.data.table_rows import table_rows

# Measured: of a line, besides its text.
TITLES_COST = Cost(row=110, byte=2)
TITLE_NAMES = {
    "title", "movietitle", "itemtitle", "booktitle", "producttitle", "name", "itemname", "productname",
}  # fmt: skip


def read_titles(file: str | os.PathLike, item: str | None = None, escape: str | None = None) -> dict[str, str]:
    """Read the title of each item id.

    The id stands in the first column; the title in the column that a header calls title or name, else in the
    second. Only commas and semicolons are quoted as in CSV: titles hold quotation marks. In JSON the id has the
    key that it has in the log, or one that is known for ids of items. What is neither UTF-8 nor UTF-16
    is read as Latin-1, which the older MovieLens files are in. An id's first title counts.

    Args:
        file: the titles.
        item: the name of the log's item column, where it has one.
        escape: what stands in CSV before a character that is meant literally.
    """
    file = Path(file)
    try:
        return _titles(file, None, item, escape)
    except UnicodeError:
        return _titles(file, "latin-1", item, escape)
    except csv.Error as error:
        raise InputError(f"{file} must be a table of ids and titles. Received: {plain_words(error)}") from None
    except READ_ERRORS as error:
        raise unreadable(file, error) from None


def titles_of(
    item_ids: Sequence[str] | np.ndarray, titles: Mapping[str, str], before: Sequence[str] | None = None
) -> list[str]:
    """Return the title of each item, empty where there is none; InputError if no item has one.

    Where `titles` has none of an item, the one of `before`, by index, is kept.
    """
    found = [titles.get(item_id, "") for item_id in item_ids]
    if not any(found):
        raise InputError(
            "`titles` must hold items of the log. Received: "
            f"ids such as {listed(list(titles)[:3])}, where the log has {listed(list(item_ids[:3]))}"
        )
    if before is not None:
        found = [new or old for new, old in itertools.zip_longest(found, before, fillvalue="")]
    return found


def _titles(file: Path, encoding: str | None, item: str | None, escape: str | None) -> dict[str, str]:
    with open_text(file, subject="`titles`", cost=TITLES_COST, encoding=encoding, longest_line=None) as text:
        is_json = JSON_BEGINS.match(text.read(4096))
    longest = None if is_json else LONGEST_LINE
    with open_text(file, cost=TITLES_COST, encoding=encoding, longest_line=longest) as text:
        pairs = _pairs_of_records(file, text, item) if is_json else _pairs_of_lines(file, text, escape)
        titles: dict[str, str] = {}
        for item_id, title in pairs:
            titles.setdefault(item_id, title)
    return titles


def _pairs_of_lines(file: Path, text: io.TextIOBase, escape: str | None) -> Iterator[tuple[str, str]]:
    column = 0
    for _, row in table_rows(file, text, escape):
        if not column:
            column = _title_column(file, row)
        if len(row) > column:
            yield id_text(row[0], "titles") or "", row[column].strip()
    if not column:
        _title_column(file, [])


def _pairs_of_records(file: Path, text: TextIO, item: str | None) -> Iterator[tuple[str, str]]:
    found = False
    for record in JsonRecords(text, str(file)):
        known = (name for name in record if letters_of(name) in KNOWN_NAMES["item"])
        key = item if item in record else next(known, None)
        title = next((name for name in record if letters_of(name) in TITLE_NAMES), None)
        if key is not None and title is not None:
            found = True
            item_id = id_text(record[key], "titles")
            if item_id is not None and isinstance(record[title], str):
                # Half a character, which JSON can say, is none of a text that can be written.
                yield item_id, record[title].strip().encode(errors="replace").decode()
    if not found:
        raise InputError(
            f"{file} must have records with the id of an item and its title, under a key such as title or "
            "name. Received: none"
        )


def _title_column(file: Path, first: Sequence[str]) -> int:
    """Return the column of the title, counted from 0, as the fields of the first line tell."""
    if len(first) < 2:
        raise InputError(
            f"{file} must have the item id in its first column and the title in another. "
            f"Received: {len(first)} column(s) in its first line"
        )
    named = (place for place, name in enumerate(first) if place and letters_of(name) in TITLE_NAMES)
    return next(named, 1)
