"""The four learners with the numerics of Keras 1.0.7, as Keras 3 optimizers.

They differ from today's Keras in epsilon, which is 1e-8 and stands outside the root, and in Adagrad's
accumulator, which starts at 0. Source: `keras/optimizers.py` of Keras 1.0.7.
"""

import keras
import tensorflow as tf

from ncf_keras.base.errors import InputError
from ncf_keras.training.spec import LEARNERS

EPSILON = 1e-8


def make_optimizer(learner: str, learning_rate: float) -> keras.optimizers.Optimizer:
    """Return the optimizer that the authors mean by `learner`.

    Args:
        learner: `adagrad`, `adam`, `rmsprop` or `sgd`, in any case.
        learning_rate: a positive number.

    Raises:
        InputError: another name (the authors' code silently takes it for SGD), or a rate that is not positive
            and finite.
    """
    if not 0 < learning_rate < float("inf"):
        raise InputError(f"`learning_rate` must be a positive finite number. Received: {learning_rate}")
    learning_rate = float(learning_rate)  # Keras refuses whole numbers
    name = learner.lower() if isinstance(learner, str) else learner
    if name == "adagrad":
        return Adagrad(learning_rate)
    if name == "adam":
        return Adam(learning_rate, beta_1=0.9, beta_2=0.999, epsilon=EPSILON)
    if name == "rmsprop":
        return RMSprop(learning_rate)
    if name == "sgd":
        return keras.optimizers.SGD(learning_rate)
    raise InputError(f"`learner` must be one of {', '.join(LEARNERS)}. Received: {learner!r}")


class _DenseGradients(keras.optimizers.Optimizer):
    """Hands every update the whole gradient of a variable.

    Keras gives an embedding's gradient as rows, some of them twice, and its optimizers square those rows one
    by one; the authors' backend squared their sum.
    """

    def update_step(self, gradient: object, variable: keras.Variable, learning_rate: object) -> None:
        """Apply one step to one variable."""
        super().update_step(tf.convert_to_tensor(gradient), variable, learning_rate)


class _Accumulating(keras.optimizers.Optimizer):
    """What Adagrad and RMSprop share: a = decay * a + share * g^2, then w -= lr * g / (sqrt(a) + epsilon)."""

    decay: float
    share: float

    def build(self, variables: list) -> None:
        """Make an accumulator of zeros for each variable."""
        if self.built:
            return
        super().build(variables)
        self._accumulators = self.add_optimizer_variables(variables, "accumulator")

    def update_step(self, gradient: object, variable: keras.Variable, learning_rate: object) -> None:
        """Apply one step to one variable."""
        accumulator = self._accumulators[self._get_variable_index(variable)]
        rate = keras.ops.cast(learning_rate, variable.dtype)
        self.assign(accumulator, self.decay * accumulator + self.share * keras.ops.square(gradient))
        step = rate * gradient / (keras.ops.sqrt(accumulator) + EPSILON)
        self.assign_sub(variable, step)


class Adam(_DenseGradients, keras.optimizers.Adam):
    """Adam of Keras 1.0.7: the rate is scaled by sqrt(1 - beta_2^t) / (1 - beta_1^t); every row moves."""


class Adagrad(_DenseGradients, _Accumulating):
    """Adagrad of Keras 1.0.7: the accumulator starts at 0 and sums all squared gradients."""

    decay = 1.0
    share = 1.0


class RMSprop(_DenseGradients, _Accumulating):
    """RMSprop of Keras 1.0.7: rho is 0.9."""

    decay = 0.9
    share = 1.0 - 0.9
