"""The interface of all engines: train a model one epoch per call, and save and restore the progress."""

from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np

from ncf_keras.training.engines.learner_state import LearnerState

# Called with the number of examples done so far in the epoch; True ends the epoch there.
Progress = Callable[[int], bool | None]


class Engine(Protocol):
    """Trains one epoch per call.

    Attributes:
        learning_rate: of the learner, the highest one of a schedule; a new one applies from the next epoch on.
    """

    learning_rate: float

    @property
    def steps_before(self) -> int:
        """Steps of the learner in an earlier training, which `set_learner_state` told of."""

    @property
    def pauses_within_epochs(self) -> bool:
        """Whether `on_progress` may raise an exception in the middle of an epoch.

        If so, `state` can be taken there and the next `train_epoch` finishes the epoch. If not, `state` can be
        taken only between epochs.
        """

    @property
    def loss_so_far(self) -> float:
        """The mean loss of the examples done so far of an epoch, for `on_progress`."""

    @property
    def progress(self) -> tuple[int, int]:
        """Epochs done, and steps done of the next one."""

    def train_epoch(self, on_progress: Progress | None = None) -> float:
        """Train on every example of the next epoch once and return the mean loss."""

    def read_model(self) -> None:
        """Take over the weights of the model, which a callback may have changed between two epochs."""

    def learner_state(self) -> LearnerState:
        """Return the learner's state; an epoch that has begun ends, as one that `on_progress` stops."""

    def set_learner_state(self, state: LearnerState) -> None:
        """Go on from the state of a learner, before the first epoch; its steps count for Adam's moments.

        Raises:
            InputError: it is one of another learner or of another model.
        """

    def state(self) -> dict[str, np.ndarray]:
        """Return everything that is needed to continue training bit for bit."""

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Continue from a `state` that an equal engine returned."""
