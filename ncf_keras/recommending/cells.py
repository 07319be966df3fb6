"""Items with similar vectors side by side, in cells, so that a list is sought in a few cells only."""

import warnings
from typing import NamedTuple

import numpy as np
from scipy.cluster.vq import kmeans2, vq

from ncf_keras.base.memory import require_memory

# Cells for the square root of the number of items: many small ones tell items apart better.
CELLS_A_ROOT = 2
# Vectors for each cell that k-means learns from, and its passes over them.
LEARNED_FROM = 40
PASSES = 10
# How many times the items of an average cell one may have: what a list costs stays even.
LARGEST = 4
VECTORS_A_BLOCK = 2**13
BYTES_A_DISTANCE = 8


class Cells(NamedTuple):
    """A division of vectors into cells, each one stretch of `order`.

    Attributes:
        order: int32, shape (vectors,): the vectors, cell after cell.
        offsets: int32, shape (cells + 1,): cell c is `order[offsets[c] : offsets[c + 1]]`, never empty.
        centres: float32, shape (cells, width): the mean of each cell's vectors.
        variances: float32, shape (cells, width): their variance, number by number.
    """

    order: np.ndarray
    offsets: np.ndarray
    centres: np.ndarray
    variances: np.ndarray


def divide(vectors: np.ndarray, generator: np.random.Generator) -> Cells:
    """Return the division of vectors, float32, shape (vectors, width), by k-means of a sample of them."""
    count = len(vectors)
    wanted = max(1, round(CELLS_A_ROOT * count**0.5))
    learned_from = min(count, LEARNED_FROM * wanted)
    # SciPy keeps the distance of each of them from each centre, and its square.
    require_memory(learned_from * wanted * BYTES_A_DISTANCE, f"The cells of {count:,} items")
    sample = vectors[generator.choice(count, learned_from, replace=False)]
    with warnings.catch_warnings():
        # Of equal vectors a centre may get none, and stays where it is.
        warnings.simplefilter("ignore", UserWarning)
        centres, _ = kmeans2(sample, sample[:wanted].copy(), PASSES, minit="matrix")
    blocks = range(0, count, VECTORS_A_BLOCK)
    labels = np.concatenate([vq(vectors[start : start + VECTORS_A_BLOCK], centres)[0] for start in blocks])
    order = np.argsort(labels, kind="stable")
    sizes = np.bincount(labels, minlength=len(centres))
    # A cell that is too large, as of equal vectors, is cut.
    place_in_cell = np.arange(count) - (np.cumsum(sizes) - sizes)[labels[order]]
    starts = np.flatnonzero(place_in_cell % (LARGEST * -(-count // wanted)) == 0)
    sizes = np.diff(starts, append=count)[:, None]
    means = np.add.reduceat(vectors[order], starts, dtype=np.float64) / sizes
    squares = np.add.reduceat(np.square(vectors)[order], starts, dtype=np.float64) / sizes
    variances = np.maximum(squares - means**2, 0)
    return Cells(
        order.astype(np.int32),
        np.append(starts, count).astype(np.int32),
        means.astype(np.float32),
        variances.astype(np.float32),
    )
