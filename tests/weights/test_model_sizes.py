"""The model and its sizes, told from a file."""

import keras
import numpy as np
import pytest

from ncf_keras.base.errors import InputError
from ncf_keras.models import build_gmf, build_mlp, build_neumf
from ncf_keras.weights import ModelSizes, build_model_for, load_model, model_sizes, read_weight_file
from tests.shared_files import golden
from tests.weights.small_models import WRITERS, arrays, assert_equal_bits, small_model, write_keras2, written

MODELS = {
    "GMF": (lambda: build_gmf(7, 5, 3), ModelSizes("GMF", 7, 5, 3, None)),
    "GMF of 1 factor": (lambda: build_gmf(1, 1, 1), ModelSizes("GMF", 1, 1, 1, None)),
    "MLP": (lambda: build_mlp(7, 5, [8, 6, 4], [0] * 3), ModelSizes("MLP", 7, 5, None, (8, 6, 4))),
    "MLP as narrow as GMF": (
        lambda: build_mlp(7, 5, [8, 4], [0] * 2),
        ModelSizes("MLP", 7, 5, None, (8, 4)),
    ),
    "MLP-0": (lambda: build_mlp(7, 5, [8], [0]), ModelSizes("MLP", 7, 5, None, (8,))),
    "MLP of 11 layers": (
        lambda: build_mlp(7, 5, [2] * 12, [0] * 12),
        ModelSizes("MLP", 7, 5, None, (2,) * 12),
    ),
    "NeuMF": (
        lambda: build_neumf(7, 5, 3, [8, 6], [0, 0]),
        ModelSizes("NeuMF", 7, 5, 3, (8, 6)),
    ),
    "NeuMF with MLP-0": (lambda: build_neumf(7, 5, 3, [8], [0]), ModelSizes("NeuMF", 7, 5, 3, (8,))),
}


@pytest.mark.parametrize("name", MODELS)
def test_sizes_of_every_model(name):
    build, expected = MODELS[name]
    model = build()
    assert model_sizes(arrays(model), "it") == expected
    assert expected.shapes() == {layer: [a.shape for a in found] for layer, found in arrays(model).items()}
    rebuilt = expected.build()
    assert rebuilt.name == model.name
    assert {n: [a.shape for a in found] for n, found in arrays(rebuilt).items()} == expected.shapes()


def test_sizes_in_words():
    assert str(MODELS["NeuMF"][1]) == "NeuMF, 7 users, 5 items, 3 factors, layers [8, 6]"
    assert str(MODELS["GMF"][1]) == "GMF, 7 users, 5 items, 3 factors"
    assert str(MODELS["MLP-0"][1]) == "MLP, 7 users, 5 items, layers [8]"


@pytest.mark.parametrize("layout", WRITERS)
@pytest.mark.parametrize("name", MODELS)
def test_a_file_becomes_its_model(name, layout, tmp_path):
    build, expected = MODELS[name]
    model = build()
    loaded = load_model(written(model, layout, tmp_path))
    assert isinstance(loaded, keras.Model)
    assert loaded.name == expected.model
    assert_equal_bits(arrays(loaded), arrays(model))


@pytest.mark.parametrize("name", ["GMF", "MLP", "NeuMF"])
def test_predictions_of_the_authors_code(name):
    """What Keras 1.0.7 on Theano predicted with these weights, for every pair of user and item."""
    model = load_model(golden(f"fusion_{name}.keras1.h5"))
    with np.load(golden("fusion.npz")) as recorded:
        expected = recorded[f"{name.lower()}_prediction"]
    users, items = np.indices(expected.shape).reshape(2, -1, 1).astype(np.int32)
    found = model([users, items]).numpy().reshape(expected.shape)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"user_embedding": None}, "layers of GMF, MLP or NeuMF"),
        ({"conv2d": (np.ones((3, 3), "f4"),)}, "layers of GMF, MLP or NeuMF.*conv2d"),
        ({"layer2": (np.ones((3, 3), "f4"),)}, "layers of GMF, MLP or NeuMF.*layer2"),
        ({"item_embedding": (np.ones((5, 4), "f4"),)}, "item_embedding +5 x 3 +5 x 4 +another shape"),
        ({"item_embedding": (np.ones(5, "f4"),)}, "two dimensions"),
        ({"prediction": (np.ones((5, 1), "f4"), np.ones(1, "f4"))}, "prediction +6 x 1"),
        ({"prediction": (np.ones((3, 2), "f4"), np.ones(2, "f4"))}, "another shape"),
        ({"prediction": (np.ones((3, 1), "f4"),)}, "another shape"),
        ({"prediction": (np.ones(3, "f4"), np.ones(1, "f4"))}, "two dimensions"),
    ],
)
def test_refuses_what_is_none_of_the_three(change, reason, tmp_path):
    layers = arrays(small_model("GMF")) | change
    write_keras2(tmp_path / "f.h5", {name: found for name, found in layers.items() if found})
    file = read_weight_file(tmp_path / "f.h5")
    with pytest.raises(InputError, match=reason) as caught:
        build_model_for(file)
    assert str(file.path) in str(caught.value)


def test_a_small_file_does_not_ask_for_a_huge_model(tmp_path):
    """100,000 users of width 1 against one item of width 100,000: a table of both would take 40 GB."""
    layers = {
        "user_embedding": (np.zeros((1, 10**5), "f4"),),
        "item_embedding": (np.zeros((10**5, 1), "f4"),),
        "prediction": (np.zeros((10**5, 1), "f4"), np.zeros(1, "f4")),
    }
    write_keras2(tmp_path / "f.h5", layers)
    with pytest.raises(InputError, match="another shape"):
        load_model(tmp_path / "f.h5")
