"""What a path is to a command: read or written. No output may be an input, nor two outputs be one file.

A flag whose `type` is one of these classes is checked before the command reads anything.
"""

import argparse
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from ncf_keras.base.errors import InputError
from ncf_keras.base.inputs import kind_of

# The arguments without a flag, and what the help calls them.
POSITIONAL = {"file": "FILE", "a": "A", "b": "B", "log": "LOG", "logs": "LOG.csv"}
# The checkpoints of a run in their directory.
CHECKPOINTS = "epoch-*.checkpoint"
# The files of a search: trials, table, picture, settings, and the model, a network or a baseline.
SEARCH_SUFFIXES = (".sqlite", ".csv", ".png", ".json", ".h5", ".npz")
# What tells a file from all others: the device and number of one that is there, else its directory and name.
Identity = tuple[int, int] | tuple[int, int, str] | tuple[str]


class InputFile(str):
    """The path of a file that is read; `-` is standard input."""


class InputLog(str):
    """The path of a raw log: a file, a directory of parts, or `-` for standard input."""

    def files(self) -> Iterable[Path]:
        """Return the files that are read."""
        from ncf_keras.data.logs.files import parts_of

        return [Path("-")] if self == "-" else parts_of(self)


class InputWeights(str):
    """The path of a weight file, a checkpoint, or a directory of checkpoints, which are read."""

    def files(self) -> Iterable[Path]:
        """Return the files that are read."""
        path = Path(self)
        return path.glob(CHECKPOINTS) if kind_of(path) == "a directory" else [path]


class OutputFile(str):
    """The path of a file that is written, and replaced if it exists."""


class OutputPrefix(str):
    """What the names of a dataset's files begin with, which are written."""

    def files(self) -> Iterable[Path]:
        """Return the files."""
        from ncf_keras.data.dataset_files import prepared_paths

        return prepared_paths(self).values()


class SearchPrefix(OutputPrefix):
    """What the names of a search's files begin with, which are written, and read where the search goes on."""

    def files(self) -> Iterable[Path]:
        """Return the files."""
        return [Path(f"{self}{suffix}") for suffix in SEARCH_SUFFIXES]


class DatasetPrefix(str):
    """What the names of a dataset's files begin with, which are read, all of them before any is written.

    So an OutputPrefix may be the same: its files are replaced together.
    """

    def files(self) -> Iterable[Path]:
        """Return the files."""
        return OutputPrefix(self).files()


class CheckpointPath(str):
    """A directory of checkpoints, which are written."""

    def files(self) -> Iterable[Path]:
        """Return what lies there and belongs to the run."""
        directory = Path(self)
        if kind_of(directory) != "a directory":
            return [directory / ".lock"]
        return [directory / ".lock", *directory.glob(CHECKPOINTS)]


class Use(NamedTuple):
    """A path, or the number of an open file, that a command uses, and the flag that named it."""

    flag: str
    path: str | int
    is_output: bool
    of_prefix: bool = False


def require_apart(flags: argparse.Namespace) -> None:
    """Raise InputError if an output is the same file as an input or another output, by whatever name or link.

    With the flag `in_place`, the output may be the input. A dataset may replace the one that it goes on from.
    """
    seen: dict[Identity, Use] = {}
    for use in sorted(uses(flags), key=lambda use: (use.is_output, use.of_prefix)):
        identity = _identity(use)
        if identity is None:
            continue
        other = seen.setdefault(identity, use)
        if other is use or not use.is_output or (getattr(flags, "in_place", False) and not other.is_output):
            continue
        if other.is_output and (isinstance(use.path, int) or isinstance(other.path, int)):
            # An output that standard output goes to is written into.
            continue
        if use.of_prefix and other.of_prefix and not other.is_output:
            continue
        what = "written" if other.is_output else "read"
        advice = " (`--in_place` allows it)" if "in_place" in flags and not other.is_output else ""
        raise InputError(
            f"`{use.flag}` must not be a file that `{other.flag}` names to be {what}{advice}. "
            f"Received: {'the file it goes to' if isinstance(use.path, int) else use.path}, the same file as "
            f"{other.path}"
        )


def uses(flags: argparse.Namespace) -> Iterator[Use]:
    """Yield the paths that the flags name, those of the files of a dataset among them."""
    for descriptor, name in ((1, "standard output"), (2, "standard error")):
        yield Use(name, descriptor, True)
    for name, value in vars(flags).items():
        flag = POSITIONAL.get(name, f"--{name}")
        for path in value if isinstance(value, list) else [value]:
            if isinstance(path, InputFile | OutputFile) and path:
                yield Use(flag, path, isinstance(path, OutputFile))
            elif isinstance(path, InputLog | InputWeights) and path:
                yield from (Use(flag, str(file), False) for file in path.files())
            elif isinstance(path, OutputPrefix | DatasetPrefix):
                is_output = isinstance(path, OutputPrefix)
                yield from (Use(flag, str(file), is_output, True) for file in path.files())
            elif isinstance(path, CheckpointPath):
                yield from (Use(flag, str(file), True) for file in path.files())
    if getattr(flags, "dataset", None) not in (None, "sample") and "path" in flags:
        from ncf_keras.data.dataset_files import dataset_paths

        yield from (Use("--dataset", str(file), False) for file in dataset_paths(flags.path, flags.dataset))


def _identity(use: Use) -> Identity | None:
    """Return what tells a file from all others; None for a pipe or device, which can take several outputs."""
    path = 0 if use.path == "-" and not use.is_output else use.path
    if isinstance(path, str) and kind_of(path, f"`{use.flag}`") is None:
        target = Path(os.path.realpath(path))
        if kind_of(target.parent) is None:
            return (str(target),)
        parent = target.parent.stat()
        return (parent.st_dev, parent.st_ino, target.name)
    try:
        status = Path(path).stat() if isinstance(path, str) else os.fstat(path)
    except OSError:
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    return (status.st_dev, status.st_ino)
