"""Losses of an example: the log loss of equation 7 as Keras 1.0.7 on Theano computed it, and the others.

All take labels and predictions of shape (batch, 1) and return the loss of each example. The pairwise ones, for
`PairwiseEngine`, take the difference of the scores of a positive and a negative for the prediction. All are
registered with Keras, so that a model compiled with one can be saved and loaded.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import keras

from ncf_keras.base.checks import require_above_zero, require_at_least

EPSILON = 1e-7

Loss = Callable[[keras.KerasTensor, keras.KerasTensor], keras.KerasTensor]


@keras.saving.register_keras_serializable("ncf_keras")
def clipped_log_loss(labels: keras.KerasTensor, predictions: keras.KerasTensor) -> keras.KerasTensor:
    """Return the binary cross-entropy of each example, its probability clipped to [1e-7, 1 - 1e-7].

    Keras 3 may compute it from the logits instead, which differs once a probability saturates: there the
    authors' gradient is 0.

    Args:
        labels: float32, 0 or 1, shape (batch, 1).
        predictions: float32, in (0, 1), shape (batch, 1).

    Returns:
        float32, shape (batch,).
    """
    labels = keras.ops.cast(labels, predictions.dtype)
    probability = keras.ops.clip(predictions, EPSILON, 1.0 - EPSILON)
    losses = -(labels * keras.ops.log(probability) + (1.0 - labels) * keras.ops.log(1.0 - probability))
    return keras.ops.mean(losses, axis=-1)


class _WithArguments:
    """What Keras asks of a loss that has arguments, to save it."""

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return asdict(self)  # type: ignore[call-overload]

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "_WithArguments":
        """Return the loss of those arguments."""
        return cls(**config)


@keras.saving.register_keras_serializable("ncf_keras")
@dataclass(frozen=True)
class WeightedSquaredLoss(_WithArguments):
    """The loss w_ui (y_ui - prediction)^2 of equation 5, where a positive weighs 1.

    Args:
        negative_weight: w_ui of the negatives.

    Raises:
        InputError: the weight is no finite number of at least 0.
    """

    negative_weight: float = 1.0

    def __post_init__(self):
        require_at_least(self.negative_weight, 0, "negative_weight")

    def __call__(self, labels: keras.KerasTensor, predictions: keras.KerasTensor) -> keras.KerasTensor:
        """Return the loss of each example, shape (batch,)."""
        labels = keras.ops.cast(labels, predictions.dtype)
        weights = labels + self.negative_weight * (1.0 - labels)
        return keras.ops.mean(weights * keras.ops.square(labels - predictions), axis=-1)


@keras.saving.register_keras_serializable("ncf_keras")
def bpr_loss(labels: keras.KerasTensor, differences: keras.KerasTensor) -> keras.KerasTensor:
    """Return -log sigmoid(difference) of Rendle et al., "BPR", UAI 2009; the labels mean nothing.

    Args:
        labels: anything.
        differences: score of the positive less score of the negative, shape (batch, 1).

    Returns:
        shape (batch,).
    """
    return keras.ops.mean(keras.ops.softplus(-differences), axis=-1)


@keras.saving.register_keras_serializable("ncf_keras")
@dataclass(frozen=True)
class MarginLoss(_WithArguments):
    """The loss max(0, margin - difference), as in Socher et al., NIPS 2013; the labels mean nothing.

    Args:
        margin: by how much a positive must beat a negative to cost nothing.

    Raises:
        InputError: the margin is no finite number above 0.
    """

    margin: float = 1.0

    def __post_init__(self):
        require_above_zero(self.margin, "margin")

    def __call__(self, labels: keras.KerasTensor, differences: keras.KerasTensor) -> keras.KerasTensor:
        """Return the loss of each example, shape (batch,)."""
        return keras.ops.mean(keras.ops.relu(self.margin - differences), axis=-1)


weighted_squared_loss = WeightedSquaredLoss
margin_loss = MarginLoss
