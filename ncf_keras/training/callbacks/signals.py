"""Stop a training when a signal asks for it."""

from collections.abc import Callable

from ncf_keras.base.interrupts import Interrupted, Interrupts
from ncf_keras.training.callbacks.own import OwnCallback
from ncf_keras.training.trainer import Trainer


class StopOnSignal(OwnCallback):
    """After a signal, saves the work and raises `Interrupted`, between two programs of the engine or epochs.

    Args:
        trainer: its training is stopped.
        interrupts: receives the signals.
        put_away: saves what can be saved and returns a sentence about it.
    """

    def __init__(self, trainer: Trainer, interrupts: Interrupts, put_away: Callable[[], str]):
        super().__init__()
        self._trainer, self._interrupts, self._put_away = trainer, interrupts, put_away

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Stop in the middle of an epoch if the engine can."""
        if self._trainer.engine.pauses_within_epochs:
            self._stop_if_asked()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Stop after an epoch, unless it was the last."""
        if epoch + 1 < self._trainer.spec.epochs:
            self._stop_if_asked()

    def _stop_if_asked(self) -> None:
        if self._interrupts.received:
            raise Interrupted(self._interrupts.received, self._put_away())
