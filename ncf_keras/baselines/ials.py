"""iALS: weighted matrix factorisation by alternating least squares."""

from dataclasses import dataclass

import numpy as np

from ncf_keras.base.checks import require_above_zero, require_at_least, require_count
from ncf_keras.base.errors import InputError
from ncf_keras.baselines.factor_model import FactorModel
from ncf_keras.baselines.library import library
from ncf_keras.data import Dataset


@dataclass
class IALS(FactorModel):
    """Hu et al., "Collaborative filtering for implicit feedback datasets", ICDM 2008, by `implicit`.

    Args:
        factors: width of the latent vectors.
        unobserved_weight: the weight of a pair that is no interaction, where an interaction weighs 1: the
            alpha_0 of Rendle et al., "Revisiting the performance of iALS on item recommendation benchmarks",
            RecSys 2022.
        regularization: L2 of all factors, in units of that loss.
        sweeps: how often all users and all items are solved for.
        seed: of the initial factors.

    Raises:
        InputError: an argument breaks its rule; in `fit`, a factor comes out as no finite number.
    """

    factors: int = 192
    unobserved_weight: float = 0.1
    regularization: float = 10.0
    sweeps: int = 16
    seed: int = 0

    def __post_init__(self):
        require_count(self.factors, "factors")
        require_above_zero(self.unobserved_weight, "unobserved_weight")
        require_at_least(self.regularization, 0, "regularization")
        require_count(self.sweeps, "sweeps")
        require_count(self.seed, "seed", 0)

    def _factorise(self, dataset: Dataset) -> tuple[np.ndarray, np.ndarray]:
        with library() as implicit:
            # The library gives pairs that are no interaction the weight 1: its loss is this one divided by
            # `unobserved_weight`.
            model = implicit.als.AlternatingLeastSquares(
                factors=self.factors,
                regularization=self.regularization / self.unobserved_weight,
                alpha=1.0 / self.unobserved_weight,
                iterations=self.sweeps,
                use_gpu=False,
                num_threads=1,
                random_state=self.seed,
            )
            try:
                # A copy, because the library wants arrays that can be written to.
                model.fit(dataset.train_matrix.copy(), show_progress=False)
            except implicit.recommender_base.ModelFitError:
                raise InputError(
                    "`unobserved_weight` and `regularization` must be of a size that gives finite factors. "
                    f"Received: {self.unobserved_weight!r} and {self.regularization!r}"
                ) from None
        return model.user_factors, model.item_factors
