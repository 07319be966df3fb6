"""eALS: element-wise alternating least squares that weighs missing data by popularity."""

from dataclasses import dataclass

import numpy as np
import scipy.sparse

from ncf_keras.base.checks import require_above_zero, require_at_least, require_count
from ncf_keras.baselines.factor_models import FactorModel
from ncf_keras.data import Dataset


@dataclass
class EALS(FactorModel):
    """Matrix factorisation by least squares, factor by factor; missing pairs weigh by popularity.

    He et al., "Fast matrix factorization for online recommendation with implicit feedback", SIGIR 2016.
    Minimises, over all pairs of a user u and an item i with the prediction r = p_u . q_i,

        sum of (1 - r)^2 over train interactions + sum of c_i r^2 over all other pairs
        + regularization * (|P|^2 + |Q|^2),

    where c_i = missing_weight * f_i^popularity_exponent / sum of f_j^popularity_exponent over all items j, and
    f_i is the item's share of all interactions (their equations 7 and 8; interactions weigh 1).

    Args:
        factors: width of the latent vectors.
        missing_weight: their c_0, the weight of all missing entries of a user together.
        popularity_exponent: their alpha; at 0 all items weigh the same, as in WMF.
        regularization: their lambda.
        sweeps: how often all users' and all items' factors are updated.
        seed: of the initial factors, N(0, 0.01).
    """

    factors: int = 64
    missing_weight: float = 512.0
    popularity_exponent: float = 0.25
    regularization: float = 5.0
    sweeps: int = 20
    seed: int = 0

    def __post_init__(self):
        require_count(self.factors, "factors")
        require_at_least(self.missing_weight, 0, "missing_weight")
        require_at_least(self.popularity_exponent, 0, "popularity_exponent")
        require_above_zero(self.regularization, "regularization")
        require_count(self.sweeps, "sweeps", 0)
        require_count(self.seed, "seed", 0)

    def _factorise(self, dataset: Dataset) -> tuple[np.ndarray, np.ndarray]:
        generator = np.random.default_rng(self.seed)
        users = generator.normal(0, 0.01, (dataset.num_users, self.factors))
        items = generator.normal(0, 0.01, (dataset.num_items, self.factors))
        by_user = dataset.train_matrix.astype(np.float64)
        by_item = by_user.T.tocsr()
        weights = self._missing_weights(dataset)
        no_weights = np.ones(dataset.num_users)
        for _ in range(self.sweeps):
            update_factors(users, items, by_user, no_weights, weights, self.regularization)
            update_factors(items, users, by_item, weights, no_weights, self.regularization)
        return users, items

    def _missing_weights(self, dataset: Dataset) -> np.ndarray:
        """Return c_i: float64, shape (items,)."""
        shares = (dataset.item_counts / dataset.num_train) ** self.popularity_exponent
        return self.missing_weight * shares / shares.sum()


def update_factors(
    rows: np.ndarray,
    columns: np.ndarray,
    interactions: scipy.sparse.csr_matrix,
    row_weights: np.ndarray,
    column_weights: np.ndarray,
    regularization: float,
) -> None:
    """Set each factor of each row in turn to its least-squares value, in place, while the columns stay.

    Rows do not depend on each other, so one factor of all of them is updated at once, in a few passes over the
    interactions; the missing pairs come in through one small matrix of the columns (their equations 12 and 13).

    The rows are users and the columns items, or the other way round; all arrays are float64. A missing pair
    weighs the product of its two weights.
    """
    row_of = np.repeat(np.arange(len(rows)), np.diff(interactions.indptr))
    column_of = interactions.indices
    # An interaction weighs 1 among the interactions and is taken out of the sum over all pairs.
    excess = 1.0 - row_weights[row_of] * column_weights[column_of]
    residual = scipy.sparse.csr_matrix(
        (1.0 - excess * _products(rows, columns, row_of, column_of), column_of, interactions.indptr),
        interactions.shape,
    )
    excess_matrix = scipy.sparse.csr_matrix((excess, column_of, interactions.indptr), interactions.shape)
    curvature = excess_matrix @ columns**2
    cached = (columns * column_weights[:, None]).T @ columns
    for factor in range(rows.shape[1]):
        old = rows[:, factor].copy()
        others = rows @ cached[:, factor] - old * cached[factor, factor]
        numerator = residual @ columns[:, factor] + old * curvature[:, factor] - row_weights * others
        denominator = curvature[:, factor] + row_weights * cached[factor, factor] + regularization
        rows[:, factor] = numerator / denominator
        change = rows[:, factor] - old
        residual.data -= excess * change[row_of] * columns[column_of, factor]


def _products(rows: np.ndarray, columns: np.ndarray, row_of: np.ndarray, column_of: np.ndarray) -> np.ndarray:
    """Return the prediction of each interaction: float64, shape (interactions,)."""
    result = np.zeros(len(row_of))
    for factor in range(rows.shape[1]):
        result += rows[row_of, factor] * columns[column_of, factor]
    return result
