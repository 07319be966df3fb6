"""The layers behind the embeddings computed in columns, against Keras' own in rows."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from ncf_keras.models import build_gmf, build_mlp, build_neumf
from ncf_keras.training.steps.columns import ColumnsHead, can_use_columns

BUILDERS = {
    "MLP": lambda **options: build_mlp(30, 20, (8, 6, 4), (0, 0.1, 0.2), **options),
    "NeuMF": lambda **options: build_neumf(30, 20, 3, (8, 6), (0, 0), **options),
}


def layers_behind(model):
    """The embedding layers, and the model that is behind them."""
    embeddings = [layer for layer in model.layers if isinstance(layer, keras.layers.Embedding)]
    return embeddings, keras.Model([layer.output for layer in embeddings], model.output)


def with_activation(model, activation):
    for layer in model.layers:
        if layer.name.startswith("layer"):
            layer.activation = activation
    return model


@pytest.mark.parametrize("kind", BUILDERS)
@pytest.mark.parametrize("activation", [keras.activations.relu, keras.activations.tanh])
def test_predictions_penalties_and_gradients_are_those_of_the_layers(kind, activation):
    model = with_activation(BUILDERS[kind](), activation)
    embeddings, head = layers_behind(model)
    generator = np.random.default_rng(4)
    draw = lambda shape: tf.constant(generator.normal(0, 0.8, shape), tf.float32)  # noqa: E731
    weights = [draw(variable.shape) for variable in head.trainable_variables]
    vectors = [draw((9, layer.output_dim)) for layer in embeddings]
    upstream = draw((9, 1))

    def gradients(compute):
        with tf.GradientTape() as tape:
            tape.watch([weights, vectors])
            predictions, penalties = compute()
            total = tf.reduce_sum(predictions * upstream) + sum(penalties)
        return predictions, penalties, tape.gradient(total, [*weights, *vectors])

    def in_rows():
        inputs = [vector[:, None, :] for vector in vectors]
        predictions, _, penalties = head.stateless_call(weights, [], inputs, return_losses=True)
        return predictions, penalties

    assert can_use_columns(model)
    columns = ColumnsHead(model, head.trainable_variables)
    # It takes users before items, the GMF tower's before the MLP's.
    names = [layer.name for layer in embeddings]
    order = sorted(range(len(names)), key=lambda place: ("user" not in names[place], "mlp" in names[place]))
    expected, found = (
        gradients(in_rows),
        gradients(lambda: columns(weights, [vectors[place] for place in order])),
    )
    assert found[0].shape == (9, 1)
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-5)
    np.testing.assert_allclose(sum(found[1]), sum(expected[1]), rtol=1e-6)
    for one, other in zip(found[2], expected[2], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_other_models_are_left_to_keras():
    frozen = BUILDERS["MLP"]()
    frozen.get_layer("layer1").trainable = False
    assert not can_use_columns(frozen)
    assert not can_use_columns(with_activation(BUILDERS["NeuMF"](), keras.activations.softmax))
    assert not can_use_columns(build_gmf(30, 20, 4))
    assert not can_use_columns(keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)]))
    penalised = BUILDERS["MLP"]()
    penalised.get_layer("layer1").activity_regularizer = keras.regularizers.L2(0.1)
    assert not can_use_columns(penalised)
    narrow = BUILDERS["NeuMF"]()
    narrow.get_layer("layer1").dtype_policy = "mixed_bfloat16"
    assert not can_use_columns(narrow)
