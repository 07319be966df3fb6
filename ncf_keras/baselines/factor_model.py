"""What factor models share: a score is the inner product of two latent vectors (equation 2)."""

import abc

import numpy as np

from ncf_keras.base.errors import InputError
from ncf_keras.baselines.baseline import Baseline
from ncf_keras.data import Dataset

PAIRS_A_BLOCK = 2**15


class FactorModel(Baseline):
    """score(u, i) = p_u . q_i

    Attributes:
        user_factors: floats, shape (users, columns), once it has learnt.
        item_factors: floats, shape (items, columns), once it has learnt.
    """

    user_factors: np.ndarray
    item_factors: np.ndarray

    @abc.abstractmethod
    def _factorise(self, dataset: Dataset) -> tuple[np.ndarray, np.ndarray]:
        """Return the latent vectors of users and items."""

    def _learn(self, dataset: Dataset) -> None:
        # What overflows is said in words below.
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            users, items = self._factorise(dataset)
        if not products_are_finite(users, items):
            raise InputError(f"The hyperparameters must give finite scores. Received: {self!r}, which do not")
        self.user_factors, self.item_factors = users, items

    def _score(self, users: np.ndarray, items: np.ndarray) -> np.ndarray:
        scores = np.empty(len(users), np.float32)
        for start in range(0, len(users), PAIRS_A_BLOCK):
            block = slice(start, start + PAIRS_A_BLOCK)
            rows = self.user_factors[users[block]], self.item_factors[items[block]]
            scores[block] = np.einsum("pk,pk->p", *rows)
        return scores


def products_are_finite(users: np.ndarray, items: np.ndarray) -> bool:
    """Tell whether the inner product of every two vectors fits a float32.

    By the Cauchy-Schwarz inequality, so that it takes no more than the longest vector of each side.

    Args:
        users: floats, shape (users, columns).
        items: floats, shape (items, columns).
    """
    with np.errstate(over="ignore", invalid="ignore"):
        longest = [np.linalg.norm(side.astype(np.float64), axis=1).max(initial=0) for side in (users, items)]
        return bool(longest[0] * longest[1] <= np.finfo(np.float32).max)
