"""Train a GMF by least squares instead of gradient steps, and fit its output layer."""

from collections.abc import Callable

import keras
import numpy as np
import scipy.optimize
import scipy.special

from ncf_keras.data import Dataset
from ncf_keras.sampling import NegativeSampler
from ncf_keras.solvers.least_squares import factorise
from ncf_keras.solvers.least_squares_loss import LeastSquares

CALIBRATION_EXAMPLES = 2**20
CALIBRATION_PENALTY = 1e-6


def fit_gmf(
    gmf: keras.Model,
    dataset: Dataset,
    settings: LeastSquares,
    seed: int,
    on_sweep: Callable[[int], None] | None = None,
) -> None:
    """Set a GMF's embeddings to the least-squares vectors, and its output layer so that it gives probabilities.

    All weights of the output layer's kernel are the same number, so the ranking is that of the dot product.
    That number and the bias minimise the log loss of equation 7 on examples with four negatives for each
    positive, so the logits have the scale of a GMF trained with that loss. Fusing with an MLP needs that.

    Args:
        gmf: from `build_gmf`, for the dataset's users and items.
        dataset: its train interactions are fitted.
        settings: of the loss.
        seed: of the initial vectors and the examples.
        on_sweep: called after each sweep with the number of sweeps done.
    """
    factors = gmf.get_layer("user_embedding").output_dim
    users, items = factorise(dataset, factors, settings, seed, on_sweep)
    gmf.get_layer("user_embedding").set_weights([users])
    gmf.get_layer("item_embedding").set_weights([items])
    scale, bias = _calibration(users, items, dataset, seed)
    gmf.get_layer("prediction").set_weights([np.full((factors, 1), scale), np.array([bias])])


def _calibration(users: np.ndarray, items: np.ndarray, dataset: Dataset, seed: int) -> tuple[float, float]:
    """Return the scale and the bias of the logit that minimise the log loss of drawn examples."""
    sampler = NegativeSampler(dataset, 4, seed)
    user_index, item_index, labels = next(iter(sampler.chunks(0, CALIBRATION_EXAMPLES)))
    products = np.einsum("nk,nk->n", users[user_index], items[item_index]).astype(np.float64)

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        logits = weights[0] * products + weights[1]
        errors = scipy.special.expit(logits) - labels
        # If a scale separates all examples perfectly, only this penalty keeps it finite.
        value = np.mean(np.logaddexp(0, logits) - labels * logits) + CALIBRATION_PENALTY * weights @ weights
        return value, np.array(
            [np.mean(errors * products), np.mean(errors)]
        ) + 2 * CALIBRATION_PENALTY * weights

    found = scipy.optimize.minimize(loss, np.array([1.0, 0.0]), jac=True, method="L-BFGS-B")
    return float(found.x[0]), float(found.x[1])
