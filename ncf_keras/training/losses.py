"""The log loss of equation 7, as Keras 1.0.7 on Theano computed it."""

import keras

EPSILON = 1e-7


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
