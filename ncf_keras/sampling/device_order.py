"""The order of an epoch as a function of keys, for programs of XLA: no memory, and any part of it by itself."""

import math

import tensorflow as tf
from tensorflow import Tensor

from ncf_keras.base.device_random import below, mix

# Keys that an order takes, one for each round of its network.
ORDER_KEYS = 10


class DeviceOrder:
    """A pseudorandom permutation of the numbers 0 … size - 1, as `ComputedOrder` is.

    A Feistel network on the two digits of a number, of which there are as many as a square that just holds
    `size` has: each digit in turn is moved, round a circle, by a hash of the other, which can be undone. What
    falls beyond `size` is sent through again, which happens to fewer than one number in sqrt(size): digits of
    bits, as `ComputedOrder` has them, would send up to half of the numbers through at every turn.

    Args:
        size: how many numbers, from 1 to 2^32.
    """

    def __init__(self, size: int):
        self._size = size
        self._high = math.isqrt(size - 1) + 1
        self._low = -(-size // self._high)

    def __call__(self, places: Tensor, keys: Tensor) -> Tensor:
        """Return the numbers at some places.

        Args:
            places: uint32, below `size`.
            keys: random, uint32, shape (ORDER_KEYS,).
        """
        numbers = self._turn(places, keys)
        if self._high * self._low == self._size:
            return numbers
        return tf.while_loop(
            lambda numbers: tf.reduce_any(self._is_outside(numbers)),
            lambda numbers: [tf.where(self._is_outside(numbers), self._turn(numbers, keys), numbers)],
            [numbers],
        )[0]

    def _is_outside(self, numbers: Tensor) -> Tensor:
        return numbers > tf.constant(self._size - 1, tf.uint32)

    def _turn(self, numbers: Tensor, keys: Tensor) -> Tensor:
        """Return where the network takes `numbers`; a permutation of all numbers of two digits."""
        base = tf.constant(self._low, tf.uint32)
        high, low = numbers // base, numbers % base
        for number in range(0, ORDER_KEYS, 2):
            high = _moved(high, low, keys[number], self._high)
            low = _moved(low, high, keys[number + 1], self._low)
        return high * base + low


def _moved(digits: Tensor, others: Tensor, key: Tensor, count: int) -> Tensor:
    """Return `digits`, each below `count`, moved round their circle by a hash of the other digits."""
    moved = digits + below(mix(tf.bitwise.bitwise_xor(others, key)), count)
    return tf.where(moved < count, moved, moved - count)
