"""Training GMF without steps: the vectors of `least_squares.py`, and an output layer that fits them."""

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
