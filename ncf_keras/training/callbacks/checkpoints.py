"""Checkpoints of a training, so that it can be killed at any moment and resumed."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ncf_keras.base.errors import InputError
from ncf_keras.models import ModelSpec
from ncf_keras.training.callbacks.own import OwnCallback, Remembers
from ncf_keras.training.checkpoints import Checkpoint, CheckpointDirectory
from ncf_keras.training.checkpoints.fingerprint import FORMAT, not_of_a_training, versions
from ncf_keras.training.trainer import Trainer

ENGINE = "engine"


class Checkpoints(OwnCallback):
    """Writes a checkpoint every so many epochs and after the last.

    In the list of callbacks it comes after those whose state it saves.

    Args:
        trainer: its state is saved.
        directory: takes the checkpoints; this process holds its lock.
        options: the options that must be the same for the training to resume, as JSON values.
        parts: the callbacks with state to save, by name.
        every: epochs between two checkpoints.
        model: what the model is made of, without which no other training can begin with a checkpoint.
    """

    def __init__(
        self,
        trainer: Trainer,
        directory: CheckpointDirectory,
        options: Mapping[str, Any],
        parts: Mapping[str, Remembers],
        every: int = 1,
        model: ModelSpec | None = None,
    ):
        super().__init__()
        self._trainer, self._directory, self._options = trainer, directory, options
        # Keras gives every callback a `_model`.
        self._parts, self._every, self._spec_of_model = parts, every, model

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Write a checkpoint if one is due."""
        done = epoch + 1
        if done % self._every == 0 or done == self._trainer.spec.epochs or self._trainer.model.stop_training:
            self.save()

    def save(self) -> object:
        """Write a checkpoint now, which may be in the middle of an epoch; return the file."""
        arrays, progress = self._trainer.state()
        arrays = {f"{ENGINE}/{name}": array for name, array in arrays.items()}
        remembered: dict[str, dict] = {}
        for part, callback in self._parts.items():
            state = callback.state()
            arrays |= {f"{part}/{key}": value for key, value in state.items() if isinstance(value, np.ndarray)}
            remembered[part] = {k: value for k, value in state.items() if not isinstance(value, np.ndarray)}
        metadata = {
            "format": FORMAT,
            "options": dict(self._options),
            "epochs": self._trainer.spec.epochs,
            "progress": progress,
            "parts": remembered,
            "versions": versions(),
        }
        if self._spec_of_model:
            metadata["training"] = {
                "model": self._spec_of_model.to_json(),
                "spec": self._trainer.spec.to_json(),
                "steps_per_epoch": self._trainer.steps_per_epoch,
            }
        return self._directory.save(Checkpoint(arrays, metadata), *self._trainer.engine.progress)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Restore the training and the parts from a checkpoint.

        Raises:
            InputError: it is not a checkpoint of such a training.
        """
        arrays, metadata = checkpoint.arrays, checkpoint.metadata
        try:
            self._trainer.restore(arrays_of_engine(checkpoint), metadata["progress"])
            for part, callback in self._parts.items():
                callback.restore({**_under(part, arrays), **metadata["parts"][part]})
        except InputError:
            raise
        except (KeyError, TypeError, ValueError, AttributeError):
            raise not_of_a_training("other content") from None


def arrays_of_engine(checkpoint: Checkpoint) -> dict[str, np.ndarray]:
    """Return the state of the engine in a checkpoint."""
    return _under(ENGINE, checkpoint.arrays)


def _under(part: str, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    prefix = f"{part}/"
    return {name[len(prefix) :]: array for name, array in arrays.items() if name.startswith(prefix)}
