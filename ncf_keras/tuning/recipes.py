"""NeuMF by a recipe: GMF solved for by least squares, an MLP trained beside it, and the two fused."""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import scipy.special

from ncf_keras.evaluation import LeaveOneOut, RankingResult
from ncf_keras.solvers.least_squares_loss import TUNED_LOSS, LeastSquares
from ncf_keras.training.tuned import Recipe, build_tuned_neumf, mlp_trainer, train_gmf
from ncf_keras.tuning.candidate import EPOCHS_BEFORE_PRUNING, Effort, Outcome, Tell
from ncf_keras.tuning.spaces import Settings

if TYPE_CHECKING:
    import keras

    from ncf_keras.data import Dataset

# The shares of GMF that are tried.
ALPHAS = np.linspace(0, 1, 21)
# The settings have the names that a LeastSquares and, of the MLP, that a Recipe has.
OF_LOSS = ("unobserved_weight", "regularization", "popularity_exponent", "penalty_exponent")
OF_MLP = ("mlp_reg_rows", "mlp_learning_rate", "mlp_num_neg", "mlp_batch_size")


class TunedNeuMF:
    """A Candidate: the share of GMF and the epochs of the MLP are found while it learns, at no cost."""

    def measure(self, settings: Settings, examples: "Dataset", effort: Effort, tell: Tell) -> Outcome:
        """Solve for GMF, train the MLP, and find the best share after each of its epochs.

        GMF alone is told first, of the step from which candidates are given up: it has been solved for to its
        end, so a weak one is not waited for.
        """
        from ncf_keras.models import model_scores
        from ncf_keras.tuning.watching import Watch

        recipe = recipe_of(settings, mlp_epochs=effort.epochs)
        shares = Shares(examples, model_scores(train_gmf(examples, recipe, effort.seed)), effort.top_k)
        alone = shares.gmf_alone()
        if tell(EPOCHS_BEFORE_PRUNING, alone.ndcg):
            return Outcome(alone, {**settings, "alpha": 1.0}, given_up=True)
        trainer = mlp_trainer(examples, recipe, effort.seed)
        score = model_scores(trainer.model)
        alphas: list[float] = []

        def measure() -> RankingResult:
            alpha, result = shares.best_with(score)
            alphas.append(alpha)
            return result

        watch = Watch(measure, effort, lambda epoch, ndcg: tell(EPOCHS_BEFORE_PRUNING + 1 + epoch, ndcg))
        trainer.fit([watch])
        assert watch.best is not None
        found = {"mlp_epochs": watch.best_epoch + 1, "alpha": alphas[watch.best_epoch]}
        return Outcome(watch.best, {**settings, **found}, watch.given_up)

    def make(self, settings: Settings, dataset: "Dataset", seed: int) -> "keras.Model":
        """Follow the recipe."""
        return build_tuned_neumf(dataset, recipe_of(settings), seed)

    def flags(self, settings: Settings, seed: int, preset: str) -> list[str]:
        """Return `neumf --preset FILE` and the seed."""
        return ["neumf", "--preset", preset, "--seed", f"{seed}"]


class Shares:
    """Finds the share of GMF in the output layer that ranks the held-out pairs best beside an MLP.

    The logit of the two fused is alpha times that of GMF plus (1 - alpha) times that of the MLP (section 3.4.1
    of the paper), so the logits of the two, computed once, serve all shares.

    Args:
        examples: has the held-out pairs as its test pairs.
        gmf_score: scores pairs by GMF, as probabilities.
        top_k: length of the ranked list.
    """

    def __init__(
        self, examples: "Dataset", gmf_score: Callable[[np.ndarray, np.ndarray], np.ndarray], top_k: int
    ):
        self._protocol = LeaveOneOut(examples.test_users, examples.test_items, examples.test_negatives)
        self._gmf_score, self._top_k = gmf_score, top_k
        self._gmf: np.ndarray | None = None

    def gmf_alone(self) -> RankingResult:
        """Return the result of a share of one."""
        return self._protocol.evaluate(self._gmf_logits, self._top_k)

    def best_with(
        self, mlp_score: Callable[[np.ndarray, np.ndarray], np.ndarray]
    ) -> tuple[float, RankingResult]:
        """Return the share with the highest NDCG, of equals the first, and its result."""
        mlp: np.ndarray | None = None
        best: tuple[float, RankingResult] | None = None
        for alpha in map(float, ALPHAS):

            def score(users: np.ndarray, items: np.ndarray, alpha: float = alpha) -> np.ndarray:
                nonlocal mlp
                if mlp is None:
                    mlp = _logits(mlp_score(users, items))
                return alpha * self._gmf_logits(users, items) + (1 - alpha) * mlp

            result = self._protocol.evaluate(score, self._top_k)
            if best is None or result.ndcg > best[1].ndcg:
                best = (alpha, result)
        assert best is not None
        return best

    def _gmf_logits(self, users: np.ndarray, items: np.ndarray) -> np.ndarray:
        """Return those of the pairs of the protocol, which are computed once."""
        if self._gmf is None:
            self._gmf = _logits(self._gmf_score(users, items))
        return self._gmf


def recipe_of(settings: Settings, mlp_epochs: int | None = None) -> Recipe:
    """Return the recipe that settings describe; the epochs of the MLP are among them or given."""
    least_squares = LeastSquares(sweeps=TUNED_LOSS.sweeps, **{name: settings[name] for name in OF_LOSS})
    return Recipe(
        num_factors=settings["num_factors"],
        layers=json.loads(settings["layers"]),
        alpha=settings.get("alpha", 0.5),
        least_squares=least_squares,
        mlp_epochs=settings["mlp_epochs"] if mlp_epochs is None else mlp_epochs,
        **{name: settings[name] for name in OF_MLP},
    )


def _logits(probabilities: np.ndarray) -> np.ndarray:
    """Return the logits of float32 probabilities: finite, as a probability that rounds to 0 or 1 has none."""
    smallest = float(np.finfo(np.float32).eps) / 4
    return scipy.special.logit(np.clip(probabilities.astype(np.float64), smallest, 1 - smallest))
