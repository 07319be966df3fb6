"""Deferred rows against doing every step, in float64 and without TensorFlow's help."""

import math

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings, strategies as st

from ncf_keras.training.steps.rules import BETA_1, BETA_2, RHO, make_rule

RATE = 0.01
EPSILON = 1e-8


def dense_adam(weight, mean, square, gradient, step):
    rate = RATE * math.sqrt(1 - BETA_2**step) / (1 - BETA_1**step)
    mean = BETA_1 * mean + (1 - BETA_1) * gradient
    square = BETA_2 * square + (1 - BETA_2) * gradient**2
    return weight - rate * mean / (np.sqrt(square) + EPSILON), mean, square


@settings(max_examples=20)
@given(
    first_step=st.sampled_from([0, 1, 7, 19_418, 400_000]),
    gradient_scale=st.sampled_from([0.0, 1e-12, 1e-9, 3e-9, 1e-8, 1e-7, 1e-4, 1.0]),
    seed=st.integers(0, 2**20),
)
def test_adams_skipped_steps_equal_steps_without_a_gradient(first_step, gradient_scale, seed):
    num_steps = 500
    generator = np.random.default_rng(seed)
    touched = generator.random(num_steps) < 0.02
    gradients = generator.normal(0, gradient_scale, (num_steps, 3)) * touched[:, None]
    dense = (generator.normal(0, 0.1, 3), np.zeros(3), np.zeros(3))
    rule = make_rule("adam", RATE)
    schedule = tf.constant(rule.schedule(first_step, num_steps))
    weights = tf.constant(dense[0][None])
    slots = [tf.zeros_like(weights)] * 2
    written = 0

    def read(step):
        skipped = tf.constant([[float(step - written)]], tf.float64)
        return rule.catch_up(weights, slots, schedule[written : written + 1], schedule[step], skipped)

    for step in range(num_steps):
        dense = dense_adam(*dense, gradients[step], first_step + step + 1)
        if touched[step]:
            weights, slots = read(step)
            weights, slots = rule.update(weights, slots, tf.constant(gradients[step][None]), schedule[step + 1])
            written = step + 1
    weights, slots = read(num_steps)
    np.testing.assert_allclose(weights[0], dense[0], atol=1e-7, rtol=0)
    np.testing.assert_allclose(slots[0][0], dense[1], rtol=1e-9, atol=1e-30)
    np.testing.assert_allclose(slots[1][0], dense[2], rtol=1e-9, atol=1e-30)


def test_the_tails_are_the_sums_that_they_stand_for():
    schedule = make_rule("adam", RATE).schedule(first_step=3, num_steps=5)
    steps = np.arange(1, 3000)
    rates = RATE * np.sqrt(1 - BETA_2**steps) / (1 - BETA_1**steps)
    for row, step in ((0, 3), (4, 7)):
        later = steps > step
        for column in range(3):
            ratio = BETA_1 / BETA_2 ** ((column + 1) / 2)
            expected = (rates[later] * ratio ** (steps[later] - step)).sum()
            assert schedule[row, column] == pytest.approx(expected, rel=1e-12)
        assert schedule[row, 3] == pytest.approx(rates[step - 1], rel=1e-12)


def test_rmsprops_accumulator_decays_and_its_weights_stay():
    rule = make_rule("rmsprop", RATE)
    weights, accumulator = tf.constant([[1.0, 2.0]], tf.float64), tf.constant([[4.0, 8.0]], tf.float64)
    skipped = tf.constant([[3.0]], tf.float64)
    caught_up, slots = rule.catch_up(weights, [accumulator], tf.zeros([1, 0]), tf.zeros([0]), skipped)
    np.testing.assert_array_equal(caught_up, weights)
    np.testing.assert_allclose(slots[0], accumulator * RHO**3)


@pytest.mark.parametrize("learner", ["adagrad", "sgd"])
def test_rows_without_a_gradient_stay(learner):
    rule = make_rule(learner, RATE)
    weights = tf.constant([[1.0, 2.0]], tf.float64)
    slots = [weights] * rule.num_slots
    caught_up, after = rule.catch_up(weights, slots, tf.zeros([1, 0]), tf.zeros([0]), tf.constant([[3.0]]))
    np.testing.assert_array_equal(caught_up, weights)
    assert all(one is other for one, other in zip(after, slots, strict=True))
