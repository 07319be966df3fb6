"""Simple answers about an item without interactions: how popular its like are, what the user had before.

All are functions of users and items, int of shape (pairs,), as the protocols of evaluation take them, and learn
from the train interactions alone. Of items with the same answer a random one is first, the same for everybody.
"""

import numpy as np
import scipy.sparse

from ncf_keras.data import Dataset
from ncf_keras.data.features import Feature
from ncf_keras.evaluation.leave_one_out import Score

# What decides between equal answers, as a share of the largest.
TIE_BREAK = 1e-9
TIMES = " x "


def simple_answers(dataset: Dataset, genres: Feature, years: Feature, seed: int) -> dict[str, Score]:
    """Return the answers by name: those of one thought first, then two of them multiplied, with ` x ` between.

    Args:
        dataset: what they learn from.
        genres: of each item, any number.
        years: of each item, one or none.
        seed: of what decides between equal answers.
    """
    genre_of, year_of = (_matrix(feature) for feature in (genres, years))
    count = np.maximum(np.diff(genre_of.indptr), 1)
    shares, year_shares = (_shares(dataset, matrix) for matrix in (genre_of, year_of))
    lifts, year_lifts = (
        own / np.maximum(_overall(dataset, matrix), 1e-12)
        for own, matrix in ((shares, genre_of), (year_shares, year_of))
    )
    share, lift = np.asarray(shares @ genre_of.T), np.asarray(lifts @ genre_of.T)
    of_genres, of_year = _popularity(dataset, genre_of), _popularity(dataset, year_of)
    own_year = np.asarray(year_shares @ year_of.T)
    tables = {
        "popularity of the genres": of_genres,
        "popularity of the genres in the year": _popularity(dataset, _crossed(genre_of, year_of)),
        "popularity of the year": of_year,
        "user's share of the genres, sum": share,
        "user's share of the genres, mean": share / count,
        "user's share of the genres, cosine": share / np.sqrt(count),
        "user's share of the genres by everybody's, sum": lift,
        "user's share of the genres by everybody's, mean": lift / count,
        "user's share of the year": own_year,
        "user's share of the year by everybody's": np.asarray(year_lifts @ year_of.T),
    }
    for name, table in (("user's share", share), ("user's share by everybody's", lift)):
        for other, by in (
            ("popularity of the genres", of_genres),
            ("popularity of the year", of_year),
            ("user's share of the year", own_year),
        ):
            tables[f"{name} of the genres, sum{TIMES}{other}"] = table * by
    noise = np.random.default_rng(seed).random(dataset.num_items)
    return {name: _score(table, noise) for name, table in tables.items()}


def is_plain(name: str) -> bool:
    """Return whether an answer is of one thought alone."""
    return TIMES not in name


def _score(table: np.ndarray, noise: np.ndarray) -> Score:
    """Return a table of items, or of users and items, as a score function without ties."""
    table = table + TIE_BREAK * np.abs(table).max() * noise
    if table.ndim == 1:
        return lambda users, items: table[items]
    return lambda users, items: table[users, items]


def _matrix(feature: Feature) -> scipy.sparse.csr_matrix:
    """Return which item is in which category: float64 ones, shape (items, categories)."""
    shape = (len(feature.offsets) - 1, len(feature.categories))
    return scipy.sparse.csr_matrix((np.ones(len(feature.codes)), feature.codes, feature.offsets), shape)


def _popularity(dataset: Dataset, matrix: scipy.sparse.csr_matrix) -> np.ndarray:
    """Return for each item the mean train popularity of the items of a category, averaged over its categories.

    An item of no category that is known in train gets the mean popularity of all items.
    """
    counts = dataset.item_counts.astype(np.float64)
    known = counts > 0
    items = matrix.T @ known.astype(np.float64)
    of_category = (matrix.T @ counts) / np.maximum(items, 1)
    is_known = (items > 0).astype(np.float64)
    lengths = matrix @ is_known
    means = (matrix @ (of_category * is_known)) / np.maximum(lengths, 1)
    return np.where(lengths > 0, means, counts[known].mean())


def _shares(dataset: Dataset, matrix: scipy.sparse.csr_matrix) -> np.ndarray:
    """Return which share of a user's train interactions a category has: float64, shape (users, categories)."""
    lengths = np.maximum(np.diff(dataset.train_offsets), 1)
    return np.asarray((dataset.train_matrix @ matrix).todense()) / lengths[:, None]


def _overall(dataset: Dataset, matrix: scipy.sparse.csr_matrix) -> np.ndarray:
    return (matrix.T @ dataset.item_counts) / dataset.num_train


def _crossed(genres: scipy.sparse.csr_matrix, years: scipy.sparse.csr_matrix) -> scipy.sparse.csr_matrix:
    """Return categories of a genre and a year together, for items with one year at the most."""
    items, genre_codes = genres.nonzero()
    has_year = np.diff(years.indptr) > 0
    year_of = np.zeros(years.shape[0], np.int64)
    year_of[has_year] = years.indices[years.indptr[:-1][has_year]]
    codes = genre_codes + genres.shape[1] * year_of[items]
    kept = has_year[items]
    shape = (genres.shape[0], genres.shape[1] * years.shape[1])
    return scipy.sparse.csr_matrix((np.ones(int(kept.sum())), (items[kept], codes[kept])), shape)
