"""Write files so that they appear whole or not at all."""

import contextlib
import glob
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ncf_keras.base.errors import InputError

# The longest file name, in bytes, that is repeated in its temporary name.
LONGEST_NAME = 100


@contextlib.contextmanager
def written_beside(path: str | os.PathLike, keep_suffix: bool = False) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` when the block ends without an error.

    Args:
        path: the final name. Its directory must exist.
        keep_suffix: give the temporary file the suffix of `path`, for writers that infer the format from it.

    Yields:
        The temporary path, not yet existing, in the same directory, so that the rename is atomic.

    Raises:
        InputError: the directory does not exist or can't be written to, or `path` is a directory.
    """
    path = Path(path)
    if path.is_dir():
        raise InputError(f"{path} must be a file that can be written. Received: a directory")
    suffix = "".join(path.suffixes) if keep_suffix else ".part"
    handle, name = _open_beside(path, suffix)
    os.close(handle)
    temporary = Path(name)
    temporary.unlink()
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def remove_leftovers(path: str | os.PathLike) -> None:
    """Remove temporary files that killed processes left beside `path`; no process may be writing it now."""
    path = Path(path)
    if len(os.fsencode(path.name)) > LONGEST_NAME:
        return
    for leftover in path.parent.glob(glob.escape(_prefix(path)) + "*"):
        leftover.unlink(missing_ok=True)


def _prefix(path: Path) -> str:
    return f".writing-{path.name}-" if len(os.fsencode(path.name)) <= LONGEST_NAME else ".writing-"


def _open_beside(path: Path, suffix: str) -> tuple[int, str]:
    try:
        return tempfile.mkstemp(prefix=_prefix(path), suffix=suffix, dir=path.parent)
    except OSError as error:
        raise InputError(
            f"{path.parent} must be a directory that can be written to. Received: {error}"
        ) from None


def writable_directory(path: str | os.PathLike, argument: str) -> Path:
    """Return `path` as a directory that exists and takes new files, made if it was missing.

    Raises:
        InputError: it can't be made or nothing can be written in it; the error names the flag or `argument`.
    """
    path = Path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise InputError(
            f"`{argument}` must be a directory that can be written to. Received: {path} ({error.strerror})"
        ) from None
    return path
