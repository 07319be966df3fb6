"""Raw ids to indices, in the order in which the ids first appear."""

import numpy as np
import pandas as pd

from ncf_keras.base.errors import InputError

LONGEST_ID = 10_000
# Whole numbers above this are not all representable as floats, so they are left as they print.
EXACT_FLOAT = 2.0**53


def encode(values: pd.Series, argument: str) -> tuple[np.ndarray, np.ndarray]:
    """Number the ids of a column in order of first appearance, as the authors' files are numbered.

    An id is the text it is in the file, without the white space around it: `007` is not `7`. Numbers in a
    DataFrame or in Parquet are ids as they print; whole floats print as integers, because one missing value
    turns a column of integers into floats.

    Args:
        values: raw ids of any hashable kind; missing or empty ones have no index.
        argument: what the column is called in an error.

    Returns:
        indices, int32, shape (rows,), -1 where the id is missing; and the ids, str, shape (ids,).

    Raises:
        InputError: an id can't be used as one: it is a list, holds a NUL, or has over 10,000 characters.
    """
    try:
        codes, uniques = pd.factorize(values)
    except TypeError as error:
        raise InputError(f"`{argument}` must be a column of single values. Received: {error}") from None
    texts = [_id_text(value, argument) for value in uniques.tolist()]
    # Different values can be one id: 7 and 7.0, or `a` and `a` with a space. An empty text is no id.
    merged, ids = pd.factorize(np.array([text or None for text in texts], dtype=object))
    index_of = np.append(merged, -1).astype(np.int32)
    return index_of[codes], np.asarray(ids, dtype=object)


def renumber(indices: np.ndarray, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Close the gaps left by ids that no longer occur, keeping the order.

    Args:
        indices: int32, shape (rows,), none missing.
        ids: str, shape (ids,).

    Returns:
        The new indices, int32, and the ids that are left.
    """
    present = np.zeros(len(ids), dtype=bool)
    present[indices] = True
    new_index = np.cumsum(present, dtype=np.int32) - 1
    return new_index[indices], ids[present]


def _id_text(value: object, argument: str) -> str:
    if isinstance(value, float) and value.is_integer() and abs(value) < EXACT_FLOAT:
        value = int(value)
    if isinstance(value, bytes):
        value = value.decode("utf-8", errors="backslashreplace")
    text = str(value).strip()
    if "\0" in text:
        raise InputError(f"`{argument}` must hold ids without NUL characters. Received: {text[:40]!r}")
    if len(text) > LONGEST_ID:
        raise InputError(
            f"`{argument}` must hold ids of at most {LONGEST_ID:,} characters (a quotation mark that is never "
            f"closed makes long ones). Received: {len(text):,} characters beginning {text[:40]!r}"
        )
    return text
