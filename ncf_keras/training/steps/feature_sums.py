"""Sums of the embeddings of features, in a program of XLA on a CPU.

A gradient that is added up row by row takes a processor some 0.1 us a row, and each example brings one for each
of its features. Those that many users or items have are therefore summed by a product of matrices, forward and
backward, which takes as long whoever has them; the others, of which there may be thousands, row by row.
"""

import numpy as np
import tensorflow as tf
from tensorflow import Tensor

from ncf_keras.models.features import NO_FEATURE, sum_of_features

# A feature that one in so many rows has, or more, is summed by the product: measured at 256 examples.
ONE_IN = 32
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
        counts = np.bincount(codes.ravel(), minlength=num_features + 1)[1:]
        often = np.flatnonzero(counts * ONE_IN >= len(codes))
        if len(often) * len(codes) > MOST_BYTES:
            often = often[:0]
        self._often = None if len(often) == num_features else often.astype(np.int32)
        self._ones = tf.Variable(_ones(codes, often), trainable=False) if len(often) else None
        rest = np.sort(np.where(np.isin(codes, 1 + often), NO_FEATURE, codes), axis=1)
        rest = rest[:, (rest != NO_FEATURE).any(axis=0)]
        self._rest = tf.Variable(rest, trainable=False, dtype=tf.int64) if rest.size else None

    def look_up(self, ids: Tensor) -> list[Tensor]:
        """Return what `__call__` needs to know of the rows `ids`: tensors of shape (examples, …)."""
        return [tf.gather(each, ids) for each in (self._ones, self._rest) if each is not None]

    def __call__(self, table: Tensor, found: list[Tensor]) -> Tensor:
        """Return the sums: shape (examples, width), for a table of shape (num_features, width)."""
        total, following = tf.constant(0, table.dtype), iter(found)
        if self._ones is not None:
            often = table if self._often is None else tf.gather(table, self._often)
            total += tf.matmul(tf.cast(next(following), table.dtype), often)
        if self._rest is not None:
            total += sum_of_features(table, next(following))
        return total


def _ones(codes: np.ndarray, features: np.ndarray) -> np.ndarray:
    """Return which rows have some features, numbered from 0: uint8, shape (rows, features)."""
    place_of = np.full(codes.max(initial=0) + 1, len(features))
    place_of[1 + features] = np.arange(len(features))
    # The last column takes what is not asked for.
    ones = np.zeros((len(codes), len(features) + 1), np.uint8)
    np.put_along_axis(ones, place_of[codes], 1, axis=1)
    return ones[:, :-1]
