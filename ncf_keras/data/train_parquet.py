"""The train interactions as Parquet: for data too large for text.

`<path><dataset>.train.parquet` has two columns of whole numbers, `user` and `item`, a row an interaction; no
other is read. It stands in for `<dataset>.train.rating`. It is read a row group at a time, so besides the
indices themselves, 8 bytes an interaction, only one row group is in memory.
"""

from pathlib import Path

import numpy as np

from ncf_keras.base.errors import InputError
from ncf_keras.data.dataset import INDEX_LIMIT
from ncf_keras.data.parquet_file import reading_parquet

COLUMNS = ("user", "item")


def read_train_parquet(file: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return the users and items of the interactions in `file`, int32, shape (interactions,).

    Raises:
        InputError: the file can't be read, has no such columns, or an index is missing, no whole number,
            negative or too large; it names the row.
    """
    with reading_parquet(file) as parquet, parquet.ParquetFile(file) as table:
        return _read(file, table)


def _read(file: Path, table: object) -> tuple[np.ndarray, np.ndarray]:
    names = table.schema_arrow.names
    for name in COLUMNS:
        if names.count(name) != 1:
            raise InputError(f"{file} must have one column {name!r}. Received: {', '.join(names) or 'none'}")
    groups = [table.metadata.row_group(number).num_rows for number in range(table.num_row_groups)]
    if sum(groups) == 0:
        raise InputError(f"{file} must hold at least one interaction. Received: none")
    columns = [[], []]
    start = 0
    for number, rows in enumerate(groups):
        group = table.read_row_group(number, columns=list(COLUMNS), use_threads=False)
        for parts, name in zip(columns, COLUMNS, strict=True):
            parts.append(_indices(file, name, group.column(name), start))
        start += rows
    return _joined(columns[0]), _joined(columns[1])


def _joined(parts: list[np.ndarray]) -> np.ndarray:
    """Return the parts as one array, each let go of once it is copied."""
    result = np.empty(sum(map(len, parts)), np.int32)
    end = len(result)
    while parts:
        part = parts.pop()
        result[end - len(part) : end] = part
        end -= len(part)
    return result


def _indices(file: Path, name: str, column: object, start: int) -> np.ndarray:
    """Return the column of a row group as int32; `start` is the number of rows before it."""
    if column.null_count:
        row = start + int(np.flatnonzero(column.is_null().to_numpy())[0]) + 1
        raise InputError(f"{file}, row {row} must have a {name}. Received: none")
    values = column.to_numpy()
    if values.dtype.kind not in "iu":
        raise InputError(f"{file} must have whole numbers in column {name!r}. Received: {column.type}")
    wrong = np.flatnonzero((values < 0) | (values >= INDEX_LIMIT))
    if wrong.size:
        raise InputError(
            f"{file}, row {start + wrong[0] + 1} must have a {name} between 0 and {INDEX_LIMIT - 1}. "
            f"Received: {values[wrong[0]]}"
        )
    return values.astype(np.int32)
