"""The checkpoints of one run: the newest intact one is read, the last few are kept, one process may write."""

import contextlib
import os
import re
from collections.abc import Iterable
from pathlib import Path

from ncf_keras.base.errors import InputError
from ncf_keras.base.files import writable_directory
from ncf_keras.base.inputs import unreadable
from ncf_keras.base.locks import open_lock_file, take_lock
from ncf_keras.training.checkpoints.checkpoint_file import (
    Checkpoint,
    DamagedCheckpoint,
    read_checkpoint,
    write_checkpoint,
)

NAME = re.compile(r"epoch-(\d{6,15})(?:-step-(\d{8,15}))?\.checkpoint")
HALF_WRITTEN = re.compile(rf"\.writing-{NAME.pattern}-[^-]+\.part")
LOCK = ".lock"


class CheckpointDirectory:
    """The checkpoints of one run; a context manager that keeps other processes out.

    A file is named after what was done when it was written: `epoch-000012.checkpoint` after 12 epochs,
    `epoch-000012-step-00004096.checkpoint` after 4,096 steps more.

    Args:
        path: the directory, made if it is missing.
        keep: how many checkpoints are kept, at least 1; older ones are removed once a newer one is on the disk.

    Raises:
        InputError: the directory can't be written to or locked, or another process uses it.
    """

    def __init__(self, path: str | os.PathLike, keep: int = 2):
        if keep < 1:
            raise InputError(f"`keep` must be at least 1. Received: {keep}")
        self.path = writable_directory(path, "--checkpoint_dir")
        self._keep = keep
        self._lock = self._take_lock()

    @property
    def identity(self) -> str:
        """What tells this directory from a copy of it: the numbers of the directory and of its lock."""
        return f"{self.path.stat().st_ino}:{os.fstat(self._lock).st_ino}"

    def __enter__(self) -> "CheckpointDirectory":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the lock on the directory."""
        if self._lock >= 0:
            os.close(self._lock)
        self._lock = -1

    def files(self) -> list[Path]:
        """Return the files of the checkpoints, intact or not, the newest first."""
        return checkpoints_in(self.path)

    def save(self, checkpoint: Checkpoint, epochs: int, steps: int = 0) -> Path:
        """Write a checkpoint, remove the oldest ones beyond `keep`, and return the new file.

        Its name has the whole `epochs` done, and the `steps` done of the next one.

        Raises:
            InputError: it can't be written; the older ones are unchanged.
        """
        name = f"epoch-{epochs:06d}" + (f"-step-{steps:08d}" if steps else "") + ".checkpoint"
        file = self.path / name
        write_checkpoint(file, checkpoint)
        self._remove([old for old in self.files() if old != file][self._keep - 1 :])
        return file

    def load_newest(self) -> tuple[Checkpoint | None, list[str]]:
        """Return the newest intact checkpoint, or None, and a sentence for each newer one that is damaged.

        `.damaged` is appended to the name of a damaged file, so that it no longer counts as one to keep. One
        that can't be opened or read now is not damaged: it is an InputError, and nothing is changed.
        """
        notes: list[str] = []
        for file in self.files():
            try:
                return read_checkpoint(file), notes
            except DamagedCheckpoint as error:
                notes.append(str(error))
                with contextlib.suppress(OSError):
                    file.replace(file.with_name(file.name + ".damaged"))
        return None, notes

    def _take_lock(self) -> int:
        lock = open_lock_file(self.path / LOCK)
        try:
            if not take_lock(lock, self.path):
                raise InputError(
                    f"`--checkpoint_dir` must be a directory that no other run is using. Received: {self.path}"
                )
        except BaseException:
            os.close(lock)
            raise
        # Checkpoints that a killed run left half-written: only who holds the lock writes files of such names.
        self._remove(file for file in self.path.iterdir() if HALF_WRITTEN.fullmatch(file.name))
        return lock

    def _remove(self, files: Iterable[Path]) -> None:
        for file in files:
            with contextlib.suppress(OSError):
                file.unlink()


def checkpoints_in(directory: Path) -> list[Path]:
    """Return the files of the checkpoints in a directory, intact or not, the newest first."""
    found = [(match, file) for file in directory.iterdir() if (match := NAME.fullmatch(file.name))]
    found.sort(key=lambda pair: (int(pair[0][1]), int(pair[0][2] or 0)), reverse=True)
    return [file for _, file in found]


def newest_in(directory: Path) -> tuple[Path, Checkpoint, tuple[str, ...]]:
    """Return the newest intact checkpoint in a directory and its file, and a sentence for each newer one.

    Unlike `load_newest` it leaves everything as it is, so it needs no lock.

    Raises:
        InputError: there is none, or it can't be read.
    """
    notes: list[str] = []
    try:
        files = checkpoints_in(directory)
    except OSError as error:
        raise unreadable(directory, error) from None
    for file in files:
        try:
            return file, read_checkpoint(file), tuple(notes)
        except DamagedCheckpoint as error:
            notes.append(str(error))
    received = f"{len(notes)} damaged ones alone" if notes else "none"
    raise InputError(f"{directory} must have a whole checkpoint of a training command. Received: {received}")
