"""The 24 training runs of the authors' own code, repeated with both engines' arithmetic."""

import json
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest
import tensorflow as tf

from ncf_keras.models import build_gmf, build_mlp, build_neumf
from ncf_keras.training import CompiledEngine, clipped_log_loss, make_optimizer
from tests.shared_files import golden
from tests.training.one_worker import record_losses

RUNS = [
    f"{model}_{learner}_{penalty}"
    for model in ("GMF", "MLP", "NeuMF")
    for learner in ("adam", "adagrad", "rmsprop", "sgd")
    for penalty in ("plain", "l2")
]
# Each model with each learner, every other one with penalties; all of them is slow.
ALTERNATELY = [RUNS[2 * pair + (pair + pair // 4) % 2] for pair in range(len(RUNS) // 2)]


class RecordedBatches:
    """Stands in for the sampler: the batches that the authors' code was given."""

    recent = 0

    def __init__(self, recorded: dict):
        self._arrays = tuple(recorded[f"batches/{name}"].ravel() for name in ("user", "item", "label"))
        self.num_examples = len(self._arrays[0])

    def chunks(self, epoch: int, chunk_size: int):
        for start in range(0, self.num_examples, chunk_size):
            yield tuple(array[start : start + chunk_size] for array in self._arrays)


def initial_model(recorded: dict, settings: dict) -> keras.Model:
    sizes = (settings["num_users"], settings["num_items"])
    if settings["model"] == "GMF":
        model = build_gmf(*sizes, settings["num_factors"], settings["regs"])
    elif settings["model"] == "MLP":
        model = build_mlp(*sizes, settings["layers"], settings["reg_layers"])
    else:
        penalties = (settings["reg_layers"], settings["reg_mf"])
        model = build_neumf(*sizes, settings["num_factors"], settings["layers"], *penalties)
    for layer in model.layers:
        if layer.weights:
            names = [f"init/{layer.name}/{layer.name}_{part}" for part in ("W", "b")]
            layer.set_weights([recorded[name] for name in names if name in recorded])
    return model


def train_with_keras(model: keras.Model, recorded: dict, settings: dict) -> np.ndarray:
    model.compile(make_optimizer(settings["learner"], settings["learning_rate"]), clipped_log_loss)
    losses = []
    batches = zip(*(recorded[f"batches/{name}"][:, :, None] for name in ("user", "item", "label")), strict=True)
    for users, items, labels in batches:
        losses.append(model.train_on_batch([users, items], labels))
        model.reset_metrics()
    return np.array(losses)


def train_compiled(model: keras.Model, recorded: dict, settings: dict) -> np.ndarray:
    batch_size = recorded["batches/user"].shape[1]
    learner, rate = settings["learner"], settings["learning_rate"]
    return record_losses(CompiledEngine(model, RecordedBatches(recorded), learner, rate, batch_size))


@pytest.mark.parametrize(("train", "runs", "most_equal"), [
    pytest.param(train_with_keras, RUNS, 17, marks=pytest.mark.slow),
    pytest.param(train_compiled, RUNS, 17, marks=pytest.mark.slow),
    (train_compiled, ALTERNATELY, 9),
])  # fmt: skip
def test_the_authors_runs_are_reproduced(train, runs, most_equal):
    def difference(run: str) -> float:
        recorded = dict(np.load(golden(f"{run}.npz")))
        settings = json.loads(str(recorded["meta_json"]))
        model = initial_model(recorded, settings)
        losses = train(model, recorded, settings)
        users, items = np.indices(recorded["final_prediction"].shape, dtype=np.int32).reshape(2, -1, 1)
        predictions = model([tf.constant(users), tf.constant(items)]).numpy()
        found, expected = (
            (losses, predictions.ravel()),
            (recorded["loss"], recorded["final_prediction"].ravel()),
        )
        return max(np.abs(one - other).max() for one, other in zip(found, expected, strict=True))

    # Most of the time goes into compiling, for which the threads need not wait for one another.
    with ThreadPoolExecutor(2) as pool:
        worst = dict(zip(runs, pool.map(difference, runs), strict=True))
    assert max(worst.values()) <= 5e-4, worst
    assert sum(one <= 1e-5 for one in worst.values()) >= most_equal, worst
