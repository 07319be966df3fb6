"""How a model is trained, as data."""

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given, strategies as st

from ncf_keras import InputError, TrainingSpec
from ncf_keras.training.spec import DECAYS, ENGINES, LEARNERS, ON_NAN, PRECISIONS, SAMPLERS, SELECTIONS, STEPS

COUNTS = st.integers(1, 2**40)
BELOW_1 = st.floats(0, 1, exclude_min=True, exclude_max=True)
ADAMS = {"beta_1", "beta_2", "epsilon"}
SETTINGS = {
    "epochs": COUNTS | st.just(0),
    "batch_size": COUNTS,
    "num_neg": COUNTS | st.just(0),
    "learner": st.sampled_from(LEARNERS),
    "learning_rate": st.floats(1e-300, 1e300) | st.integers(1, 9),
    "select": st.sampled_from(SELECTIONS),
    "seed": COUNTS | st.just(0),
    "engine": st.sampled_from(ENGINES),
    "sampler": st.sampled_from(SAMPLERS),
    "step": st.sampled_from(STEPS),
    "top_k": COUNTS,
    "patience": st.none() | COUNTS,
    "evaluate_every": COUNTS,
    "shards": st.just(1),
    "on_nan": st.sampled_from(ON_NAN),
    "precision": st.sampled_from(PRECISIONS),
    "deterministic": st.booleans(),
    "beta_1": BELOW_1,
    "beta_2": BELOW_1,
    "epsilon": st.floats(1e-30, 1e30),
    "warmup_steps": COUNTS | st.just(0),
    "learning_rate_decay": st.sampled_from(DECAYS),
    "decay_steps": COUNTS | st.just(0),
    "decay_rate": st.floats(0, 1, exclude_min=True),
}


def fits(settings):
    """Whether settings that depend on each other do."""
    decays = settings.get("learning_rate_decay", "none") != "none"
    is_adam = settings.get("learner", "adam") == "adam"
    compiled_alone = settings.get("sampler") == "device" or settings.get("step", "auto") != "auto"
    return (
        decays == (settings.get("decay_steps", 0) > 0)
        and (is_adam or not settings.keys() & ADAMS)
        and ("decay_rate" not in settings or settings.get("learning_rate_decay") == "exponential")
        and not (compiled_alone and settings.get("engine") == "keras")
        and not (settings.get("patience") and settings.get("select") == "none")
    )


def test_these_are_all_settings():
    assert [each.name for each in dataclasses.fields(TrainingSpec)] == list(SETTINGS)
    assert TrainingSpec.names("may_change") == {"epochs", "sampler", "on_nan"}
    assert TrainingSpec.names("of_chief") == {"top_k", "patience", "evaluate_every"}


@given(st.fixed_dictionaries({}, optional=SETTINGS).filter(fits))
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
DECAY_STEPS = "`decay_steps` must be at least 1 with a decay of the learning rate, and be left out without one"


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
    ({"precision": "float16"}, "`precision` must be one of float32, tf32, bfloat16. Received: 'float16'"),
    ({"deterministic": 1}, "`deterministic` must be True or False. Received: 1"),
    ({"beta_1": 0}, "`beta_1` must be a number above 0 and below 1. Received: 0"),
    ({"beta_2": 1.0}, "`beta_2` must be a number above 0 and below 1. Received: 1.0"),
    ({"epsilon": 0}, "`epsilon` must be a number of at least 1e-30. Received: 0"),
    (
        {"beta_2": 0.5, "learner": "sgd"},
        "`beta_2` must be left out for other learners than adam. Received: sgd",
    ),
    ({"warmup_steps": -1}, f"`warmup_steps` {COUNT} 0. Received: -1"),
    (
        {"learning_rate_decay": "linear"},
        "`learning_rate_decay` must be one of none, cosine, exponential. Received: 'linear'",
    ),
    ({"decay_steps": 9}, f"{DECAY_STEPS}. Received: 9"),
    ({"learning_rate_decay": "cosine"}, f"{DECAY_STEPS}. Received: 0"),
    (
        {"learning_rate_decay": "cosine", "decay_steps": 9, "decay_rate": 0.5},
        "`decay_rate` must be left out unless `learning_rate_decay` is exponential. "
        "Received: 0.5 with 'cosine'",
    ),
    ({"decay_rate": 1.5}, "`decay_rate` must be a number above 0 and at most 1. Received: 1.5"),
    ({"step": "sparse"}, "`step` must be one of auto, dense, deferred. Received: 'sparse'"),
    ({"engine": "keras", "step": "dense"}, "`step` must be auto for the keras engine. Received: 'dense'"),
    ({"sampler": "gpu"}, "`sampler` must be one of auto, host, device. Received: 'gpu'"),
    (
        {"engine": "keras", "sampler": "device"},
        "`sampler` must be host or auto for the keras engine. Received: 'device'",
    ),
    ({"shards": 0}, f"`shards` {COUNT} 1. Received: 0"),
    (
        {"patience": 2, "select": "none"},
        "`patience` must be None with `select` none, which evaluates nothing. Received: 2",
    ),
    ({"shards": 2, "engine": "keras"}, "`shards` must be 1 with the keras engine. Received: 2"),
    (
        {"shards": 17, "batch_size": 16},
        "`shards` must be at most `batch_size`, because each batch has examples of every shard. "
        "Received: 17, with batches of 16",
    ),
    ({"shards": 2, "sampler": "device"}, "`shards` must be 1 with the device's sampler. Received: 2"),
    ({"shards": 2, "step": "dense"}, "`step` must be auto with shards. Received: 'dense'"),
    ({"on_nan": "go"}, "`on_nan` must be one of stop, reload. Received: 'go'"),
])  # fmt: skip
def test_each_rule_has_its_sentence(settings, sentence):
    with pytest.raises(InputError) as error:
        TrainingSpec(**settings)
    assert str(error.value) == sentence
