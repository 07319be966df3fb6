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
from ncf_keras.base.inputs import kind_of, reason_of, unreadable
from ncf_keras.base.terminal import escaped

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
        return escaped(self.name, keep="")


def parts_of(path: str) -> list[Path]:
    """Return the files that a path of a log stands for: itself, or of a directory all within, by name.

    What begins with a dot or an underscore is left out, such as the `_SUCCESS` that Spark writes. Links are
    followed; a directory that was reached already is not entered again.

    Raises:
        InputError: there are too many, or a directory can't be looked into.
    """
    if kind_of(path) != "a directory":
        return [Path(path)]

    def fail(error: OSError) -> None:
        # Else the parts in it would be missing without a word.
        raise unreadable(str(error.filename), error) from None

    found: list[Path] = []
    reached: set[tuple[int, int]] = set()
    for folder, folders, names in os.walk(path, onerror=fail, followlinks=True):
        status = Path(folder).stat()
        if (status.st_dev, status.st_ino) in reached:
            folders.clear()
            continue
        reached.add((status.st_dev, status.st_ino))
        folders[:] = sorted(name for name in folders if name[0] not in "._")
        found += [Path(folder, name) for name in sorted(names) if name[0] not in "._"]
        if len(found) > MOST_PARTS:
            raise InputError(f"{path} must hold at most {MOST_PARTS:,} files. Received: more")
    return found


@contextlib.contextmanager
def log_files(paths: Iterable[str | os.PathLike]) -> Iterator[list[LogFile]]:
    """Yield the files of a log that consists of these files and directories; `-` is standard input.

    Standard input, which can be read only once, is copied to a temporary file while the block runs; where the
    system can open a file without a name, nothing of it stays, however the process ends.

    Raises:
        InputError: one can't be looked at, a directory holds none, or standard input can't be read or copied.
    """
    with contextlib.ExitStack() as stack:
        files: list[LogFile] = []
        for given in paths:
            path = str(given)
            if path == "-":
                files.append(LogFile(_copied_input(stack), "standard input"))
                continue
            parts = parts_of(path)
            if not parts:
                raise InputError(f"{path} must be a log, or a directory of its parts. Received: no file in it")
            files += [LogFile(part, str(part)) for part in parts]
        yield files


def _copied_input(stack: contextlib.ExitStack) -> Path:
    """Copy standard input to a file that is there until `stack` is closed; return its path."""
    copy: BinaryIO = stack.enter_context(tempfile.TemporaryFile(prefix="ncf-"))  # noqa: SIM115
    path = Path(f"/proc/self/fd/{copy.fileno()}")
    if not path.exists():
        path = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ncf-")), "log")
        copy = stack.enter_context(path.open("wb"))
    stream = getattr(sys.stdin, "buffer", None)
    while block := _block(stream):
        folder = tempfile.gettempdir()
        if shutil.disk_usage(folder).free < SPARE_DISK + len(block):
            raise InputError(
                f"standard input must fit on the disk of {folder} (`TMPDIR` names another). "
                f"Received: more than {copy.tell():,} bytes"
            )
        copy.write(block)
    copy.flush()
    return path


def _block(stream: BinaryIO | None) -> bytes:
    try:
        if stream is None:
            raise OSError("a standard input without bytes")
        return stream.read(BLOCK)
    except OSError as error:
        raise InputError(
            f"standard input must be something that can be read to its end. Received: {reason_of(error)}"
        ) from None
