"""What every engine does: train a model for one epoch at a call, from where it or another one stopped."""

from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np

# Called with the examples done so far of an epoch; True ends the epoch there.
Progress = Callable[[int], bool | None]


class Engine(Protocol):
    """Trains one epoch at a call.

    Attributes:
        pauses_within_epochs: whether the progress callback may raise an exception, after which `state` is whole
            and the next call of `train_epoch` finishes the epoch. If not, `state` is that between epochs.
        learning_rate: of the learner; a new one counts from the next epoch on.
    """

    learning_rate: float

    @property
    def pauses_within_epochs(self) -> bool:
        """Whether the progress callback may raise; see above."""

    @property
    def loss_so_far(self) -> float:
        """The mean loss of the examples done so far of an epoch, for `on_progress`."""

    @property
    def progress(self) -> tuple[int, int]:
        """Epochs done, and steps done of the next one."""

    def train_epoch(self, on_progress: Progress | None = None) -> float:
        """Train on every example of the next epoch once and return the mean loss."""

    def read_model(self) -> None:
        """Take over the weights of the model, which somebody may have changed between two epochs."""

    def state(self) -> dict[str, np.ndarray]:
        """Return all that training goes on from, bit for bit."""

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on where the engine was whose `state` this is."""
