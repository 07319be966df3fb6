"""What a user chose last, as a part of the user's vector: the order of time, which the paper leaves for later.

To the vector of a user comes A (w_1 e_1 + … + w_L e_L): e_1 is the embedding of the last item before the
example in the item table of the same tower, e_2 that of the item before it, and so on; the weights w of the
places and the matrix A are learned. Source: Rendle et al., "Factorizing Personalized Markov Chains for
Next-Basket Recommendation", WWW 2010; of several items, in one item table: He and McAuley, "Fusing Similarity
Models with Markov Chains for Sparse Sequential Recommendation", ICDM 2016.
"""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

# In `recent_input`: there is no item here.
NO_ITEM = -1
# In the first place of `recent_input`: take the recent items that the model knows of the user.
KNOWN_ITEMS = -2
RECENT_INPUT, RECENT_ITEMS = "recent_input", "recent_items"
# The weight of a place at first, and of each place as a share of that before it.
FIRST_WEIGHT, DECAY = 0.5, 0.8


@keras.saving.register_keras_serializable("ncf_keras")
class RecentItems(keras.layers.Layer):
    """Says which items each example's user chose last: those given, or those that are known of the user.

    Args:
        rows: how many users there are.
        length: how many items of each.
        **options: of every layer of Keras.
    """

    def __init__(self, rows: int, length: int, **options: Any):
        # In bfloat16 an index would be another one.
        super().__init__(autocast=False, **{**options, "trainable": False, "dtype": "float32"})
        self.rows, self.length = int(rows), int(length)

    def build(self, input_shape: Any) -> None:
        """Make the table: float32, shape (rows, length), of indices and `NO_ITEM`."""
        self.items = self.add_weight(
            shape=(self.rows, self.length),
            initializer=keras.initializers.Constant(NO_ITEM),
            trainable=False,
            autocast=False,
            name="items",
        )

    def call(self, inputs: Sequence[Any]) -> list[Any]:
        """Return the items, int32, 0 where there is none, and which there are, float32 of zeros and ones.

        Args:
            inputs: users, int32, shape (batch, 1), and what is given: int32, shape (batch, length), indices,
                the newest first, and `NO_ITEM`; or `KNOWN_ITEMS` in the first place.
        """
        users, given = inputs
        known = tf.gather(tf.convert_to_tensor(self.items), users[:, 0])
        items = tf.where(given[:, :1] == KNOWN_ITEMS, tf.cast(known, tf.int32), given)
        return [tf.maximum(items, 0), tf.cast(items >= 0, tf.float32)]

    def compute_output_spec(self, inputs: Sequence[Any]) -> list[keras.KerasTensor]:
        """Return the shapes and types of what `call` returns."""
        shape = (inputs[0].shape[0], self.length)
        return [keras.KerasTensor(shape, dtype="int32"), keras.KerasTensor(shape, dtype="float32")]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer."""
        return {**super().get_config(), "rows": self.rows, "length": self.length}


@keras.saving.register_keras_serializable("ncf_keras")
class SessionVector(keras.layers.Layer):
    """Makes one vector of the embeddings of recent items.

    Args:
        length: how many items there are at the most.
        width: of a vector.
        **options: of every layer of Keras.
    """

    def __init__(self, length: int, width: int, **options: Any):
        super().__init__(**options)
        self.length, self.width = int(length), int(width)

    def build(self, input_shape: Any) -> None:
        """Make the weights of the places, which decay, shape (length,), and the matrix, first the identity."""
        self.decay = self.add_weight(shape=(self.length,), initializer="zeros", name="decay")
        self.decay.assign(FIRST_WEIGHT * DECAY ** np.arange(self.length))
        self.kernel = self.add_weight(shape=(self.width, self.width), initializer="identity", name="kernel")

    def call(self, inputs: Sequence[Any]) -> Any:
        """Return the vectors: shape (batch, width).

        Args:
            inputs: the embeddings, shape (batch, length, width), and which of the items there are, as
                `RecentItems` says, shape (batch, length).
        """
        rows, is_there = inputs
        weights = is_there * tf.convert_to_tensor(self.decay)
        return tf.matmul(tf.einsum("bld,bl->bd", rows, weights), tf.convert_to_tensor(self.kernel))

    def of_items(self, table: tf.Tensor, items: tf.Tensor) -> tf.Tensor:
        """Return the vectors of rows of recent items: shape (rows, width).

        Args:
            table: the embeddings of all items, shape (items, width).
            items: indices, negative where there is none, of any type of number, shape (rows, length).
        """
        total = tf.zeros([tf.shape(items)[0], self.width], table.dtype)
        # A place at a time: all at once would take the memory of as many tables.
        for place in range(self.length):
            column = tf.cast(items[:, place], tf.int32)
            weight = tf.cast(column >= 0, table.dtype) * self.decay[place]
            total += tf.gather(table, tf.maximum(column, 0)) * weight[:, None]
        return tf.matmul(total, tf.convert_to_tensor(self.kernel))

    def compute_output_spec(self, inputs: Sequence[Any]) -> keras.KerasTensor:
        """Return the shape and type of what `call` returns."""
        return keras.KerasTensor((inputs[0].shape[0], self.width), dtype=self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer."""
        return {**super().get_config(), "length": self.length, "width": self.width}


def recent_layer(model: Any) -> RecentItems | None:
    """Return the layer that knows the recent items of a model's users; None for a model without."""
    for layer in model.layers if isinstance(model, keras.Model) else ():
        if isinstance(layer, RecentItems):
            return layer
    return None


def recent_length(model: Any) -> int:
    """Return how many recent items a model takes, 0 if none: it does not know the order of time."""
    layer = recent_layer(model)
    return 0 if layer is None else layer.length


def tell_recent_items(model: Any, recent_items: Callable[[int], np.ndarray]) -> None:
    """Tell a model the recent items of its users; do nothing if it takes none.

    Args:
        model: a Keras model, or anything else.
        recent_items: gives so many of each user: int32, shape (users, length), as `Dataset.recent_items`.
    """
    layer = recent_layer(model)
    if layer is not None:
        layer.set_weights([recent_items(layer.length)])


def pair_inputs(model: keras.Model, users: tf.Tensor, items: tf.Tensor) -> list[tf.Tensor]:
    """Return the inputs of a model for pairs, int32 of shape (pairs,), with the recent items it knows."""
    known = [KNOWN_ITEMS] * recent_length(model)
    recent = [tf.tile([known], [tf.shape(users)[0], 1])] if known else []
    return [users[:, None], items[:, None], *recent]
