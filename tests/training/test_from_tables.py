"""Models computed from whole tables, the first hidden layer for each row or example, against Keras' layers."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from ncf_keras.data import Dataset
from ncf_keras.models import build_gmf, build_mlp, build_neumf
from ncf_keras.sampling import NegativeSampler
from ncf_keras.training import CompiledEngine, KerasEngine
from ncf_keras.training.losses import clipped_log_loss
from ncf_keras.training.steps.from_tables import can_compute_from_tables, prefers_halves
from ncf_keras.training.steps.rules import make_rule
from ncf_keras.training.steps.steps import DenseStep

USERS, ITEMS = 30, 20
ROWS = USERS + ITEMS
BUILDERS = {
    "MLP": lambda: build_mlp(USERS, ITEMS, (8, 6, 4), (0, 0, 0)),
    "MLP, penalties": lambda: build_mlp(USERS, ITEMS, (8, 6, 4), (0.1, 0.2, 0.3)),
    "NeuMF": lambda: build_neumf(USERS, ITEMS, 3, (8, 6), (0, 0)),
    "NeuMF, penalties": lambda: build_neumf(USERS, ITEMS, 3, (8, 6, 4), (0.1, 0, 0.2), 0.3),
}


def step_of(model, batch_size):
    return DenseStep(model, make_rule("sgd", 0.1), clipped_log_loss, batch_size=batch_size)


@pytest.mark.parametrize("batch_size", [1, ROWS])
@pytest.mark.parametrize("kind", BUILDERS)
@pytest.mark.parametrize("activation", [keras.activations.relu, keras.activations.tanh])
def test_loss_and_gradients_are_those_of_the_layers(kind, activation, batch_size):
    model = BUILDERS[kind]()
    for layer in model.layers:
        if layer.name.startswith("layer"):
            layer.activation = activation
    generator = np.random.default_rng(4)
    weights = [tf.constant(generator.normal(0, 0.8, each.shape), tf.float32) for each in model.weights]
    ids = [tf.constant(generator.integers(0, rows, ROWS), tf.int32) for rows in (USERS, ITEMS)]
    labels = tf.constant(generator.integers(0, 2, ROWS), tf.float32)
    # The last examples are padding.
    mask = tf.constant([1.0] * (ROWS - 7) + [0.0] * 7)
    layers, from_tables = step_of(model, batch_size), step_of(model, batch_size)
    assert from_tables._from_tables is not None
    layers._from_tables = None
    (expected, _, wanted), (loss, _, gradients) = (
        step._gradients(weights, [], ids, labels, mask) for step in (layers, from_tables)
    )
    np.testing.assert_allclose(loss, expected, rtol=1e-6)
    for one, other in zip(gradients, wanted, strict=True):
        np.testing.assert_allclose(tf.convert_to_tensor(one), tf.convert_to_tensor(other), rtol=2e-4, atol=2e-6)


def test_halves_are_for_batches_of_half_the_rows_or_more():
    assert prefers_halves(100, 50) and not prefers_halves(100, 49)


@pytest.mark.parametrize("batch_size", [16, 64])
def test_an_epoch_is_that_of_keras(batch_size):
    generator = np.random.default_rng(3)
    pairs = np.argwhere(generator.random((USERS, ITEMS)) < 0.3)
    tests = np.zeros(1, np.int64)
    dataset = Dataset.from_pairs(*pairs.T, tests, tests, np.array([[1, 2]]), num_users=USERS, num_items=ITEMS)
    sampler = NegativeSampler(dataset, 4, seed=5)
    models = [build_neumf(USERS, ITEMS, 3, (8, 6), (0, 0), seed=2) for _ in range(2)]
    reference = KerasEngine(models[0], sampler, "adam", 0.02, batch_size)
    engine = CompiledEngine(models[1], sampler, "adam", 0.02, batch_size, step="dense")
    assert engine._step._from_tables is not None
    losses, expected = ([each.train_epoch() for _ in range(5)] for each in (engine, reference))
    np.testing.assert_allclose(losses, expected, atol=1e-5, rtol=0)


def test_other_models_are_left_to_keras():
    assert not can_compute_from_tables(build_gmf(USERS, ITEMS, 4))
    assert not can_compute_from_tables(build_mlp(USERS, ITEMS, (8,), (0,)))
    assert not can_compute_from_tables(build_mlp(USERS, ITEMS, (8, 4), (0, 0), reg_rows=0.1))
    assert not can_compute_from_tables(
        build_mlp(USERS, ITEMS, (8, 4), (0, 0), item_features=[[0], [1]] * (ITEMS // 2))
    )
    with_other_types = BUILDERS["NeuMF"]()
    with_other_types.get_layer("layer1").dtype_policy = "mixed_bfloat16"
    assert not can_compute_from_tables(with_other_types)
    assert not can_compute_from_tables(BUILDERS["MLP"](), "bfloat16")
