"""Logs in Parquet, read by pyarrow."""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from ncf_keras.base.errors import InputError
from ncf_keras.data.logs.columns import find_columns
from ncf_keras.data.logs.files import LogFile
from ncf_keras.data.logs.layout import LogLayout
from ncf_keras.data.logs.options import OF_TEXT_ALONE, LogOptions
from ncf_keras.data.logs.text import require_few_columns
from ncf_keras.data.reading import open_parquet, require_room_for_parquet

# As TEXT_COST, measured besides the columns as they are unpacked.
PARQUET_ROW = 180
# Bytes of a row while a chunk is made tidy: for itself, and for each of its own; and those of a page.
CHUNK_ROW, CHUNK_BYTE = 500, 4
PAGE = 1 << 20
Path = tuple[str, ...]


def parquet_layout(file: LogFile, options: LogOptions) -> LogLayout | None:
    """Find out where a file keeps its columns; None if it holds no interaction."""
    options.require_fit("Parquet", file, ("encoding", *OF_TEXT_ALONE))
    with open_parquet(file) as table:
        paths = [path for _, path, _ in _leaves(table.schema_arrow)]
        rows = table.metadata.num_rows
    require_few_columns(file, len(paths))
    names = tuple(".".join(path) for path in paths)
    found = find_columns(str(file), names, len(names), options, "Parquet")
    return LogLayout("Parquet", names, len(names), found.positions, paths=tuple(paths)) if rows else None


def read_parquet(file: LogFile, layout: LogLayout) -> dict[str, pd.Series]:
    """Return the columns that `layout` names, by role."""
    wanted = [".".join(layout.paths[position]) for position in layout.positions.values()]
    with open_parquet(file) as parquet:
        require_room_for_parquet(file, parquet, len(wanted), PARQUET_ROW)
        leaves = _same_leaves(file, parquet, layout)
        tops = parquet.schema_arrow.names
    places = layout.positions.values()
    few = [name for name, at in zip(wanted, places, strict=True) if not leaves[at][2].num_fields]
    # Texts stay the few that they are in the file, with a number a row, however long they are.
    with open_parquet(file, read_dictionary=few) as parquet:
        return _by_role(parquet.read(columns=wanted), layout, leaves, tops)


def parquet_chunks(file: LogFile, layout: LogLayout, bytes_of_chunk: int) -> Iterator[dict[str, pd.Series]]:
    """Yield what `read_parquet` returns, some rows at a time, which take about so many bytes."""
    import pyarrow

    wanted = [".".join(layout.paths[position]) for position in layout.positions.values()]
    # A stream of pages: as large as a group of rows is, it is never unpacked whole.
    with open_parquet(file, buffer_size=PAGE, pre_buffer=False) as parquet:
        leaves = _same_leaves(file, parquet, layout)
        groups = [parquet.metadata.row_group(number) for number in range(parquet.num_row_groups)]
        row = sum(group.total_byte_size for group in groups) // max(parquet.metadata.num_rows, 1)
        rows = max(1, bytes_of_chunk // (CHUNK_ROW + CHUNK_BYTE * row))
        for batch in parquet.iter_batches(batch_size=rows, columns=wanted, use_threads=False):
            yield _by_role(pyarrow.Table.from_batches([batch]), layout, leaves, parquet.schema_arrow.names)


def _by_role(table: Any, layout: LogLayout, leaves: list[tuple[int, Path, Any]], tops: list[str]) -> dict:
    """Return the columns of a table of pyarrow that `layout` names."""
    import pyarrow

    columns = {}
    for role, position in layout.positions.items():
        top, path, _ = leaves[position]
        # Of columns of one name all are read.
        same = [place for place, name in enumerate(table.column_names) if name == path[0]]
        columns[role] = _within(table.column(same[tops[:top].count(path[0])]), path[1:])
    # Texts as categories take a few bytes a row; integers with gaps as floats would be rounded.
    frame = (
        pyarrow.table(columns)
        .unify_dictionaries()
        .to_pandas(strings_to_categorical=True, integer_object_nulls=True, ignore_metadata=True)
    )
    return {role: frame[role] for role in columns}


def _same_leaves(file: LogFile, parquet: Any, layout: LogLayout) -> list[tuple[int, Path, Any]]:
    """Return the leaves of an open file; InputError if they are not those that `layout` was made of."""
    leaves = list(_leaves(parquet.schema_arrow))
    if tuple(path for _, path, _ in leaves) != layout.paths:
        raise InputError(f"{file} must stay as it is while it is read. Received: other columns")
    return leaves


def _leaves(schema: Any) -> Iterator[tuple[int, Path, Any]]:
    """Yield, of each column that holds no others, the place of its outermost one, its path, and its type."""
    import pyarrow

    inner: list[tuple[int, Path, Any]] = [(at, (field.name,), field.type) for at, field in enumerate(schema)]
    inner.reverse()
    while inner:
        at, path, type = inner.pop()
        if pyarrow.types.is_struct(type):
            fields = [type.field(number) for number in range(type.num_fields)]
            inner += [(at, (*path, field.name), field.type) for field in reversed(fields)]
        else:
            yield at, path, type


def _within(column: Any, path: Path) -> Any:
    """Return a column within others, null where one of these is."""
    import pyarrow.compute

    for name in path:
        column = pyarrow.compute.struct_field(column, name)
    return column
