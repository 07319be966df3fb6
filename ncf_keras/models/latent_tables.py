"""The vectors of users or items that one tower takes, whatever they are made of."""

from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from ncf_keras.models.features import FeatureCodes, FeatureEmbedding
from ncf_keras.models.layer_names import feature_name


@dataclass(frozen=True, eq=False)
class LatentTable:
    """A row for each user, or each item: the embedding of the identity, plus the sum of those of the features.

    Attributes:
        identity: the embedding of the identities; None where features are all there is.
        features: the embedding of the features; None without any.
        codes: which features each row has; None without any.
    """

    identity: keras.layers.Embedding | None
    features: FeatureEmbedding | None = None
    codes: FeatureCodes | None = None

    @classmethod
    def of(cls, layers: dict[str, Any], identity: str, side: str) -> "LatentTable":
        """Return the table of a side, by a model's layers and the name of its identities' embedding."""
        features = layers.get(feature_name(identity))
        return cls(layers.get(identity), features, layers.get(f"{side}_features") if features else None)

    @property
    def rows(self) -> int:
        """How many users or items there are."""
        if self.identity is not None:
            return self.identity.input_dim
        assert self.codes is not None
        return self.codes.rows

    @property
    def width(self) -> int:
        """Latent factors."""
        if self.identity is not None:
            return self.identity.output_dim
        assert self.features is not None
        return self.features.width

    def table(self) -> tf.Tensor:
        """Return the rows by the present weights: float, shape (rows, width)."""
        if self.features is None or self.codes is None:
            return self.identities()
        sums = self.of_features(tf.convert_to_tensor(self.codes.codes))
        return sums if self.identity is None else self.identities() + sums

    def identities(self) -> tf.Tensor:
        """Return the part of the identities, zeros without any: shape (rows, width)."""
        if self.identity is None:
            return tf.zeros([self.rows, self.width])
        return tf.convert_to_tensor(self.identity.embeddings)

    def of_features(self, codes: tf.Tensor) -> tf.Tensor:
        """Return the sums of the features' embeddings of any rows: shape (rows, width).

        `codes` are as in `FeatureRows`, shape (rows, slots); without features of its own the table has zeros.
        """
        if self.features is None:
            return tf.zeros([tf.shape(codes)[0], self.width])
        table = tf.convert_to_tensor(self.features.embeddings)
        with_none = tf.concat([tf.zeros_like(table[:1]), table], 0)
        total = tf.zeros([tf.shape(codes)[0], self.width], table.dtype)
        # A slot at a time: all at once would take the memory of as many tables.
        for slot in range(codes.shape[1]):
            total += tf.gather(with_none, tf.cast(codes[:, slot], tf.int32))
        return total
