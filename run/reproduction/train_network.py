"""One training of GMF, MLP or NeuMF, which goes on after a kill where its last whole epoch was."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ncf_keras.base.files import written_beside
from ncf_keras.data import Dataset
from ncf_keras.evaluation import LeaveOneOut
from ncf_keras.models import ModelSpec
from ncf_keras.training import Iteration, Trainer, TrainingSpec
from ncf_keras.training.callbacks.best_weights import BestWeights
from ncf_keras.training.checkpoints import Checkpoint, DamagedCheckpoint, read_checkpoint, write_checkpoint
from ncf_keras.weights import fuse_pretrained, load_model, save_weights
from reproduction.runs import NetworkRun

SETTINGS = ("epochs", "batch_size", "num_neg", "learner", "learning_rate", "select", "seed", "patience")


def train_network(
    run: NetworkRun, dataset: Dataset, digest: str, work: Path, on_iteration: Callable[[Iteration], object]
) -> tuple[np.ndarray, dict]:
    """Train a run to its end and save its best weights as `<work>/<name>.h5`, its options beside them.

    The state after the last epoch stays as `<work>/<name>.checkpoint`, for the caller to remove once what is
    returned is stored: called again before that, this trains nothing and returns the same. A checkpoint of data
    of another `digest` is not gone on from. The weights of the run's parents are in `work`.

    Returns:
        The rank of each test item at the best iteration, int64, shape (tests,), and for the JSON `initial` (HR
        and NDCG before training), `iterations` (the fields of `Iteration`, in order) and `best`, by the pairs
        that picked it.
    """
    sizes = (dataset.num_users, dataset.num_items)
    model = ModelSpec(run.model, *sizes, run.factors, run.layers, run.activation).build(run.seed)
    if run.parents():
        fuse_pretrained(model, *(load_model(work / f"{parent.name}.h5") for parent in run.parents()))
    trainer = Trainer(model, dataset, TrainingSpec(**{name: getattr(run, name) for name in SETTINGS}))
    about = {"run": run.options(), "digest": digest}
    keeper = _Keeper(trainer, work / f"{run.name}.checkpoint", about, on_iteration)
    keeper.take_up()
    trainer.fit([keeper])
    # A kill in between leaves weights of unknown options, which count as none.
    options = work / f"{run.name}.options"
    options.unlink(missing_ok=True)
    save_weights(model, work / f"{run.name}.h5")
    with written_beside(options) as temporary:
        temporary.write_text(json.dumps(run.options()), encoding="utf-8")
    tests = LeaveOneOut(dataset.test_users, dataset.test_items, dataset.test_negatives)
    best, (hr, ndcg) = trainer.best, trainer.initial
    return tests.positions(trainer.score), {
        "initial": {"hr": hr, "ndcg": ndcg},
        "iterations": [dataclasses.astuple(iteration) for iteration in trainer.iterations],
        "best": {"iteration": best.number, "hr": best.hr, "ndcg": best.ndcg},
    }


class _Keeper(BestWeights):
    """Keeps the best weights and, in a file, the state after the last epoch, with what it is about."""

    def __init__(self, trainer: Trainer, file: Path, about: dict, on_iteration: Callable[[Iteration], object]):
        super().__init__(trainer)
        self._file, self._about, self._on_iteration = file, about, on_iteration

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Tell of the iteration and write the file."""
        super().on_epoch_end(epoch, logs)
        self._on_iteration(self._trainer.iterations[-1])
        engine, progress = self._trainer.state()
        parts = {"engine": engine, "best": self.state()}
        arrays = {f"{part}/{name}": array for part, state in parts.items() for name, array in state.items()}
        write_checkpoint(self._file, Checkpoint(arrays, {**self._about, "progress": progress}))

    def take_up(self) -> None:
        """Go on from the file; change nothing if there is none about the same."""
        try:
            checkpoint = read_checkpoint(self._file) if self._file.exists() else None
        except DamagedCheckpoint:
            checkpoint = None
        if checkpoint and all(checkpoint.metadata.get(key) == value for key, value in self._about.items()):
            parts: dict[str, dict[str, np.ndarray]] = {"engine": {}, "best": {}}
            for path, array in checkpoint.arrays.items():
                part, name = path.split("/", 1)
                parts[part][name] = array
            self._trainer.restore(parts["engine"], checkpoint.metadata["progress"])
            self.restore(parts["best"])
