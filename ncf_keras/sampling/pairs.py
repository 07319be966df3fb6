"""Pairs of a positive and a negative of the same user, for pairwise learning: at each epoch anew, shuffled."""

import numpy as np
import tensorflow as tf

from ncf_keras.base.errors import InputError
from ncf_keras.data import Dataset
from ncf_keras.sampling.negatives import Examples, NegativeSampler, stacks_of_batches


class PairSampler(NegativeSampler):
    """Draws (user, positive, negative): each positive as often as it has negatives, each time with another one.

    Arguments as in `NegativeSampler`; `chunks` yields users, positives and negatives, int32.

    Raises:
        InputError: `num_neg` is below 1; or as in `NegativeSampler`.
    """

    def __init__(
        self,
        dataset: Dataset,
        num_neg: int = 1,
        seed: int | None = None,
        item_weights: np.ndarray | None = None,
    ):
        if num_neg < 1:
            raise InputError(f"`num_neg` must be at least 1 for pairs. Received: {num_neg}")
        super().__init__(dataset, num_neg, seed, item_weights)

    @property
    def num_examples(self) -> int:
        """Number of pairs in an epoch."""
        return self._dataset.num_train * self._num_neg

    def _examples(self, order: np.ndarray, generator: np.random.Generator) -> Examples:
        positives = order // order.dtype.type(self._num_neg)
        users = self._users[positives]
        return users, self._dataset.train_items[positives], self._draw_negatives(users, generator)


def pair_batch_dataset(sampler: PairSampler, batch_size: int, epoch: int) -> tf.data.Dataset:
    """Return the batches of an epoch for `model.fit`.

    Returns:
        A dataset of ({"user_input", "item_input", "negative_input"}, label): int32 and float32 ones, each of
        shape (batch, 1); the last, partial batch is kept.
    """

    def as_fit_takes_them(users: tf.Tensor, positives: tf.Tensor, negatives: tf.Tensor) -> tuple:
        inputs = {"user_input": users, "item_input": positives, "negative_input": negatives}
        inputs = {name: values[:, :, None] for name, values in inputs.items()}
        return tf.data.Dataset.from_tensor_slices((inputs, tf.ones_like(users, tf.float32)[:, :, None]))

    stacks = tf.data.Dataset.from_generator(
        lambda: stacks_of_batches(sampler, epoch, batch_size),
        output_signature=(tf.TensorSpec([None, None], tf.int32),) * 3,
    )
    batches = stacks.prefetch(1).flat_map(as_fit_takes_them)
    return batches.apply(tf.data.experimental.assert_cardinality(-(-sampler.num_examples // batch_size)))
