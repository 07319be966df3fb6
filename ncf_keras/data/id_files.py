"""`<name>.users.csv` and `<name>.items.csv`: which raw id, and which title, each index stands for.

A header, then a line for each index in order: `index,user_id` and `index,item_id` or `index,item_id,title`,
in UTF-8, texts in quotes.
"""

import csv
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from ncf_keras.base.errors import InputError


def write_ids(file: Path, column: str, ids: Sequence[str], titles: Sequence[str] | None = None) -> None:
    """Write the ids, and the titles if there are any, as a column `column` and a column `title`.

    Args:
        file: written in place.
        column: `user_id` or `item_id`.
        ids: raw id of each index.
        titles: title of each index, empty where there is none.
    """
    columns = {"index": range(len(ids)), column: ids}
    if titles is not None:
        columns["title"] = titles
    # Quoting every text keeps ids that hold a lone carriage return in one piece.
    pd.DataFrame(columns).to_csv(file, index=False, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")


def read_ids(file: Path, column: str, count: int) -> tuple[list[str], list[str] | None]:
    """Read what `write_ids` wrote.

    Args:
        file: the file.
        column: `user_id` or `item_id`.
        count: number of indices in the dataset.

    Returns:
        The raw id of each index, and the title of each, or None where the file has no titles.

    Raises:
        InputError: the file breaks the format or does not fit the dataset; it names the line.
    """
    try:
        with file.open(encoding="utf-8-sig", newline="") as text:
            reader = csv.reader(text)
            width = _header_width(file, next(reader, []), column)
            rows = []
            for row in reader:
                if row:
                    _require_row(f"{file}, line {reader.line_num}", row, len(rows), width, count)
                    rows.append(row)
    except (csv.Error, UnicodeError) as error:
        raise InputError(f"{file} must be a CSV file in UTF-8. Received: {error}") from None
    except OSError as error:
        raise InputError(f"{file} must be a file that can be read. Received: {error.strerror}") from None
    if len(rows) != count:
        raise InputError(
            f"{file} must have a line for each of the {count} indices of the dataset. Received: {len(rows)}"
        )
    return [row[1] for row in rows], [row[2] for row in rows] if width == 3 else None


def _header_width(file: Path, header: Sequence[str], column: str) -> int:
    if header not in (["index", column], ["index", column, "title"]):
        raise InputError(
            f"{file}, line 1 must be index,{column} or index,{column},title. "
            f"Received: {','.join(header)[:80]!r}"
        )
    return len(header)


def _require_row(where: str, row: Sequence[str], index: int, width: int, count: int) -> None:
    if len(row) != width:
        raise InputError(f"{where} must have {width} columns. Received: {len(row)}")
    if row[0] != str(index):
        raise InputError(f"{where} must have the index {index}. Received: {row[0][:40]!r}")
    if index >= count:
        raise InputError(f"{where} must not be there: the dataset has {count} indices. Received: {row[0]}")
