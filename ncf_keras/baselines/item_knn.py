"""ItemKNN: item-based collaborative filtering on implicit feedback."""

from dataclasses import dataclass

import scipy.sparse

from ncf_keras.base.checks import require_count
from ncf_keras.baselines.item_item import ItemItemModel
from ncf_keras.baselines.library import library


@dataclass
class ItemKNN(ItemItemModel):
    """Scores an item by its cosine similarities to the user's items, as far as those are its neighbours.

    The item-based method of Sarwar et al. (WWW 2001) in the setting of Hu et al. (ICDM 2008, section 5): the
    similarity of two items is the cosine of their columns of the interaction matrix, and a score is the sum of
    similarities, not divided by their total.

    Args:
        neighbours: how many most similar other items are the neighbours of an item.

    Raises:
        InputError: an argument breaks its rule.
    """

    neighbours: int = 30

    def __post_init__(self):
        require_count(self.neighbours, "neighbours")

    def _item_weights(self, interactions: scipy.sparse.csr_matrix) -> scipy.sparse.csr_matrix:
        with library() as implicit:
            neighbours = implicit.nearest_neighbours
            # Columns of unit length, so that their products are cosines.
            columns = neighbours.normalize(interactions.T).T.tocsr()
            # One more, because an item is its own nearest neighbour.
            most = min(self.neighbours, interactions.shape[1]) + 1
            nearest = neighbours.all_pairs_knn(columns, most, show_progress=False, num_threads=1).tolil()
        nearest.setdiag(0)
        return nearest.T.tocsr()
