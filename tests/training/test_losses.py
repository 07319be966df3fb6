import math

import numpy as np
import pytest
import tensorflow as tf

from ncf_keras.base.errors import InputError
from ncf_keras.training import bpr_loss, clipped_log_loss, margin_loss, weighted_squared_loss

LABELS = np.array([1, 0, 1, 0, 1], np.float32)[:, None]
PREDICTIONS = np.array([0.9, 0.2, -3.0, 2.5, 1.0], np.float32)[:, None]

# Each loss with its formula for one example and the formula's derivative, both by hand.
LOSSES = {
    "squared": (weighted_squared_loss(), lambda y, p: (y - p) ** 2, lambda y, p: 2 * (p - y)),
    "weighted squared": (
        weighted_squared_loss(0.25),
        lambda y, p: (y - p) ** 2 if y else 0.25 * p**2,
        lambda y, p: 2 * (p - 1) if y else 0.5 * p,
    ),
    "BPR": (bpr_loss, lambda y, d: math.log(1 + math.exp(-d)), lambda y, d: -1 / (1 + math.exp(d))),
    "margin": (margin_loss(), lambda y, d: max(0.0, 1 - d), lambda y, d: -1.0 if d < 1 else 0.0),
    "margin of 3": (margin_loss(3.0), lambda y, d: max(0.0, 3 - d), lambda y, d: -1.0 if d < 3 else 0.0),
}


def by_hand(formula):
    return [formula(float(y), float(p)) for y, p in zip(LABELS[:, 0], PREDICTIONS[:, 0], strict=True)]


@pytest.mark.parametrize("name", LOSSES)
def test_losses_and_gradients_by_hand(name):
    loss, formula, derivative = LOSSES[name]
    labels, predictions = tf.constant(LABELS), tf.constant(PREDICTIONS)
    with tf.GradientTape() as tape:
        tape.watch(predictions)
        losses = loss(labels, predictions)
        total = tf.reduce_sum(losses)
    assert losses.shape == clipped_log_loss(labels, predictions).shape == (5,) and losses.dtype == tf.float32
    np.testing.assert_allclose(losses, by_hand(formula), rtol=1e-5)
    np.testing.assert_allclose(tape.gradient(total, predictions)[:, 0], by_hand(derivative), rtol=1e-5)
    np.testing.assert_array_equal(loss(tf.constant(LABELS.astype(np.int32)), predictions), losses)


@pytest.mark.parametrize("difference", [-1000.0, 1000.0])
def test_bpr_stays_finite_far_out(difference):
    """log(sigmoid(-1000)) would be minus infinity."""
    loss = bpr_loss(tf.ones([1, 1]), tf.constant([[difference]]))
    assert loss.numpy().tolist() == [max(-difference, 0.0)]


def test_the_squared_loss_that_weighs_all_alike_is_that_of_keras():
    ours = weighted_squared_loss()(tf.constant(LABELS), tf.constant(PREDICTIONS))
    keras_loss = tf.keras.losses.MeanSquaredError(reduction="none")(LABELS, PREDICTIONS)
    np.testing.assert_allclose(ours, keras_loss, rtol=1e-6)


@pytest.mark.parametrize(("make", "message"), [
    (lambda: weighted_squared_loss(-0.5), r"`negative_weight` must be .*at least 0\. Received: -0\.5"),
    (lambda: weighted_squared_loss(float("nan")), r"`negative_weight` must be .*Received: nan"),
    (lambda: margin_loss(0.0), r"`margin` must be a finite number above 0\. Received: 0\.0"),
    (lambda: margin_loss(float("inf")), r"`margin` must be a finite number above 0\. Received: inf"),
])  # fmt: skip
def test_a_weight_that_breaks_its_rule_is_named(make, message):
    with pytest.raises(InputError, match=message):
        make()
