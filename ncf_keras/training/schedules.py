"""A learning rate that changes from step to step: a warm-up, then a decay, as a schedule of Keras."""

import math
from typing import Any

import keras

from ncf_keras.training.spec import TrainingSpec


@keras.saving.register_keras_serializable("ncf_keras")
class WarmUpAndDecay(keras.optimizers.schedules.LearningRateSchedule):
    """The learning rate as a function of the number of steps taken before, for any optimizer of Keras.

    Step n of the warm-up, counted from 1, has n / `warmup_steps` of `learning_rate`. Then the decay begins.

    Args:
        learning_rate: the highest one, above 0. It can be set again later, which scales the whole schedule.
        warmup_steps: steps of the warm-up; 0 for none.
        decay: `none`; `cosine`: half a period of a cosine, to 0 after `decay_steps`, where it stays; or
            `exponential`: times `decay_rate` every `decay_steps`, smoothly.
        decay_steps: see `decay`.
        decay_rate: see `decay`.
    """

    def __init__(
        self,
        learning_rate: float,
        warmup_steps: int = 0,
        decay: str = "none",
        decay_steps: int = 0,
        decay_rate: float = 0.1,
    ):
        # A variable, for `fit` would compile a number of Python into its program.
        self._highest = keras.Variable(float(learning_rate), trainable=False, dtype="float32")
        self._warmup_steps, self._decay = warmup_steps, decay
        self._decay_steps, self._decay_rate = decay_steps, decay_rate

    @property
    def learning_rate(self) -> float:
        """The highest learning rate."""
        return float(self._highest)

    @learning_rate.setter
    def learning_rate(self, rate: float) -> None:
        """Set the highest learning rate."""
        self._highest.assign(rate)

    def __call__(self, step: Any) -> Any:
        """Return the learning rate of the step that follows so many steps: float32; `step` may be an array."""
        step = keras.ops.cast(step, "float32")
        return self._highest * self._warm_up(step) * self._decayed(step)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal schedule."""
        return {
            "learning_rate": self.learning_rate,
            "warmup_steps": self._warmup_steps,
            "decay": self._decay,
            "decay_steps": self._decay_steps,
            "decay_rate": self._decay_rate,
        }

    def _warm_up(self, step: Any) -> Any:
        return keras.ops.minimum((step + 1) / self._warmup_steps, 1) if self._warmup_steps else 1.0

    def _decayed(self, step: Any) -> Any:
        if self._decay == "none":
            return 1.0
        done = keras.ops.maximum(step - self._warmup_steps, 0) / self._decay_steps
        if self._decay == "cosine":
            return (1 + keras.ops.cos(math.pi * keras.ops.minimum(done, 1))) / 2
        return keras.ops.exp(done * math.log(self._decay_rate))


def learning_rate_of(spec: TrainingSpec) -> float | WarmUpAndDecay:
    """Return the learning rate that a spec asks for: a number, or a new schedule if it is to change."""
    if not spec.has_schedule:
        return spec.learning_rate
    return WarmUpAndDecay(
        spec.learning_rate, spec.warmup_steps, spec.learning_rate_decay, spec.decay_steps, spec.decay_rate
    )
