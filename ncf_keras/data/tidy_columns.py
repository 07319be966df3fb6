"""Columns of a log in any dtype of pandas: made plain, and ratings as numbers."""

import contextlib
import re
from collections.abc import Callable, Iterable
from decimal import Decimal
from numbers import Real

import numpy as np
import pandas as pd

from ncf_keras.base.errors import InputError
from ncf_keras.base.memory import require_memory
from ncf_keras.data.arrow import column_of_arrow

# What stands for a missing rating or timestamp, in any case. An id is missing only where it is empty.
MISSING_MARKS = ("", "nan", "na", "n/a", "null", "none", "\\n")
DECIMAL_COMMA = re.compile(r"\s*[-+]?[0-9]+,[0-9]+\s*")
TRUTHS = {"true": 1.0, "false": 0.0}
# By the letter that NumPy has for a dtype, or by the class that pandas has.
KINDS = {"b": "truth values", "m": "time differences", "M": "dates", "c": "complex numbers"}
CLASSES = {pd.PeriodDtype: "periods", pd.IntervalDtype: "intervals"}

Where = Callable[[int], str]


def plain_column(values: pd.Series) -> pd.Series:
    """Return a column of Arrow's types, or a sparse one, as what pandas has without them, all else as it is."""
    if isinstance(values.dtype, pd.SparseDtype):
        require_memory(8 * len(values), f"A sparse column of {len(values):,} rows as a dense one")
        return values.astype(values.dtype.subtype)
    if isinstance(values.dtype, pd.ArrowDtype):
        import pyarrow

        return column_of_arrow(pyarrow.table({"values": values}).column(0))
    if isinstance(values.dtype, np.dtype) and not values.dtype.isnative:
        return plain_column(values.astype(values.dtype.newbyteorder("=")))
    if values.dtype == np.clongdouble:
        # pandas has no table of them.
        return values.astype(np.complex128)
    return values


def without_categories(values: pd.Series, argument: str) -> pd.Series:
    """Return the values that a column's categories stand for; a column without them as it is."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        lengths = [len(value) for value in values.cat.categories if isinstance(value, str | bytes)]
        require_memory(len(values) * max(lengths, default=0), f"`{argument}` as texts of {len(values):,} rows")
        dtype = values.cat.categories.dtype
        # NumPy's integers and truth values have nothing for a gap.
        has_gaps = isinstance(dtype, np.dtype) and dtype.kind in "iub" and values.isna().any()
        return plain_column(values.astype(object if has_gaps else dtype))
    return values


def ratings(
    values: pd.Series, where: Where, missing: frozenset[str] = frozenset(), largest: float | None = None
) -> np.ndarray:
    """Return ratings as float64, NaN where missing; True is 1 and False 0, as texts too."""
    values = without_categories(values, "rating")
    require_kind(values, "rating", "mMc", (pd.PeriodDtype, pd.IntervalDtype), "numbers or texts of numbers")
    found = numbers_of(values).to_numpy(dtype=np.float64, na_value=np.nan)
    lacking = np.isnan(found)
    is_wrong = np.zeros(len(values), dtype=bool)
    if lacking.any() and not pd.api.types.is_numeric_dtype(values.dtype):
        rest = texts_of(values[lacking]).str.strip()
        truths = rest.str.lower().map(TRUTHS).to_numpy(dtype=np.float64, na_value=np.nan)
        is_wrong[lacking] = np.isnan(truths) & ~is_missing_text(values[lacking], missing)
        found = found.copy()
        found[lacking] = truths
    if missing:
        found = np.where(equals_one_of(found, missing), np.nan, found)
    is_wrong |= np.isinf(found)
    rule = "a finite number for the rating"
    if is_wrong.any() and DECIMAL_COMMA.fullmatch(str(values.iloc[int(np.argmax(is_wrong))])):
        rule += ", with a point before its decimals"
    require_none(is_wrong, values, rule, where)
    if largest is not None:
        rule = f"a rating from {-largest:.0f} to {largest:.0f}"
        require_none(np.abs(found) > largest, values, rule, where)
    return found


def require_kind(values: pd.Series, argument: str, kinds: str, classes: tuple[type, ...], wanted: str) -> None:
    """Raise InputError if a column is of one of these kinds or classes of dtypes."""
    dtype = values.dtype
    found = next((words for one, words in CLASSES.items() if isinstance(dtype, one) and one in classes), None)
    if found is None and dtype.kind in kinds:
        found = KINDS[dtype.kind]
    if found is not None:
        raise InputError(f"`{argument}` must be a column of {wanted}. Received: a column of {found}")


def kinds_of(values: pd.Series) -> set[type]:
    """Return the types of the objects in a column."""
    return set(map(type, values.to_numpy(dtype=object)))


def numbers_of(values: pd.Series) -> pd.Series:
    """Return real numbers, NaN for what is none."""
    # Of complex numbers pandas would take the real part, with a warning.
    is_complex = values.dtype == object and any(
        issubclass(kind, np.complexfloating) for kind in kinds_of(values)
    )
    if not is_complex:
        with contextlib.suppress(TypeError, ValueError, ArithmeticError):
            numbers = pd.to_numeric(values, errors="coerce")
            if numbers.dtype.kind in "biuf":
                return numbers
    # Among them is something that pandas can't turn into a number, nor say so: 10**400, 1j, a lone surrogate.
    return pd.Series([_number(value) for value in values], values.index, dtype=np.float64)


def texts_of(values: pd.Series) -> pd.Series:
    """Return the text of each value, bytes as UTF-8."""
    if values.dtype == object and not kinds_of(values).isdisjoint({bytes, np.bytes_}):
        values = values.map(
            lambda one: one.decode("utf-8", "backslashreplace") if isinstance(one, bytes) else one
        )
    try:
        return values.astype(str)
    except UnicodeError:
        return pd.Series([ascii(value) for value in values], values.index)


def is_missing_text(values: pd.Series, missing: frozenset[str]) -> np.ndarray:
    """Return where ratings or timestamps are missing, or are texts that stand for it."""
    texts = texts_of(values).str.strip()
    marked = texts.str.lower().isin(MISSING_MARKS) | texts.isin(list(missing))
    return (values.isna() | marked).to_numpy(dtype=bool)


def equals_one_of(numbers: np.ndarray, texts: Iterable[str]) -> np.ndarray:
    """Return where numbers are equal to one of those that are among the texts."""
    hit = np.zeros(len(numbers), dtype=bool)
    for text in texts:
        # One by one: beside a fraction, large integers would be rounded.
        number = pd.to_numeric(pd.Series([text]), errors="coerce").iloc[0]
        if not pd.isna(number):
            hit |= numbers == number
    return hit


def require_none(wrong: np.ndarray, values: pd.Series, rule: str, where: Where) -> None:
    """Raise InputError with the first row of `values` that is wrong, if there is one."""
    if wrong.any():
        row = int(np.argmax(wrong))
        raise InputError(f"{where(row)} must have {rule}. Received: {str(values.iloc[row])[:40]!r}")


def _number(value: object) -> float:
    try:
        if isinstance(value, str | bytes):
            return float(pd.to_numeric(value, errors="coerce"))
        return float(value) if isinstance(value, Real | Decimal | np.bool_) else np.nan
    except (TypeError, ValueError, ArithmeticError):
        return np.nan
