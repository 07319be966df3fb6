"""Sums of the embeddings of features, in a program of XLA on a CPU.

A gradient that is added up row by row takes a processor some 0.1 us a row, and each example brings one for each
slot: as many as the most features that one row has. The features that most users or items have are therefore
summed by a product of matrices, forward and backward, which takes as long whoever has them; the others, of
which there may be thousands, row by row.
"""

import numpy as np
import tensorflow as tf
from tensorflow import Tensor

from ncf_keras.models.features import NO_FEATURE, sum_of_features

# A slot takes as long as so many features in the product: measured at 256 examples, 40 numbers a feature.
FEATURES_A_SLOT = 30
# Of a word.
BITS = 32
# Bytes that the ones and zeros of such features may take; with more, all is summed row by row.
MOST_BYTES = 2**27


class FeatureSums:
    """Sums the embeddings of the features of users, or of items.

    Args:
        codes: which features each row has, as in `FeatureRows`: shape (rows, slots).
        num_features: how many there are.
    """

    def __init__(self, codes: np.ndarray, num_features: int):
        codes = codes.astype(np.int64)
        often = _often(codes, num_features)
        self._often = None if len(often) == num_features else often.astype(np.int32)
        self._count = len(often)
        self._bits = tf.Variable(_bits(_ones(codes, often)), trainable=False) if len(often) else None
        rest = np.sort(np.where(np.isin(codes, 1 + often), NO_FEATURE, codes), axis=1)
        rest = rest[:, (rest != NO_FEATURE).any(axis=0)]
        self._rest = tf.Variable(rest, trainable=False, dtype=tf.int64) if rest.size else None

    def look_up(self, ids: Tensor) -> list[Tensor]:
        """Return what `__call__` needs to know of the rows `ids`: tensors of shape (examples, …)."""
        return [tf.gather(each, ids) for each in (self._bits, self._rest) if each is not None]

    def __call__(self, table: Tensor, found: list[Tensor]) -> Tensor:
        """Return the sums: shape (examples, width), for a table of shape (num_features, width)."""
        total, following = tf.constant(0, table.dtype), iter(found)
        if self._bits is not None:
            often = table if self._often is None else tf.gather(table, self._often)
            total += tf.matmul(_unpacked(next(following), self._count, table.dtype), often)
        if self._rest is not None:
            total += sum_of_features(table, next(following))
        return total


def _often(codes: np.ndarray, num_features: int) -> np.ndarray:
    """Return which features the product sums, numbered from 0, in their order: those with the most rows."""
    counts = np.bincount(codes.ravel(), minlength=num_features + 1)
    counts[NO_FEATURE] = len(codes) * codes.shape[1] + 1
    by_rows = np.argsort(-counts, kind="stable")
    # Of a feature, how many have more rows; "no feature" comes first and has 0.
    rank = np.argsort(by_rows).astype(np.int32)
    ranks = rank[codes]
    ranks.sort(axis=1)
    # With so many slots left, those that the product has to take: all up to the rarest of the next slot.
    in_product = np.append(ranks.max(axis=0, initial=0)[::-1], 0)
    cost = in_product + FEATURES_A_SLOT * np.arange(len(in_product))
    most = MOST_BYTES // max(1, len(codes))
    found = in_product[np.argmin(np.where(in_product <= most, cost, np.inf))]
    return np.sort(by_rows[1 : 1 + found] - 1)


def _ones(codes: np.ndarray, features: np.ndarray) -> np.ndarray:
    """Return which rows have some features, numbered from 0: uint8, shape (rows, features)."""
    place_of = np.full(codes.max(initial=0) + 1, len(features))
    place_of[1 + features] = np.arange(len(features))
    # The last column takes what is not asked for.
    ones = np.zeros((len(codes), len(features) + 1), np.uint8)
    np.put_along_axis(ones, place_of[codes], 1, axis=1)
    return ones[:, :-1]


def _bits(ones: np.ndarray) -> np.ndarray:
    """Return ones and zeros as the bits of words, the lowest first: uint32, shape (rows, words).

    Looking up numbers takes a processor 1 ns each, whatever their size.
    """
    count = ones.shape[1]
    padded = np.pad(ones, ((0, 0), (0, -count % BITS)))
    return np.packbits(padded, axis=1, bitorder="little").view("<u4").astype(np.uint32)


def _unpacked(words: Tensor, count: int, dtype: tf.DType) -> Tensor:
    """Return the first bits of words as ones and zeros: shape (examples, count)."""
    bits = tf.bitwise.right_shift(words[:, :, None], np.arange(BITS, dtype=np.uint32))
    ones = tf.cast(tf.bitwise.bitwise_and(bits, tf.constant(1, tf.uint32)), dtype)
    return tf.reshape(ones, [-1, BITS * words.shape[1]])[:, :count]
