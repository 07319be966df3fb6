"""What users or items are like, from a file: a genre, a brand, a country, each a column of categories.

A CSV file in UTF-8 under a header; the first column is the raw id, every other one a feature. A cell may hold
several categories, `Animation|Comedy`; an empty one holds none.
"""

import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ncf_keras.base.errors import InputError
from ncf_keras.base.ids import id_text
from ncf_keras.base.terminal import LONGEST_SHOWN, listed
from ncf_keras.data.csv_rows import csv_rows
from ncf_keras.data.reading import Cost

BETWEEN_CATEGORIES = "|"
# Measured: of a file of a million lines with three columns.
FEATURES_COST = Cost(row=400, byte=3)


@dataclass(frozen=True, eq=False)
class Feature:
    """A column of categories, any number of them a row.

    Attributes:
        name: of the column.
        categories: their names, ascending.
        offsets: int64, shape (rows + 1,). Row r has the categories `codes[offsets[r]:offsets[r + 1]]`.
        codes: int32, places in `categories`, ascending within a row, none twice.
    """

    name: str
    categories: tuple[str, ...]
    offsets: np.ndarray
    codes: np.ndarray

    @classmethod
    def of_texts(cls, name: str, rows: Sequence[str]) -> "Feature":
        """Make a feature of one cell a row, such as `Animation|Comedy`."""
        cells = [sorted(set(filter(None, map(str.strip, cell.split(BETWEEN_CATEGORIES))))) for cell in rows]
        categories = sorted(set().union(*cells))
        code_of = {category: code for code, category in enumerate(categories)}
        offsets = np.concatenate([[0], np.cumsum([len(cell) for cell in cells], dtype=np.int64)])
        codes = np.fromiter((code_of[category] for cell in cells for category in cell), np.int32)
        return cls(name, tuple(categories), offsets.astype(np.int64), codes)


def read_features(file: str | os.PathLike, ids: Sequence[str] | None, count: int) -> dict[str, Feature]:
    """Read the features of users or items, a row an index, by the name of their column.

    A line about an id that is not among `ids` is passed over; an id without a line has no category.

    Args:
        file: the CSV file.
        ids: the raw id of each index; None: the index is the id.
        count: indices are 0 … count - 1.

    Raises:
        InputError: the file breaks the format, or is about none of the ids; the line is named.
    """
    file = Path(file)
    index_of = {raw: index for index, raw in enumerate(map(str, range(count)) if ids is None else ids)}
    with contextlib.closing(csv_rows(file, FEATURES_COST)) as rows:
        _, header = next(rows)
        names = _feature_names(file, header)
        cells = {name: [""] * count for name in names}
        line_of: dict[str, int] = {}
        for line, (first, *row) in rows:
            raw = id_text(first, str(file)) or ""
            if raw in line_of:
                raise InputError(
                    f"{file}, line {line} must have an id that no other line has. "
                    f"Received: {raw[:LONGEST_SHOWN]!r}, as in line {line_of[raw]}"
                )
            if raw in index_of:
                line_of[raw] = line
                for name, cell in zip(names, row, strict=True):
                    cells[name][index_of[raw]] = cell
    if not line_of:
        raise InputError(
            f"{file} must have ids of the dataset in its first column, such as {listed(list(index_of)[:3])}. "
            "Received: none of them"
        )
    return {name: Feature.of_texts(name, column) for name, column in cells.items()}


def _feature_names(file: Path, header: list[str]) -> list[str]:
    """Return the names of the columns behind the id; InputError unless each has one of its own."""
    names = [name.strip() for name in header[1:]]
    if not names or "" in names or len(set(names)) < len(names):
        raise InputError(
            f"{file}, line 1 must be a header with a column of ids and one or more of features, each with a "
            f"name of its own. Received: {','.join(header)[:LONGEST_SHOWN]!r}"
        )
    return names
