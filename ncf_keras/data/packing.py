"""Packed files, told by their first bytes: gzip, bzip2 and Zstandard."""

import bz2
import contextlib
import gzip
import re
from collections.abc import Iterator
from typing import Any

from ncf_keras.base.errors import InputError

# Enough of a file to tell: the first block of bzip2, or its end where it holds nothing, follows its size.
PACKINGS = {
    "gzip": re.compile(rb"\x1f\x8b"),
    "bzip2": re.compile(rb"BZh[1-9](1AY&SY|\x17rE8P\x90)", re.DOTALL),
    "Zstandard": re.compile(rb"\x28\xb5\x2f\xfd"),
}
LONGEST_MAGIC = 10


def packing_of(first: bytes) -> str | None:
    """Return how a file that begins with these bytes is packed; None if it is not."""
    return next((name for name, magic in PACKINGS.items() if magic.match(first)), None)


@contextlib.contextmanager
def unpacked(raw: Any, packing: str | None, name: str) -> Iterator[Any]:
    """Yield the unpacked bytes of an open binary file, as a stream with `readinto`; `name` is for an error."""
    if packing == "gzip":
        with gzip.GzipFile(fileobj=raw) as stream:
            yield stream
    elif packing == "bzip2":
        with bz2.BZ2File(raw) as stream:
            yield stream
    elif packing == "Zstandard":
        try:
            import pyarrow
        except ImportError:
            words = f"Zstandard needs pyarrow: pip install 'ncf-keras[parquet]'. Received: {name}"
            raise InputError(words) from None
        with pyarrow.CompressedInputStream(pyarrow.PythonFile(raw, "r"), "zstd") as stream:
            yield stream
    else:
        yield raw
