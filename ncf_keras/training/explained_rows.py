"""What features say of a row, by the rows that a training has found.

A row's vector is the embedding of its identity plus the sum of those of its features, and no example can tell
the two parts from each other: what one of them gains, the other may lose. What the features come to by gradient
steps is therefore a poor guess at the vector of a row without interactions, of which they are all that is known
(`unknown_rows.py`). So after each epoch they are set to what explains the vectors of all rows with interactions
best, each weighted by the square root of their number: a ridge regression, as of Gantner et al., "Learning
attribute-to-feature mappings for cold-start recommendations" (ICDM 2010). The identities get the rest, so that
no vector of a row with interactions changes, but for rounding, and nothing that is learned.
"""

import keras
import numpy as np
import scipy.linalg
import scipy.sparse
import scipy.sparse.linalg

from ncf_keras.base.memory import require_memory
from ncf_keras.data import Dataset
from ncf_keras.models.factored import FactoredModel, can_factor
from ncf_keras.models.features import NO_FEATURE, IdentityDropout
from ncf_keras.models.latent_tables import LatentTable

# Each feature is fitted as if so many more rows had it alone, with a vector of zeros.
ROWS_OF_ZEROS = 3.0
# Of a row's number: float64 four times over.
BYTES_A_NUMBER = 32
# With more features their products, features x features, are not held: 134 MB.
MOST_PRODUCTS = 2**12


def can_explain_rows(model: keras.Model) -> bool:
    """Tell whether a model is a GMF, MLP or NeuMF with features beside identities, none of them left out.

    Where identities are left out of examples (`IdentityDropout`), the features learn to stand alone.
    """
    if not can_factor(model) or any(isinstance(layer, IdentityDropout) for layer in model.layers):
        return False
    factored = FactoredModel(model)
    return any(_is_explained(tables) for tables in (factored.users, factored.items))


def explain_rows_by_features(model: keras.Model, dataset: Dataset) -> None:
    """Fit the features' embeddings to the rows of a model; what they do not explain is identity.

    A side without features, or without identities, is left alone.

    Args:
        model: one for which `can_explain_rows`.
        dataset: says who has interactions.
    """
    factored = FactoredModel(model)
    for tables in filter(_is_explained, (factored.users, factored.items)):
        numbers = tables[0].rows * sum(each.width for each in tables)
        require_memory(BYTES_A_NUMBER * numbers, f"What features say of {tables[0].rows:,} rows")
    counts = (np.diff(dataset.train_offsets), dataset.item_counts)
    for tables, count in zip((factored.users, factored.items), counts, strict=True):
        if _is_explained(tables):
            _explain(tables, count)


def _is_explained(tables: list[LatentTable]) -> bool:
    return tables[0].codes is not None and tables[0].identity is not None


def _explain(tables: list[LatentTable], counts: np.ndarray) -> None:
    """Set the embeddings of a side's towers, which have the same features; `counts` are of interactions."""
    assert tables[0].codes is not None and tables[0].features is not None
    has = _matrix(tables[0].codes.codes.numpy(), tables[0].features.num_features)
    rows = np.concatenate([each.without_recent().numpy() for each in tables], axis=1).astype(np.float64)
    known = counts > 0
    features = ridge(has[known], rows[known], np.sqrt(counts[known]))
    identities = np.where(known[:, None], rows - has @ features, 0)
    starts = np.cumsum([each.width for each in tables])[:-1]
    parts = (np.split(array, starts, axis=1) for array in (features, identities))
    for table, of_features, of_identities in zip(tables, *parts, strict=True):
        assert table.features is not None and table.identity is not None
        table.features.embeddings.assign(of_features)
        table.identity.embeddings.assign(of_identities)


def ridge(has: scipy.sparse.csr_matrix, rows: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the vectors of features whose sums come closest to the rows': float64, shape (features, width).

    That is the least of the weighted mean of |row - sum of its features|², times the number of rows, plus
    `ROWS_OF_ZEROS` |vectors|².

    Args:
        has: which features each row has, zeros and ones: shape (rows, features).
        rows: float64, shape (rows, width).
        weights: of the rows, above 0: shape (rows,).
    """
    count = has.shape[1]
    roots = np.sqrt(weights / weights.mean())
    has, rows = scipy.sparse.diags_array(roots) @ has, roots[:, None] * rows
    if count > MOST_PRODUCTS:
        solve = scipy.sparse.linalg.lsmr
        return np.stack([solve(has, column, damp=ROWS_OF_ZEROS**0.5)[0] for column in rows.T], axis=1)
    products = (has.T @ has).toarray()
    products[np.diag_indices(count)] += ROWS_OF_ZEROS
    return scipy.linalg.solve(products, has.T @ rows, assume_a="pos", overwrite_a=True)


def _matrix(codes: np.ndarray, num_features: int) -> scipy.sparse.csr_matrix:
    """Return which features each row has, by a model's codes, as zeros and ones: shape (rows, features)."""
    codes = codes.astype(np.int64)
    rows, slots = np.nonzero(codes != NO_FEATURE)
    places = (rows, codes[rows, slots] - 1)
    return scipy.sparse.csr_matrix((np.ones(len(rows)), places), shape=(len(codes), num_features))
