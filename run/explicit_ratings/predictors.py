"""Baselines for explicit ratings: the global mean, and matrix factorisation with biases."""

from dataclasses import dataclass

import numpy as np

from explicit_ratings.ratings import Ratings
from ncf_keras.base.checks import require_above_zero, require_count

Rows = list[tuple[np.ndarray, np.ndarray]]


@dataclass
class GlobalMean:
    """Predicts the mean of the ratings it has seen for every pair."""

    def fit(self, ratings: Ratings) -> "GlobalMean":
        """Learn from ratings; return self."""
        self._mean = ratings.values.mean(dtype=np.float64)
        return self

    def predict(self, users: np.ndarray, items: np.ndarray) -> np.ndarray:
        """Return the predicted ratings of pairs: float32, shape (pairs,)."""
        return np.full(len(users), self._mean, np.float32)


@dataclass
class BiasedMF:
    """Koren et al., "Matrix factorization techniques for recommender systems", Computer 2009, equation 4.

    Predicts mean + b_u + b_i + p_u . q_i, kept within the range of the ratings it has seen. It is learnt by
    alternating least squares with the penalty regularization * n on each vector and bias, n being the number of
    ratings of that user or item (Zhou et al., "Large-scale parallel collaborative filtering for the Netflix
    prize", AAIM 2008). A user or item without ratings has the bias and vector 0.

    Args:
        factors: width of the latent vectors.
        sweeps: how often all users and all items are solved for.
        seed: of the initial item vectors, N(0, 0.1).

    Raises:
        InputError: an argument breaks its rule.
    """

    factors: int = 32
    regularization: float = 0.1
    sweeps: int = 12
    seed: int = 0

    def __post_init__(self):
        require_count(self.factors, "factors")
        require_above_zero(self.regularization, "regularization")
        require_count(self.sweeps, "sweeps")
        require_count(self.seed, "seed", 0)

    def fit(self, ratings: Ratings) -> "BiasedMF":
        """Learn from ratings; return self."""
        self._mean = ratings.values.mean(dtype=np.float64)
        self._range = ratings.values.min(), ratings.values.max()
        centred = ratings.values.astype(np.float64) - self._mean
        by_user = _by_row(ratings.users, ratings.items, centred, ratings.num_users)
        by_item = _by_row(ratings.items, ratings.users, centred, ratings.num_items)
        generator = np.random.default_rng(self.seed)
        # The last column is the bias.
        self._users = np.zeros((ratings.num_users, self.factors + 1))
        self._items = generator.normal(0, 0.1, (ratings.num_items, self.factors + 1))
        self._items[:, -1] = 0
        for _ in range(self.sweeps):
            _solve(self._users, self._items, by_user, self.regularization)
            _solve(self._items, self._users, by_item, self.regularization)
        return self

    def predict(self, users: np.ndarray, items: np.ndarray) -> np.ndarray:
        """Return the predicted ratings of pairs: float32, shape (pairs,), for integers of that shape."""
        user, item = self._users[users], self._items[items]
        products = np.einsum("pk,pk->p", user[:, :-1], item[:, :-1])
        predictions = self._mean + user[:, -1] + item[:, -1] + products
        return np.clip(predictions, *self._range).astype(np.float32)


def _by_row(rows: np.ndarray, columns: np.ndarray, values: np.ndarray, num_rows: int) -> Rows:
    """Return the columns and values of each row of one side, users or items."""
    order = np.argsort(rows, kind="stable")
    cuts = np.searchsorted(rows[order], np.arange(1, num_rows))
    return list(zip(np.split(columns[order], cuts), np.split(values[order], cuts), strict=True))


def _solve(rows: np.ndarray, columns: np.ndarray, grouped: Rows, regularization: float) -> None:
    """Set each row to the ridge regression of its ratings on the columns', in place."""
    identity = np.eye(rows.shape[1])
    for row, (places, values) in enumerate(grouped):
        if not len(places):
            rows[row] = 0
            continue
        features = columns[places]
        target = values - features[:, -1]
        features[:, -1] = 1
        normal = features.T @ features + regularization * len(places) * identity
        rows[row] = np.linalg.solve(normal, features.T @ target)
