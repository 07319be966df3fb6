"""Report how much of a training is done."""

from collections.abc import Callable

from ncf_keras.training.callbacks.own import OwnCallback
from ncf_keras.training.trainer import Trainer


class ShareDone(OwnCallback):
    """Calls `tell` after each program of the engine with the share of all steps that is done, from 0 to 1."""

    def __init__(self, trainer: Trainer, tell: Callable[[float], None]):
        super().__init__()
        self._trainer, self._tell = trainer, tell

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Report the share."""
        share = (batch + 1) / self._trainer.steps_per_epoch
        self._tell((self._trainer.epochs_done + share) / self._trainer.spec.epochs)
