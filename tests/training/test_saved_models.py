"""What `model.save` wrote, `keras.saving.load_model` takes: with every learner and every loss of ours."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest

from ncf_keras.models import build_gmf, build_mf
from ncf_keras.models.pair_difference import PairDifference
from ncf_keras.training import (
    LEARNERS,
    bpr_loss,
    clipped_log_loss,
    custom_objects,
    make_optimizer,
    margin_loss,
    weighted_squared_loss,
)
from ncf_keras.training.learners import Adagrad, Adam, RMSprop

NAMES = ("user_input", "item_input", "negative_input")
INPUTS = dict(zip(NAMES, np.random.default_rng(0).integers(0, 5, (3, 16, 1), np.int32), strict=True))
LABELS = np.float32(INPUTS["user_input"] > INPUTS["item_input"])
LOSSES = {
    "log": clipped_log_loss,
    "squared": weighted_squared_loss(0.3),
    "bpr": bpr_loss,
    "margin": margin_loss(2.0),
    "of Keras": "binary_crossentropy",
}
OTHER_LOSSES = [name for name in LOSSES if name != "log"]
IN_A_FRESH_PROCESS = """
import json, sys
import ncf_keras
assert "keras" not in sys.modules
import keras
import numpy as np
inputs, labels, paths = json.load(sys.stdin)
inputs = {name: np.array(values, np.int32) for name, values in inputs.items()}
models = [keras.saving.load_model(path) for path in paths]
print(json.dumps([float(model.train_on_batch(inputs, np.array(labels, np.float32))) for model in models]))
"""


def next_losses(model):
    losses = []
    for _ in range(2):
        model.reset_metrics()
        losses.append(float(model.train_on_batch(INPUTS, LABELS)))
    return losses


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Return the files of models trained for two steps with each learner and loss, and their next losses."""
    folder, files = tmp_path_factory.mktemp("saved"), {}
    for learner, name in [*zip(LEARNERS, ["log"] * 4, strict=True), *(("adam", name) for name in OTHER_LOSSES)]:
        is_pairwise = name in ("bpr", "margin")
        model = PairDifference(build_mf(5, 5, 4, seed=1)) if is_pairwise else build_gmf(5, 5, 4, seed=1)
        model.compile(make_optimizer(learner, 0.05), LOSSES[name], run_eagerly=True)
        next_losses(model)
        path = folder / f"{learner} {name}.keras"
        model.save(path)
        files[path] = next_losses(model)
    return files


def test_training_goes_on_after_loading(saved):
    for path, expected in saved.items():
        assert next_losses(keras.saving.load_model(path)) == expected, path
    assert len(set(map(tuple, saved.values()))) >= 7  # the log loss and Keras' own may give the same


def test_a_fresh_process_needs_the_package_alone(saved):
    asked = [{name: values.tolist() for name, values in INPUTS.items()}, LABELS.tolist(), list(map(str, saved))]
    command = [sys.executable, "-c", IN_A_FRESH_PROCESS]
    done = subprocess.run(command, input=json.dumps(asked), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == [first for first, _ in saved.values()]


def test_custom_objects_stand_in_for_the_package(saved, monkeypatch):
    ours = custom_objects()
    for name in ours:
        assert name.startswith("ncf_keras>")
        monkeypatch.delitem(keras.saving.get_custom_objects(), name)
    path = next(iter(saved))
    with pytest.raises(TypeError, match="Could not locate"):
        keras.saving.load_model(path)
    for path, expected in saved.items():
        assert next_losses(keras.saving.load_model(path, custom_objects=ours)) == expected, path


@pytest.mark.parametrize("learner", [Adagrad, Adam, RMSprop])
@pytest.mark.parametrize("rate", [0.25, keras.optimizers.schedules.ExponentialDecay(0.5, 10, 0.9)])
def test_a_learner_is_what_its_config_says(learner, rate):
    options = {"name": "mine", "weight_decay": 0.01, "clipnorm": 1.0, "use_ema": True}
    if learner is Adam:
        options |= {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-4}
    one = learner(rate, **options)
    other = keras.optimizers.deserialize(keras.optimizers.serialize(one))
    assert type(other) is learner and other.get_config() == one.get_config()
    assert one.get_config().items() >= options.items()
    assert Adam().epsilon == 1e-8


def test_a_schedule_is_a_learning_rate():
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay([1], [0.5, 0.25])
    variable = keras.Variable([1.0])
    optimizer = make_optimizer("sgd", schedule)
    for _ in range(3):
        optimizer.apply([keras.ops.array([1.0])], [variable])
    assert float(variable.numpy()[0]) == 1 - 0.5 - 0.5 - 0.25
