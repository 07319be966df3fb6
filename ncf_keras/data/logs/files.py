"""Which files a log is: those that are named, the parts in a directory, or standard input."""

import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ncf_keras.base.errors import InputError
from ncf_keras.base.inputs import kind_of

MOST_PARTS = 100_000
BLOCK = 1 << 24
# What is left of the disk that standard input is copied to.
SPARE_DISK = 256 << 20


@dataclass(frozen=True)
class LogFile(os.PathLike):
    """A file of a log: a path to open, and what sentences call it.

    Attributes:
        path: where it is.
        name: the path as it was given, or `standard input`.
    """

    path: Path
    name: str

    def __fspath__(self) -> str:
        return str(self.path)

    def __str__(self) -> str:
        return self.name


def parts_of(path: str) -> list[Path]:
    """Return the files that a path of a log stands for: itself, or of a directory all within, by name.

    What begins with a dot or an underscore is left out, such as the `_SUCCESS` that Spark writes.
    """
    if kind_of(path) != "a directory":
        return [Path(path)]
    found: list[Path] = []
    for folder, folders, names in os.walk(path):
        folders[:] = sorted(name for name in folders if name[0] not in "._")
        found += [Path(folder, name) for name in sorted(names) if name[0] not in "._"]
        if len(found) > MOST_PARTS:
            raise InputError(f"{path} must hold at most {MOST_PARTS:,} files. Received: more")
    return found


@contextlib.contextmanager
def log_files(paths: Iterable[str | os.PathLike]) -> Iterator[list[LogFile]]:
    """Yield the files of a log that consists of these files and directories; `-` is standard input.

    Standard input, which can be read only once, is copied to a temporary file while the block runs.

    Raises:
        InputError: one can't be looked at, a directory holds none, or there is no room for standard input.
    """
    with contextlib.ExitStack() as stack:
        files: list[LogFile] = []
        for given in paths:
            path = str(given)
            if path == "-":
                folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="ncf-"))
                files.append(LogFile(_copied(sys.stdin.buffer, Path(folder, "log")), "standard input"))
                continue
            parts = parts_of(path)
            if not parts:
                raise InputError(f"{path} must be a log, or a directory of its parts. Received: no file in it")
            files += [LogFile(part, str(part)) for part in parts]
        yield files


def _copied(stream: BinaryIO, file: Path) -> Path:
    with file.open("wb") as copy:
        while block := stream.read(BLOCK):
            if shutil.disk_usage(file.parent).free < SPARE_DISK + len(block):
                raise InputError(
                    f"standard input must fit on the disk of {file.parent.parent} (`TMPDIR` names another). "
                    f"Received: more than {copy.tell():,} bytes"
                )
            copy.write(block)
    return file
