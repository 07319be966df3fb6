"""All weights of a file into a model, or none; and the model and its sizes, told from a file."""

import numpy as np
import pytest

from ncf_keras.base.errors import InputError
from ncf_keras.models.spec import ModelSpec
from ncf_keras.weights import WeightFile, build_model_for, load_model, load_weights, model_sizes, sizes_in_words
from tests.shared_files import golden
from tests.weights.small_models import (
    KINDS,
    LAYOUTS,
    WRITERS,
    arrays,
    assert_equal_bits,
    small_model,
    write_keras2,
    written,
)


@pytest.mark.parametrize("layout", WRITERS)
def test_users_and_items_are_never_swapped(layout, tmp_path):
    """With as many users as items every shape fits both tables: only the name tells them apart.

    The content tells the layout, and not the suffix.
    """
    source = small_model("NeuMF", num_users=6, num_items=6, seed=1)
    target = small_model("NeuMF", num_users=6, num_items=6, seed=2)
    file = load_weights(target, written(source, layout, tmp_path).rename(tmp_path / "odd.txt"))
    assert file.layout == LAYOUTS[layout]
    assert_equal_bits(file.layers, arrays(source))
    assert_equal_bits(arrays(target), arrays(source))
    pairs = [side[:, None] for side in np.divmod(np.arange(36, dtype=np.int32), 6)]
    np.testing.assert_array_equal(target(pairs), source(pairs))


def test_table_of_what_does_not_fit(tmp_path):
    layers = arrays(small_model("MLP"))
    del layers["layer1"]
    layers["layer2"] = (layers["layer2"][0], np.zeros(5, "f4"))
    layers["attention"] = (np.zeros((2, 2), "f4"),)
    write_keras2(tmp_path / "wrong.h5", layers)
    model = small_model("MLP", seed=4)
    with pytest.raises(InputError) as caught:
        load_weights(model, tmp_path / "wrong.h5")
    assert_equal_bits(arrays(model), arrays(small_model("MLP", seed=4)))
    assert str(caught.value) == (
        f"{tmp_path / 'wrong.h5'} must have exactly the layers of the model MLP. Received:\n"
        "  layer           expected   found\n"
        "  user_embedding  7 x 4      7 x 4      ok\n"
        "  item_embedding  5 x 4      5 x 4      ok\n"
        "  layer1          8 x 6 + 6  -          missing\n"
        "  layer2          6 x 4 + 4  6 x 4 + 5  another shape\n"
        "  prediction      4 x 1 + 1  4 x 1 + 1  ok\n"
        "  attention       -          2 x 2      not in the model"
    )


SPECS = {
    "GMF, 7 users, 5 items, 3 factors": ModelSpec("GMF", 7, 5, 3),
    "MLP, 7 users, 5 items, layers [8, 6, 4]": ModelSpec("MLP", 7, 5, layers=(8, 6, 4)),
    # As narrow as a GMF.
    "MLP, 7 users, 5 items, layers [8, 4]": ModelSpec("MLP", 7, 5, layers=(8, 4)),
    "MLP, 7 users, 5 items, layers [8]": ModelSpec("MLP", 7, 5, layers=(8,)),
    f"MLP, 7 users, 5 items, layers {[2] * 12}": ModelSpec("MLP", 7, 5, layers=(2,) * 12),
    "NeuMF, 7 users, 5 items, 3 factors, layers [8]": ModelSpec("NeuMF", 7, 5, 3, (8,)),
}


@pytest.mark.parametrize("words", SPECS)
def test_a_file_becomes_its_model(words, tmp_path):
    spec, model = SPECS[words], SPECS[words].build()
    assert model_sizes(arrays(model), "it") == spec
    assert sizes_in_words(spec) == words
    loaded = load_model(written(model, "keras1.h5", tmp_path))
    assert loaded.name == spec.kind
    assert_equal_bits(arrays(loaded), arrays(model))


@pytest.mark.parametrize("name", KINDS)
def test_predictions_of_the_authors_code(name):
    """What Keras 1.0.7 on Theano predicted with these weights, for every pair of user and item."""
    model = load_model(golden(f"fusion_{name}.keras1.h5"))
    with np.load(golden("fusion.npz")) as recorded:
        expected = recorded[f"{name.lower()}_prediction"]
    users, items = np.indices(expected.shape).reshape(2, -1, 1).astype(np.int32)
    found = model([users, items]).numpy().reshape(expected.shape)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize(("change", "reason"), [
    ({"user_embedding": None}, "layers of GMF, MLP or NeuMF"),
    ({"conv2d": (np.ones((3, 3), "f4"),)}, "layers of GMF, MLP or NeuMF.*conv2d"),
    ({"item_embedding": (np.ones((5, 4), "f4"),)}, "item_embedding +5 x 3 +5 x 4 +another shape"),
    ({"item_embedding": (np.ones(5, "f4"),)}, "two dimensions"),
    ({"prediction": (np.ones((5, 1), "f4"), np.ones(1, "f4"))}, "prediction +6 x 1"),
    ({"prediction": (np.ones((3, 1), "f4"),)}, "another shape"),
    ({"prediction": (np.ones(3, "f4"), np.ones(1, "f4"))}, "two dimensions"),
])  # fmt: skip
def test_refuses_what_is_none_of_the_three(change, reason, tmp_path):
    layers = arrays(small_model("GMF")) | change
    file = WeightFile(tmp_path / "f.h5", "keras2", {name: found for name, found in layers.items() if found})
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
    with pytest.raises(InputError, match="another shape"):
        build_model_for(WeightFile(tmp_path / "f.h5", "keras2", layers))
