"""What pyarrow holds and raises, for files in Parquet and for tables in memory."""

import contextlib
from typing import Any

import pandas as pd

from ncf_keras.base.errors import InputError


def arrow_errors() -> tuple[type[Exception], ...]:
    """Return what pyarrow raises for data that it can't read or hand over; it has no one class for that.

    An unknown time zone is a LookupError of pytz, a type without a counterpart a NotImplementedError.
    """
    import pyarrow

    return (pyarrow.ArrowException, OSError, LookupError, NotImplementedError, TypeError, ValueError)


def column_of_arrow(column: Any, place: str = "") -> pd.Series:
    """Return a `pyarrow.ChunkedArray` as a column without Arrow's types; `place` is for an error."""
    with contextlib.suppress(*arrow_errors()):
        # Texts as categories take a few bytes a row; integers with gaps as floats would be rounded.
        return column.unify_dictionaries().to_pandas(strings_to_categorical=True, integer_object_nulls=True)
    # Unions, and before pyarrow 22 categories of unsigned numbers, as those of polars are: one value at a time.
    with contextlib.suppress(*arrow_errors()):
        return pd.Series(column.to_pylist(), dtype=object)
    raise InputError(
        f"`df` must have single values, and texts in UTF-8{place}. Received: a column of type {column.type}"
    )
