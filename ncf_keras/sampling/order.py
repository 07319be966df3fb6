"""The order of an epoch: drawn and held in memory, or, of very many examples, computed where it is needed."""

from typing import Any

import numpy as np

# Up to here an order is drawn: 4 bytes an example, half a gigabyte at the most.
MOST_IN_MEMORY = 2**27
ROUNDS = 8
# Computed at a time: the arrays in between stay in the cache.
BLOCK = 2**15
# Odd numbers with well-spread bits: Marsaglia's multiplier for 32 bits, and 2**64 / golden ratio.
MULTIPLIERS = {np.dtype(np.uint32): 0x915F77F5, np.dtype(np.uint64): 0x9E3779B97F4A7C15}


def shuffled_order(
    size: int, generator: np.random.Generator, most_in_memory: int = MOST_IN_MEMORY
) -> "np.ndarray | ComputedOrder":
    """Return the numbers 0 … size - 1 in a random order, each once; a slice of it is an array.

    Up to `most_in_memory` numbers it is a Fisher-Yates shuffle. Of more, shuffling would take minutes in which
    nothing is trained, because every swap misses the cache: then it is a `ComputedOrder`.
    """
    if size > most_in_memory:
        return ComputedOrder(size, generator)
    order = np.arange(size, dtype=np.uint32)
    generator.shuffle(order)
    return order


class ComputedOrder:
    """A pseudorandom permutation that takes no memory: the place of each number is computed from a few keys.

    A Feistel network on the bits of a number (Luby and Rackoff, 1988): each half in turn is changed by a hash
    of the other, which can be undone, so that no two numbers meet. What falls beyond `size` is sent through
    again (cycle walking: Black and Rogaway, Ciphers with Arbitrary Finite Domains, 2002); on average a number
    takes less than two turns.

    Args:
        size: how many numbers, at least 1.
        generator: the keys are drawn from it.
    """

    def __init__(self, size: int, generator: np.random.Generator):
        self._size = size
        bits = max(2, (size - 1).bit_length())
        self._kind: np.dtype[Any] = np.dtype(np.uint32 if bits <= 32 else np.uint64)
        self._halves = bits // 2, bits - bits // 2
        self._keys = generator.integers(0, np.iinfo(self._kind).max, ROUNDS, dtype=self._kind, endpoint=True)

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, part: slice) -> np.ndarray:
        """Return the numbers at the places of a slice, of step 1: uint32, or uint64 beyond 32 bits."""
        start, stop, _ = part.indices(self._size)
        result = np.empty(max(stop - start, 0), self._kind)
        for first in range(start, stop, BLOCK):
            last = min(first + BLOCK, stop)
            result[first - start : last - start] = self._inside(np.arange(first, last, dtype=self._kind))
        return result

    def _inside(self, places: np.ndarray) -> np.ndarray:
        numbers = self._turn(places)
        outside = np.flatnonzero(numbers >= self._size)
        while outside.size:
            numbers[outside] = self._turn(numbers[outside])
            outside = outside[numbers[outside] >= self._size]
        return numbers

    def _turn(self, numbers: np.ndarray) -> np.ndarray:
        """Return where the network takes `numbers`; a permutation of all numbers of so many bits."""
        low_bits, high_bits = self._halves
        low = numbers & self._kind.type((1 << low_bits) - 1)
        high = numbers >> self._kind.type(low_bits)
        for number, key in enumerate(self._keys):
            if number % 2:
                low ^= self._hash(high, key, low_bits)
            else:
                high ^= self._hash(low, key, high_bits)
        return high << self._kind.type(low_bits) | low

    def _hash(self, half: np.ndarray, key: np.unsignedinteger, bits: int) -> np.ndarray:
        """Return `bits` bits that depend on all bits of `half` and of the key."""
        width = 8 * self._kind.itemsize
        multiplier = self._kind.type(MULTIPLIERS[self._kind])
        mixed = half ^ key
        mixed *= multiplier
        mixed ^= mixed >> self._kind.type(width // 2 - 1)
        mixed *= multiplier
        mixed >>= self._kind.type(width - bits)
        return mixed
