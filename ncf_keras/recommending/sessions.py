"""The vectors of sessions: users of whom nothing is known but the items that they chose last."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from tensorflow import Tensor

from ncf_keras.models.latent_tables import LatentTable
from ncf_keras.models.recent import NO_ITEM


class Sessions:
    """Makes vectors of sessions, in a model that takes recent items.

    Besides what its items give, a session has what users have on average by their identities and features.

    Args:
        tables: of the model's users.
        listed: bool, shape (users,): over whom the average is taken; None: all.
    """

    def __init__(self, tables: Sequence[LatentTable], listed: np.ndarray | None):
        rows = slice(None) if listed is None or not listed.any() else listed
        self._tables = tables
        self._average = [each.without_recent().numpy()[rows].mean(axis=0) for each in tables]

    def vectors(self, items: Tensor) -> tuple[list[Tensor], Tensor]:
        """Return the rows of each user embedding, float32, shape (rows, width), and which sessions have items.

        `items` are int32, shape (rows, any length), in the order of time, the newest last; those below 0 are
        passed over.
        """
        session = self._tables[0].session
        assert session is not None
        newest = newest_items(items, session.length)
        rows = [
            table.of_recent(newest) + average
            for table, average in zip(self._tables, self._average, strict=True)
        ]
        return rows, newest[:, 0] >= 0


def newest_items(items: Tensor, length: int) -> Tensor:
    """Return the last items of each row, the newest first, and `NO_ITEM` behind them: int32, (rows, length).

    `items` are int32, shape (rows, any length), the newest last; those below 0 are passed over.
    """
    items = tf.pad(items, [[0, 0], [length, 0]], constant_values=NO_ITEM)
    places = tf.where(items >= 0, tf.range(tf.shape(items)[1]), -1)
    places, _ = tf.math.top_k(places, length)
    found = tf.gather(items, tf.maximum(places, 0), batch_dims=1)
    return tf.where(places >= 0, found, NO_ITEM)
