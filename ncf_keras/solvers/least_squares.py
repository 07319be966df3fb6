"""Latent vectors that minimise the loss of `least_squares_loss.py`, exactly for users and items in turn.

`implicit`, which `baselines` uses, has one penalty for all rows, so this is our own.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import scipy.sparse
from threadpoolctl import threadpool_limits

from ncf_keras.data import Dataset
from ncf_keras.solvers.least_squares_loss import LeastSquares

# Standard deviation of the norm of an item's first vector.
INITIAL_NORM = 0.1
ROWS_A_BLOCK = 256
# With a smaller number beside the largest of a diagonal, float32 holds too few digits to divide by it first.
LEAST_OF_LARGEST = 1e-5


def factorise(
    dataset: Dataset,
    factors: int,
    settings: LeastSquares,
    seed: int,
    on_sweep: Callable[[int], None] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the vectors of users and items that the train interactions give: float32, a row each.

    They are zeros where there is no train interaction. `seed` is that of the first vectors of the items;
    `on_sweep` is called with the number of sweeps done, after each.
    """
    generator = np.random.default_rng(seed)
    by_user = dataset.train_matrix
    by_item = by_user.T.tocsr()
    # a c_i of each item.
    shares = np.maximum(np.diff(by_item.indptr), 1).astype(np.float64) ** settings.popularity_exponent
    weights = (settings.unobserved_weight * shares / shares.mean()).astype(np.float32)
    everybody = np.ones(dataset.num_users, np.float32)
    scale = INITIAL_NORM / np.sqrt(factors)
    items = generator.normal(0, scale, (dataset.num_items, factors)).astype(np.float32)
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
        interactions: the train interactions, shape (rows, columns): of users and items or of items and users.
        columns: float32, shape (columns, factors), as the result is (rows, factors).
        row_weights, column_weights: float32. A pair weighs the product of its two, an interaction 1 besides.
        regularization: of the penalties.
    """
    everything = (columns * column_weights[:, None]).T @ columns
    # In the directions of its eigenvectors the part of the systems that all rows share is diagonal.
    shares, directions = (each.astype(np.float32) for each in np.linalg.eigh(everything.astype(np.float64)))
    rotated, shares = columns @ directions, np.maximum(shares, 0)
    counts = np.diff(interactions.indptr)
    penalties = regularization * (counts + row_weights * column_weights.sum())
    solved = np.zeros((interactions.shape[0], columns.shape[1]), np.float32)

    def solve(rows: np.ndarray) -> None:
        for row in rows:
            known = rotated[interactions.indices[interactions.indptr[row] : interactions.indptr[row + 1]]]
            solved[row] = _solve_row(known, row_weights[row] * shares + penalties[row])

    blocks = np.array_split(np.flatnonzero(counts), -(-len(counts) // ROWS_A_BLOCK))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        # A list, so that what goes wrong in a thread is raised here.
        list(pool.map(solve, blocks))
    return solved @ directions.T


def _solve_row(known: np.ndarray, diagonal: np.ndarray) -> np.ndarray:
    """Return the vector x that solves (D + K^T K) x = K^T 1: shape (factors,).

    Args:
        known: K, the vectors of a row's interactions, shape (interactions, factors).
        diagonal: of D, above 0.
    """
    count, factors = known.shape
    if count >= factors or diagonal.min() < LEAST_OF_LARGEST * diagonal.max():
        system = known.T @ known
        system.ravel()[:: factors + 1] += diagonal
        return np.linalg.solve(system, known.sum(0))
    # The same by as many unknowns as interactions: with S = K D^-1/2, x = D^-1/2 S^T (I + S S^T)^-1 1.
    roots = np.sqrt(diagonal)
    scaled = known / roots
    system = scaled @ scaled.T
    system.ravel()[:: count + 1] += 1
    return np.linalg.solve(system, np.ones(count, known.dtype)) @ scaled / roots
