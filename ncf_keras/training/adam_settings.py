"""The three numbers of Adam besides the learning rate, which the spec, the optimizer and the rule share."""

from dataclasses import dataclass

from ncf_keras.base.checks import is_number
from ncf_keras.base.errors import InputError

# A smaller epsilon would be 0 in float32, and a row that never had a gradient 0 / 0.
LEAST_EPSILON = 1e-30


@dataclass(frozen=True)
class AdamSettings:
    """How fast Adam's moments decay, and what keeps it from dividing by 0; as in Keras 1.0.7 if left out.

    Attributes:
        beta_1: share of the mean gradient that is kept at a step, above 0 and below 1.
        beta_2: share of the mean squared gradient that is kept at a step, above 0 and below 1.
        epsilon: added to the root of the mean squared gradient, from 1e-30.

    Raises:
        InputError: a number breaks its rule.
    """

    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        for name in ("beta_1", "beta_2"):
            value = getattr(self, name)
            if not is_number(value) or not 0 < value < 1:
                raise InputError(f"`{name}` must be a number above 0 and below 1. Received: {value!r}")
        if not is_number(self.epsilon) or self.epsilon < LEAST_EPSILON:
            raise InputError(
                f"`epsilon` must be a number of at least {LEAST_EPSILON:g}. Received: {self.epsilon!r}"
            )


DEFAULT_ADAM = AdamSettings()
