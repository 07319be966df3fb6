"""Several files that appear together: written in a hidden directory, which its lock shows to be in use."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ncf_keras.base.locks import NoLocks, take_lock


@contextlib.contextmanager
def locked_directory(parent: Path, prefix: str, needs_lock: bool = True) -> Iterator[Path]:
    """Yield a new directory in `parent` with a lock on it; remove it afterwards unless it was renamed.

    Args:
        parent: a directory.
        prefix: what its name begins with; `sweep` with the same prefix removes those whose process has died.
        needs_lock: whether there must be a lock. Where the file system has none, `sweep` removes nothing.

    Raises:
        OSError: it can't be made.
        NoLocks: the file system has no locks, though there must be one.
    """
    locked = False
    while not locked:
        staging = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
        # Until it is locked, another process may take the directory for a dead one's and remove it.
        try:
            handle = os.open(staging, os.O_RDONLY)
        except FileNotFoundError:
            continue
        try:
            try:
                locked = take_lock(handle, parent) and staging.is_dir()
            except NoLocks:
                if needs_lock:
                    raise
                locked = True
            if locked:
                yield staging
        finally:
            shutil.rmtree(staging, ignore_errors=True)
            os.close(handle)


def sweep(parent: Path, prefix: str) -> None:
    """Remove the directories that processes which have died left in `parent`, known by `prefix` and no lock."""
    for path in parent.iterdir():
        if not path.name.startswith(prefix):
            continue
        try:
            handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:
            continue
        try:
            with contextlib.suppress(NoLocks):
                if take_lock(handle, parent):
                    shutil.rmtree(path, ignore_errors=True)
        finally:
            os.close(handle)
