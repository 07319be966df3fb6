"""Locks between processes: they end with the process that holds them at the latest."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from ncf_keras.base.errors import InputError

try:
    import fcntl
except ImportError:  # not a POSIX system: processes are then not kept apart
    fcntl = None  # type: ignore[assignment]


def take_lock(opened: IO | int, path: Path) -> bool:
    """Take the lock of an open file or directory, which is held until it is closed.

    Never remove the file: a process that holds an unlinked one and one that made it anew would both go ahead.

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
    """Yield whether the lock on a file, which is made if it is missing, is ours while the block runs.

    Raises:
        InputError: the file system has no locks.
    """
    with path.open("w") as file:
        yield take_lock(file, path)
