"""The file of train interactions in Parquet, which may stand in for the one in text."""

from pathlib import Path
from typing import Any

import numpy as np

from ncf_keras.base.errors import InputError
from ncf_keras.base.terminal import listed
from ncf_keras.data.dataset_checks import INDEX_LIMIT
from ncf_keras.data.reading import open_parquet, require_room_for_parquet

# What reading a row took of memory, measured.
BYTES_OF_PARQUET_ROW = 45


def read_train_parquet(file: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return the users and items of the interactions in `file`, int32, shape (interactions,).

    It is read a row group at a time, so besides the indices themselves, 8 bytes an interaction, only one row
    group is in memory.
    """
    with open_parquet(file) as table:
        names = table.schema_arrow.names
        for name in ("user", "item"):
            if names.count(name) != 1:
                raise InputError(f"{file} must have one column {name!r}. Received: {listed(names) or 'none'}")
        require_room_for_parquet(file, table, 2, BYTES_OF_PARQUET_ROW)
        groups = [table.metadata.row_group(number).num_rows for number in range(table.num_row_groups)]
        if sum(groups) == 0:
            raise InputError(f"{file} must hold at least one interaction. Received: none")
        users, items = np.empty(sum(groups), np.int32), np.empty(sum(groups), np.int32)
        start = 0
        for number, rows in enumerate(groups):
            group = table.read_row_group(number, columns=["user", "item"], use_threads=False)
            for name, indices in (("user", users), ("item", items)):
                indices[start : start + rows] = _indices(file, name, group.column(name), start)
            start += rows
        return users, items


def _indices(file: Path, name: str, column: Any, start: int) -> np.ndarray:
    """Return the column of a row group, checked; `start` is the number of rows before it."""
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
    return values
