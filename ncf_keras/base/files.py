"""One way to open an output: a file appears whole or not at all, a pipe or device is written into."""

import contextlib
import errno
import glob
import os
import select
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from ncf_keras.base.errors import InputError
from ncf_keras.base.inputs import kind_of, reason_of
from ncf_keras.base.locks import NoLocks, take_lock

# The longest file name, in bytes, that is repeated in its temporary name, and the longest suffix that is.
LONGEST_NAME = 100
LONGEST_SUFFIX = 20
# Seconds to wait for somebody to read a pipe, and for the reader to go on.
WAIT_FOR_READER = 5.0
WAIT_FOR_PROGRESS = 60.0


@contextlib.contextmanager
def written_beside(path: str | os.PathLike, keep_suffix: bool = False) -> Iterator[Path]:
    """Yield a temporary path; when the block ends without an error, what was written there becomes `path`.

    A file, or what a link leads to, is replaced by a rename. A pipe, a device, and whatever standard output and
    standard error go to, is written into.

    Args:
        path: the final name. Its directory must exist.
        keep_suffix: give the temporary file the suffix of `path`, for writers that infer the format from it.

    Yields:
        The temporary path, not yet existing.

    Raises:
        InputError: the directory does not exist or can't be written to, or `path` is a directory.
    """
    require_output(path)
    suffix = _suffix(Path(path)) if keep_suffix else ".part"
    if is_written_into(path):
        with tempfile.TemporaryDirectory() as directory:
            temporary = Path(directory) / f"output{suffix}"
            yield temporary
            _copy_into(path, temporary)
        return
    target = Path(os.path.realpath(path))
    handle, name = _open_beside(target, suffix, path)
    os.close(handle)
    temporary = Path(name)
    temporary.unlink()
    try:
        yield temporary
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def put(finished: Path, path: str | os.PathLike) -> None:
    """Give a finished file its final name in the same directory, or write it where that name leads.

    As with `written_beside`, what a link leads to is replaced and a pipe or device is written into.
    """
    if Path(path).is_symlink() or is_written_into(path):
        with written_beside(path) as temporary:
            shutil.copyfile(finished, temporary)
    else:
        finished.replace(path)


def require_output(path: str | os.PathLike, subject: object = None) -> None:
    """Raise InputError if `path` can't be written: a directory, a protected file, a place that takes no files.

    `subject` is what the error's rule is about, such as a flag in backticks; the path itself if None.
    """
    subject = path if subject is None else subject
    rule = f"{subject} must be a file"
    kind = kind_of(path, subject)
    if kind in ("a directory", "a socket"):
        raise InputError(f"{rule} that can be written. Received: {path}, {kind}")
    if is_written_into(path):
        return
    target = Path(os.path.realpath(path))
    if kind_of(target.parent) != "a directory":
        raise InputError(f"{rule} in a directory that exists. Received: {path}")
    if kind and not os.access(target, os.W_OK):
        raise InputError(f"{rule} that can be written. Received: {path}, which is protected")
    try:
        # It has no name, so that nothing is left of it whatever happens.
        with tempfile.TemporaryFile(dir=target.parent):
            pass
    except OSError as error:
        raise _no_room_for_names(target, error, subject) from None


class OutputStream:
    """A text file that fills bit by bit, such as a log; no other command can write it until it is closed.

    What the file held before stays until the first write. A pipe or device is written into.

    Args:
        path: the file, made if it is missing.
        argument: the flag that names it, for errors.

    Attributes:
        path: the file.

    Raises:
        InputError: it can't be opened, or another command is writing it.
    """

    def __init__(self, path: str | os.PathLike, argument: str):
        require_output(path, f"`{argument}`")
        self.path = path
        self._is_new = not is_written_into(path)
        try:
            self._descriptor = _open_to_append(path)
        except OSError as error:
            received = f"{path} ({reason_of(error)})"
            raise InputError(f"`{argument}` must be a file that can be written. Received: {received}") from None
        if self._is_new and not self._locked():
            self.close()
            raise InputError(f"`{argument}` must be a file that no other command writes. Received: {path}")

    def write(self, text: str) -> None:
        """Write text as UTF-8 at once; OSError if it can't be."""
        if self._is_new:
            os.ftruncate(self._descriptor, 0)
            self._is_new = False
        _write_all(self._descriptor, text.encode("utf-8"))

    def close(self) -> None:
        """Close the file, which gives its lock back."""
        os.close(self._descriptor)

    def __enter__(self) -> "OutputStream":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _locked(self) -> bool:
        # A file system without locks takes the log all the same.
        with contextlib.suppress(NoLocks):
            return take_lock(self._descriptor, Path())
        return True


def remove_leftovers(path: str | os.PathLike) -> None:
    """Remove temporary files that killed processes left beside `path`; no process may be writing it now."""
    path = Path(path)
    if len(os.fsencode(path.name)) > LONGEST_NAME:
        return
    for leftover in path.parent.glob(glob.escape(_prefix(path)) + "*"):
        with contextlib.suppress(OSError):
            leftover.unlink()


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
    except (OSError, ValueError) as error:
        raise InputError(
            f"`{argument}` must be a directory that can be written to. Received: {path} ({reason_of(error)})"
        ) from None
    return path


def tensorflow_directory(path: str | os.PathLike, argument: str) -> Path:
    """Return `writable_directory` of a path that TensorFlow can use, which is one in UTF-8."""
    try:
        os.fspath(path).encode("utf-8")
    except UnicodeError:
        raise InputError(f"`{argument}` must be a path in UTF-8. Received: {path}") from None
    return writable_directory(path, argument)


@contextlib.contextmanager
def removed_if_unused(path: str | os.PathLike) -> Iterator[None]:
    """Remove `path` and directories above it if they are made while the block runs and are empty at its end."""
    path = Path(path)
    missing = [one for one in (path, *path.parents) if not os.path.lexists(one)]
    try:
        yield
    finally:
        with contextlib.suppress(OSError, ValueError):
            for directory in missing:
                directory.rmdir()


def _prefix(path: Path) -> str:
    return f".writing-{path.name}-" if len(os.fsencode(path.name)) <= LONGEST_NAME else ".writing-"


def _suffix(path: Path) -> str:
    return "".join(path.suffixes[-2:])[-LONGEST_SUFFIX:]


def _open_beside(path: Path, suffix: str, subject: object) -> tuple[int, str]:
    try:
        return tempfile.mkstemp(prefix=_prefix(path), suffix=suffix, dir=path.parent)
    except OSError as error:
        raise _no_room_for_names(path, error, subject) from None


def _no_room_for_names(path: Path, error: OSError, subject: object) -> InputError:
    rule = f"{subject} must be a file in a directory that can be written to"
    return InputError(f"{rule}. Received: {path.parent} ({reason_of(error)})")


def is_written_into(path: str | os.PathLike) -> bool:
    """Return whether an output is no file to be replaced: a pipe, a device, or where standard output goes."""
    kind = kind_of(path)
    return kind not in (None, "a file") or _standard_stream(path) is not None


def _standard_stream(path: str | os.PathLike) -> int | None:
    """Return 1 or 2 if standard output or standard error goes to `path`."""
    for descriptor in (1, 2):
        with contextlib.suppress(OSError):
            if os.path.samestat(Path(path).stat(), os.fstat(descriptor)):
                return descriptor
    return None


def _copy_into(path: str | os.PathLike, content: Path) -> None:
    descriptor = _open_to_append(path)
    try:
        with content.open("rb") as file:
            while block := file.read(1 << 16):
                _write_all(descriptor, block)
    finally:
        os.close(descriptor)


def _open_to_append(path: str | os.PathLike) -> int:
    """Return a descriptor that appends to a file or writes into a device or pipe, which must find a reader."""
    standard = _standard_stream(path)
    if standard is not None:
        for stream in filter(None, (sys.stdout, sys.stderr)):
            stream.flush()
        return os.dup(standard)
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
    for flag in ("O_NONBLOCK", "O_NOCTTY", "O_CLOEXEC", "O_BINARY"):
        flags |= getattr(os, flag, 0)
    end = time.monotonic() + WAIT_FOR_READER
    while True:
        try:
            return os.open(path, flags, 0o666)
        except OSError as error:
            if error.errno != errno.ENXIO or time.monotonic() > end:
                raise
        time.sleep(0.05)


def _write_all(descriptor: int, data: bytes) -> None:
    """Write as fast as the reader reads; TimeoutError where it has stopped."""
    left = memoryview(data)
    if not hasattr(select, "PIPE_BUF"):  # Windows waits for sockets alone
        while left:
            left = left[os.write(descriptor, left) :]
    while left:
        if not select.select([], [descriptor], [], WAIT_FOR_PROGRESS)[1]:
            raise TimeoutError(errno.ETIMEDOUT, "nobody reads it")
        # So much never waits in a pipe that is ready.
        left = left[os.write(descriptor, left[: select.PIPE_BUF]) :]
