"""Training GMF without steps: its weighted squared loss, minimised exactly for users and items in turn.

The loss is that of `least_squares_loss.py`. `implicit`, which `baselines` uses, has one penalty for all rows,
so this is our own.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import scipy.optimize
import scipy.sparse
import scipy.special
from threadpoolctl import threadpool_limits

from ncf_keras.data import Dataset
from ncf_keras.least_squares_loss import LeastSquares
from ncf_keras.sampling import NegativeSampler

# Standard deviation of the norm of an item's first vector.
INITIAL_NORM = 0.1
ROWS_A_BLOCK = 256
CALIBRATION_EXAMPLES = 2**20
CALIBRATION_PENALTY = 1e-6


def fit_gmf(
    gmf: keras.Model,
    dataset: Dataset,
    settings: LeastSquares,
    seed: int,
    on_sweep: Callable[[int], None] | None = None,
) -> None:
    """Give a GMF the least-squares vectors, and an output that turns their product into a probability.

    The output layer ranks as the product does: its kernel is one number throughout. That number and the bias
    minimise the log loss of equation 7 on examples with four negatives for each positive, so the logits are on
    the scale of those that training with that loss gives, as fusing them with an MLP's needs.

    Args:
        gmf: from `build_gmf`, for the dataset's users and items.
        dataset: whose train interactions are learnt from.
        settings: of the loss.
        seed: of the first vectors and the examples.
        on_sweep: called with the number of sweeps done, after each.
    """
    factors = gmf.get_layer("user_embedding").output_dim
    users, items = factorise(dataset, factors, settings, seed, on_sweep)
    gmf.get_layer("user_embedding").set_weights([users])
    gmf.get_layer("item_embedding").set_weights([items])
    scale, bias = _calibration(users, items, dataset, seed)
    gmf.get_layer("prediction").set_weights([np.full((factors, 1), scale), np.array([bias])])


def factorise(
    dataset: Dataset,
    factors: int,
    settings: LeastSquares,
    seed: int,
    on_sweep: Callable[[int], None] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the vectors of users and items.

    Args:
        dataset: whose train interactions are learnt from.
        factors: width of the vectors; at least 1.
        settings: of the loss.
        seed: of the first vectors of the items.
        on_sweep: called with the number of sweeps done, after each.

    Returns:
        float32, shapes (users, factors) and (items, factors). A user or an item without train interactions has
        a vector of zeros.
    """
    generator = np.random.default_rng(seed)
    by_user = dataset.train_matrix
    by_item = by_user.T.tocsr()
    weights = _missing_weights(np.diff(by_item.indptr), settings)
    everybody = np.ones(dataset.num_users, np.float32)
    items = generator.normal(0, INITIAL_NORM / np.sqrt(factors), (dataset.num_items, factors)).astype(
        np.float32
    )
    # Systems of a few hundred unknowns are solved faster side by side, a thread each, than by all threads
    # together, which then wait for each other most of the time.
    with threadpool_limits(1, user_api="blas"):
        for sweep in range(settings.sweeps):
            users = solve_rows(by_user, items, everybody, weights, settings.regularization)
            items = solve_rows(by_item, users, weights, everybody, settings.regularization)
            if on_sweep:
                on_sweep(sweep + 1)
    return users, items


def solve_rows(
    interactions: scipy.sparse.csr_matrix,
    columns: np.ndarray,
    row_weights: np.ndarray,
    column_weights: np.ndarray,
    regularization: float,
) -> np.ndarray:
    """Return the vectors of all rows that minimise the loss while those of the columns stay.

    Args:
        interactions: which pairs are train interactions, shape (rows, columns): of users and items or of items
            and users.
        columns: float32, shape (columns, factors).
        row_weights: float32, shape (rows,). A pair weighs the product of its two weights, an interaction 1
            besides.
        column_weights: float32, shape (columns,).
        regularization: of the penalties.

    Returns:
        float32, shape (rows, factors).
    """
    factors = columns.shape[1]
    everything = (columns * column_weights[:, None]).T @ columns
    counts = np.diff(interactions.indptr)
    penalties = regularization * (counts + row_weights * column_weights.sum())
    diagonal = np.arange(factors)
    solved = np.zeros((interactions.shape[0], factors), np.float32)

    def solve(rows: np.ndarray) -> None:
        for row in rows:
            known = columns[interactions.indices[interactions.indptr[row] : interactions.indptr[row + 1]]]
            system = row_weights[row] * everything + known.T @ known
            system[diagonal, diagonal] += penalties[row]
            solved[row] = np.linalg.solve(system, known.sum(0))

    blocks = np.array_split(np.flatnonzero(counts), -(-len(counts) // ROWS_A_BLOCK))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        # A list, so that what goes wrong in a thread is raised here.
        list(pool.map(solve, blocks))
    return solved


def _missing_weights(counts: np.ndarray, settings: LeastSquares) -> np.ndarray:
    """Return a c_i of each item: float32, shape (items,)."""
    shares = np.maximum(counts, 1).astype(np.float64) ** settings.popularity_exponent
    return (settings.unobserved_weight * shares / shares.mean()).astype(np.float32)


def _calibration(users: np.ndarray, items: np.ndarray, dataset: Dataset, seed: int) -> tuple[float, float]:
    """Return the scale and the bias of the logit that give drawn examples the least log loss."""
    sampler = NegativeSampler(dataset, 4, seed)
    user_index, item_index, labels = next(iter(sampler.chunks(0, CALIBRATION_EXAMPLES)))
    products = np.einsum("nk,nk->n", users[user_index], items[item_index]).astype(np.float64)

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        logits = weights[0] * products + weights[1]
        errors = scipy.special.expit(logits) - labels
        # The penalty keeps examples that are told apart perfectly from driving the scale to infinity.
        value = np.mean(np.logaddexp(0, logits) - labels * logits) + CALIBRATION_PENALTY * weights @ weights
        return value, np.array(
            [np.mean(errors * products), np.mean(errors)]
        ) + 2 * CALIBRATION_PENALTY * weights

    found = scipy.optimize.minimize(loss, np.array([1.0, 0.0]), jac=True, method="L-BFGS-B")
    return float(found.x[0]), float(found.x[1])
