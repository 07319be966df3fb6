"""Vectors of users and items by what is known of them: v_u and v_i of equation 3, no longer the identity alone.

A row (a user or an item) has any number of features, each there or not: a genre, a decade, a country. Its
vector is the embedding of its identity plus the sum of those of its features.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import scipy.sparse
import tensorflow as tf

from ncf_keras.base.device_random import WORD_KEYS, mix, random_words
from ncf_keras.base.errors import InputError
from ncf_keras.base.memory import require_memory
from ncf_keras.models.checks import require_feature_sizes

NO_FEATURE = 0
# While a table of codes is made, and in the model.
BYTES_OF_CODE = 16


@dataclass(frozen=True, eq=False)
class FeatureRows:
    """Which features each row has.

    Attributes:
        codes: int32, shape (rows, slots): a feature's number from 1 on; `NO_FEATURE` fills a row up.
        num_features: how many features there are.
    """

    codes: np.ndarray
    num_features: int

    @classmethod
    def of(cls, matrix: Any, count: int, argument: str) -> "FeatureRows":
        """Return the rows of a matrix of zeros and ones, sparse or not, shape (rows, features).

        Args:
            matrix: any number of features a row, one feature at least.
            count: how many rows there have to be.
            argument: what the matrix is called, for the error.

        Raises:
            InputError: it has another number of rows, other numbers than 0 and 1, or too many features.
        """
        rows = scipy.sparse.csr_matrix(matrix, copy=True)
        rows.sum_duplicates()
        rows.eliminate_zeros()
        if rows.shape[0] != count:
            raise InputError(f"`{argument}` must have {count} rows. Received: {rows.shape[0]}")
        if not (rows.data == 1).all():
            wrong = rows.data[rows.data != 1][0]
            raise InputError(
                f"`{argument}` must hold zeros and ones, a feature is there or not. Received: {wrong}"
            )
        require_feature_sizes((rows.shape[1], 1), argument)
        lengths = np.diff(rows.indptr)
        slots = max(1, int(lengths.max(initial=0)))
        require_room(count, slots, argument)
        codes = np.full((count, slots), NO_FEATURE, np.int32)
        places = np.arange(rows.nnz) - np.repeat(rows.indptr[:-1], lengths)
        codes[np.repeat(np.arange(count), lengths), places] = rows.indices + 1
        return cls(codes, rows.shape[1])

    @classmethod
    def none(cls, count: int, sizes: Sequence[int]) -> "FeatureRows":
        """Return rows without a feature, to be filled from a weight file; `sizes` as of `ModelSpec`."""
        num_features, slots = sizes
        require_room(count, slots, "features")
        return cls(np.full((count, slots), NO_FEATURE, np.int32), num_features)

    def widened(self, slots: int) -> "FeatureRows":
        """Return the same with room for so many features a row."""
        require_room(len(self.codes), slots, "features")
        room = slots - self.codes.shape[1]
        return FeatureRows(
            np.pad(self.codes, ((0, 0), (0, room)), constant_values=NO_FEATURE), self.num_features
        )

    @property
    def sizes(self) -> tuple[int, int]:
        """How many features there are, and the most that a row has room for."""
        return self.num_features, self.codes.shape[1]


def require_room(rows: int, slots: int, argument: str) -> None:
    """Raise InputError unless there is memory for rows that all have room for the most features of one."""
    require_memory(BYTES_OF_CODE * rows * slots, f"`{argument}` with up to {slots:,} of {rows:,} rows")


@keras.saving.register_keras_serializable("ncf_keras")
class FeatureCodes(keras.layers.Layer):
    """Looks up which features users or items have.

    Args:
        rows: how many users or items there are.
        slots: the most features that one has room for.
        **options: of every layer of Keras.
    """

    def __init__(self, rows: int, slots: int, **options: Any):
        # In bfloat16 a code would be another one.
        super().__init__(autocast=False, **{**options, "trainable": False, "dtype": "float32"})
        self.rows, self.slots = int(rows), int(slots)

    def build(self, input_shape: Any) -> None:
        """Make the table: float32, shape (rows, slots)."""
        self.codes = self.add_weight(
            shape=(self.rows, self.slots), initializer="zeros", trainable=False, autocast=False, name="codes"
        )

    def call(self, ids: Any) -> Any:
        """Return the codes of rows: float32, shape (batch, slots), for int32 ids of shape (batch, 1)."""
        return tf.gather(tf.convert_to_tensor(self.codes), ids[:, 0])

    def compute_output_spec(self, ids: Any) -> keras.KerasTensor:
        """Return the shape and type of what `call` returns."""
        return keras.KerasTensor((ids.shape[0], self.slots), dtype="float32")

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer."""
        return {**super().get_config(), "rows": self.rows, "slots": self.slots}


def codes_of(model: Any, side: str) -> np.ndarray | None:
    """Return which features the users or the items of a model have, as in `FeatureRows`: int32.

    None for a model without such features, which need not be one of Keras; `side` is `user` or `item`.
    """
    if not isinstance(model, keras.Model):
        return None
    for layer in model.layers:
        if isinstance(layer, FeatureCodes) and layer.name == f"{side}_features":
            return layer.codes.numpy().astype(np.int32)
    return None


@keras.saving.register_keras_serializable("ncf_keras")
class FeatureEmbedding(keras.layers.Layer):
    """Adds up the vectors of a row's features.

    Args:
        num_features: rows of the table; the feature of code c has row c - 1.
        width: of a vector.
        embeddings_initializer: of the table.
        embeddings_regularizer: of the table.
        **options: of every layer of Keras.
    """

    def __init__(
        self,
        num_features: int,
        width: int,
        embeddings_initializer: Any = "zeros",
        embeddings_regularizer: Any = None,
        **options: Any,
    ):
        # Codes are no numbers to be rounded.
        super().__init__(autocast=False, **options)
        self.num_features, self.width = int(num_features), int(width)
        self.embeddings_initializer = keras.initializers.get(embeddings_initializer)
        self.embeddings_regularizer = keras.regularizers.get(embeddings_regularizer)

    def build(self, input_shape: Any) -> None:
        """Make the table: shape (num_features, width)."""
        self.embeddings = self.add_weight(
            shape=(self.num_features, self.width),
            initializer=self.embeddings_initializer,
            regularizer=self.embeddings_regularizer,
            name="embeddings",
        )

    def call(self, codes: Any) -> Any:
        """Return the sums: shape (batch, width), for codes as `FeatureCodes` gives them."""
        return tf.cast(sum_of_features(tf.convert_to_tensor(self.embeddings), codes), self.compute_dtype)

    def compute_output_spec(self, codes: Any) -> keras.KerasTensor:
        """Return the shape and type of what `call` returns."""
        return keras.KerasTensor((codes.shape[0], self.width), dtype=self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer."""
        return {
            **super().get_config(),
            "num_features": self.num_features,
            "width": self.width,
            "embeddings_initializer": keras.initializers.serialize(self.embeddings_initializer),
            "embeddings_regularizer": keras.regularizers.serialize(self.embeddings_regularizer),
        }


def sum_of_features(table: Any, codes: Any) -> Any:
    """Return the sum of the rows of a table that codes stand for: shape (rows, width).

    Args:
        table: shape (features, width).
        codes: whole numbers of any type, shape (rows, slots), as of `FeatureRows`.
    """
    # With a row of zeros for "no feature" nothing has to be multiplied.
    with_none = tf.concat([tf.zeros_like(table[:1]), table], 0)
    return tf.reduce_sum(tf.gather(with_none, tf.cast(codes, tf.int32)), 1)


@keras.saving.register_keras_serializable("ncf_keras")
class IdentityDropout(keras.layers.Layer):
    """Leaves the identity of a share of the examples out in training, so that features learn to stand alone.

    What is left is not scaled up: outside of training a known row has both, its identity and its features, and
    a new one has its features alone, which is what the examples left out look like. All towers of a side drop
    the same examples. The draws are the same in every program; those of Keras differ under XLA.

    Args:
        rate: the share, from 0 to below 1.
        seed: of the draws; None takes a fresh one.
        **options: of every layer of Keras.
    """

    def __init__(self, rate: float, seed: int | None = None, **options: Any):
        super().__init__(**options)
        self.rate, self.seed = float(rate), seed

    def build(self, input_shape: Any) -> None:
        """Make what the draws come from: uint32, shape (WORD_KEYS,)."""
        words = np.random.default_rng(self.seed).integers(2**32, size=WORD_KEYS, dtype=np.uint32)
        self.keys = self.add_weight(
            shape=words.shape, initializer="zeros", dtype="uint32", trainable=False, autocast=False, name="keys"
        )
        self.keys.assign(words)

    def call(self, vectors: Sequence[Any], training: bool = False) -> list[Any]:
        """Return the identities' vectors, each of shape (batch, width)."""
        if not training:
            return list(vectors)
        keys = tf.convert_to_tensor(self.keys)
        examples = tf.cast(tf.range(tf.shape(vectors[0])[0]), tf.uint32)
        is_kept = random_words(examples, keys) >= tf.constant(int(self.rate * 2**32), tf.uint32)
        self.keys.assign(mix(keys + tf.constant(1, tf.uint32)))
        return [vector * tf.cast(is_kept, vector.dtype)[:, None] for vector in vectors]

    def compute_output_spec(self, vectors: Sequence[Any], training: bool = False) -> list[keras.KerasTensor]:
        """Return the shapes and types of what `call` returns."""
        return [keras.KerasTensor(vector.shape, dtype=vector.dtype) for vector in vectors]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer."""
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}
