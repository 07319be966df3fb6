"""`ncf_keras.train`: the run commands' training as one call."""

import logging
import re

import keras
import numpy as np
import pandas as pd
import pytest

import ncf_keras
from ncf_keras import InputError, ModelSpec, Trainer, TrainingSpec, train
from ncf_keras.data import read_dataset, split_validation
from tests.cli.running import run
from tests.predicting import ranked
from tests.shared_programs import SharedPrograms
from tests.small_data import NUM_ITEMS, NUM_USERS, write_random_files

pytestmark = pytest.mark.usefixtures("shared_programs")
QUICK = {"model": "GMF", "num_factors": 4, "learning_rate": 0.05, "batch_size": 16, "verbose": 0}


@pytest.fixture(scope="module")
def flags(tmp_path_factory):
    return write_random_files(tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="module")
def dataset(flags):
    return read_dataset(flags[1], "small")


def lines_of(text):
    return [re.sub(r"\[\d+\.\d s\]", "[]", line) for line in text if line.startswith("Iteration")]


def test_command_notebook_and_trainer_print_the_same(dataset, flags, capsys):
    command = run("NeuMF", *flags, "--seed", 3, "--epochs", 4, "--lr", 0.02, "--batch_size", 16, "--out", 0)
    common = {"epochs": 4, "batch_size": 16, "learning_rate": 0.02, "seed": 3, "select": "test"}
    result = train(dataset, "NeuMF", **common, on_iteration=print, verbose=0)
    notebook = capsys.readouterr().out.splitlines()
    trainer = Trainer(ModelSpec("NeuMF", NUM_USERS, NUM_ITEMS).build(3), dataset, TrainingSpec(**common))
    history = trainer.fit()
    assert lines_of(command.lines) == lines_of(notebook) == lines_of(map(str, trainer.iterations))
    assert len(notebook) == 4
    assert [(one.hr, one.ndcg, one.loss) for one in result.iterations] == [
        *zip(*(history.history[name] for name in ("hr", "ndcg", "loss")), strict=True)
    ]
    assert command.end() == (result.best.number, round(result.best.hr, 4), round(result.best.ndcg, 4))
    assert trainer.best == result.best


def test_the_model_has_the_weights_of_the_best_iteration(dataset):
    result = train(dataset, **QUICK, epochs=25, select="test", seed=3)
    assert result.best.number < 24, "the last iteration must not be the best for this test to tell anything"
    again = ranked(dataset, result.model)
    assert (again.hr, again.ndcg) == (result.best.hr, result.best.ndcg) == (result.test.hr, result.test.ndcg)
    assert result.best.hr == max(result.history.hr)
    assert list(result.history.number) == list(range(25))
    assert f"best iteration {result.best.number} of 25" in repr(result) and len(repr(result).splitlines()) <= 3


def test_validation_pairs_pick_the_best_by_default_and_are_not_trained_on(dataset):
    seen = []
    result = train(dataset, **QUICK, epochs=6, on_iteration=seen.append)
    part = split_validation(dataset)
    assert part.num_train == dataset.num_train - NUM_USERS
    # Training on that part alone, picked by its own test pairs, is the same run.
    same = train(part, **QUICK, epochs=6, select="test")
    assert [one.hr for one in seen] == [one.hr for one in same.iterations]
    np.testing.assert_equal(result.model.get_weights(), same.model.get_weights())
    np.testing.assert_array_equal(result.test.hits, ranked(dataset, result.model).hits)


def test_a_model_of_ones_own_is_trained_in_place_and_callbacks_hear_of_it(dataset):
    model = ModelSpec("GMF", NUM_USERS, NUM_ITEMS, num_factors=4).build(seed=1)
    before, heard = model.get_weights(), []
    callback = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: heard.append(logs["hr"]))
    options = {**QUICK, "model": model}
    result = train(dataset, **options, epochs=8, patience=2, callbacks=[callback])
    assert result.model is model and heard == [one.hr for one in result.iterations]
    assert len(heard) == result.best.number + 3 < 8
    assert result.best.number == -1 or any(
        (a != b).any() for a, b in zip(before, model.get_weights(), strict=True)
    )


def test_the_bar_of_keras_is_shown_unless_it_is_not_wanted(dataset, capsys):
    for verbose in (1, 0):
        train(dataset, **{**QUICK, "verbose": verbose}, epochs=2)
        out, err = capsys.readouterr()
        assert err == "" and ("Epoch 1/2" in out) == ("hr:" in out) == bool(out) == bool(verbose)


@pytest.mark.parametrize("within_an_epoch", [False, True])
def test_ctrl_c_returns_the_best_so_far(dataset, within_an_epoch):
    class CtrlC(keras.callbacks.Callback):
        epochs = 0

        def on_epoch_end(self, epoch, logs=None):
            self.epochs += 1
            if self.epochs == 3 and not within_an_epoch:
                raise KeyboardInterrupt

        def on_train_batch_end(self, batch, logs=None):
            if self.epochs == 3:
                raise KeyboardInterrupt

    result = train(dataset, **QUICK, epochs=50, callbacks=[CtrlC()], seed=3)
    whole = train(dataset, **QUICK, epochs=3, seed=3)
    assert len(result.iterations) == 3 and result.best == whole.best
    np.testing.assert_equal(result.model.get_weights(), whole.model.get_weights())
    assert result.test.hr == whole.test.hr


FRAME = pd.DataFrame({"user": [1]})


@pytest.mark.parametrize(("data", "options", "sentence"), [
    (None, {"model": "SVD"}, "`model` must be one of GMF, MLP, NeuMF. Received: 'SVD'"),
    (None, {"model": 3}, "`model` must be one of GMF, MLP, NeuMF or a Keras model. Received: 3"),
    (None, {"epochs": -1}, "`epochs` must be a whole number of at least 0. Received: -1"),
    (FRAME, {}, "`dataset` must be a Dataset (`ncf_keras.Dataset.from_dataframe` makes one of a log). "
     "Received: a DataFrame"),
    ("sample", {}, "`dataset` must be a Dataset (`ncf_keras.read_dataset` or `ncf_keras.sample_dataset` "
     "gives one). Received: 'sample'"),
])  # fmt: skip
def test_a_mistake_is_one_sentence(dataset, data, options, sentence):
    with pytest.raises(InputError) as error:
        train(dataset if data is None else data, **options)
    assert str(error.value) == sentence


@pytest.mark.slow
def test_many_trainings_warn_of_nothing(dataset, caplog, monkeypatch, calls=20):
    """TensorFlow's logger is told if 5 of the last 10 calls of what it takes for a function were traced."""
    logger = logging.getLogger("tensorflow")
    monkeypatch.setattr(logger, "propagate", True)
    with caplog.at_level(logging.WARNING, "tensorflow"), SharedPrograms.set_aside():
        for seed in range(calls):
            train(dataset, **{**QUICK, "learner": "sgd"}, epochs=1, seed=seed)
    assert caplog.records == []


def test_the_package_answers_for_its_names_without_loading_tensorflow_for_the_others():
    assert set(ncf_keras.__all__) <= set(dir(ncf_keras))
    with pytest.raises(AttributeError, match="has no attribute 'fit'"):
        ncf_keras.fit  # noqa: B018
