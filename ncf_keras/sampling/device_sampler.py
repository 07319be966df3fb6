"""Examples drawn where the training step is: the sampler's arithmetic as functions of tensors, for XLA.

Nothing is rejected. A negative of a user is the k-th item that the user has no positive with, for a random k,
found by halving the user's sorted positives: as uniform as redrawing, and of the same length for every user.
"""

import secrets

import numpy as np
import tensorflow as tf
from tensorflow import Tensor

from ncf_keras.base.device_random import WORD_KEYS, below, random_words
from ncf_keras.base.errors import InputError
from ncf_keras.data import Dataset
from ncf_keras.sampling.device_order import ORDER_KEYS, DeviceOrder
from ncf_keras.sampling.example_numbers import ExampleNumbers, examples_of_epoch, require_negatives

# Numbers of examples are uint32.
MOST_EXAMPLES = 2**32


class DeviceSampler:
    """Draws (user, item, label) as `NegativeSampler` does, each example by itself, by functions of tensors.

    In distribution the examples are those of `NegativeSampler`: every positive once an epoch, and `num_neg`
    negatives for each that has any, uniform over the items that its user has no positive with, drawn anew at
    each epoch; the likelihoods of two negatives differ by at most the share items / 2^32. The order of an epoch
    is a `DeviceOrder`. An example depends on the seed, the epoch and its place in it alone: not on the size of
    batches, nor on where an epoch was interrupted.

    The positives lie on the device as int64 variables, 8 bytes each, 16 where some have no negatives. They
    can't be int32, which TensorFlow keeps in the host's memory (see `steps.py`); and what is no variable, such
    as a captured constant, it may keep there too and copy for every program.

    Args:
        dataset: whose train interactions are the positives.
        num_neg: negatives for each positive.
        seed: of every draw; None takes a fresh one from the operating system.

    Attributes:
        num_examples: number of examples in an epoch.

    Raises:
        InputError: as `Sampler`; or there are more than 2^32 examples.
    """

    def __init__(self, dataset: Dataset, num_neg: int = 4, seed: int | None = None):
        require_negatives(dataset, num_neg)
        if not fits(dataset, num_neg):
            raise InputError(
                f"`sampler` must be host for more than {MOST_EXAMPLES:,} examples an epoch. Received: device, "
                f"and {dataset.num_train:,} positives with {num_neg} negatives each"
            )
        self._num_items, self._num_neg = dataset.num_items, num_neg
        numbers = ExampleNumbers(dataset, num_neg)
        self.num_examples, self._with_negatives = numbers.num_examples, numbers.with_negatives
        self._seed = secrets.randbits(128) if seed is None else seed
        self._order = DeviceOrder(self.num_examples)
        # How often the longest history can be halved.
        self._halvings = int(np.diff(dataset.train_offsets).max()).bit_length()
        pairs = np.left_shift(dataset.train_users, 32, dtype=np.int64) | dataset.train_items
        # The user in the high half, the item in the low one: a single read gives both.
        self._pairs = tf.Variable(pairs, trainable=False)
        self._offsets = tf.Variable(dataset.train_offsets, trainable=False)
        self._places = None if numbers.places is None else tf.Variable(numbers.places, trainable=False)

    def keys(self, epoch: int) -> np.ndarray:
        """Return what `examples` needs to know of an epoch: random words, int64, shape (keys,)."""
        generator = np.random.default_rng([self._seed, epoch])
        return generator.integers(0, 2**32, ORDER_KEYS + WORD_KEYS, dtype=np.int64)

    def examples(self, keys: Tensor, places: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the examples at some places of an epoch; to be called in a function that XLA compiles.

        Args:
            keys: of the epoch.
            places: from 0, int64, shape (n,). Those beyond the epoch's end give user 0, item 0 and label 0.

        Returns:
            Users int32, items int32 and labels float32, 1 or 0, shape (n,).
        """
        last = self.num_examples - 1
        words = tf.cast(keys, tf.uint32)
        numbers = self._order(tf.cast(tf.minimum(places, last), tf.uint32), words[:ORDER_KEYS])
        positives, is_negative = self._positives_of(numbers)
        users, items = self._pairs_at(positives)
        if self._num_neg:
            draws = random_words(numbers, words[ORDER_KEYS:])
            items = tf.where(is_negative, self._negatives(users, draws), items)
        inside = places <= last
        labels = tf.cast(inside & ~is_negative, tf.float32)
        users, items = (tf.cast(tf.where(inside, ids, 0), tf.int32) for ids in (users, items))
        return users, items, labels

    def _positives_of(self, numbers: Tensor) -> tuple[Tensor, Tensor]:
        """Return, as `ExampleNumbers.positives` does, the places of examples' positives, and the negatives."""
        group = tf.constant(1 + self._num_neg, tf.uint32)
        positives, is_negative = numbers // group, numbers % group > 0
        if self._places is None:
            return tf.cast(positives, tf.int64), is_negative
        first_alone = self._with_negatives * (1 + self._num_neg)
        alone = tf.cast(numbers, tf.int64) >= first_alone
        skipped = tf.constant(self._with_negatives * self._num_neg, tf.uint32)
        positives = tf.cast(tf.where(alone, numbers - skipped, positives), tf.int64)
        return tf.gather(self._places, positives), is_negative & ~alone

    def _pairs_at(self, places: Tensor) -> tuple[Tensor, Tensor]:
        """Return user and item, int64, of the positives at `places`."""
        pairs = tf.gather(self._pairs, places)
        return tf.bitwise.right_shift(pairs, 32), tf.bitwise.bitwise_and(pairs, 2**32 - 1)

    def _negatives(self, users: Tensor, draws: Tensor) -> Tensor:
        """Return for each user, int64, a non-positive, int64, from a random word, uint32."""
        start, stop = tf.gather(self._offsets, users), tf.gather(self._offsets, users + 1)
        number = tf.cast(below(draws, self._num_items - (stop - start)), tf.int64)
        # Before a user's positive j, counted from 0, are its item - j non-positives. Those positives that come
        # before the non-positive of that number are counted bit by bit, from the highest one down.
        before = tf.zeros_like(start)
        for bit in reversed(range(self._halvings)):
            more = before + 2**bit
            place = start + more - 1
            _, item = self._pairs_at(tf.minimum(place, stop - 1))
            before = tf.where((place < stop) & (item - more < number), more, before)
        return number + before


def fits(dataset: Dataset, num_neg: int) -> bool:
    """Tell whether an epoch has no more examples than `DeviceSampler` can number."""
    return examples_of_epoch(dataset, num_neg) <= MOST_EXAMPLES
