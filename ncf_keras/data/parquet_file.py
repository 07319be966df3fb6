"""What reading Parquet can run into, in words: for every reader of it."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from ncf_keras.base.errors import InputError
from ncf_keras.data.text_file import unreadable


@contextlib.contextmanager
def reading_parquet(file: Path) -> Iterator[ModuleType]:
    """Yield the module `pyarrow.parquet`, to read `file` with.

    Raises:
        InputError: pyarrow is not installed, or it can't read the file.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise InputError(f"Parquet needs pyarrow: pip install 'ncf-keras[parquet]'. Received: {file}") from None
    try:
        yield pyarrow.parquet
    except InputError:
        raise
    # Some errors of pyarrow are ValueErrors, some NotImplementedErrors, some neither.
    except (OSError, ValueError, NotImplementedError, pyarrow.ArrowException) as error:
        raise unreadable(file, error) from None
