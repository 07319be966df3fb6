"""What a learner knows besides the weights: how many steps it has taken, and its slots."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import keras
import numpy as np

from ncf_keras.base.errors import InputError
from ncf_keras.training.steps.state import Slots


@dataclass(frozen=True)
class LearnerState:
    """The state of a learner between two epochs, without the weights; any engine can go on from it.

    Attributes:
        learner: `adagrad`, `adam`, `rmsprop` or `sgd`.
        steps: taken so far, by which Adam corrects its moments.
        slots: of each trainable variable of the model, by its path: Adam's two moments, an accumulator, or
            nothing.
    """

    learner: str
    steps: int
    slots: Slots

    def mapped(self, change: Callable[[str, np.ndarray], np.ndarray]) -> "LearnerState":
        """Return the state with `change(path, slot)` in place of each slot."""
        slots = {path: tuple(change(path, slot) for slot in slots) for path, slots in self.slots.items()}
        return replace(self, slots=slots)

    def require_learner(self, learner: str) -> None:
        """Raise InputError unless the state is one of a learner."""
        if self.learner != learner:
            rule = f"{self.learner}, as in the training to go on from"
            raise InputError(f"`learner` must be {rule}. Received: {learner!r}")

    def require_fit(self, learner: str, model: keras.Model, num_slots: int) -> None:
        """Raise InputError unless the state is one of a learner, with so many slots, that trains a model."""
        self.require_learner(learner)
        expected = {each.path: [tuple(each.shape)] * num_slots for each in model.trainable_variables}
        found = {path: [slot.shape for slot in slots] for path, slots in self.slots.items()}
        if found != expected:
            differing = sorted(path for path in expected | found if expected.get(path) != found.get(path))
            raise InputError(f"`state` must have slots of the model's variables. Received: other {differing}")
