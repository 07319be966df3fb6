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
from collections.abc import Callable
from pathlib import Path

from ncf_keras.base.errors import InputError
from ncf_keras.base.files import tensorflow_directory
from ncf_keras.base.flushing import flush_to_disk
from ncf_keras.base.inputs import kind_of, reason_of
from ncf_keras.base.staging import locked_directory, sweep

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
    if kind_of(Path(base) / "saved_model.pb"):
        rule = "the directory of a model, not of one of its versions"
        raise InputError(f"`directory` must be {rule}. Received: {base}")
    base = tensorflow_directory(base, "directory")
    if version is not None and (base / str(version)).exists():
        raise _taken(base / str(version))
    sweep(base, PREFIX)
    try:
        with locked_directory(base, PREFIX) as building:
            # A server often runs as another user than the exporter.
            building.chmod(0o755)
            build(building)
            _flush(building)
            published = _rename(building, base, version)
    except OSError as error:
        raise no_room(base, error) from error
    # From here on it is published, whatever the disk still says.
    with contextlib.suppress(OSError):
        flush_to_disk(base)
    return published


def no_room(base: str | os.PathLike, error: Exception) -> InputError:
    """Return the error for an export that could not be written."""
    return InputError(f"`directory` must have room for the export. Received: {base} ({reason_of(error)})")


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


def remove_version(version: Path) -> None:
    """Remove the directory of a version; it loses its number before its first file, so no server reads half."""
    hidden = version.with_name(f"{PREFIX}removed{version.name}")
    # What cannot be removed now, the next export sweeps.
    shutil.rmtree(hidden, ignore_errors=True)
    try:
        version.rename(hidden)
    except OSError as error:
        rule = "a directory that can be removed"
        raise InputError(f"{version} must be {rule}. Received: {reason_of(error)}") from None
    shutil.rmtree(hidden, ignore_errors=True)


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
        return target


def _taken(target: Path) -> InputError:
    return InputError(f"`version` must be one that does not exist yet. Received: {target}, which exists")


def _flush(directory: Path) -> None:
    """Put a directory and all in it on the disk, so that not even a power cut leaves half under a number."""
    for path in (*directory.rglob("*"), directory):
        flush_to_disk(path)
