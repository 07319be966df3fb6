"""Pairwise learning, the paper's future work: a positive is to score higher than a negative of its user."""

from typing import Any

import keras
import tensorflow as tf

from ncf_keras.models.pair_difference import PairDifference
from ncf_keras.sampling.pairs import PairSampler, pair_batch_dataset
from ncf_keras.training.engines.keras_engine import KerasEngine
from ncf_keras.training.losses import Loss, bpr_loss


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

    def _batches(self, sampler: Any, batch_size: int, epoch: int) -> tf.data.Dataset:
        return pair_batch_dataset(sampler, batch_size, epoch)
