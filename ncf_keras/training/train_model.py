"""Training in one call, for notebooks: what `run/NeuMF.py` does, without files."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import keras
import pandas as pd

from ncf_keras.base.checks import require_count
from ncf_keras.base.errors import InputError
from ncf_keras.data import Dataset
from ncf_keras.evaluation import RankingResult
from ncf_keras.models import build_gmf, build_mlp, build_neumf
from ncf_keras.training import Best, BestWeights, Iteration, train_loop
from ncf_keras.training.training_run import TrainingRun

MODELS = ("GMF", "MLP", "NeuMF")


@dataclass(frozen=True)
class TrainingResult:
    """What `train` gives.

    Attributes:
        model: the Keras model, with the weights of the best iteration.
        best: that iteration, by the pairs that picked it.
        iterations: all that were evaluated.
        test: how the model ranks the test pairs; `test.hr`, `test.ndcg`.
    """

    model: keras.Model
    best: Best
    iterations: tuple[Iteration, ...]
    test: RankingResult

    @property
    def history(self) -> pd.DataFrame:
        """The iterations as a table: number, hr, ndcg, loss, train_seconds, evaluation_seconds."""
        return pd.DataFrame([asdict(iteration) for iteration in self.iterations])


def train(
    dataset: Dataset,
    model: str | keras.Model = "NeuMF",
    *,
    num_factors: int = 8,
    layers: Sequence[int] = (64, 32, 16, 8),
    epochs: int = 20,
    batch_size: int = 256,
    num_neg: int = 4,
    learning_rate: float = 0.001,
    learner: str = "adam",
    seed: int = 0,
    select: str = "test",
    patience: int | None = None,
    top_k: int = 10,
    engine: str = "compiled",
    on_iteration: Callable[[Iteration], None] | None = None,
) -> TrainingResult:
    """Train a model on a dataset and return it as it was at its best.

    Args:
        dataset: such as `Dataset.from_dataframe` or `read_dataset` returns.
        model: `GMF`, `MLP`, `NeuMF`, or a model of your own from `user_input` and `item_input`, int32 of shape
            (batch, 1), to one prediction between 0 and 1: one with penalties, say, or a pre-trained one. It is
            trained in place.
        num_factors: width of the embeddings of GMF; for models given by name.
        layers: widths of the MLP tower, the first that of both embeddings together; for models given by name.
        epochs: passes over the data at the most.
        batch_size: examples a step.
        num_neg: negatives for each positive, drawn anew at each epoch.
        learning_rate: above 0.
        learner: `adagrad`, `adam`, `rmsprop` or `sgd`.
        seed: of the initial weights and the sampling; the same seed gives the same model.
        select: `test` picks the best epoch by the test pairs, as the paper does, and flatters the result a
            little; `validation` holds one more interaction of each user out to pick it.
        patience: stop after that many evaluations without a better hit ratio; None never stops early.
        top_k: length of the ranked list.
        engine: `compiled`, or `keras` for plain `model.fit`.
        on_iteration: called after each epoch; `print` shows the lines of the run commands.

    Raises:
        InputError: an argument breaks its rule.

    Example:
        >>> result = train(dataset, "GMF", epochs=10, select="validation", on_iteration=print)
        >>> result.test.hr
    """
    require_count(epochs, "epochs", 0)
    if patience is not None:
        require_count(patience, "patience")
    if isinstance(model, str):
        model = _build(model, dataset, num_factors, tuple(layers), seed)
    run = TrainingRun(
        model,
        dataset,
        select=select,
        num_neg=num_neg,
        learner=learner,
        learning_rate=learning_rate,
        batch_size=batch_size,
        engine=engine,
        top_k=top_k,
        seed=seed,
    )
    weights, iterations = BestWeights(model), []
    weights.keep()

    def take(iteration: Iteration) -> None:
        iterations.append(iteration)
        if on_iteration:
            on_iteration(iteration)

    best = train_loop(
        run.engine,
        run.evaluate,
        epochs,
        patience=patience,
        on_iteration=take,
        on_best=lambda best: weights.keep(),
    )
    weights.restore()
    return TrainingResult(model, best, tuple(iterations), run.test())


def _build(name: str, dataset: Dataset, num_factors: int, layers: tuple[int, ...], seed: int) -> keras.Model:
    sizes, penalties = (dataset.num_users, dataset.num_items), [0.0] * len(layers)
    if name == "GMF":
        return build_gmf(*sizes, num_factors, seed=seed)
    if name == "MLP":
        return build_mlp(*sizes, layers, penalties, seed=seed)
    if name == "NeuMF":
        return build_neumf(*sizes, num_factors, layers, penalties, seed=seed)
    raise InputError(f"`model` must be one of {', '.join(MODELS)} or a Keras model. Received: {name!r}")
