"""How a model is trained, as data."""

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given, strategies as st

from ncf_keras import InputError, TrainingSpec
from ncf_keras.training.spec import ENGINES, LEARNERS, ON_NAN, SELECTIONS

COUNTS = st.integers(1, 2**40)
SETTINGS = {
    "epochs": COUNTS | st.just(0),
    "batch_size": COUNTS,
    "num_neg": COUNTS | st.just(0),
    "learner": st.sampled_from(LEARNERS),
    "learning_rate": st.floats(1e-300, 1e300) | st.integers(1, 9),
    "select": st.sampled_from(SELECTIONS),
    "seed": COUNTS | st.just(0),
    "engine": st.sampled_from(ENGINES),
    "top_k": COUNTS,
    "patience": st.none() | COUNTS,
    "evaluate_every": COUNTS,
    "shards": st.just(1),
    "on_nan": st.sampled_from(ON_NAN),
}


def test_these_are_all_settings():
    assert [each.name for each in dataclasses.fields(TrainingSpec)] == list(SETTINGS)
    assert TrainingSpec.names("may_change") == {"epochs", "on_nan"}
    assert TrainingSpec.names("of_chief") == {"top_k", "patience", "evaluate_every"}


@given(st.fixed_dictionaries({}, optional=SETTINGS))
def test_a_spec_is_what_its_json_gives_back(settings):
    spec = TrainingSpec(**settings)
    again = TrainingSpec.from_json(json.loads(json.dumps(spec.to_json())))
    assert again == spec and hash(again) == hash(spec)
    assert {name: getattr(spec, name) for name in settings} == settings


def test_numbers_of_numpy_are_numbers_and_learners_have_any_case():
    spec = TrainingSpec(epochs=np.int64(3), learning_rate=np.float64(0.5), learner="Adam")
    assert json.loads(json.dumps(spec.to_json()))["learning_rate"] == 0.5
    assert spec == TrainingSpec(epochs=3, learning_rate=0.5)
    with pytest.raises(dataclasses.FrozenInstanceError):
        spec.epochs = 5


COUNT = "must be a whole number of at least"


@pytest.mark.parametrize(("settings", "sentence"), [
    ({"epochs": -1}, f"`epochs` {COUNT} 0. Received: -1"),
    ({"epochs": 1.0}, f"`epochs` {COUNT} 0. Received: 1.0"),
    ({"num_neg": -1}, f"`num_neg` {COUNT} 0. Received: -1"),
    ({"seed": None}, f"`seed` {COUNT} 0. Received: None"),
    ({"batch_size": 0}, f"`batch_size` {COUNT} 1. Received: 0"),
    ({"top_k": True}, f"`top_k` {COUNT} 1. Received: True"),
    ({"evaluate_every": 0}, f"`evaluate_every` {COUNT} 1. Received: 0"),
    ({"patience": 1.5}, f"`patience` {COUNT} 1. Received: 1.5"),
    ({"learning_rate": 0}, "`learning_rate` must be a number above 0. Received: 0"),
    ({"learning_rate": float("nan")}, "`learning_rate` must be a number above 0. Received: nan"),
    ({"learning_rate": "fast"}, "`learning_rate` must be a number above 0. Received: 'fast'"),
    ({"learner": "adamw"}, "`learner` must be one of adagrad, adam, rmsprop, sgd. Received: 'adamw'"),
    ({"learner": 3}, "`learner` must be one of adagrad, adam, rmsprop, sgd. Received: 3"),
    ({"select": "train"}, "`select` must be one of test, validation, none. Received: 'train'"),
    ({"engine": "jax"}, "`engine` must be one of compiled, keras. Received: 'jax'"),
    ({"shards": 0}, f"`shards` {COUNT} 1. Received: 0"),
    ({"shards": 2, "engine": "keras"}, "`shards` must be 1 with the keras engine. Received: 2"),
    ({"on_nan": "go"}, "`on_nan` must be one of stop, reload. Received: 'go'"),
])  # fmt: skip
def test_each_rule_has_its_sentence(settings, sentence):
    with pytest.raises(InputError) as error:
        TrainingSpec(**settings)
    assert str(error.value) == sentence
