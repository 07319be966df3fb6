"""Keras' callbacks and a user's own do on the compiled engine what they do in plain `model.fit`."""

import csv
import itertools
import json

import keras
import numpy as np
import pytest

from ncf_keras.data import read_dataset
from ncf_keras.models import ModelSpec
from ncf_keras.sampling import NegativeSampler, batch_dataset
from ncf_keras.training import Trainer, TrainingSpec, clipped_log_loss, make_optimizer
from tests.small_data import NUM_ITEMS, NUM_USERS, write_random_files

ENGINES = ("compiled", "keras")
EPOCHS, RATE = 4, 0.02

pytestmark = pytest.mark.usefixtures("shared_programs")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    _, path, _, name = write_random_files(tmp_path_factory.mktemp("small"))
    return read_dataset(path, name)


def new_model():
    return ModelSpec("GMF", NUM_USERS, NUM_ITEMS, num_factors=4).build(seed=1)


@pytest.fixture(scope="module")
def start(dataset):
    """Return a function that trains with callbacks: the trainer and the history.

    Plain `fit` compiles its program anew after every `compile`, so that all tests share one trainer of it.
    """
    kept = {}

    def run(engine, callbacks, epochs=EPOCHS):
        spec = TrainingSpec(epochs, 64, learning_rate=RATE, select="test", seed=1, top_k=12, engine=engine)
        if engine not in kept:
            trainer = Trainer(new_model(), dataset, spec)
            kept[engine] = trainer, trainer.state()
        trainer, (arrays, progress) = kept[engine]
        trainer.spec = spec
        trainer.restore(arrays, progress)
        trainer.model.optimizer.learning_rate = RATE
        trainer.model.set_weights(new_model().get_weights())
        return trainer, trainer.fit(callbacks)

    return run


class When(keras.callbacks.Callback):
    """Calls a function of the model, and of the number and the logs, where it is told to."""

    def __init__(self, moment, action):
        super().__init__()
        setattr(self, moment, lambda number, logs=None: action(self.model, number, logs))


def stop_if(moment, condition):
    """Return a callback that sets `stop_training` where the condition holds."""

    def action(model, number, logs):
        model.stop_training = model.stop_training or condition(model, number, logs)

    return When(moment, action)


def stop_at_hit_ratio():
    return stop_if("on_epoch_end", lambda model, epoch, logs: logs["hr"] >= 0.6)


def stop_within_an_epoch():
    return stop_if("on_train_batch_end", lambda model, batch, logs: bool(model.optimizer.iterations == 19))


def halve_the_weights(model, epoch, logs):
    model.set_weights([array / 2 for array in model.get_weights()])


Keras, BEST = keras.callbacks, {"monitor": "hr", "mode": "max"}
CALLBACKS = {
    "none": lambda path: [],
    "EarlyStopping": lambda path: [Keras.EarlyStopping(**BEST, patience=1, restore_best_weights=True)],
    "EarlyStopping of the loss": lambda path: [
        Keras.EarlyStopping("loss", patience=0, min_delta=1, restore_best_weights=True)
    ],
    "ModelCheckpoint": lambda path: [Keras.ModelCheckpoint(path / "best.keras", **BEST, save_best_only=True)],
    "CSVLogger": lambda path: [Keras.CSVLogger(path / "log.csv")],
    "LearningRateScheduler": lambda path: [Keras.LearningRateScheduler(lambda epoch: RATE / (epoch + 1))],
    "ReduceLROnPlateau": lambda path: [Keras.ReduceLROnPlateau("loss", factor=0.1, patience=1, min_delta=1)],
    "StopAtHitRatio": lambda path: [stop_at_hit_ratio()],
    "StopWithinAnEpoch": lambda path: [stop_within_an_epoch()],
    "HalveTheWeights": lambda path: [When("on_epoch_end", halve_the_weights)],
}  # fmt: skip


def without_clock(history):
    return {name: values for name, values in history.history.items() if "seconds" not in name}


@pytest.mark.parametrize("name", CALLBACKS)
def test_both_engines_give_the_same_history_and_weights(start, tmp_path, name):
    ends = {}
    for engine in ENGINES:
        (tmp_path / engine).mkdir()
        trainer, history = start(engine, CALLBACKS[name](tmp_path / engine))
        ends[engine] = without_clock(history), history.epoch, trainer.model.get_weights()
    (figures, epochs, weights), (others, other_epochs, other_weights) = ends.values()
    assert epochs == other_epochs and figures.keys() == others.keys() >= {"hr", "ndcg", "loss"}
    for key, values in figures.items():
        np.testing.assert_allclose(values, others[key], atol=1e-5)
    for one, other in zip(weights, other_weights, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)
    stopped = {"EarlyStopping of the loss": 2, "StopWithinAnEpoch": 2}
    assert len(epochs) == stopped.get(name, EPOCHS) or name in ("EarlyStopping", "StopAtHitRatio")
    if name == "CSVLogger":
        texts = [(tmp_path / engine / "log.csv").read_text() for engine in ENGINES]
        rows = [[*csv.DictReader(text.splitlines())] for text in texts]
        assert [float(row["hr"]) for row in rows[0]] == [float(row["hr"]) for row in rows[1]] == figures["hr"]
    if name == "ModelCheckpoint":
        saved = [keras.models.load_model(tmp_path / engine / "best.keras", compile=False) for engine in ENGINES]
        for one, other in zip(*(model.get_weights() for model in saved), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)
    if name == "LearningRateScheduler":
        np.testing.assert_allclose(figures["learning_rate"], [RATE / (epoch + 1) for epoch in range(EPOCHS)])


def test_early_stopping_gives_the_weights_of_the_best_epoch(start):
    stop = keras.callbacks.EarlyStopping("hr", mode="max", patience=2, restore_best_weights=True)
    trainer, history = start("compiled", [stop], 30)
    assert len(history.epoch) < 30
    assert trainer.evaluate().hr == max(history.history["hr"]) == trainer.best.hr


def test_a_stop_at_a_hit_ratio_comes_after_that_epoch(start):
    _, whole = start("compiled", [], 12)
    reached = [hr >= 0.6 for hr in whole.history["hr"]]
    _, history = start("compiled", [stop_at_hit_ratio()], 12)
    assert history.epoch == list(range(reached.index(True) + 1))


def test_tensorboard_writes_the_curves(start, tmp_path):
    pytest.importorskip("tensorboard", reason="needs the extra `tensorboard`")
    start("compiled", [keras.callbacks.TensorBoard(tmp_path, write_graph=False)], 2)
    assert list((tmp_path / "train").iterdir())


def test_keras_lets_no_callback_set_the_rate_of_a_schedule(dataset):
    spec = TrainingSpec(2, 64, learning_rate=RATE, select="test", warmup_steps=5, top_k=12)
    trainer, rates = Trainer(new_model(), dataset, spec), []
    look = When("on_epoch_end", lambda model, *_: rates.append(float(model.optimizer.learning_rate)))
    trainer.fit([look, keras.callbacks.ReduceLROnPlateau("loss", patience=5)])
    assert rates == pytest.approx([RATE, RATE]) and trainer.epochs_done == 2
    trainer = Trainer(new_model(), dataset, spec)
    with pytest.raises(TypeError, match="its learning rate is not settable"):
        trainer.fit([keras.callbacks.LearningRateScheduler(lambda epoch: RATE / 2)])


class Recorder(keras.callbacks.Callback):
    """Writes down what it hears; `async_safe` or not, this is in order."""

    def __init__(self):
        super().__init__()
        self.heard = []

    def on_train_begin(self, logs=None):
        self.heard.append(("train begins",))

    def on_train_end(self, logs=None):
        self.heard.append(("train ends", "loss" in logs))

    def on_epoch_begin(self, epoch, logs=None):
        self.heard.append(("epoch begins", epoch))

    def on_epoch_end(self, epoch, logs=None):
        self.heard.append(("epoch ends", epoch, round(logs["loss"], 4)))

    def on_train_batch_begin(self, batch, logs=None):
        self.heard.append(("batch begins", batch))

    def on_train_batch_end(self, batch, logs=None):
        self.heard.append(("batch ends", batch, round(float(logs["loss"]), 4)))


def test_the_calls_are_those_of_model_fit_in_their_order(start, dataset):
    heard = {}
    for engine in ENGINES:
        recorder = Recorder()
        trainer, _ = start(engine, [recorder, stop_within_an_epoch()])
        assert recorder.params == {"verbose": 0, "epochs": EPOCHS, "steps": trainer.steps_per_epoch}
        heard[engine] = recorder.heard
    recorder, model = Recorder(), new_model()
    model.compile(make_optimizer("adam", RATE), clipped_log_loss)
    batches = batch_dataset(NegativeSampler(dataset, 4, 1), 64, itertools.count())
    options = {"epochs": EPOCHS, "steps_per_epoch": 10, "verbose": 0, "shuffle": False}
    model.fit(batches, callbacks=[recorder, stop_within_an_epoch()], **options)
    assert heard["keras"] == recorder.heard
    # The compiled engine tells of the ends of its programs: two an epoch, the last batch being a partial one.
    told = [("batch begins", 0), ("batch ends", 8), ("batch begins", 9), ("batch ends", 9)]
    expected = [each for each in recorder.heard if not each[0].startswith("batch") or each[:2] in told]
    assert heard["compiled"] == expected


@pytest.mark.parametrize("engine", ENGINES)
def test_a_stop_before_the_first_batch_of_an_epoch_ends_it(start, engine):
    """Keras trains on one batch then, the compiled engine runs one program."""
    trainer, history = start(engine, [stop_if("on_epoch_begin", lambda model, epoch, logs: epoch == 1)])
    assert history.epoch == [0, 1]
    assert trainer.model.optimizer.iterations == 20


@pytest.mark.parametrize("engine", ENGINES)
def test_lambdas_and_the_history_so_far(start, engine):
    heard, seen = [], []
    hear = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: heard.append(sorted(logs)))
    look = When("on_epoch_end", lambda model, *_: seen.append(len(model.history.history.get("hr", []))))
    start(engine, [hear, look], 2)
    assert heard == [["evaluation_seconds", "hr", "loss", "ndcg", "train_seconds"]] * 2
    assert seen == [0, 1]


def test_what_is_logged_can_be_written_as_json(start):
    heard = []
    hear = keras.callbacks.LambdaCallback(on_train_begin=heard.append, on_train_end=heard.append)
    _, history = start("compiled", [hear], 1)
    assert json.loads(json.dumps([history.history, *heard])) == [history.history, *heard]
    assert list(heard[0]) == ["hr", "ndcg"] and heard[1]["hr"] == history.history["hr"][0]
