"""A training that can be killed at any moment: its state in a directory of checkpoints, and back."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ncf_keras.base.errors import InputError
from ncf_keras.training.callbacks.own import OwnCallback, Remembers
from ncf_keras.training.checkpoints import Checkpoint, CheckpointDirectory
from ncf_keras.training.checkpoints.fingerprint import FORMAT, not_of_a_training, versions
from ncf_keras.training.trainer import Trainer

ENGINE = "engine"


class Checkpoints(OwnCallback):
    """Writes the state of a training every so many epochs and after the last.

    It stands behind the callbacks whose state it saves.

    Args:
        trainer: what is trained.
        directory: where; its lock is held.
        options: what must be the same for the training to go on, as JSON can hold it.
        parts: the callbacks with something to remember, by name.
        every: epochs between two checkpoints.
    """

    def __init__(
        self,
        trainer: Trainer,
        directory: CheckpointDirectory,
        options: Mapping[str, Any],
        parts: Mapping[str, Remembers],
        every: int = 1,
    ):
        super().__init__()
        self._trainer, self._directory, self._options = trainer, directory, options
        self._parts, self._every = parts, every

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Save if it is time."""
        done = epoch + 1
        if done % self._every == 0 or done == self._trainer.spec.epochs or self._trainer.model.stop_training:
            self.save()

    def save(self) -> object:
        """Write the state as it is now, also in the middle of an epoch; return the file."""
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
        return self._directory.save(Checkpoint(arrays, metadata), *self._trainer.engine.progress)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Bring the training and the parts to where they were.

        Raises:
            InputError: the checkpoint is not one of such a training.
        """
        arrays, metadata = checkpoint.arrays, checkpoint.metadata
        try:
            self._trainer.restore(_under(ENGINE, arrays), metadata["progress"])
            for part, callback in self._parts.items():
                callback.restore({**_under(part, arrays), **metadata["parts"][part]})
        except InputError:
            raise
        except (KeyError, TypeError, ValueError, AttributeError):
            raise not_of_a_training("other content") from None


def _under(part: str, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    prefix = f"{part}/"
    return {name[len(prefix) :]: array for name, array in arrays.items() if name.startswith(prefix)}
