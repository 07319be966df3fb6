"""Words hashed into buckets, by a rule that NumPy and a TensorFlow graph compute alike from the same bytes.

Multilinear hashing of the first 64 bytes of a word in UTF-8, in int64 that wraps around:

    h = sum over k of (byte_k + 1) * p_k,    bucket = (h as unsigned >> 40) mod buckets

`p_k` is the k-th output (from 0) of splitmix64 with seed 0 (Steele, Lea and Flood, "Fast splittable
pseudorandom number generators", OOPSLA 2014), made odd. Only multiplication, addition, shift and
remainder are needed, on bytes as `tf.io.decode_raw` gives them. The 24 highest bits are those that all lower
ones have stirred.
"""

from collections.abc import Sequence

import numpy as np

LONGEST_WORD = 64
SHIFT = 40


def multipliers() -> np.ndarray:
    """Return the constant of each place in a word, p_k: int64, shape (64,), all odd."""
    with np.errstate(over="ignore"):
        state = np.arange(1, LONGEST_WORD + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        mixed = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((mixed ^ (mixed >> np.uint64(31))) | np.uint64(1)).view(np.int64)


def word_buckets(words: Sequence[str], buckets: int) -> np.ndarray:
    """Return the bucket of each word, none of which is empty: int32, from 0 to `buckets` - 1."""
    if not words:
        return np.zeros(0, np.int32)
    cut = [word.encode("utf-8", errors="replace")[:LONGEST_WORD] for word in words]
    lengths = np.array([len(word) for word in cut])
    starts = np.cumsum(lengths) - lengths
    places = np.arange(lengths.sum()) - np.repeat(starts, lengths)
    letters = np.frombuffer(b"".join(cut), np.uint8).astype(np.int64) + 1
    hashes = np.add.reduceat(letters * multipliers()[places], starts)
    return ((hashes.view(np.uint64) >> np.uint64(SHIFT)) % np.uint64(buckets)).astype(np.int32)
