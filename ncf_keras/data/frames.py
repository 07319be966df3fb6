"""Tables in memory as logs: frames of pandas and polars, tables of Arrow, dicts of columns, records, arrays."""

import contextlib
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ncf_keras.base.checks import require_known_arguments
from ncf_keras.base.errors import InputError
from ncf_keras.base.ids import id_text, is_missing
from ncf_keras.base.terminal import LONGEST_SHOWN, listed
from ncf_keras.data.arrow import arrow_errors, column_of_arrow
from ncf_keras.data.dataset import Dataset
from ncf_keras.data.feature_tables import FeatureTable, feature_table_of
from ncf_keras.data.prepare import PrepareOptions, prepare
from ncf_keras.data.prepared_features import SaidOfFeatures, with_features
from ncf_keras.data.tidy_log import tidy_log
from ncf_keras.data.titles import titles_of

# One more than are listed, so that dots stand for it.
MOST_NAMES = 13
ONE_COLUMN = ("Series", "Index", "ChunkedArray", "Array")
# What makes a table in memory of one that is elsewhere or not computed yet: Spark, cuDF, Dask, polars.
TO_MEMORY = ("toPandas", "to_pandas", "compute", "collect")


class Table(NamedTuple):
    """The columns of a table: their names, and what gives one by its name, None if there is not one."""

    names: Sequence[Any]
    find: Callable[[Any], pd.Series | None]


class FeatureFrames(NamedTuple):
    """Tables of features, and what is to be made of them: see `Dataset.from_dataframe`."""

    user_features: Any = None
    item_features: Any = None
    feature_kinds: Mapping[str, str] | None = None
    with_new_items: bool = False

    def tables(self) -> tuple[list[FeatureTable], list[FeatureTable]]:
        """Return the tables of users and of items, one or none of each."""
        return self._table("user_features"), self._table("item_features")

    def _table(self, argument: str) -> list[FeatureTable]:
        df = getattr(self, argument)
        return [] if df is None else [feature_table_in_memory(df, argument)]


def feature_table_in_memory(df: Any, argument: str) -> FeatureTable:
    """Return a table in memory, of a kind that `table_of` knows, as one of features; errors name `argument`."""
    try:
        table = table_of(df)
        columns = [(name, table.find(name)) for name in table.names]
    except InputError as error:
        raise InputError(str(error).replace("`df`", f"`{argument}`")) from None
    twice = next((name for name, column in columns if column is None), None)
    if twice is not None:
        raise InputError(
            f"`{argument}` must have a name of its own for each column. Received: {str(twice)[:40]!r} twice"
        )
    return feature_table_of([(name, column) for name, column in columns if column is not None], argument)


def dataset_from_dataframe(
    df: Any,
    columns: Mapping[str, Any],
    titles: Any,
    name: str,
    missing: Sequence[str],
    time_format: str | None,
    features: FeatureFrames,
    options: Mapping[str, Any],
) -> Dataset:
    """Split a log of interactions: see `Dataset.from_dataframe`; `columns` are by role."""
    arguments = (
        "titles",
        "name",
        "missing",
        "time_format",
        "user_features",
        "item_features",
        "feature_kinds",
        "with_new_items",
    )
    known = [*PrepareOptions.__dataclass_fields__, *columns, *arguments]
    require_known_arguments(options, known, "Dataset.from_dataframe")
    if time_format is not None and columns["timestamp"] is None:
        raise InputError(f"`time_format` must come with `timestamp`. Received: {time_format!r} alone")
    series = _series_by_role(df, columns)
    if not len(series["user"]):
        raise InputError("`df` must hold at least one interaction. Received: none")
    where = "`df`, row {} (counted from 0)".format
    log = tidy_log(series, where, missing=missing, time_format=time_format)
    if not len(log.frame):
        lacking = ", ".join(f"{count:,} without {role}" for role, count in log.missing.items() if count)
        raise InputError(f"`df` must hold at least one complete interaction. Received: {lacking}")
    users, items = features.tables()
    given = SaidOfFeatures(users, items, features.feature_kinds, features.with_new_items)
    prepared, found = with_features(prepare(log, PrepareOptions(**options)), given)
    by_id = found if titles is None else _titles_by_id(titles)
    return prepared.dataset(name, None if by_id is None else titles_of(prepared.item_ids, by_id))


def table_of(df: Any) -> Table:
    """Return the columns of what holds a table in memory; InputError says how to make one of what does not."""
    if isinstance(df, pd.DataFrame):
        return Table(list(df.columns), lambda name: _of_pandas(df, name))
    if isinstance(df, Mapping):
        return _table(list(df), lambda name: _column(df[name], name))
    if isinstance(df, np.ndarray) and df.dtype.names and df.ndim == 1:
        return _table(df.dtype.names, lambda name: _column(df[name], name))
    if isinstance(df, np.ndarray) and not df.dtype.names and df.ndim == 2:
        return _table(range(df.shape[1]), lambda name: _column(df[:, name], name))
    if isinstance(df, list | tuple) and all(isinstance(row, Mapping) for row in df):
        names = list(dict.fromkeys(chain.from_iterable(df)))
        return _table(names, lambda name: _of_objects(row.get(name) for row in df))
    if isinstance(df, list | tuple) and all(isinstance(row, list | tuple) for row in df):
        return _of_rows(df)
    if type(df).__module__.startswith("polars") and hasattr(df, "get_column"):
        return _table(df.columns, lambda name: _column(df.get_column(name), name))
    if hasattr(df, "__arrow_c_stream__") and not isinstance(df, type) and type(df).__name__ not in ONE_COLUMN:
        return _of_arrow(df)
    raise InputError(
        "`df` must be a table: a DataFrame of pandas or polars, a table of Arrow, a dict of columns, or a list "
        f"of dicts. Received: {_described(df)}"
    )


def _series_by_role(df: Any, columns: Mapping[str, Any]) -> dict[str, pd.Series]:
    wanted = {role: name for role, name in columns.items() if name is not None or role in ("user", "item")}
    table = table_of(df)
    if not len(table.names):
        raise InputError("`df` must hold at least one interaction. Received: none")
    series = {}
    for role, name in wanted.items():
        # A list, say, can't be a name, NA is equal to nothing, and True would be the number 1.
        is_name = type(name).__hash__ is not None and not isinstance(name, bool) and name is not pd.NA
        column = table.find(name) if is_name else None
        if column is None:
            if is_name and (count := list(table.names).count(name)) > 1:
                raise InputError(
                    f"`{role}` must name one column of `df`. Received: {name!r}, the name of {count} columns"
                )
            names = listed([str(one) for one in table.names[:MOST_NAMES]])
            received = repr(name[:LONGEST_SHOWN] if isinstance(name, str) else name)
            raise InputError(f"`{role}` must be one of the columns {names} of `df`. Received: {received}")
        series[role] = column
    lengths = {role: len(column) for role, column in series.items()}
    if len(set(lengths.values())) > 1:
        found = ", ".join(f"{length:,} in `{role}`" for role, length in lengths.items())
        raise InputError(f"The columns of `df` must be of one length. Received: {found}")
    return series


def _table(names: Sequence[Any], column: Callable[[Any], pd.Series]) -> Table:
    own = list(names)
    # By the table's own name: 0.0 is equal to 0, but no place in an array.
    return Table(names, lambda name: column(own[own.index(name)]) if own.count(name) == 1 else None)


def _of_pandas(df: pd.DataFrame, name: Any) -> pd.Series | None:
    found = df[name] if name in df.columns else None
    return found if isinstance(found, pd.Series) else None


def _of_objects(values: Iterable[Any]) -> pd.Series:
    # As objects: 2**60 beside None would be rounded, and True beside 1 be one of them.
    return pd.Series(np.fromiter(values, dtype=object), dtype=object)


def _column(values: Any, name: Any) -> pd.Series:
    """Return what a dict, or a frame of polars, has for a column."""
    if isinstance(values, pd.Series | pd.Index | pd.api.extensions.ExtensionArray):
        return pd.Series(values)
    if isinstance(values, np.ndarray) and values.ndim == 1:
        return pd.Series(values)
    # Of objects that are none of Arrow's values polars would give the addresses.
    if hasattr(values, "__arrow_c_stream__") and str(getattr(values, "dtype", "")) != "Object":
        pyarrow = _pyarrow()
        # What pyarrow has not, such as integers of 128 bits, or what polars gives wrongly, such as categories
        # in 1.20, goes one value at a time.
        with contextlib.suppress(InputError, *arrow_errors()):
            return column_of_arrow(pyarrow.chunked_array(values))
    if hasattr(values, "__arrow_c_array__"):
        return column_of_arrow(_pyarrow().chunked_array([values]), f" in column {name!r}")
    if isinstance(values, Iterable) and not isinstance(values, str | bytes | Mapping | np.ndarray):
        return _of_objects(values)
    raise InputError(f"`df` must have a list of values in column {name!r}. Received: {type(values).__name__}")


def _of_rows(rows: Sequence[Sequence[Any]]) -> Table:
    """Return rows without names as a table whose columns are numbered from 0, or named as named tuples are."""
    first = rows[0]
    row = next((n for n, one in enumerate(rows) if len(one) != len(first)), None)
    if row is not None:
        raise InputError(
            f"`df`, row {row} (counted from 0) must have as many values as the first, {len(first)}. "
            f"Received: {len(rows[row])}"
        )
    names = list(getattr(first, "_fields", range(len(first))))
    return _table(names, lambda name: _of_objects(one[names.index(name)] for one in rows))


def _of_arrow(df: Any) -> Table:
    pyarrow = _pyarrow()
    try:
        table = df if isinstance(df, pyarrow.Table) else pyarrow.table(df)
    except arrow_errors():
        raise InputError(f"`df` must be a table that Arrow knows. Received: {_described(df)}") from None
    return _table(table.column_names, lambda name: column_of_arrow(table.column(name), f" in column {name!r}"))


def _pyarrow() -> Any:
    with contextlib.suppress(ImportError):
        import pyarrow

        # Older ones, before 16, would take a column's texts for lists of letters.
        if hasattr(pyarrow.ChunkedArray, "__arrow_c_stream__"):
            return pyarrow
    raise InputError(
        "`df` must be a DataFrame of pandas or a dict of lists where pyarrow >=16 is not installed "
        "(pip install 'ncf-keras[parquet]'). Received: another table"
    )


def _described(df: Any) -> str:
    """Return what something is that is no table, and what makes a table of it."""
    if isinstance(df, str | bytes | os.PathLike):
        return f"the path {str(df)[:80]!r}: read it with `ncf_keras.read_log(path)`"
    if isinstance(df, Dataset):
        return "a Dataset, which is split already"
    if isinstance(df, list | tuple):
        return f"{type(df).__name__} of {type(df[0]).__name__}"
    kind = type(df)
    called = (
        kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__.split('.')[0]}.{kind.__name__}"
    )
    if kind.__name__ in ONE_COLUMN:
        return f"{called}, one column: give the whole table, or a dict of columns"
    way = next((name for name in TO_MEMORY if hasattr(df, name)), None)
    if way is not None:
        return f"{called}: `df.{way}()` makes a table in memory of it"
    if isinstance(df, Iterable) and not hasattr(df, "__len__"):
        return f"{called}: `list(df)` makes a list of it"
    return called


def _titles_by_id(titles: Any) -> dict[str, str]:
    """Return titles by the texts of their ids; an id's first title counts, and a missing one is none."""
    if not isinstance(titles, Mapping | pd.Series):
        raise InputError(f"`titles` must be a dict from item id to title. Received: {type(titles).__name__}")
    found: dict[str, str] = {}
    for value, title in titles.items():
        text = id_text(value, "titles")
        if text is not None and not is_missing(title):
            found.setdefault(text, str(title))
    return found
