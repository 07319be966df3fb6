"""The vectors of users or items that one tower takes, whatever they are made of."""

from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from ncf_keras.models.features import FeatureCodes, FeatureEmbedding
from ncf_keras.models.layer_names import feature_name, session_name
from ncf_keras.models.recent import RECENT_ITEMS, RecentItems, SessionVector


@dataclass(frozen=True, eq=False)
class LatentTable:
    """A row for each user, or each item: what its identity, its features and its recent items give.

    Attributes:
        identity: the embedding of the identities; None where features are all there is.
        features: the embedding of the features; None without any.
        codes: which features each row has; None without any.
        session: makes a vector of the recent items; None where the model takes none.
        recent: which items those are; None likewise.
        items: the table that they are looked up in; None likewise.
    """

    identity: keras.layers.Embedding | None
    features: FeatureEmbedding | None = None
    codes: FeatureCodes | None = None
    session: SessionVector | None = None
    recent: RecentItems | None = None
    items: keras.layers.Embedding | None = None

    @classmethod
    def of(cls, layers: dict[str, Any], identity: str, side: str) -> "LatentTable":
        """Return the table of a side, by a model's layers and the name of its identities' embedding."""
        features = layers.get(feature_name(identity))
        codes = layers.get(f"{side}_features") if features else None
        session = layers.get(session_name(identity)) if side == "user" else None
        if session is None:
            return cls(layers.get(identity), features, codes)
        of_items = layers.get(identity.replace("user", "item"))
        return cls(layers.get(identity), features, codes, session, layers.get(RECENT_ITEMS), of_items)

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
        total = None if self.identity is None else self.identities()
        if self.features is not None and self.codes is not None:
            sums = self.of_features(tf.convert_to_tensor(self.codes.codes))
            total = sums if total is None else total + sums
        if self.recent is not None:
            total += self.of_recent(tf.convert_to_tensor(self.recent.items))
        return total

    def identities(self) -> tf.Tensor:
        """Return the part of the identities, zeros without any: shape (rows, width)."""
        if self.identity is None:
            return tf.zeros([self.rows, self.width])
        return tf.convert_to_tensor(self.identity.embeddings)

    def without_features(self) -> tf.Tensor:
        """Return the rows without the part of the features: shape (rows, width)."""
        if self.recent is None:
            return self.identities()
        return self.identities() + self.of_recent(tf.convert_to_tensor(self.recent.items))

    def without_recent(self) -> tf.Tensor:
        """Return the rows without the part of the recent items: shape (rows, width)."""
        return self.identities() + self.part_of_features()

    def part_of_features(self) -> tf.Tensor:
        """Return the part of the features, zeros without any: shape (rows, width)."""
        if self.codes is None:
            return tf.zeros([self.rows, self.width])
        return self.of_features(tf.convert_to_tensor(self.codes.codes))

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

    def of_recent(self, items: tf.Tensor) -> tf.Tensor:
        """Return what recent items add to a row, zeros in a model that takes none: shape (rows, width).

        `items` are as in `recent_input`: whole numbers of any type, shape (rows, length).
        """
        if self.session is None or self.items is None:
            return tf.zeros([tf.shape(items)[0], self.width])
        return self.session.of_items(tf.convert_to_tensor(self.items.embeddings), items)
