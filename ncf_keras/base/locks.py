"""Locks between processes; a lock is released at the latest when its process ends."""

import contextlib
import functools
import os
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from ncf_keras.base.errors import InputError
from ncf_keras.base.inputs import reason_of

try:
    import fcntl
except ImportError:  # Windows: there are no locks
    fcntl = None  # type: ignore[assignment]

NO_LOCKS_HERE = (
    "Note: Windows has no locks that this command knows: let no other one write the same directory meanwhile."
)


class NoLocks(InputError):
    """The file system has no locks."""


def there_are_locks() -> bool:
    """Tell whether the system has locks, as all but Windows have."""
    return fcntl is not None


def take_lock(opened: IO | int | None, path: Path) -> bool:
    """Take the lock of an open file or directory, which is held until it is closed.

    Where the system has no locks, standard error says so once, and everybody gets it.

    Never remove the file: one process could hold the lock of the removed file and another that of a new one.

    Args:
        opened: the file, or the descriptor of a file or directory as `opened_directory` yields it.
        path: its name, for the message.

    Returns:
        False if another process has the lock.

    Raises:
        NoLocks: the file system has no locks.
    """
    if not there_are_locks() or opened is None:
        _say_that_there_are_none()
        return True
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise NoLocks(
            f"{path} must be on a file system that can lock files. Received: {reason_of(error)}"
        ) from None
    return True


@functools.cache
def _say_that_there_are_none() -> None:
    print(NO_LOCKS_HERE, file=sys.stderr)


@contextlib.contextmanager
def opened_directory(directory: Path, follow_links: bool = True) -> Iterator[int | None]:
    """Yield a descriptor of a directory; None where the system opens none (Windows).

    Raises:
        OSError: it is missing, no directory, or a link that is not followed.
    """
    if not hasattr(os, "O_DIRECTORY"):
        yield None
        return
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | (0 if follow_links else os.O_NOFOLLOW))
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def open_lock_file(path: Path) -> int:
    """Return a descriptor of a file to lock, made if it is missing; what it holds is never touched.

    Raises:
        InputError: it can't be opened, or is a link, a pipe or whatever else a stranger put there.
    """
    flags = os.O_RDWR | os.O_CREAT
    for flag in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC"):
        flags |= getattr(os, flag, 0)
    try:
        descriptor = os.open(path, flags, 0o666)
    except OSError as error:
        reason = "a link" if path.is_symlink() else reason_of(error)
        raise InputError(f"{path} must be a file that can be locked. Received: {reason}") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise InputError(f"{path} must be a file that can be locked. Received: something that is no file")
    return descriptor


@contextlib.contextmanager
def try_lock(path: Path) -> Iterator[bool]:
    """Try to hold the lock on a file, made if it is missing, while the block runs; yield whether it is held.

    Raises:
        InputError: it is no file that can be locked, or the file system has no locks.
    """
    descriptor = open_lock_file(path)
    try:
        yield take_lock(descriptor, path)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def directory_lock(directory: Path, patience: float = 5.0) -> Iterator[bool]:
    """Hold the lock of a directory while the block runs; yield whether it was got within `patience` seconds.

    For what takes an instant: it needs no lock file. A file system without locks counts as locked.
    """
    with opened_directory(directory) as descriptor:
        end = time.monotonic() + patience
        with contextlib.suppress(NoLocks):
            while not take_lock(descriptor, directory):
                if time.monotonic() > end:
                    yield False
                    return
                time.sleep(0.02)
        yield True
