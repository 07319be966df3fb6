"""The numbered versions of a served model: a new one is seen by a polling server whole or not at all.

They are the directories `<model>/<version>/`, of which a server takes the highest.

A new one is built in a directory beside the versions whose name is no number, so servers pass it over, and
renamed when all of it is on the disk. The builder holds a lock on that directory for as long as it lives; what
a killed one left behind is unlocked, and the next export removes it.
"""

import contextlib
import errno
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from ncf_keras.base.errors import InputError
from ncf_keras.base.files import writable_directory
from ncf_keras.base.locks import take_lock

PREFIX = ".exporting-"
NUMBER = re.compile("[0-9]+")
TAKEN = (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR)

# The server reads a version as an int64.
HIGHEST_VERSION = 2**63 - 1


def publish(build: Callable[[Path], None], base: str | os.PathLike, version: int | None = None) -> Path:
    """Build a new version of a model and return its directory.

    Args:
        build: writes all files of the version into the directory it is given, which exists and is empty.
        base: directory of the model, made if it is missing; its versions are the numbers in it.
        version: the number; the one after the highest if None.
    """
    require_version(version)
    base = writable_directory(base, "directory")
    if version is not None and (base / str(version)).exists():
        raise _taken(base / str(version))
    _sweep(base)
    with _locked_directory(base) as building:
        try:
            build(building)
            _flush(building)
            return _rename(building, base, version)
        except OSError as error:
            raise InputError(
                f"`directory` must have room for the export. Received: {base} ({error.strerror or error})"
            ) from error


def require_version(version: int | None) -> None:
    """Raise InputError unless `version` is None or a number that a server takes for a version."""
    if version is not None and not 0 <= version <= HIGHEST_VERSION:
        raise InputError(f"`version` must be between 0 and {HIGHEST_VERSION}. Received: {version}")


def versions(base: str | os.PathLike) -> dict[int, Path]:
    """Return the directory of each version of a model, such as `serving/ncf`, lowest first."""
    paths = Path(base).iterdir() if Path(base).is_dir() else ()
    numbered = {int(path.name): path for path in paths if NUMBER.fullmatch(path.name) and path.is_dir()}
    return {number: numbered[number] for number in sorted(numbered) if number <= HIGHEST_VERSION}


def next_version(base: str | os.PathLike) -> int:
    """Return the number after the highest version of a model; 1 for the first."""
    return max(versions(base), default=0) + 1


def _rename(building: Path, base: Path, version: int | None) -> Path:
    """Give the finished directory its number; another exporter may have taken the next one meanwhile."""
    while True:
        target = base / str(next_version(base) if version is None else version)
        try:
            building.rename(target)
        except OSError as error:
            if error.errno not in TAKEN:
                raise
            if version is not None:
                raise _taken(target) from None
            continue
        _flush_entry(base)
        return target


def _taken(target: Path) -> InputError:
    return InputError(f"`version` must be one that does not exist yet. Received: {target}, which exists")


@contextlib.contextmanager
def _locked_directory(base: Path) -> Iterator[Path]:
    """Yield a new directory in `base` with a lock on it; remove it afterwards unless it was renamed."""
    locked = False
    while not locked:
        building = Path(tempfile.mkdtemp(prefix=PREFIX, dir=base))
        # Until it is locked, another exporter may take the directory for a dead one's and remove it.
        try:
            handle = os.open(building, os.O_RDONLY)
        except FileNotFoundError:
            continue
        try:
            locked = take_lock(handle, base) and building.is_dir()
            if locked:
                # A server often runs as another user than the exporter.
                building.chmod(0o755)
                yield building
        finally:
            shutil.rmtree(building, ignore_errors=True)
            os.close(handle)


def _sweep(base: Path) -> None:
    """Remove what exporters that no longer live have left in `base`."""
    for path in base.glob(f"{PREFIX}*"):
        try:
            handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        except OSError:
            continue
        try:
            if take_lock(handle, base):
                shutil.rmtree(path, ignore_errors=True)
        finally:
            os.close(handle)


def _flush(directory: Path) -> None:
    """Put a directory and all in it on the disk, so that not even a power cut leaves half under a number."""
    for path in (*directory.rglob("*"), directory):
        _flush_entry(path)


def _flush_entry(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
