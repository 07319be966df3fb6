"""What a learner knows besides the weights: how many steps it has taken, and its slots."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

# By the path of a variable of Keras, such as `layer1/kernel`: its slots, each of its shape.
Slots = Mapping[str, tuple[np.ndarray, ...]]


@dataclass(frozen=True)
class LearnerState:
    """The state of a learner between two epochs, without the weights; it fits any engine.

    Attributes:
        learner: `adagrad`, `adam`, `rmsprop` or `sgd`.
        steps: taken so far, by which Adam corrects its moments.
        slots: of each trainable variable: Adam's two moments, an accumulator, or nothing.
    """

    learner: str
    steps: int
    slots: Slots

    def mapped(self, change: Callable[[str, np.ndarray], np.ndarray]) -> "LearnerState":
        """Return the state with `change(path, slot)` in place of each slot."""
        return replace(
            self,
            slots={path: tuple(change(path, slot) for slot in slots) for path, slots in self.slots.items()},
        )
