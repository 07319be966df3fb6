"""Tuned matrix factorisation: nothing but a dot product, with a loss and penalties that suit it."""

from dataclasses import dataclass

import numpy as np

from ncf_keras.base.checks import require_count
from ncf_keras.baselines.factor_model import FactorModel
from ncf_keras.data import Dataset
from ncf_keras.solvers.least_squares import factorise
from ncf_keras.solvers.least_squares_loss import TUNED_LOSS, LeastSquares


@dataclass
class DotProduct(FactorModel):
    """What a dot product reaches once it is tuned, as Rendle et al., "Neural collaborative filtering vs. matrix
    factorization revisited", RecSys 2020, asked.

    They train it by SGD on drawn negatives, for 256 epochs; here it is solved for by alternating least squares,
    in a minute (`least_squares_loss.py` has the loss). The defaults are those of the GMF of the tuned preset.

    Args:
        factors: width of the latent vectors.
        unobserved_weight: what a pair that is no interaction weighs, where an interaction weighs 1.
        regularization: of the penalties, which grow with a row's interactions.
        popularity_exponent: how much more the missing pairs of popular items weigh; 0: all the same.
        sweeps: how often all users and all items are solved for.
        seed: of the first vectors.

    Raises:
        InputError: an argument breaks its rule.
    """

    factors: int = 192
    unobserved_weight: float = TUNED_LOSS.unobserved_weight
    regularization: float = TUNED_LOSS.regularization
    popularity_exponent: float = TUNED_LOSS.popularity_exponent
    sweeps: int = TUNED_LOSS.sweeps
    seed: int = 0

    def __post_init__(self):
        require_count(self.factors, "factors")
        require_count(self.seed, "seed", 0)
        self._loss()

    def _loss(self) -> LeastSquares:
        return LeastSquares(self.unobserved_weight, self.regularization, self.popularity_exponent, self.sweeps)

    def _factorise(self, dataset: Dataset) -> tuple[np.ndarray, np.ndarray]:
        return factorise(dataset, self.factors, self._loss(), self.seed)
