"""The first of two stages: some items that may stand on a user's list, found by inner products."""

import numpy as np
import tensorflow as tf
from tensorflow import Tensor

from ncf_keras.models.factored import FactoredModel, Halves
from ncf_keras.recommending.blocks import LOWEST
from ncf_keras.recommending.cells import divide
from ncf_keras.recommending.logit_vectors import LogitVectors, user_vector
from ncf_keras.recommending.scorer import kept

# With fewer items the inner products of all are computed.
CELLS_FROM = 20_000
# A cell is as good as its mean and so many standard deviations of its items' inner products.
DEVIATIONS = 2.0


class Candidates:
    """Finds the items with the highest inner products with a user's vector, in variables that nothing trains.

    Where there are many items, these lie in cells (`cells.py`), and only the most promising cells are looked
    into: as many as it takes until they hold enough items that the user has not seen.

    Args:
        factored: the model.
        num_items: items are 0 … num_items - 1.
        items: int32: those that may be found, ascending.
        vectors: of these, and what makes vectors of users.
        generator: draws from what k-means learns.
    """

    def __init__(
        self,
        factored: FactoredModel,
        num_items: int,
        items: np.ndarray,
        vectors: LogitVectors,
        generator: np.random.Generator,
    ):
        self._factored = factored
        self._anchors, self._from_anchors = (
            None if part is None else kept(part) for part in (vectors.anchors, vectors.from_anchors)
        )
        self._has_cells = len(items) >= CELLS_FROM
        in_order = vectors.items
        if self._has_cells:
            cells = divide(vectors.items, generator)
            items, in_order = items[cells.order], in_order[cells.order]
            self._offsets, self._sizes = kept(cells.offsets), kept(np.diff(cells.offsets))
            self._centres, self._variances = kept(cells.centres), kept(cells.variances)
        places = np.full(num_items, -1, np.int32)
        places[items] = np.arange(len(items))
        # An item's place is where its vector stands, cell after cell; -1: it is never found.
        self._items, self._places, self._vectors = kept(items), kept(places), kept(in_order)

    def find(self, halves: Halves, seen: Tensor, count: Tensor, probed: Tensor) -> Tensor:
        """Return candidates for one user, int32, ascending.

        Args:
            halves: of the user and of all items.
            seen: int32: items that must not be found.
            count: int32 scalar: how many candidates; there are fewer only if fewer are left.
            probed: int32 scalar, at least `count`: of how many items that are not seen the inner products are
                computed at the least.
        """
        vector = user_vector(self._factored, halves, self._anchors, self._from_anchors)
        seen = tf.gather(self._places, seen)
        seen = tf.boolean_mask(seen, seen >= 0)
        if self._has_cells:
            places, hidden = self._places_in_cells(vector, seen, probed)
            products = tf.linalg.matvec(tf.gather(self._vectors, places), vector)
        else:
            places, hidden = None, seen
            products = tf.linalg.matvec(self._vectors, vector)
        products = tf.tensor_scatter_nd_update(products, hidden[:, None], tf.fill(tf.shape(hidden), LOWEST))
        best, found = tf.math.top_k(products, tf.minimum(count, tf.size(products)))
        found = tf.boolean_mask(found, best > LOWEST)
        return tf.sort(tf.gather(self._items, found if places is None else tf.gather(places, found)))

    def _places_in_cells(self, vector: Tensor, seen: Tensor, probed: Tensor) -> tuple[Tensor, Tensor]:
        """Return the places in the most promising cells, and which of these are among the `seen` places."""
        deviations = tf.sqrt(tf.linalg.matvec(self._variances, tf.square(vector)))
        promise = tf.linalg.matvec(self._centres, vector) + DEVIATIONS * deviations
        number = tf.size(promise)
        _, order = tf.math.top_k(promise, number)
        cells_of_seen = tf.searchsorted(self._offsets[1:], seen, side="right")
        seen_there = tf.math.unsorted_segment_sum(tf.ones_like(seen), cells_of_seen, number)
        # An item may be named twice among the seen.
        left = tf.gather(tf.maximum(self._sizes - seen_there, 0), order)
        taken = tf.boolean_mask(order, tf.cumsum(left, exclusive=True) < probed)
        starts, sizes = tf.gather(self._offsets, taken), tf.gather(self._sizes, taken)
        places = tf.ragged.range(starts, starts + sizes).flat_values
        # Where each cell begins among these places, -1 of a cell that is not taken.
        begins = tf.fill([number], -1)
        begins = tf.tensor_scatter_nd_update(begins, taken[:, None], tf.cumsum(sizes, exclusive=True))
        begins = tf.gather(begins, cells_of_seen)
        hidden = begins + seen - tf.gather(self._offsets, cells_of_seen)
        return places, tf.boolean_mask(hidden, begins >= 0)
