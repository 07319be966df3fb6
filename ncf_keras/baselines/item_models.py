"""Models of items: what is popular (ItemPop), and sums of weights from a user's items (ItemKNN, EASE)."""

import abc
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import scipy.linalg.lapack
import scipy.sparse

from ncf_keras.base.checks import require_above_zero, require_count
from ncf_keras.base.errors import InputError
from ncf_keras.base.memory import require_memory
from ncf_keras.baselines.archive import ArchiveError, Stored, rows_of
from ncf_keras.baselines.baseline import Baseline
from ncf_keras.baselines.library import library
from ncf_keras.data import Dataset


@dataclass
class ItemPop(Baseline):
    """Scores an item by its number of train interactions (section 4.1 of the paper)."""

    def _learn(self, dataset: Dataset) -> None:
        self._counts = dataset.item_counts

    def _score(self, users: np.ndarray, items: np.ndarray) -> np.ndarray:
        return self._counts[items]

    def _learnt(self) -> dict[str, np.ndarray]:
        return {"counts": self._counts}

    def _take(self, stored: Stored, num_users: int, num_items: int) -> None:
        self._counts = stored.array("counts", "i8", (num_items,))


class ItemItemModel(Baseline):
    """score(u, i) = sum of weights[j, i] over the train items j of u."""

    # Scores of all items are computed for some users at a time: 128 MiB of float64.
    scores_a_block: ClassVar[int] = 2**24

    @abc.abstractmethod
    def _item_weights(self, interactions: scipy.sparse.csr_matrix) -> "np.ndarray | scipy.sparse.csr_matrix":
        """Return the weights: shape (items, items), from a float32 matrix of ones, shape (users, items)."""

    def _learn(self, dataset: Dataset) -> None:
        self._interactions = dataset.train_matrix
        self._weights = self._item_weights(self._interactions)

    def _score(self, users: np.ndarray, items: np.ndarray) -> np.ndarray:
        scores = np.empty(len(users), np.float32)
        different, which = np.unique(users, return_inverse=True)
        order = np.argsort(which, kind="stable")
        users_a_block = max(1, self.scores_a_block // self._weights.shape[0])
        starts = np.arange(0, len(different), users_a_block)
        parts = np.split(order, np.searchsorted(which[order], starts[1:]))
        for start, pairs in zip(starts, parts, strict=False):
            rows = self._score_all(different[start : start + users_a_block])
            scores[pairs] = rows[which[pairs] - start, items[pairs]]
        return scores

    def _score_all(self, users: np.ndarray) -> np.ndarray:
        return self._sums(self._interactions[users])

    def _sums(self, histories: scipy.sparse.csr_matrix) -> np.ndarray:
        rows = histories @ self._weights
        return rows.toarray() if scipy.sparse.issparse(rows) else rows

    def score_history(self, items: np.ndarray) -> np.ndarray:
        """Return the scores of all items for a new user who has interacted with these: float32, shape (items,).

        An item that is given twice counts once. InputError as for `score`.
        """
        liked = np.unique(self._checked_items(items))
        ones = np.ones(len(liked), np.float32)
        history = scipy.sparse.csr_matrix((ones, liked, [0, len(liked)]), (1, self.num_items))
        return self._sums(history)[0].astype(np.float32, copy=False)

    def _learnt(self) -> dict[str, np.ndarray]:
        weights = self._weights
        if not scipy.sparse.issparse(weights):
            return {**rows_of("train", self._interactions), "weights": weights}
        return {**rows_of("train", self._interactions), **rows_of("weights", weights), "weights": weights.data}

    def _take(self, stored: Stored, num_users: int, num_items: int) -> None:
        offsets, items = stored.rows("train", num_users, num_items)
        ones = np.ones(len(items), np.float32)
        weights = self._weights_in(stored, num_items)
        largest = float(np.abs(weights.data if scipy.sparse.issparse(weights) else weights).max(initial=0))
        if largest * int(np.diff(offsets).max()) > float(np.finfo(np.float32).max):
            raise ArchiveError("holds weights whose sums are no finite scores")
        self._interactions = scipy.sparse.csr_matrix((ones, items, offsets), (num_users, num_items))
        self._weights = weights

    @abc.abstractmethod
    def _weights_in(self, stored: Stored, num_items: int) -> "np.ndarray | scipy.sparse.csr_matrix":
        """Return the weights in a file; ArchiveError if they are none."""


@dataclass
class ItemKNN(ItemItemModel):
    """Scores an item by its cosine similarities to the user's items, as far as those are its neighbours.

    The item-based method of Sarwar et al. (WWW 2001) in the setting of Hu et al. (ICDM 2008, section 5): the
    similarity of two items is the cosine of their columns of the interaction matrix, and a score is the sum of
    similarities, not divided by their total.

    Args:
        neighbours: how many most similar other items are the neighbours of an item.
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

    def _weights_in(self, stored: Stored, num_items: int) -> scipy.sparse.csr_matrix:
        offsets, columns = stored.rows("weights", num_items, num_items)
        weights = stored.array("weights", "f4 f8", (len(columns),))
        return scipy.sparse.csr_matrix((weights, columns, offsets), (num_items, num_items))


@dataclass
class EASE(ItemItemModel):
    """Scores an item by weights from the user's items, which are solved for in closed form.

    Steck, "Embarrassingly shallow autoencoders for sparse data", WWW 2019. The weights B
    minimise |X - X B|^2 + regularization * |B|^2 with a diagonal of zeros. With
    P = (X'X + regularization * I)^-1 they are B[i, j] = -P[i, j] / P[j, j]. Memory grows with the square of the
    number of items.

    Args:
        regularization: above 0; the default is what Ferrari Dacrema et al. (TOIS 2021) found on ML-1M.
    """

    regularization: float = 1320.0

    def __post_init__(self):
        require_above_zero(self.regularization, "regularization")

    def _item_weights(self, interactions: scipy.sparse.csr_matrix) -> np.ndarray:
        num_items = interactions.shape[1]
        # The equations, their inverse and what both pass through, in float64, and the weights.
        require_memory(36 * num_items**2, f"EASE, which has a weight for every two of {num_items:,} items,")
        gram = (interactions.T @ interactions).toarray().astype(np.float64)
        gram[np.diag_indices_from(gram)] += self.regularization
        # The equations are symmetric and positive definite: Cholesky's factor gives their inverse, of which
        # LAPACK leaves the lower half, in half the time. Its arrays lie by columns, transposed ones by rows.
        size = gram.sum(axis=0).max()
        factor, failed = scipy.linalg.lapack.dpotrf(gram.T, lower=True, overwrite_a=True)
        condition, _ = scipy.linalg.lapack.dpocon(factor, size, uplo="L")
        inverse, _ = scipy.linalg.lapack.dpotri(factor, lower=True, overwrite_c=True)
        np.copyto(inverse.T, inverse, where=np.tri(num_items, k=-1, dtype=bool))
        with np.errstate(all="ignore"):
            weights = (inverse.T / -np.diag(inverse)).astype(np.float32)
        solved = not failed and condition >= np.finfo(np.float64).eps
        if not (solved and np.isfinite(weights).all()):
            raise InputError(
                "`regularization` must be large enough for the equations to have a solution. "
                f"Received: {self.regularization!r}"
            )
        weights[np.diag_indices_from(weights)] = 0.0
        return weights

    def _weights_in(self, stored: Stored, num_items: int) -> np.ndarray:
        return stored.array("weights", "f4", (num_items, num_items))
