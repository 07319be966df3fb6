"""The models that `replay.py` compares before each step, and what each of them costs."""

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
from _replayed_log import NextStep, ReplayedLog

from ncf_keras.base.errors import InputError
from ncf_keras.base.files import written_beside
from ncf_keras.data import Dataset
from ncf_keras.evaluation.full_ranking import ScoreAll
from ncf_keras.models import ModelSpec, all_scores
from ncf_keras.training import Trainer, TrainingSpec
from ncf_keras.training.warm_start import warm_start
from ncf_keras.updating.update import recent_and_replayed
from ncf_keras.weights import read_weight_file, save_weights

METHODS = ("anew", "warm", "frozen", "popularity")


class Ready(NamedTuple):
    """A model that is ready to rank a step.

    Attributes:
        score_all: scores all items for some users.
        examples: that it was trained on before this step, in all epochs.
        training: seconds of that.
        folding: seconds of folding newcomers in.
    """

    score_all: ScoreAll
    examples: int = 0
    training: float = 0.0
    folding: float = 0.0


@dataclass(frozen=True)
class ReplaySettings:
    """How the models are trained.

    Attributes:
        log: what is replayed, by name.
        kind: `GMF`, `MLP` or `NeuMF`, of 8 factors.
        epochs: of day one and of each training anew.
        warm_epochs: of each training that starts from the step before.
        warm_rate: its learning rate.
        replay: old interactions for each new one in it.
        negatives: items that the item of a test pair is ranked among.
        seed: of weights, examples and negatives.
    """

    log: str
    kind: str
    epochs: int
    warm_epochs: int
    warm_rate: float
    replay: float
    negatives: int
    seed: int


class Replay:
    """Trains and ranks, step by step, and keeps each result in a file, so that it can be stopped at any time.

    Args:
        log: what is replayed.
        settings: how.
        directory: of the results and the weights; one that holds those of other settings is refused.
    """

    def __init__(self, log: ReplayedLog, settings: ReplaySettings, directory: Path):
        self._log, self._settings, self._directory = log, settings, directory
        self._require_same_settings()

    def results(self, say: Callable[[str], None]) -> list[dict[str, dict]]:
        """Return for each step and method what `Ready` tells of the costs, and `positions` by protocol.

        What is in a file already is not done again.
        """
        return [
            {method: self._result(step, method, say) for method in METHODS}
            for step in range(1, self._log.num_steps + 1)
        ]

    def dataset(self, step: int) -> Dataset:
        """Return what is known before a step, with the pairs of the step."""
        return self._log.dataset_before(step, self._settings.seed, self._settings.negatives)

    def _result(self, step: int, method: str, say: Callable[[str], None]) -> dict:
        file = self._directory / f"step_{step:02}_{method}.json"
        if not file.is_file():
            dataset = self.dataset(step)
            ready = getattr(self, f"_{method}")(step, dataset)
            positions = NextStep(dataset).positions(ready.score_all)
            listed = {protocol: values.tolist() for protocol, values in positions.items()}
            costs = ready._asdict()
            del costs["score_all"]
            _write_json(file, {**costs, "positions": listed})
            seconds, pairs = ready.training + ready.folding, len(dataset.test_users)
            hits = ", ".join(f"{protocol} {(values < 10).mean():.4f}" for protocol, values in positions.items())
            say(f"step {step}, {method}: {seconds:.1f} s, {pairs:,} pairs, HR@10 {hits}")
        result = json.loads(file.read_text())
        result["positions"] = {name: np.array(values) for name, values in result["positions"].items()}
        return result

    def _anew(self, step: int, dataset: Dataset) -> Ready:
        model = self._built(dataset)
        trained = self._trained(model, dataset, epochs=self._settings.epochs, seed=self._settings.seed)
        if step == 1:
            save_weights(model, self._weights_of(step))
        return trained

    def _warm(self, step: int, dataset: Dataset) -> Ready:
        if step == 1:
            return self._frozen(step, dataset)
        settings = self._settings
        model, folding = self._started(dataset, step - 1)
        # Each time other negatives are drawn.
        seed, earlier = settings.seed + step, self._log.earlier_before(step - 1)
        positives = recent_and_replayed(dataset, earlier, settings.replay, seed)
        rate, epochs = settings.warm_rate, settings.warm_epochs
        trained = self._trained(model, dataset, positives, epochs=epochs, learning_rate=rate, seed=seed)
        save_weights(model, self._weights_of(step))
        return trained._replace(folding=folding)

    def _frozen(self, step: int, dataset: Dataset) -> Ready:
        model, folding = self._started(dataset, 1)
        return Ready(all_scores(model), folding=folding)

    def _popularity(self, step: int, dataset: Dataset) -> Ready:
        counts = dataset.item_counts.astype(np.float32)
        return Ready(lambda users: np.tile(counts, (len(users), 1)))

    def _trained(
        self, model: keras.Model, dataset: Dataset, positives: np.ndarray | None = None, **settings: float
    ) -> Ready:
        trainer = Trainer(model, dataset, TrainingSpec(select="none", **settings), positives=positives)
        started = time.perf_counter()
        trainer.fit()
        seconds = time.perf_counter() - started
        return Ready(all_scores(model), trainer.num_examples * trainer.epochs_done, seconds)

    def _built(self, dataset: Dataset) -> keras.Model:
        spec = ModelSpec(self._settings.kind, dataset.num_users, dataset.num_items)
        return spec.build(self._settings.seed)

    def _started(self, dataset: Dataset, trained_before: int) -> tuple[keras.Model, float]:
        """Return the model that was trained before an earlier step, newcomers folded in, and the seconds."""
        model, earlier = self._built(dataset), self._log.earlier_before(trained_before)
        layers = read_weight_file(self._weights_of(trained_before)).layers
        started = time.perf_counter()
        warm_start(model, dataset, layers, earlier.user_ids.tolist(), earlier.item_ids.tolist())
        return model, time.perf_counter() - started

    def _weights_of(self, step: int) -> Path:
        return self._directory / f"before_step_{step:02}.h5"

    def _require_same_settings(self) -> None:
        file, now = self._directory / "settings.json", {**asdict(self._settings), "bounds": self._log.bounds}
        if not file.is_file():
            _write_json(file, now)
        earlier = json.loads(file.read_text())
        changed = [name for name in now if earlier.get(name) != now[name]]
        if changed:
            raise InputError(
                f"`--out` must be a directory of the same settings. Received: {self._directory}, where "
                f"`{changed[0]}` was {earlier.get(changed[0])}"
            )


def _write_json(file: Path, value: object) -> None:
    with written_beside(file) as temporary:
        temporary.write_text(json.dumps(value), encoding="utf-8")
