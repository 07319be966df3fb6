"""The weights of the best epoch, kept in memory until training ends."""

from typing import Any

import numpy as np

from ncf_keras.base.errors import InputError
from ncf_keras.training.callbacks.own import OwnCallback
from ncf_keras.training.engines.engine_state import named
from ncf_keras.training.trainer import Trainer


class BestWeights(OwnCallback):
    """Gives the model the weights of its best epoch when training ends.

    Args:
        trainer: its `best` is the best epoch; until an epoch is better, the weights before training count.
    """

    def __init__(self, trainer: Trainer):
        super().__init__()
        self._trainer = trainer
        self._kept: list[np.ndarray] | None = None

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Keep the weights before training."""
        if self._kept is None:
            self._kept = self._trainer.model.get_weights()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Keep the weights if this epoch is the best so far; without evaluations, those of every epoch."""
        if self._trainer.best.number == epoch or self._trainer.spec.select == "none":
            self._kept = self._trainer.model.get_weights()

    def on_train_end(self, logs: dict | None = None) -> None:
        """Give the model the weights that were kept last."""
        if self._kept is not None:
            self._trainer.model.set_weights(self._kept)

    def state(self) -> dict[str, Any]:
        """Return the weights that were kept last as `weight_000` and so on; an empty dict if none were."""
        return named("weight", self._kept or [])

    def restore(self, state: dict[str, Any]) -> None:
        """Take over the weights that `state` returned.

        Raises:
            InputError: they do not have the shapes and dtypes of the model's weights.
        """
        now = named("weight", self._trainer.model.get_weights())
        if state and {name: (array.shape, array.dtype) for name, array in state.items()} != {
            name: (array.shape, array.dtype) for name, array in now.items()
        }:
            raise InputError(
                f"`state` must have the {len(now)} weights of the model. Received: {sorted(state)}"
            )
        self._kept = [state[name] for name in now] if state else None
