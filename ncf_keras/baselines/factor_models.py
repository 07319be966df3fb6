"""Models of latent factors: a score is the inner product of two vectors (equation 2)."""

import abc
import dataclasses
from dataclasses import dataclass

import numpy as np

from ncf_keras.base.checks import require_above_zero, require_at_least, require_count
from ncf_keras.base.errors import InputError
from ncf_keras.base.memory import require_memory
from ncf_keras.baselines.archive import ArchiveError, Stored
from ncf_keras.baselines.baseline import Baseline
from ncf_keras.baselines.library import library
from ncf_keras.data import Dataset
from ncf_keras.solvers.least_squares import factorise
from ncf_keras.solvers.least_squares_loss import TUNED_LOSS, LeastSquares

PAIRS_A_BLOCK = 2**15


class FactorModel(Baseline):
    """score(u, i) = p_u . q_i

    Attributes:
        user_factors: floats, shape (users, columns), once it has learnt.
        item_factors: floats, shape (items, columns), once it has learnt.
    """

    factors: int
    user_factors: np.ndarray
    item_factors: np.ndarray

    @abc.abstractmethod
    def _factorise(self, dataset: Dataset) -> tuple[np.ndarray, np.ndarray]:
        """Return the latent vectors of users and items."""

    def _learn(self, dataset: Dataset) -> None:
        rows = dataset.num_users + dataset.num_items
        # In float64, and the copies of a sweep.
        require_memory(16 * rows * self.factors, f"{self!r} for {rows:,} users and items")
        # What overflows is said in words below.
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            users, items = self._factorise(dataset)
        if not products_are_finite(users, items):
            raise InputError(f"The hyperparameters must give finite scores. Received: {self!r}, which do not")
        self.user_factors, self.item_factors = users, items

    def _score(self, users: np.ndarray, items: np.ndarray) -> np.ndarray:
        scores = np.empty(len(users), np.float32)
        for start in range(0, len(users), PAIRS_A_BLOCK):
            block = slice(start, start + PAIRS_A_BLOCK)
            rows = self.user_factors[users[block]], self.item_factors[items[block]]
            scores[block] = np.einsum("pk,pk->p", *rows)
        return scores

    def _score_all(self, users: np.ndarray) -> np.ndarray:
        return self.user_factors[users] @ self.item_factors.T

    def _learnt(self) -> dict[str, np.ndarray]:
        return {"user_factors": self.user_factors, "item_factors": self.item_factors}

    def _take(self, stored: Stored, num_users: int, num_items: int) -> None:
        users = stored.array("user_factors", "f4 f8", (num_users, self.factors))
        items = stored.array("item_factors", users.dtype.str[1:], (num_items, self.factors))
        if not products_are_finite(users, items):
            raise ArchiveError("holds factors whose products are no finite scores")
        self.user_factors, self.item_factors = users, items


def products_are_finite(users: np.ndarray, items: np.ndarray) -> bool:
    """Tell whether the inner product of every two vectors fits a float32, by the Cauchy-Schwarz inequality."""
    with np.errstate(over="ignore", invalid="ignore"):
        longest = [np.linalg.norm(side.astype(np.float64), axis=1).max(initial=0) for side in (users, items)]
        return bool(longest[0] * longest[1] <= np.finfo(np.float32).max)


@dataclass
class IALS(FactorModel):
    """Matrix factorisation by least squares over all pairs, of which interactions weigh more; by `implicit`.

    Hu et al., "Collaborative filtering for implicit feedback datasets", ICDM 2008.

    Args:
        factors: width of the latent vectors.
        unobserved_weight: the weight of a pair that is no interaction, where an interaction weighs 1: the
            alpha_0 of Rendle et al., "Revisiting the performance of iALS on item recommendation benchmarks",
            RecSys 2022.
        regularization: L2 of all factors, in units of that loss.
        sweeps: how often all users and all items are solved for.
        seed: of the initial factors.
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


@dataclass
class DotProduct(FactorModel):
    """Matrix factorisation by least squares whose penalties grow with a row's interactions.

    What a dot product reaches once it is tuned, as Rendle et al., "Neural collaborative filtering vs. matrix
    factorization revisited", RecSys 2020, asked. They train it by SGD on drawn negatives, for 256 epochs;
    here it is solved for by alternating least squares, in a minute (`least_squares_loss.py` has the loss). The
    defaults are those of the GMF of the tuned preset.

    Args:
        factors: width of the latent vectors.
        unobserved_weight: what a pair that is no interaction weighs, where an interaction weighs 1.
        regularization: of the penalties, which grow with a row's interactions.
        popularity_exponent: how much more the missing pairs of popular items weigh; 0: all the same.
        sweeps: how often all users and all items are solved for.
        penalty_exponent: how much the penalties grow, from 0, not at all, to 1, in proportion.
        seed: of the first vectors.
    """

    factors: int = 192
    unobserved_weight: float = TUNED_LOSS.unobserved_weight
    regularization: float = TUNED_LOSS.regularization
    popularity_exponent: float = TUNED_LOSS.popularity_exponent
    sweeps: int = TUNED_LOSS.sweeps
    penalty_exponent: float = TUNED_LOSS.penalty_exponent
    seed: int = 0

    def __post_init__(self):
        require_count(self.factors, "factors")
        require_count(self.seed, "seed", 0)
        self._loss()

    def _loss(self) -> LeastSquares:
        names = (field.name for field in dataclasses.fields(LeastSquares))
        return LeastSquares(**{name: getattr(self, name) for name in names})

    def _factorise(self, dataset: Dataset) -> tuple[np.ndarray, np.ndarray]:
        return factorise(dataset, self.factors, self._loss(), self.seed)
