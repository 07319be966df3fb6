"""Locks between processes; a lock is released at the latest when its process ends."""

import contextlib
import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from ncf_keras.base.errors import InputError
from ncf_keras.base.inputs import reason_of

try:
    import fcntl
except ImportError:  # not a POSIX system: there are no locks
    fcntl = None  # type: ignore[assignment]


class NoLocks(InputError):
    """The file system has no locks."""


def take_lock(opened: IO | int, path: Path) -> bool:
    """Take the lock of an open file or directory, which is held until it is closed.

    Never remove the file: one process could hold the lock of the removed file and another that of a new one.

    Args:
        opened: the file, or the descriptor of a file or directory.
        path: its name, for the message.

    Returns:
        False if another process has the lock.

    Raises:
        NoLocks: the file system has no locks.
    """
    if fcntl is None:
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
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        end = time.monotonic() + patience
        with contextlib.suppress(NoLocks):
            while not take_lock(descriptor, directory):
                if time.monotonic() > end:
                    yield False
                    return
                time.sleep(0.02)
        yield True
    finally:
        os.close(descriptor)
