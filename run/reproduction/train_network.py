"""One training of GMF, MLP or NeuMF, which goes on after a kill where its last whole epoch was."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np

from ncf_keras.base.files import written_beside
from ncf_keras.data import Dataset, split_validation
from ncf_keras.evaluation import LeaveOneOut, RankingResult, hit_ratio, ndcg
from ncf_keras.models import build_gmf, build_mlp, build_neumf, model_scores
from ncf_keras.sampling import NegativeSampler
from ncf_keras.training import Best, CompiledEngine, Iteration, LoopState, train_loop
from ncf_keras.training.checkpoints import Checkpoint, DamagedCheckpoint, read_checkpoint, write_checkpoint
from ncf_keras.weights import fuse_pretrained, load_model, save_weights
from reproduction.runs import NetworkRun

TOP_K = 10


def train_network(
    run: NetworkRun,
    dataset: Dataset,
    digest: str,
    work: Path,
    on_iteration: Callable[[Iteration], None] | None = None,
) -> tuple[np.ndarray, dict]:
    """Train a run to its end and save its best weights as `<work>/<name>.h5`, its options beside them.

    The state after the last epoch stays as `<work>/<name>.checkpoint`, for the caller to remove once what is
    returned is stored: called again before that, this trains nothing and returns the same.

    Args:
        run: which; the weights of its parents are in `work`.
        dataset: what to learn and to test on.
        digest: of the dataset; a checkpoint of other data is not gone on from.
        work: directory of weights and checkpoints.
        on_iteration: called after each epoch.

    Returns:
        The rank of each test item at the best iteration, int64, shape (tests,), and for the JSON `initial` (HR
        and NDCG before training), `iterations` (the fields of `Iteration`, in order) and `best`, by the pairs
        that picked it.

    Raises:
        InputError: the weights of a parent are not there or of another size, or a file can't be written.
    """
    training = _Training(run, dataset, work)
    file = work / f"{run.name}.checkpoint"
    about = {"run": run.options(), "digest": digest}
    start = training.restore(file, about)
    best = train_loop(
        training.engine,
        training.evaluate,
        run.epochs,
        patience=run.patience,
        start=start,
        on_init=training.keep_initial,
        on_iteration=lambda iteration: (
            training.iterations.append(iteration),
            on_iteration and on_iteration(iteration),
        ),
        on_best=lambda best: training.keep_best(),
        on_epoch=lambda state: training.save(file, about, state),
    )
    training.model.set_weights(training.best_weights)
    _save_weights(training.model, run, work)
    return training.test_positions(), {
        "initial": training.initial,
        "iterations": [dataclasses.astuple(iteration) for iteration in training.iterations],
        "best": {"iteration": best.number, "hr": best.hr, "ndcg": best.ndcg},
    }


def _save_weights(model: keras.Model, run: NetworkRun, work: Path) -> None:
    # A kill in between leaves weights of unknown options, which count as none.
    options = work / f"{run.name}.options"
    options.unlink(missing_ok=True)
    save_weights(model, work / f"{run.name}.h5")
    with written_beside(options) as temporary:
        temporary.write_text(json.dumps(run.options()), encoding="utf-8")


class _Training:
    """What a run consists of between two epochs, and how it is put aside and taken up again."""

    def __init__(self, run: NetworkRun, dataset: Dataset, work: Path):
        self.model = _build(run, dataset)
        if run.parents():
            gmf, mlp = (load_model(work / f"{parent.name}.h5") for parent in run.parents())
            fuse_pretrained(self.model, gmf, mlp)
        examples = split_validation(dataset) if run.select == "validation" else dataset
        sampler = NegativeSampler(examples, run.num_neg, run.seed)
        self.engine = CompiledEngine(self.model, sampler, run.learner, run.learning_rate, run.batch_size)
        self.iterations: list[Iteration] = []
        self.initial: dict[str, float] = {}
        self.best_weights: list[np.ndarray] = []
        self._score = model_scores(self.model)
        self._selection, self._test = _protocol(examples), _protocol(dataset)

    def evaluate(self) -> RankingResult:
        positions = self._selection.positions(self._score)
        return RankingResult(hit_ratio(positions, TOP_K), ndcg(positions, TOP_K))

    def test_positions(self) -> np.ndarray:
        return self._test.positions(self._score)

    def keep_initial(self, result: RankingResult) -> None:
        self.initial = {"hr": result.hr, "ndcg": result.ndcg}
        self.keep_best()

    def keep_best(self) -> None:
        self.best_weights = self.model.get_weights()

    def save(self, file: Path, about: dict, state: LoopState) -> None:
        arrays = {f"engine/{name}": array for name, array in self.engine.state().items()}
        arrays |= {f"best/{number}": array for number, array in enumerate(self.best_weights)}
        metadata = {
            **about,
            "state": dataclasses.asdict(state),
            "initial": self.initial,
            "iterations": [dataclasses.astuple(iteration) for iteration in self.iterations],
        }
        write_checkpoint(file, Checkpoint(arrays, metadata))

    def restore(self, file: Path, about: dict) -> LoopState | None:
        """Take up what `save` put aside; None, and nothing changed, if there is none of this run."""
        try:
            checkpoint = read_checkpoint(file) if file.exists() else None
        except DamagedCheckpoint:
            checkpoint = None
        if not checkpoint or any(checkpoint.metadata.get(key) != value for key, value in about.items()):
            return None
        arrays, metadata = checkpoint.arrays, checkpoint.metadata
        self.engine.restore(
            {n.removeprefix("engine/"): a for n, a in arrays.items() if n.startswith("engine/")}
        )
        self.best_weights = [arrays[f"best/{number}"] for number in range(len(self.model.weights))]
        self.initial = metadata["initial"]
        self.iterations = [Iteration(*values) for values in metadata["iterations"]]
        state = metadata["state"]
        return LoopState(state["epochs_done"], Best(**state["best"]), state["since_best"])


def _build(run: NetworkRun, dataset: Dataset) -> keras.Model:
    sizes, penalties = (dataset.num_users, dataset.num_items), [0.0] * len(run.layers)
    if run.model == "GMF":
        return build_gmf(*sizes, run.factors, seed=run.seed)
    if run.model == "MLP":
        return build_mlp(*sizes, run.layers, penalties, activation=run.activation, seed=run.seed)
    return build_neumf(*sizes, run.factors, run.layers, penalties, activation=run.activation, seed=run.seed)


def _protocol(dataset: Dataset) -> LeaveOneOut:
    return LeaveOneOut(dataset.test_users, dataset.test_items, dataset.test_negatives)
