"""What a model is, as data."""

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given, strategies as st

from ncf_keras import InputError, ModelSpec
from ncf_keras.base import memory
from ncf_keras.models import build_gmf, build_mlp, build_neumf
from ncf_keras.models.checks import ACTIVATIONS
from ncf_keras.models.spec import KINDS

COUNTS = st.integers(1, 10**9)
PENALTIES = st.floats(0, 1e9) | st.integers(0, 9)
SETTINGS = {"num_factors": COUNTS, "reg_mf": PENALTIES, "reg_rows": PENALTIES}


@st.composite
def specs(draw):
    layers = draw(st.lists(COUNTS, min_size=1, max_size=5))
    layers[0] *= 2
    settings = draw(st.fixed_dictionaries({"activation": st.sampled_from(ACTIVATIONS)}, optional=SETTINGS))
    if draw(st.booleans()):
        settings["reg_layers"] = draw(st.lists(PENALTIES, min_size=len(layers), max_size=len(layers)))
    return ModelSpec(draw(st.sampled_from(KINDS)), draw(COUNTS), draw(COUNTS), layers=layers, **settings)


@given(specs())
def test_a_spec_is_what_its_json_gives_back(spec):
    again = ModelSpec.from_json(json.loads(json.dumps(spec.to_json())))
    assert again == spec and hash(again) == hash(spec)
    assert len(spec.reg_layers) == len(spec.layers)


def test_numbers_of_numpy_are_numbers():
    spec = ModelSpec("MLP", np.int64(3), np.int32(4), layers=(np.int64(4), 2), reg_rows=np.float32(0.5))
    assert json.loads(json.dumps(spec.to_json()))["reg_rows"] == 0.5
    assert spec == ModelSpec("MLP", 3, 4, layers=(4, 2), reg_rows=0.5)
    with pytest.raises(dataclasses.FrozenInstanceError):
        spec.num_users = 5


HALVES = "half of it for each of the two embeddings"


@pytest.mark.parametrize(("settings", "sentence"), [
    ({"kind": "SVD"}, "`kind` must be one of GMF, MLP, NeuMF. Received: 'SVD'"),
    ({"num_users": 0}, "`num_users` must be a whole number of at least 1. Received: 0"),
    ({"num_items": "7"}, "`num_items` must be a whole number of at least 1. Received: '7'"),
    ({"num_factors": 1.5}, "`num_factors` must be a whole number of at least 1. Received: 1.5"),
    ({"layers": "[8,4]"}, "`layers` must be a list of numbers. Received: '[8,4]'"),
    ({"layers": []}, "`layers` must have at least one entry. Received: []"),
    ({"layers": [8, 0]}, "`layers` must be a whole number of at least 1. Received: 0"),
    ({"layers": [7]}, f"`layers` must begin with an even width, {HALVES}. Received: [7]"),
    ({"activation": "gelu"}, "`activation` must be one of relu, linear, tanh, sigmoid. Received: 'gelu'"),
    ({"regs": [0]}, "`regs` must have 2 entries, one for each of the two embeddings. Received: [0]"),
    ({"reg_layers": [0]}, "`reg_layers` must have 4 entries, one for each of `layers`. Received: [0]"),
    ({"reg_mf": -1}, "`reg_mf` must hold finite numbers of at least 0. Received: -1"),
    ({"reg_rows": float("nan")}, "`reg_rows` must hold finite numbers of at least 0. Received: nan"),
])  # fmt: skip
def test_each_rule_has_its_sentence(settings, sentence):
    with pytest.raises(InputError) as error:
        ModelSpec(**{"kind": "NeuMF", "num_users": 3, "num_items": 4, **settings})
    assert str(error.value) == sentence


@pytest.mark.parametrize(("settings", "build"), [
    ({"kind": "GMF", "num_factors": 3, "regs": (0.1, 0.2)}, lambda: build_gmf(5, 6, 3, (0.1, 0.2), seed=7)),
    ({"kind": "MLP", "layers": (4, 2), "reg_layers": (0.1, 0), "activation": "tanh", "reg_rows": 0.5},
     lambda: build_mlp(5, 6, (4, 2), (0.1, 0), activation="tanh", reg_rows=0.5, seed=7)),
    ({"kind": "NeuMF", "num_factors": 3, "layers": (4, 2), "reg_mf": 0.3},
     lambda: build_neumf(5, 6, 3, (4, 2), (0, 0), 0.3, seed=7)),
])  # fmt: skip
def test_what_is_built_is_what_the_builders_build(settings, build):
    found, expected = ModelSpec(num_users=5, num_items=6, **settings).build(seed=7), build()
    layers, others = ([each.get_config() | {"name": ""} for each in one.layers] for one in (found, expected))
    assert layers == others
    np.testing.assert_equal(found.get_weights(), expected.get_weights())


@pytest.mark.parametrize(("kind", "settings", "penalises"), [
    ("GMF", {"reg_mf": 1, "reg_layers": [1] * 4, "reg_rows": 1}, False),
    ("GMF", {"regs": (0, 1)}, True),
    ("MLP", {"regs": (1, 1), "reg_mf": 1, "reg_rows": 1, "reg_layers": [0, 1, 1, 1]}, False),
    ("MLP", {"reg_layers": [1, 0, 0, 0]}, True),
    ("NeuMF", {"regs": (1, 1), "reg_layers": [0, 1, 1, 1]}, False),
    ("NeuMF", {"reg_mf": 1}, True),
    ("NeuMF", {"reg_layers": [1, 0, 0, 0]}, True),
])  # fmt: skip
def test_penalties_on_embeddings_are_seen(kind, settings, penalises):
    assert ModelSpec(kind, 3, 4, **settings).penalises_embeddings is penalises


@pytest.mark.parametrize("spec", [
    ModelSpec("GMF", 5, 7, num_factors=3), ModelSpec("MLP", 5, 7, layers=(6, 4, 3)),
    ModelSpec("MLP", 5, 7, layers=(4,)),
    ModelSpec("NeuMF", 5, 7, num_factors=3, layers=(6, 4)),
])  # fmt: skip
def test_the_weights_are_counted_as_keras_counts_them_and_must_fit_before_any_is_made(spec, monkeypatch):
    assert spec.num_weights == spec.build(seed=1).count_params()
    monkeypatch.setattr(memory, "free_memory", lambda: 4 * spec.num_weights - 1)
    with pytest.raises(
        InputError, match=rf"^the {spec.num_weights} weights of the {spec.kind} must fit into the mem"
    ):
        spec.build()
