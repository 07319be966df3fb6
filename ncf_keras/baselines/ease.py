"""EASE^R: the linear item-item model that is solved in closed form."""

from dataclasses import dataclass

import numpy as np
import scipy.sparse

from ncf_keras.base.checks import require_above_zero
from ncf_keras.base.errors import InputError
from ncf_keras.baselines.item_item import ItemItemModel


@dataclass
class EASE(ItemItemModel):
    """Steck, "Embarrassingly shallow autoencoders for sparse data", WWW 2019.

    The weights B minimise |X - X B|^2 + regularization * |B|^2 with a diagonal of zeros. With
    P = (X'X + regularization * I)^-1 they are B[i, j] = -P[i, j] / P[j, j]. Memory grows with the square of the
    number of items.

    Args:
        regularization: above 0; the default is what Ferrari Dacrema et al. (TOIS 2021) found on ML-1M.

    Raises:
        InputError: an argument breaks its rule; in `fit`, the regularization is too small for the equations to
            have a solution in floating point.
    """

    regularization: float = 1320.0

    def __post_init__(self):
        require_above_zero(self.regularization, "regularization")

    def _item_weights(self, interactions: scipy.sparse.csr_matrix) -> np.ndarray:
        gram = (interactions.T @ interactions).toarray().astype(np.float64)
        gram[np.diag_indices_from(gram)] += self.regularization
        try:
            with np.errstate(all="ignore"):
                inverse = np.linalg.inv(gram)
                weights = (inverse / -np.diag(inverse)).astype(np.float32)
        except np.linalg.LinAlgError:
            weights = np.full(gram.shape, np.nan, np.float32)
        if not np.isfinite(weights).all():
            raise InputError(
                "`regularization` must be large enough for the equations to have a solution. "
                f"Received: {self.regularization!r}"
            )
        weights[np.diag_indices_from(weights)] = 0.0
        return weights
