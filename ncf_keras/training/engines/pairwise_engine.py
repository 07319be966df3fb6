"""Pairwise learning, the paper's future work: a positive is to score higher than a negative of its user."""

from collections.abc import Mapping

import keras
import tensorflow as tf

from ncf_keras.base.errors import InputError
from ncf_keras.sampling import PairSampler, pair_batch_dataset
from ncf_keras.training.engines.keras_engine import KerasEngine
from ncf_keras.training.losses import Loss, bpr_loss


class PairDifference(keras.Model):
    """Scores a user's positive less that user's negative, with the weights of another model.

    A score is what the model's output layer has before its sigmoid: a difference of probabilities would stay
    below 1 and hardly move once they saturate.

    Args:
        model: functional, from `user_input` and `item_input` to the Dense layer `prediction`.

    Raises:
        InputError: the model ends otherwise.
    """

    def __init__(self, model: keras.Model):
        super().__init__(name=f"{model.name}_pairs")
        output = model.layers[-1]
        if not isinstance(output, keras.layers.Dense) or model.output is not output.output:
            raise InputError(
                f"`model` must end in a Dense layer, as those of `ncf_keras.models` do. Received: {output!r}"
            )
        self._body = keras.Model(model.inputs, output.input)
        self._output = output

    def call(self, inputs: Mapping[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Return the differences, shape (batch, 1), for int32 indices of that shape by the inputs' names."""
        users = inputs["user_input"]
        positive = self._score(users, inputs["item_input"], training)
        return positive - self._score(users, inputs["negative_input"], training)

    def _score(self, users: tf.Tensor, items: tf.Tensor, training: bool) -> tf.Tensor:
        scores = keras.ops.matmul(self._body([users, items], training=training), self._output.kernel)
        return scores + self._output.bias if self._output.use_bias else scores


class PairwiseEngine(KerasEngine):
    """Trains with `model.fit` on pairs, an epoch at a call.

    Args:
        model: built, not compiled, ending in the Dense layer `prediction`; its own weights are trained.
        sampler: where the pairs come from.
        learner: `adagrad`, `adam`, `rmsprop` or `sgd`.
        learning_rate: a positive number.
        batch_size: pairs a step.
        loss: of a difference: `bpr_loss` or what `margin_loss` returns.

    Raises:
        InputError: an unknown learner, or another kind of model.
    """

    def __init__(
        self,
        model: keras.Model,
        sampler: PairSampler,
        learner: str,
        learning_rate: float,
        batch_size: int,
        loss: Loss = bpr_loss,
    ):
        super().__init__(PairDifference(model), sampler, learner, learning_rate, batch_size, loss)

    def _batches(self, sampler: PairSampler, batch_size: int, epoch: int) -> tf.data.Dataset:
        return pair_batch_dataset(sampler, batch_size, epoch)
