"""`--checkpoint_dir`, `--checkpoint_every`, `--resume`: a training command that can be killed at any moment."""

import argparse
import dataclasses
import json
import sys
from types import TracebackType
from typing import TYPE_CHECKING

from ncf_keras.base.errors import InputError
from ncf_keras.cli.run_state import RunState, versions
from ncf_keras.training.checkpoints import Checkpoint, CheckpointDirectory, digest_of, require_same_options

if TYPE_CHECKING:
    from ncf_keras.cli.best_model import BestModel
    from ncf_keras.data import Dataset
    from ncf_keras.evaluation import RankingResult
    from ncf_keras.training import BestWeights, GuardedEngine, Iteration, LoopState

# What may be another when a run goes on; all other flags must be what they were.
FREE = (
    "epochs",
    "path",
    "checkpoint_dir",
    "checkpoint_every",
    "resume",
    "on_nan",
    "log_csv",
    "strategy",
    "tensorboard",
)
# What is made of other flags, not a flag.
DERIVED = ("reg_values", "widths")
ENGINE, BEST = "engine/", "best/"


class RunKeeper:
    """Keeps the checkpoints of one training command; does nothing without `--checkpoint_dir`.

    A context manager: while it is entered, no other command can use the directory.

    Args:
        model_name: `GMF`, `MLP` or `NeuMF`.
        flags: of the command. A seed that was not given is that of the run that goes on.
        dataset: what is trained and tested on.

    Attributes:
        earlier: what the run had come to in the checkpoint it goes on from; None if it begins.

    Raises:
        InputError: the directory is in use or can't be written to; it has checkpoints, but `--resume` was not
            given; or this command is another one than the one that wrote them.
    """

    def __init__(self, model_name: str, flags: argparse.Namespace, dataset: "Dataset"):
        self.earlier: RunState | None = None
        self._directory: CheckpointDirectory | None = None
        self._every, self._epochs = flags.checkpoint_every, flags.epochs
        if flags.checkpoint_dir is None:
            if flags.resume:
                raise InputError("`--resume` must come with `--checkpoint_dir`. Received: no directory")
            return
        self._directory = CheckpointDirectory(flags.checkpoint_dir)
        try:
            self._arrays = self._load(flags)
            if self.earlier:
                if flags.seed is None:
                    flags.seed = self.earlier.options.get("--seed")
                self._check(model_name, flags, dataset)
        except BaseException:
            self._directory.close()
            raise
        self._command = (model_name, flags, dataset)

    def __enter__(self) -> "RunKeeper":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._directory:
            self._directory.close()

    def attach(
        self, engine: "GuardedEngine", saver: "BestModel | None", best_weights: "BestWeights | None"
    ) -> None:
        """Bring the parts of the run to where it was, or write the checkpoint before its first epoch."""
        if not self._directory:
            return
        self._engine, self._saver, self._best_weights = engine, saver, best_weights
        if not self.earlier:
            moment = saver.reserve() if saver else None
            self._state = RunState(run_options(*self._command), self._epochs, saved_at=moment)
            self._save()
            return
        self._state = dataclasses.replace(self.earlier, epochs=self._epochs)
        engine.restore(_under(ENGINE, self._arrays))
        if best_weights:
            best_weights.put_back(_under(BEST, self._arrays))
        if saver:
            saver.go_on(self._state.saved_at, self._state.saved)
            if saver.path and not saver.path.exists():
                print(f"Note: {saver.path} has gone; only a better model is saved again.", file=sys.stderr)
        self._arrays = {}

    def on_init(self, result: "RankingResult") -> None:
        """Remember the evaluation before training."""
        if self._directory:
            self._state = self._state.after_init(result)

    def on_iteration(self, iteration: "Iteration") -> None:
        """Remember an iteration."""
        if self._directory:
            self._state = self._state.after_iteration(iteration)

    def on_epoch(self, loop: "LoopState") -> None:
        """Remember where the loop is; save every so many epochs and after the last."""
        if not self._directory:
            return
        self._state = self._state.after_epoch(loop)
        if loop.epochs_done % self._every == 0 or loop.epochs_done == self._epochs:
            self._save()

    def how_to_go_on(self) -> str:
        """Return a sentence about what a run can go on from that could not save anything more."""
        if not self._directory:
            return "Nothing is left to go on from: that takes `--checkpoint_dir`."
        return "The same command with `--resume` goes on from the last checkpoint, with any number of workers."

    def pause(self) -> str:
        """Save the run in the middle of an epoch, or after one; return a sentence about how it goes on."""
        if not self._directory:
            return "Nothing is left to go on from: that takes `--checkpoint_dir`."
        file = self._save()
        return f"Saved to {file}. The same command with `--resume` goes on from there."

    def _load(self, flags: argparse.Namespace) -> dict:
        if not flags.resume:
            if self._directory.files():
                raise InputError(
                    "`--checkpoint_dir` must be a directory without checkpoints, or come with `--resume`. "
                    f"Received: {flags.checkpoint_dir}"
                )
            return {}
        checkpoint, notes = self._directory.load_newest()
        for note in notes:
            print(f"{note}. The one before it is used.", file=sys.stderr)
        if checkpoint is None:
            print(f"{flags.checkpoint_dir} has no checkpoint: the run begins.", file=sys.stderr)
            return {}
        self.earlier = RunState.from_metadata(checkpoint.metadata)
        done = self.earlier.epochs_done
        print(f"Resumed from {flags.checkpoint_dir} after {done} epochs.", file=sys.stderr)
        written_by = checkpoint.metadata.get("versions")
        if written_by != versions():
            print(
                f"Note: the checkpoint is of {written_by}, this is {versions()}: the last bits of the results "
                "may differ.",
                file=sys.stderr,
            )
        return dict(checkpoint.arrays)

    def _check(self, model_name: str, flags: argparse.Namespace, dataset: "Dataset") -> None:
        options = run_options(model_name, flags, dataset)
        require_same_options(self.earlier.options, options, flags.checkpoint_dir)
        if flags.epochs < self.earlier.epochs:
            raise InputError(
                f"`--epochs` must be at least {self.earlier.epochs} to go on from {flags.checkpoint_dir}. "
                f"Received: {flags.epochs}"
            )
        if (self.earlier.saved_at is None) == bool(flags.out):
            raise InputError(f"{flags.checkpoint_dir} must have checkpoints of a training command")

    def _save(self) -> object:
        saved = bool(self._saver and self._saver.path)
        self._state = dataclasses.replace(self._state, saved=saved)
        arrays = {ENGINE + name: array for name, array in self._engine.state().items()}
        if self._best_weights:
            arrays |= {BEST + name: array for name, array in self._best_weights.state().items()}
        return self._directory.save(Checkpoint(arrays, self._state.metadata()), *self._engine.progress)


def _under(prefix: str, arrays: dict) -> dict:
    return {name[len(prefix) :]: array for name, array in arrays.items() if name.startswith(prefix)}


def run_options(model_name: str, flags: argparse.Namespace, dataset: "Dataset") -> dict[str, object]:
    """Return what must be the same for a run to go on, as JSON would give it back."""
    given = {f"--{name}": value for name, value in vars(flags).items() if name not in (*FREE, *DERIVED)}
    content = digest_of(
        {
            "sizes": [dataset.num_users, dataset.num_items],
            "train_offsets": dataset.train_offsets,
            "train_items": dataset.train_items,
            "test_users": dataset.test_users,
            "test_items": dataset.test_items,
            "test_negatives": dataset.test_negatives,
            "train_is_latest": [] if dataset.train_is_latest is None else dataset.train_is_latest,
        }
    )
    return json.loads(json.dumps({"model": model_name, **given, "content of --dataset": content}))
