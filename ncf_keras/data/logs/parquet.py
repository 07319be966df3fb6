"""Logs in Parquet, read by pyarrow."""

from collections.abc import Sequence
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


def parquet_layout(file: LogFile, options: LogOptions) -> LogLayout | None:
    """Find out where a file keeps its columns; None if it holds no interaction."""
    options.require_fit("Parquet", file, ("encoding", *OF_TEXT_ALONE))
    with open_parquet(file) as table:
        names = tuple(table.schema_arrow.names)
        rows = table.metadata.num_rows
    require_few_columns(file, len(names))
    found = find_columns(str(file), names, len(names), options, "Parquet")
    return LogLayout("Parquet", names, len(names), found.positions) if rows else None


def read_parquet(file: LogFile, layout: LogLayout) -> dict[str, pd.Series]:
    """Return the columns that `layout` names, by role."""
    assert layout.names is not None
    names = {role: layout.names[position] for role, position in layout.positions.items()}
    wanted = list(names.values())
    with open_parquet(file) as parquet:
        require_room_for_parquet(file, parquet, len(wanted), PARQUET_ROW)
        types = parquet.schema_arrow.types
        if tuple(parquet.schema_arrow.names) != layout.names:
            raise InputError(f"{file} must stay as it is while it is read. Received: other columns")
    few = [names[role] for role, position in layout.positions.items() if not types[position].num_fields]
    # Texts stay the few that they are in the file, with a number a row, however long they are.
    with open_parquet(file, read_dictionary=few) as parquet:
        table = parquet.read(columns=wanted).unify_dictionaries()
        # Of columns of one name all were read.
        table = table.select([_place(table, layout.names, at) for at in layout.positions.values()])
        table = table.rename_columns(list(layout.positions))
        # Texts as categories take a few bytes a row; integers with gaps as floats would be rounded.
        frame = table.to_pandas(strings_to_categorical=True, integer_object_nulls=True, ignore_metadata=True)
    return {role: frame[role] for role in names}


def _place(table: Any, names: Sequence[str], position: int) -> int:
    """Return where a table of some columns has that at a position among all, which are called `names`."""
    name = names[position]
    return [place for place, one in enumerate(table.column_names) if one == name][names[:position].count(name)]
