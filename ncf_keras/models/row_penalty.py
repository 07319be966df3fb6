"""The penalty of the embedding rows that a batch looks up."""

from typing import Any

import keras


@keras.saving.register_keras_serializable("ncf_keras")
class RowPenalty(keras.layers.Layer):
    """Hands embedding rows on as they are, and adds `l2 * |row|^2` to the loss, the mean over the batch.

    Keras' `ActivityRegularization` would do, but that of Keras 3.12, the newest on Python 3.10, adds the sum
    over the batch, and that of later versions the mean.

    Args:
        l2: the strength, at least 0.
        **options: of every layer of Keras.
    """

    def __init__(self, l2: float, **options: Any):
        super().__init__(**options)
        self._l2 = float(l2)

    def call(self, rows: Any) -> Any:
        """Return the rows, shape (batch, …), float."""
        count = keras.ops.cast(keras.ops.shape(rows)[0], rows.dtype)
        self.add_loss(keras.ops.divide_no_nan(self._l2 * keras.ops.sum(keras.ops.square(rows)), count))
        return rows

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer."""
        return {**super().get_config(), "l2": self._l2}
