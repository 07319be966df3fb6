"""Train a model in one call, for notebooks: as `ncf neumf` does, but without files."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace

import keras
import pandas as pd

from ncf_keras.base.checks import require_one_of
from ncf_keras.base.errors import InputError
from ncf_keras.data import Dataset
from ncf_keras.evaluation import RankingResult
from ncf_keras.models import KINDS, ModelSpec
from ncf_keras.training.callbacks.best_weights import BestWeights
from ncf_keras.training.iterations import Best, Iteration
from ncf_keras.training.known_features import KnownFeatures
from ncf_keras.training.spec import TrainingSpec
from ncf_keras.training.trainer import Trainer, require_callbacks, require_dataset


@dataclass(frozen=True, repr=False)
class TrainingResult:
    """The result of `train`.

    Attributes:
        model: the Keras model, with the weights of the best iteration.
        best: that iteration, by the pairs that selected it; number -1 is the model before training.
        iterations: the results of all evaluated epochs.
        test: how the model ranks the test pairs; `test.hr`, `test.ndcg`.
    """

    model: keras.Model
    best: Best
    iterations: tuple[Iteration, ...]
    test: RankingResult

    def __repr__(self) -> str:
        return (
            f"TrainingResult({self.model.name}: best iteration {self.best.number} of {len(self.iterations)}, "
            f"HR = {self.best.hr:.4f}, NDCG = {self.best.ndcg:.4f};\n"
            f"  test: HR = {self.test.hr:.4f}, NDCG = {self.test.ndcg:.4f})"
        )

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
    features: str = "none",
    identity: str = "both",
    identity_dropout: float = 0,
    recent: int = 0,
    epochs: int = 20,
    batch_size: int = 256,
    num_neg: int = 4,
    learning_rate: float = 0.001,
    learner: str = "adam",
    seed: int = 0,
    select: str = "validation",
    patience: int | None = None,
    top_k: int = 10,
    engine: str = "compiled",
    callbacks: Sequence[keras.callbacks.Callback] = (),
    verbose: int = 1,
    on_iteration: Callable[[Iteration], None] | None = None,
) -> TrainingResult:
    """Train a model on a dataset and return it with its best weights; Ctrl-C returns the best so far.

    Args:
        dataset: such as `Dataset.from_dataframe` or `read_dataset` returns.
        model: `GMF`, `MLP`, `NeuMF`, or your own Keras model (for example with penalties, or pre-trained),
            which is trained in place. Its inputs are `user_input` and `item_input`, int32 of shape (batch, 1);
            its output is one prediction between 0 and 1.
        num_factors: latent factors of GMF; for models given by name.
        layers: widths of the MLP's layers, the first of both embeddings together; for models given by name.
        features: whose features of the dataset a model given by name takes: `none`, `user`, `item` or `both`.
        identity, identity_dropout: as in `ModelSpec`; for models given by name.
        recent: how many of the items that a user chose last a model given by name takes; 0: it does not know
            the order of time, which the dataset's timestamps tell.
        epochs, batch_size, num_neg, learning_rate, learner, select, patience, top_k, engine: as in
            `TrainingSpec`.
        seed: of the initial weights and the sampling; the same seed gives the same model.
        callbacks: callbacks of Keras, as in `Trainer.fit`.
        verbose: 1 shows the progress bar of Keras, 0 nothing.
        on_iteration: called after each epoch; `print` shows the lines of the run commands.

    Raises:
        InputError: an argument breaks its rule.

    Example:
        >>> result = train(dataset, "GMF", epochs=10)
        >>> result.test.hr
    """
    require_dataset(dataset)
    require_callbacks(callbacks)
    spec = TrainingSpec(
        epochs=epochs,
        batch_size=batch_size,
        num_neg=num_neg,
        learner=learner,
        learning_rate=learning_rate,
        select=select,
        seed=seed,
        engine=engine,
        top_k=top_k,
        patience=patience,
    )
    if isinstance(model, str):
        require_one_of(model, KINDS, "model")
        known = KnownFeatures.of(dataset, features)
        sizes = ModelSpec(model, dataset.num_users, dataset.num_items, num_factors=num_factors, layers=layers)
        described = replace(
            known.spec(sizes), identity=identity, identity_dropout=identity_dropout, recent=recent
        )
        model = described.build(seed, **known.matrices)
    if not isinstance(model, keras.Model):
        raise InputError(f"`model` must be one of {', '.join(KINDS)} or a Keras model. Received: {model!r}")
    trainer = Trainer(model, dataset, spec)
    best_weights = BestWeights(trainer)
    listeners = [best_weights, *callbacks]
    if on_iteration:
        tell = on_iteration
        listeners.append(
            keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: tell(trainer.iterations[-1]))
        )
    try:
        trainer.fit(listeners, verbose)
    except KeyboardInterrupt:
        best_weights.on_train_end()
    return TrainingResult(model, trainer.best, tuple(trainer.iterations), trainer.test())
