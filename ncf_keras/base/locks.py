"""Locks between processes; a lock is released at the latest when its process ends."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from ncf_keras.base.errors import InputError

try:
    import fcntl
except ImportError:  # not a POSIX system: there are no locks
    fcntl = None  # type: ignore[assignment]


def take_lock(opened: IO | int, path: Path) -> bool:
    """Take the lock of an open file or directory, which is held until it is closed.

    Never remove the file: one process could hold the lock of the removed file and another that of a new one.

    Args:
        opened: the file, or the descriptor of a directory.
        path: its name, for the message.

    Returns:
        False if another process has the lock.

    Raises:
        InputError: the file system has no locks.
    """
    if fcntl is None:
        return True
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise InputError(
            f"{path} must be on a file system that can lock files. Received: {error.strerror or error}"
        ) from None
    return True


@contextlib.contextmanager
def try_lock(path: Path) -> Iterator[bool]:
    """Try to hold the lock on a file, made if it is missing, while the block runs; yield whether it is held.

    Raises:
        InputError: the file system has no locks.
    """
    with path.open("w") as file:
        yield take_lock(file, path)
