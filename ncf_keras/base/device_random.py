"""Random numbers as functions of numbers and keys, for programs of XLA: no state, and the same on any device.

All arithmetic is in uint32, modulo 2^32.
"""

import tensorflow as tf
from tensorflow import Tensor

# Keys that `random_words` takes.
WORD_KEYS = 2


def mix(words: Tensor) -> Tensor:
    """Return uint32 words whose bits all depend on all bits of `words`; no two words give the same.

    The multipliers and shifts are those of "lowbias32" (Chris Wellons, Prospecting for Hash Functions, 2018).
    """
    words = _folded(words, 16) * tf.constant(0x7FEB352D, tf.uint32)
    words = _folded(words, 15) * tf.constant(0x846CA68B, tf.uint32)
    return _folded(words, 16)


def random_words(numbers: Tensor, keys: Tensor) -> Tensor:
    """Return a random word for each number: uint32, uniform, of the shape of `numbers`.

    Args:
        numbers: uint32.
        keys: random, uint32, shape (WORD_KEYS,).
    """
    # The sum of two permutations: one alone would give no word twice.
    return mix(tf.bitwise.bitwise_xor(numbers, keys[0])) + mix(mix(numbers + keys[1]))


def below(words: Tensor, bounds: Tensor | int) -> Tensor:
    """Return random numbers from 0 up to, but without, `bounds`: uint32, of the shape of `words`.

    The high half of a product (Lemire, Fast Random Integer Generation in an Interval, 2019). Without his
    rejection the likelihoods of two numbers differ by less than bound / 2^32 of either.

    Args:
        words: uniform, uint32.
        bounds: from 1 to 2^32 - 1.
    """
    product = tf.cast(words, tf.uint64) * tf.cast(bounds, tf.uint64)
    return tf.cast(tf.bitwise.right_shift(product, tf.constant(32, tf.uint64)), tf.uint32)


def _folded(words: Tensor, shift: int) -> Tensor:
    return tf.bitwise.bitwise_xor(words, tf.bitwise.right_shift(words, tf.constant(shift, tf.uint32)))
