"""`--checkpoint_dir` and `--resume`: find the checkpoint to resume from, before TensorFlow is imported."""

import argparse
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ncf_keras.base.errors import InputError
from ncf_keras.cli.training_options import default_options

if TYPE_CHECKING:
    from ncf_keras.training.callbacks.checkpoints import Checkpoints
    from ncf_keras.training.checkpoints import Checkpoint, CheckpointDirectory

NOTHING_LEFT = "Nothing is left to go on from: that takes `--checkpoint_dir`."


class KeptRun:
    """The checkpoint directory of one training command, and the checkpoint that it resumes from.

    A context manager: while it is entered, no other command can use the directory.

    Attributes:
        directory: None without `--checkpoint_dir`.
        checkpoint: the newest intact one with `--resume`; None for a new run.

    Raises:
        InputError: the directory is in use or can't be written to, has checkpoints but `--resume` was not
            given, or has checkpoints that no training command wrote.
    """

    def __init__(self, flags: argparse.Namespace):
        self.directory: CheckpointDirectory | None = None
        self.checkpoint: Checkpoint | None = None
        self._epochs, self._out = flags.epochs, bool(flags.out)
        if flags.checkpoint_dir is None:
            if flags.resume:
                raise InputError("`--resume` must come with `--checkpoint_dir`. Received: no directory")
            return
        # NumPy comes with it, which `--help` need not wait for.
        from ncf_keras.training import checkpoints

        self._where = flags.checkpoint_dir
        self.directory = checkpoints.CheckpointDirectory(flags.checkpoint_dir)
        try:
            self._find(self.directory, flags.resume)
        except BaseException:
            self.directory.close()
            raise

    def __enter__(self) -> "KeptRun":
        return self

    def __exit__(self, *error: object) -> None:
        if self.directory:
            self.directory.close()

    @property
    def seed(self) -> int | None:
        """The seed of the resumed run; None for a new run."""
        return self.checkpoint.metadata["options"].get("--seed") if self.checkpoint else None

    @property
    def shards(self) -> int | None:
        """The shards of the resumed run; None for a new run."""
        return self.checkpoint.metadata["options"].get("--shards") if self.checkpoint else None

    def check(self, options: Mapping[str, Any]) -> None:
        """Raise InputError if the run to resume had other options, or more epochs."""
        if not self.checkpoint:
            return
        from ncf_keras.training.checkpoints import require_same_options

        metadata = self.checkpoint.metadata
        # Options that there were not yet when the checkpoint was written had their defaults.
        defaults = {name: value for name, value in default_options().items() if name in options}
        require_same_options(defaults | metadata["options"], options, self._where)
        if self._epochs < metadata["epochs"]:
            raise InputError(
                f"`--epochs` must be at least {metadata['epochs']} to go on from {self._where}. "
                f"Received: {self._epochs}"
            )

    def say_resumed(self) -> None:
        """Say from where the run goes on, once it does, and if another version of a library wrote that."""
        if not self.checkpoint:
            return
        from ncf_keras.training.checkpoints import versions

        metadata = self.checkpoint.metadata
        done = metadata["progress"].get("epochs_done")
        print(f"Resumed from {self._where} after {done} epochs.", file=sys.stderr)
        written_by = metadata.get("versions")
        if written_by != versions():
            print(
                f"Note: the checkpoint is of {written_by}, this is {versions()}: the last bits of the results "
                "may differ.",
                file=sys.stderr,
            )

    def pause(self, checkpoints: "Checkpoints | None") -> str:
        """Write a checkpoint, also in the middle of an epoch; return a sentence about how to resume."""
        if not checkpoints:
            return NOTHING_LEFT
        return f"Saved to {checkpoints.save()}. The same command with `--resume` goes on from there."

    def how_to_go_on(self) -> str:
        """For a run that could not save, return a sentence about the checkpoint that it can resume from."""
        if not self.directory:
            return NOTHING_LEFT
        return "The same command with `--resume` goes on from the last checkpoint, with any number of workers."

    def _find(self, directory: "CheckpointDirectory", resume: bool) -> None:
        from ncf_keras.training.checkpoints import require_format

        if not resume:
            if directory.files():
                raise InputError(
                    "`--checkpoint_dir` must be a directory without checkpoints, or come with `--resume`. "
                    f"Received: {self._where}"
                )
            return
        checkpoint, notes = directory.load_newest()
        for note in notes:
            print(f"{note}. The one before it is used.", file=sys.stderr)
        if checkpoint is None:
            print(f"{self._where} has no checkpoint: the run begins.", file=sys.stderr)
            return
        require_format(checkpoint.metadata)
        self.checkpoint = checkpoint
