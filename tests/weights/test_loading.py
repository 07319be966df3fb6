"""All weights of a file into a model, or none."""

import keras
import numpy as np
import pytest

from ncf_keras.base.errors import InputError
from ncf_keras.models import build_gmf, build_mlp
from ncf_keras.weights import load_weights
from tests.weights.small_models import (
    KINDS,
    WRITERS,
    arrays,
    assert_equal_bits,
    small_model,
    write_keras2,
    written,
)


@pytest.mark.parametrize("layout", WRITERS)
@pytest.mark.parametrize("kind", KINDS)
def test_users_and_items_are_never_swapped(kind, layout, tmp_path):
    """With as many users as items every shape fits both tables: only the name tells them apart."""
    source = small_model(kind, num_users=6, num_items=6, seed=1)
    target = small_model(kind, num_users=6, num_items=6, seed=2)
    load_weights(target, written(source, layout, tmp_path))
    for name, expected in arrays(source).items():
        layer = target.get_layer(name)
        if "user" in name or "item" in name:
            np.testing.assert_array_equal(layer.embeddings, expected[0])
    pairs = [np.repeat(np.arange(6), 6), np.tile(np.arange(6), 6)]
    inputs = [side[:, None].astype(np.int32) for side in pairs]
    np.testing.assert_array_equal(target(inputs), source(inputs))


@pytest.mark.parametrize("layout", WRITERS)
def test_loads_into_a_model_whose_layers_were_made_in_another_order(layout, tmp_path):
    """Items first, as the authors' files have them; and other automatic names."""
    user = keras.Input((1,), dtype="int32", name="user_input")
    item = keras.Input((1,), dtype="int32", name="item_input")
    item_latent = keras.layers.Flatten()(keras.layers.Embedding(6, 3, name="item_embedding")(item))
    user_latent = keras.layers.Flatten()(keras.layers.Embedding(6, 3, name="user_embedding")(user))
    product = keras.layers.Multiply()([item_latent, user_latent])
    output = keras.layers.Dense(1, activation="sigmoid", name="prediction")(product)
    target = keras.Model([item, user], output)
    source = small_model("GMF", num_users=6, num_items=6)
    load_weights(target, written(source, layout, tmp_path))
    assert_equal_bits(arrays(target), arrays(source))


def test_says_what_was_read(tmp_path):
    source = small_model("GMF")
    file = load_weights(small_model("GMF", seed=3), written(source, "keras2.h5", tmp_path))
    assert file.layout == "keras2"
    assert_equal_bits(file.layers, arrays(source))


def refused(model, layers, tmp_path) -> str:
    """Load `layers` into the model; return the error after checking that the model did not change."""
    before = arrays(model)
    write_keras2(tmp_path / "wrong.h5", layers)
    with pytest.raises(InputError) as caught:
        load_weights(model, tmp_path / "wrong.h5")
    assert_equal_bits(arrays(model), before)
    return str(caught.value)


def test_table_of_what_does_not_fit(tmp_path):
    layers = arrays(small_model("MLP"))
    del layers["layer1"]
    layers["layer2"] = (layers["layer2"][0], np.zeros(5, "f4"))
    layers["attention"] = (np.zeros((2, 2), "f4"),)
    message = refused(small_model("MLP", seed=4), layers, tmp_path)
    assert message == (
        f"{tmp_path / 'wrong.h5'} must have exactly the layers of the model MLP. Received:\n"
        "  layer           expected   found\n"
        "  user_embedding  7 x 4      7 x 4      ok\n"
        "  item_embedding  5 x 4      5 x 4      ok\n"
        "  layer1          8 x 6 + 6  -          missing\n"
        "  layer2          6 x 4 + 4  6 x 4 + 5  another shape\n"
        "  prediction      4 x 1 + 1  4 x 1 + 1  ok\n"
        "  attention       -          2 x 2      not in the model"
    )


@pytest.mark.parametrize(
    ("model", "remark"),
    [
        (lambda: build_gmf(8, 5, 3), "user_embedding  8 x 3      7 x 3      another shape"),
        (lambda: build_gmf(7, 4, 3), "item_embedding  4 x 3      5 x 3      another shape"),
        (lambda: build_gmf(7, 5, 4), "prediction      4 x 1 + 1  3 x 1 + 1  another shape"),
        (lambda: build_mlp(7, 5, [6, 3], [0, 0]), "layer1          6 x 3 + 3  -          missing"),
    ],
)
def test_other_sizes_than_the_models(model, remark, tmp_path):
    assert remark in refused(model(), arrays(small_model("GMF")), tmp_path)


def test_swapped_counts_of_users_and_items(tmp_path):
    """The transposed problem: 5 users and 7 items instead of 7 and 5."""
    message = refused(small_model("NeuMF"), arrays(small_model("NeuMF", 5, 7)), tmp_path)
    assert message.count("another shape") == 4


def test_a_kernel_without_its_bias(tmp_path):
    layers = arrays(small_model("GMF"))
    layers["prediction"] = layers["prediction"][:1]
    message = refused(small_model("GMF", seed=2), layers, tmp_path)
    assert "prediction" in message
