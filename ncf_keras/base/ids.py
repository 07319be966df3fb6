"""Raw ids as texts: the one rule for what a log, a frame, a look-up or a request calls a user or an item.

`docs/data.md` has the rule as a table.
"""

import sys
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from ncf_keras.base.errors import InputError

LONGEST_ID = 10_000
# Whole numbers above this are not all representable as floats, so they are left as they print.
EXACT_FLOAT = 2.0**53


def id_text(value: object, argument: str = "ids") -> str | None:
    """Return an id as its text without the white space around it, None where it is missing or empty.

    A whole number has the same text whatever holds it: 7, 7.0 and a decimal 7.00 are "7". A text is the text it
    is: "07" and "7.0" are not "7". A truth value is "True" or "False", never a number. Bytes are UTF-8. None,
    NaN, NaT and NA are missing.

    Args:
        value: of Python, NumPy, pandas or pyarrow.
        argument: what the value came in, for an error.

    Raises:
        InputError: it is no single value, holds NUL, or is longer than `LONGEST_ID` characters.
    """
    # Most are texts or small integers; a text of NumPy or of an enumeration is made a plain one.
    if isinstance(value, str):
        text = str.__str__(value).strip()
    elif type(value) is int and value.bit_length() < 64:
        return str(value)
    else:
        text = _printed(value, argument)
    if not text:
        return None
    if "\0" in text:
        raise InputError(f"`{argument}` must hold ids without NUL characters. Received: {text[:40]!r}")
    if len(text) > LONGEST_ID:
        raise InputError(
            f"`{argument}` must hold ids of at most {LONGEST_ID:,} characters (a quotation mark that is never "
            f"closed makes long ones). Received: {len(text):,} characters beginning {text[:40]!r}"
        )
    return text


def listed_ids(ids: object) -> list[Any]:
    """Return ids as a list; a single one, such as a text or a number, as the only one."""
    if isinstance(ids, str | bytes) or not isinstance(ids, Iterable) or getattr(ids, "ndim", 1) == 0:
        return [ids]
    return list(ids)


def missing_marks(missing: object) -> tuple[str, ...]:
    """Return the texts that stand for a missing value, by the rule for ids; InputError if one is no text."""
    marks = tuple(filter(None, (id_text(mark, "missing") for mark in listed_ids(missing))))
    for mark in marks:
        if any("\ud800" <= letter <= "\udfff" for letter in mark):
            # Bytes of a command line that are no UTF-8 are halves of characters.
            raise InputError(f"`missing` must hold texts of whole characters. Received: {ascii(mark)[:40]}")
    return marks


def is_missing(value: object) -> bool:
    """Return whether a single value stands for none: None, NaN of any kind, or NaT and NA of pandas."""
    if isinstance(value, float):
        return value != value
    if isinstance(value, Decimal):
        return value.is_nan()
    # Whoever has one of pandas' values has imported pandas.
    pandas = sys.modules.get("pandas")
    return value is None or (pandas is not None and (value is pandas.NaT or value is pandas.NA))


def _printed(value: object, argument: str) -> str:
    """Return the text of what is no text, with white space around it where it has some; "" where missing."""
    if type(value) is not float:
        value = _of_python(value)
    if is_missing(value):
        return ""
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="backslashreplace").strip()
    if isinstance(value, Decimal):
        return _of_decimal(value, argument)
    if isinstance(value, float) and value.is_integer() and abs(value) < EXACT_FLOAT:
        return str(int(value))
    if isinstance(value, int) and not isinstance(value, bool):
        return _of_whole(value, argument)
    if type(value).__hash__ is None:
        raise InputError(f"`{argument}` must hold single values as ids. Received: {str(value)[:40]}")
    return str(value).strip()


def _of_python(value: Any) -> Any:
    """Return a scalar of NumPy or pyarrow as the value of Python that a column of such scalars gives."""
    if hasattr(value, "as_py"):
        value = value.as_py()
    numpy = sys.modules.get("numpy")
    if numpy is None or not isinstance(value, numpy.generic | numpy.ndarray) or value.ndim:
        return value
    if value.dtype.kind in "mM":
        import pandas as pd

        return pd.Timestamp(value[()]) if value.dtype.kind == "M" else pd.Timedelta(value[()])
    # Of the widest floats `item` makes no float.
    return float(value) if value.dtype.kind == "f" else value.item()


def _of_decimal(value: Decimal, argument: str) -> str:
    if value.is_finite() and abs(value.adjusted()) > LONGEST_ID:
        raise _too_long(argument)
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _of_whole(value: int, argument: str) -> str:
    try:
        return str(int(value))
    except ValueError:  # Python prints no number of more than 4,300 digits.
        raise _too_long(argument) from None


def _too_long(argument: str) -> InputError:
    rule = f"ids of at most {LONGEST_ID:,} characters"
    return InputError(f"`{argument}` must hold {rule}. Received: a number of thousands of digits")
