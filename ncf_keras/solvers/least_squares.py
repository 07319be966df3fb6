"""Latent vectors that minimise the loss of `least_squares_loss.py`, exactly for users and items in turn.

`implicit`, which `baselines` uses, has one penalty for all rows, so this is our own.
"""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import scipy.sparse
from threadpoolctl import threadpool_limits

from ncf_keras.data import Dataset
from ncf_keras.solvers.least_squares_loss import LeastSquares

# Standard deviation of the norm of an item's first vector.
INITIAL_NORM = 0.1
# What the vectors, or the systems, of rows that are solved together hold at most: 4 MiB. One row may hold more.
NUMBERS_A_STACK = 2**20
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
    of_users = settings.penalties(np.diff(by_user.indptr), everybody, weights)
    of_items = settings.penalties(np.diff(by_item.indptr), weights, everybody)
    scale = INITIAL_NORM / np.sqrt(factors)
    items = generator.normal(0, scale, (dataset.num_items, factors)).astype(np.float32)
    # Systems of a few hundred unknowns are solved faster side by side, a thread each, than by all threads
    # together, which then wait for each other most of the time.
    with threadpool_limits(1, user_api="blas"):
        for sweep in range(settings.sweeps):
            users = solve_rows(by_user, items, everybody, weights, of_users)
            items = solve_rows(by_item, users, weights, everybody, of_items)
            if on_sweep:
                on_sweep(sweep + 1)
    return users, items


def solve_rows(
    interactions: scipy.sparse.csr_matrix,
    columns: np.ndarray,
    row_weights: np.ndarray,
    column_weights: np.ndarray,
    penalties: np.ndarray,
) -> np.ndarray:
    """Return the vectors of all rows that minimise the loss while those of the columns stay.

    Args:
        interactions: the train interactions, shape (rows, columns): of users and items or of items and users.
        columns: float32, shape (columns, factors), as the result is (rows, factors).
        row_weights, column_weights: float32. A pair weighs the product of its two, an interaction 1 besides.
        penalties: of the squared norm of each row's vector, float32.
    """
    everything = (columns * column_weights[:, None]).T @ columns
    # In the directions of its eigenvectors the part of the systems that all rows share is diagonal.
    shares, directions = (each.astype(np.float32) for each in np.linalg.eigh(everything.astype(np.float64)))
    rotated, shares = columns @ directions, np.maximum(shares, 0)
    factors, counts = columns.shape[1], np.diff(interactions.indptr)
    least, largest = (row_weights * share + penalties for share in (shares.min(), shares.max()))
    few = (counts < factors) & (least >= LEAST_OF_LARGEST * largest)
    solved = np.zeros((len(counts), factors), np.float32)

    def solve(rows: np.ndarray) -> None:
        places = interactions.indptr[rows][:, None] + np.arange(counts[rows[0]])
        diagonals = row_weights[rows][:, None] * shares + penalties[rows][:, None]
        by = _by_interactions if few[rows[0]] else _by_factors
        solved[rows] = by(rotated[interactions.indices[places]], diagonals)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        # A list, so that what goes wrong in a thread is raised here.
        list(pool.map(solve, _stacks(counts, few, factors)))
    return solved @ directions.T


def _stacks(counts: np.ndarray, few: np.ndarray, factors: int) -> Iterator[np.ndarray]:
    """Yield the rows that are solved together: of equal counts, by the same unknowns, those with most first.

    They are solved in one call each, as rows of few interactions take less time than a call.
    """
    rows = np.flatnonzero(counts)
    if not len(rows):
        return
    rows = rows[np.lexsort((few[rows], -counts[rows]))]
    for same in np.split(rows, np.flatnonzero(np.diff(counts[rows]) | np.diff(few[rows])) + 1):
        count, by_interactions = int(counts[same[0]]), few[same[0]]
        numbers_a_row = factors * (count if by_interactions else max(count, factors))
        size = max(1, NUMBERS_A_STACK // numbers_a_row)
        yield from (same[start : start + size] for start in range(0, len(same), size))


def _by_factors(known: np.ndarray, diagonals: np.ndarray) -> np.ndarray:
    """Return the vectors x that solve (D + K^T K) x = K^T 1 for each row, shape (rows, factors).

    Args:
        known: K of each row, the vectors of its interactions, shape (rows, interactions, factors).
        diagonals: of each D, above 0, shape (rows, factors).
    """
    systems = known.swapaxes(1, 2) @ known
    np.einsum("rff->rf", systems)[:] += diagonals
    return np.linalg.solve(systems, known.sum(1)[:, :, None])[:, :, 0]


def _by_interactions(known: np.ndarray, diagonals: np.ndarray) -> np.ndarray:
    """Return the same by as many unknowns as a row has interactions.

    With S = K D^-1/2, x = D^-1/2 S^T (I + S S^T)^-1 1.
    """
    roots = np.sqrt(diagonals)
    scaled = known / roots[:, None, :]
    systems = scaled @ scaled.swapaxes(1, 2)
    np.einsum("rcc->rc", systems)[:] += 1
    shares = np.linalg.solve(systems, np.ones((*known.shape[:2], 1), known.dtype))
    return (scaled.swapaxes(1, 2) @ shares)[:, :, 0] / roots
