"""What a caller gives, checked before anything is sent."""

import re
from collections.abc import Iterable, Mapping

import numpy as np

from ncf_keras.base.errors import InputError

INT32 = np.iinfo(np.int32)


def require_headers(headers: Mapping[str, str]) -> Mapping[str, str]:
    """Return HTTP headers that can be sent over REST and as gRPC metadata.

    Raises:
        InputError: a name or value has characters that can't be sent.
    """
    for name, value in headers.items():
        if not re.fullmatch("[A-Za-z0-9_.-]+", name) or not re.fullmatch("[ -~]*", value):
            # Not the value: it may be a password.
            raise InputError(
                "`headers` must have names of letters, digits, `-`, `_`, `.` and values of printable ASCII. "
                f"Received: {name!r}"
            )
    return headers


def with_k(inputs: Mapping[str, np.ndarray], k: int, rows: int) -> dict[str, np.ndarray]:
    """Return `inputs` with the length of the lists for each row."""
    # One k for each row: a server that batches requests takes no single values.
    return {**inputs, "k": np.full(rows, k, np.int32)}


def list_length(k: int) -> int:
    """Return `k`.

    Raises:
        InputError: it is no whole number of 32 bits from 0.
    """
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or not 0 <= k <= INT32.max:
        raise InputError(f"`k` must be a whole number from 0 to {INT32.max}. Received: {k!r}")
    return int(k)


def indices(values: int | Iterable[int], argument: str) -> np.ndarray:
    """Return one index or a list of them as an int32 array [N].

    Args:
        values: what was given.
        argument: its name, for the error.

    Raises:
        InputError: a value is no whole number of 32 bits, or the list is nested.
    """
    try:
        given = values if isinstance(values, np.ndarray) or np.isscalar(values) else [*values]
        array = np.atleast_1d(np.asarray(given))
    except (TypeError, ValueError, OverflowError):
        array = np.asarray([None])
    whole = array.dtype.kind in "iu" or not array.size
    if (
        not whole
        or array.ndim != 1
        or (array.size and not INT32.min <= array.min() <= array.max() <= INT32.max)
    ):
        raise InputError(
            f"`{argument}` must be a whole number of 32 bits, or a list of them. Received: {str(values)[:80]}"
        )
    return array.astype(np.int32)


def strings(values: str | bytes | Iterable[str | bytes], argument: str) -> np.ndarray:
    """Return one text or a list of them as an object array [N] of bytes.

    Args:
        values: what was given; lone surrogates stand for bytes as in `surrogateescape`.
        argument: its name, for the error.

    Raises:
        InputError: a value is no text, or one that UTF-8 can't write.
    """
    found = [values] if isinstance(values, str | bytes) else list(values) if _is_iterable(values) else [None]
    array = np.empty(len(found), object)
    for n, value in enumerate(found):
        if not isinstance(value, str | bytes):
            raise InputError(f"`{argument}` must be a text, or a list of texts. Received: {str(values)[:80]}")
        array[n] = _bytes(value, argument)
    return array


def _bytes(value: str | bytes, argument: str) -> bytes:
    try:
        return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise InputError(
            f"`{argument}` must be texts that UTF-8 can write. Received: {ascii(value)[:80]}"
        ) from None


def _is_iterable(values: object) -> bool:
    return isinstance(values, Iterable)
