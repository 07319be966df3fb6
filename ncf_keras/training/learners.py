"""The four learners with the numerics of Keras 1.0.7, as Keras 3 optimizers.

They differ from today's Keras in epsilon, which is 1e-8 and stands outside the root, and in Adagrad's
accumulator, which starts at 0. Source: `keras/optimizers.py` of Keras 1.0.7.
"""

from typing import Any

import keras
import tensorflow as tf

from ncf_keras.base.errors import InputError
from ncf_keras.training.adam_settings import DEFAULT_ADAM, AdamSettings
from ncf_keras.training.spec import LEARNERS

EPSILON = 1e-8


def make_optimizer(
    learner: str,
    learning_rate: float | keras.optimizers.schedules.LearningRateSchedule,
    adam: AdamSettings = DEFAULT_ADAM,
) -> keras.optimizers.Optimizer:
    """Return the optimizer that the authors mean by `learner`.

    Args:
        learner: `adagrad`, `adam`, `rmsprop` or `sgd`, in any case.
        learning_rate: a positive number, or one of Keras' schedules.
        adam: the betas and epsilon, for `adam`.

    Raises:
        InputError: another name (the authors' code silently takes it for SGD), or a rate that is not positive
            and finite.
    """
    is_schedule = isinstance(learning_rate, keras.optimizers.schedules.LearningRateSchedule)
    if not is_schedule and not 0 < learning_rate < float("inf"):
        raise InputError(f"`learning_rate` must be a positive finite number. Received: {learning_rate}")
    if not is_schedule:
        learning_rate = float(learning_rate)  # Keras refuses whole numbers
    learner = known_learner(learner)
    if learner == "adam":
        return Adam(learning_rate, beta_1=adam.beta_1, beta_2=adam.beta_2, epsilon=adam.epsilon)
    return {"adagrad": Adagrad, "rmsprop": RMSprop, "sgd": keras.optimizers.SGD}[learner](learning_rate)


def known_learner(learner: object) -> str:
    """Return the name of a learner in lower case.

    Raises:
        InputError: there is none of that name.
    """
    if not isinstance(learner, str) or learner.lower() not in LEARNERS:
        raise InputError(f"`learner` must be one of {', '.join(LEARNERS)}. Received: {learner!r}")
    return learner.lower()


class _Accumulating(keras.optimizers.Optimizer):
    """What Adagrad and RMSprop share: a = decay * a + share * g^2, then w -= lr * g / (sqrt(a) + epsilon)."""

    decay: float
    share: float

    def build(self, variables: list[keras.Variable]) -> None:
        """Make an accumulator of zeros for each variable."""
        if self.built:
            return
        super().build(variables)
        self._accumulators = self.add_optimizer_variables(variables, "accumulator")
        parts_of = tf.distribute.get_strategy().experimental_local_results
        places = {part.ref(): n for n, variable in enumerate(variables) for part in parts_of(variable.value)}
        # Keras would take a dictionary among the attributes for one that is to be saved.
        self._place_of = places.__getitem__

    def update_step(self, gradient: Any, variable: tf.Variable, learning_rate: Any) -> None:
        """Apply one step to one variable, from the whole gradient, as `Adam.update_step` does."""
        gradient = tf.convert_to_tensor(gradient)
        accumulator = self._accumulators[self._place_of(variable.ref())]
        rate = keras.ops.cast(learning_rate, variable.dtype)
        self.assign(accumulator, self.decay * accumulator + self.share * keras.ops.square(gradient))
        step = rate * gradient / (keras.ops.sqrt(accumulator) + EPSILON)
        self.assign_sub(variable, step)


@keras.saving.register_keras_serializable("ncf_keras")
class Adam(keras.optimizers.Adam):
    """Adam of Keras 1.0.7: the rate is scaled by sqrt(1 - beta_2^t) / (1 - beta_1^t); every row moves."""

    def __init__(self, learning_rate: Any = 0.001, *, epsilon: float = EPSILON, **options: Any):
        super().__init__(learning_rate, epsilon=epsilon, **options)

    def update_step(self, gradient: Any, variable: tf.Variable, learning_rate: Any) -> None:
        """Apply one step to one variable, from the whole gradient.

        Keras gives an embedding's gradient as rows, some of them twice, and its optimizers square those rows
        one by one; the authors' backend squared their sum.
        """
        super().update_step(tf.convert_to_tensor(gradient), variable, learning_rate)


@keras.saving.register_keras_serializable("ncf_keras")
class Adagrad(_Accumulating):
    """Adagrad of Keras 1.0.7: the accumulator starts at 0 and sums all squared gradients."""

    decay = 1.0
    share = 1.0


@keras.saving.register_keras_serializable("ncf_keras")
class RMSprop(_Accumulating):
    """RMSprop of Keras 1.0.7: rho is 0.9."""

    decay = 0.9
    share = 1.0 - 0.9
