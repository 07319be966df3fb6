"""Several files that appear together: written in a hidden directory, which its lock shows to be in use."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ncf_keras.base.locks import NoLocks, opened_directory, take_lock, there_are_locks


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
        with contextlib.ExitStack() as stack:
            try:
                handle = stack.enter_context(opened_directory(staging))
            except FileNotFoundError:
                continue
            stack.callback(shutil.rmtree, staging, ignore_errors=True)
            try:
                locked = take_lock(handle, parent) and staging.is_dir()
            except NoLocks:
                if needs_lock:
                    raise
                locked = True
            if locked:
                yield staging


def left_behind(parent: Path, prefix: str) -> Iterator[Path]:
    """Yield the directories that processes which have died left in `parent`, known by `prefix` and no lock.

    Each is locked while it is looked at. Where the system has no locks nobody knows who has died, and there is
    none.
    """
    if not there_are_locks():
        return
    for path in list(parent.iterdir()):
        # What is drawn for a name has no dash: another prefix may begin with this one.
        if not path.name.startswith(prefix) or "-" in path.name[len(prefix) :]:
            continue
        with contextlib.suppress(OSError, NoLocks), opened_directory(path, follow_links=False) as handle:
            if take_lock(handle, parent):
                yield path


def sweep(parent: Path, prefix: str) -> None:
    """Remove what `left_behind` finds."""
    for path in left_behind(parent, prefix):
        shutil.rmtree(path, ignore_errors=True)
