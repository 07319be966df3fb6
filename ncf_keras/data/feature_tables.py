"""Tables of features as they come, from files and frames: an id and a cell for each column, a row an id."""

import csv
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ncf_keras.base.errors import InputError
from ncf_keras.base.ids import id_text, is_missing
from ncf_keras.base.terminal import LONGEST_SHOWN, listed
from ncf_keras.data.feature_kinds import BETWEEN_CATEGORIES
from ncf_keras.data.features import Feature
from ncf_keras.data.id_files import RESERVED
from ncf_keras.data.reading import READ_ERRORS, Cost, number_in, open_text, unreadable
from ncf_keras.data.table_rows import table_rows

# Measured: of a file of a million lines with three columns.
FEATURES_COST = Cost(row=400, byte=3)
# `genre*19`: as many columns of 0 and 1, which are the categories of one.
MERGED = re.compile(r"(.+)\*([1-9][0-9]{0,3})")


class FeatureTable(NamedTuple):
    """What somebody says of users or items.

    Attributes:
        source: the file, or the argument, that it came in.
        ids: the raw id of each row, none empty, all different.
        cells: by the name of the column, the text of each row, without white space around it.
        id_column: what the header of a file calls the ids; None without a header.
    """

    source: str
    ids: Sequence[str]
    cells: Mapping[str, Sequence[str]]
    id_column: str | None = None


def read_feature_table(
    file: str | os.PathLike, columns: Sequence[str] | None = None, argument: str | None = None
) -> FeatureTable:
    """Read a table with the ids in its first column: CSV under a header, or the files of MovieLens.

    What separates the columns is told by the name of the file and its first line. What is no UTF-8 is read as
    Latin-1, which the older MovieLens files are in.

    Args:
        file: the table.
        columns: the names of the columns of a file without a header, the first that of the ids; an empty one
            leaves a column out, and `genre*19` makes one column of 19 that say 0 or 1, whose categories are
            their places, from 0. None: the first line has the names.
        argument: what says `columns`, for errors.

    Raises:
        InputError: it breaks the format; the line is named.
    """
    file = Path(file)
    try:
        return _read(file, columns, argument, None)
    except UnicodeError:
        return _read(file, columns, argument, "latin-1")
    except csv.Error as error:
        raise InputError(f"{file} must be a CSV file in UTF-8. Received: {error}") from None
    except READ_ERRORS as error:
        raise unreadable(file, error) from None


def feature_table_of(columns: Iterable[tuple[Any, Iterable[Any]]], source: str) -> FeatureTable:
    """Return the columns of a frame, the first of which has the ids, as a table.

    A value becomes a text by the rule for ids; a list of them is several categories.

    Raises:
        InputError: an id is missing or comes twice, or the columns are of several lengths.
    """
    named = [(str(name).strip(), list(column)) for name, column in columns]
    names, values = [name for name, _ in named], [column for _, column in named]
    if len({len(column) for column in values}) > 1:
        raise InputError(f"The columns of `{source}` must be of one length. Received: other ones")
    _require_names(f"`{source}`", ["", *names[1:]])
    ids: dict[str, int] = {}
    for row, value in enumerate(values[0]):
        raw = id_text(value, source)
        if raw is None or raw in ids:
            received = "none" if raw is None else f"{raw[:LONGEST_SHOWN]!r}, as in row {ids[raw]}"
            raise InputError(
                f"`{source}`, row {row} (counted from 0) must have an id that no other row has. "
                f"Received: {received}"
            )
        ids[raw] = row
    cells = {
        name: [_text_of(value, source) for value in column]
        for name, column in zip(names[1:], values[1:], strict=True)
    }
    return FeatureTable(source, list(ids), cells)


def require_usable_names(names: Iterable[str], source: str, rule: str = "columns of features") -> None:
    """Raise InputError if a column is called like one of those that the files of a dataset have besides."""
    wrong = next((name for name in names if name in RESERVED), None)
    if wrong is not None:
        raise InputError(
            f"{source} must have {rule} that are called other than {', '.join(sorted(RESERVED))}, which are "
            f"the dataset's own. Received: {wrong!r}"
        )


def read_features(file: str | os.PathLike, ids: Sequence[str] | None, count: int) -> dict[str, Feature]:
    """Read columns of categories of users or items, a row an index, by the name of their column.

    A line about an id that is not among `ids` is passed over; an id without a line has no category.

    Args:
        file: a table under a header.
        ids: the raw id of each index; None: the index is the id.
        count: indices are 0 … count - 1.

    Raises:
        InputError: the file breaks the format, or is about none of the ids; the line is named.
    """
    table = read_feature_table(file)
    index_of = {raw: index for index, raw in enumerate(map(str, range(count)) if ids is None else ids)}
    require_some_known(table, index_of)
    return {
        name: Feature.of_texts(name, placed(table, cells, index_of, [""] * count))
        for name, cells in table.cells.items()
    }


def require_some_known(table: FeatureTable, index_of: Mapping[str, int]) -> None:
    """Raise InputError if a table is about none of the ids."""
    if not any(raw in index_of for raw in table.ids):
        raise InputError(
            f"{table.source} must have ids of the dataset in its first column, such as "
            f"{listed(list(index_of)[:3])}. Received: none of them"
        )


def require_header(table: FeatureTable, index_of: Mapping[str, int]) -> None:
    """Raise InputError if what was taken for the header of a file begins with an id."""
    if table.id_column is not None and table.id_column in index_of:
        raise InputError(
            f"{table.source}, line 1 must be a header with a column of ids and one or more of features. "
            f"Received: a line that begins with {table.id_column[:LONGEST_SHOWN]!r}, an id of the dataset"
        )


def placed(
    table: FeatureTable, cells: Sequence[str], index_of: Mapping[str, int], before: list[str]
) -> list[str]:
    """Return the cells of a column by index; those of `before` where the table has no row of an id."""
    for raw, cell in zip(table.ids, cells, strict=True):
        index = index_of.get(raw)
        if index is not None:
            before[index] = cell
    return before


def _read(
    file: Path, columns: Sequence[str] | None, argument: str | None, encoding: str | None
) -> FeatureTable:
    with open_text(file, cost=FEATURES_COST, encoding=encoding, may_be_packed=False) as text:
        rows = table_rows(file, text)
        if columns is None:
            _, header = next(rows, (1, []))
            names = [name.strip() for name in header]
            hint = "" if argument is None else f" (`{argument}` names the columns of a file without one)"
            # What has a number for the name of the ids begins with an id.
            has_none = argument is not None and number_in(names[0] if names else "") is not None
            _require_names(f"{file}, line 1", names[:1] if has_none else names, header, hint)
            return _table_of_rows(file, rows, names)._replace(id_column=names[0])
        return _table_of_rows(file, rows, _expanded(columns, argument or "columns"))


def _expanded(columns: Sequence[str], argument: str) -> list[str]:
    """Return a name for each column of a file; those that are merged have one and the same."""
    found = [name.strip() for name in columns]
    bare = [MERGED.sub(r"\1", name) for name in found[1:] if name]
    if not bare or len(set(bare)) < len(bare):
        raise InputError(
            f"`{argument}` must name the column of ids and one or more of features, each with a name of its "
            f"own. Received: {','.join(columns)[:LONGEST_SHOWN]!r}"
        )
    matches = [MERGED.fullmatch(name) for name in found]
    return [
        name
        for plain, match in zip(found, matches, strict=True)
        for name in ([match[1]] * int(match[2]) if match else [plain])
    ]


def _table_of_rows(file: Path, rows: Iterator[tuple[int, list[str]]], names: Sequence[str]) -> FeatureTable:
    cells: dict[str, list[str]] = {name: [] for name in names[1:] if name}
    merged = {name for name in cells if names[1:].count(name) > 1}
    line_of: dict[str, int] = {}
    # Most cells of a column are alike: each text is kept once.
    kept: dict[str, str] = {}
    for line, row in rows:
        if len(row) != len(names):
            raise InputError(f"{file}, line {line} must have {len(names)} columns. Received: {len(row)}")
        if "\0" in "".join(row):
            raise InputError(f"{file}, line {line} must be without NUL characters. Received: some")
        raw = id_text(row[0], str(file)) or ""
        if raw in line_of:
            raise InputError(
                f"{file}, line {line} must have an id that no other line has. "
                f"Received: {raw[:LONGEST_SHOWN]!r}, as in line {line_of[raw]}"
            )
        if not raw:
            continue
        line_of[raw] = line
        texts = {name: cell.strip() for name, cell in zip(names[1:], row[1:], strict=True) if name}
        for name in merged:
            flags = [cell.strip() for column, cell in zip(names[1:], row[1:], strict=True) if column == name]
            texts[name] = _places_of_ones(flags, f"{file}, line {line}", name)
        for name, cell in texts.items():
            cells[name].append(kept.setdefault(cell, cell))
    return FeatureTable(str(file), list(line_of), cells)


def _places_of_ones(flags: Sequence[str], where: str, name: str) -> str:
    wrong = next((flag for flag in flags if flag not in ("0", "1")), None)
    if wrong is not None:
        raise InputError(
            f"{where} must have 0 or 1 in the columns of {name}. Received: {wrong[:LONGEST_SHOWN]!r}"
        )
    return BETWEEN_CATEGORIES.join(str(place) for place, flag in enumerate(flags) if flag == "1")


def _require_names(
    where: str, names: Sequence[str], header: Sequence[str] | None = None, hint: str = ""
) -> None:
    """Raise InputError unless there is a column behind that of the ids, and each has a name of its own."""
    own = names[1:]
    if not own or "" in own or len(set(own)) < len(own):
        received = ",".join(names[1:] if header is None else header)[:LONGEST_SHOWN]
        raise InputError(
            f"{where} must be a header with a column of ids and one or more of features, each with a "
            f"name of its own{hint}. Received: {received!r}"
        )


def _text_of(value: Any, source: str) -> str:
    if isinstance(value, str):
        if "\0" in value:
            raise InputError(f"`{source}` must be texts without NUL characters. Received: some")
        return value.strip()
    if isinstance(value, list | tuple) or (isinstance(value, np.ndarray) and value.ndim):
        return BETWEEN_CATEGORIES.join(filter(None, (_text_of(one, source) for one in value)))
    return "" if is_missing(value) else id_text(value, source) or ""
