"""Deferred rows against doing every step, in float64 and without TensorFlow's help."""

import math

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings, strategies as st

from ncf_keras.training.adam_settings import DEFAULT_ADAM, AdamSettings
from ncf_keras.training.schedules import WarmUpAndDecay
from ncf_keras.training.steps.rules import RHO, make_rule, sums_skipped_steps

RATE = 0.01
BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8
NVIDIAS = AdamSettings(0.25, 0.5, 1e-8)


def dense_adam(weight, mean, square, gradient, step, rate, adam):
    rate = rate * math.sqrt(1 - adam.beta_2**step) / (1 - adam.beta_1**step)
    mean = adam.beta_1 * mean + (1 - adam.beta_1) * gradient
    square = adam.beta_2 * square + (1 - adam.beta_2) * gradient**2
    return weight - rate * mean / (np.sqrt(square) + adam.epsilon), mean, square


def warmed_up_rate(step):
    """Ten steps of warm-up, then a tenth every 200 steps."""
    return RATE * min(step / 10, 1) * 0.1 ** (max(step - 11, 0) / 200)


# With the expansion (the first three) and with the first terms one by one, at usual and at large epsilons.
@pytest.mark.parametrize("changes", [False, True])
@pytest.mark.parametrize("adam", [
    DEFAULT_ADAM, AdamSettings(0.9, 0.9999, 1e-3), AdamSettings(0.5, 0.999, 1e-6),
    NVIDIAS, AdamSettings(0.25, 0.5, 1e-3), AdamSettings(0.1, 0.2, 1e-8), AdamSettings(0.5, 0.9, 1e-6),
])  # fmt: skip
@settings(max_examples=10)
@given(
    first_step=st.sampled_from([0, 1, 7, 19_418, 400_000]),
    gradient_scale=st.sampled_from([0.0, 1e-12, 1e-9, 3e-9, 1e-8, 1e-7, 1e-4, 1.0]),
    seed=st.integers(0, 2**20),
)
def test_adams_skipped_steps_equal_steps_without_a_gradient(adam, changes, first_step, gradient_scale, seed):
    num_steps = 200
    generator = np.random.default_rng(seed)
    touched = generator.random(num_steps) < 0.05
    gradients = generator.normal(0, gradient_scale, (num_steps, 3)) * touched[:, None]
    dense = (generator.normal(0, 0.1, 3), np.zeros(3), np.zeros(3))
    rule = make_rule("adam", WarmUpAndDecay(RATE, 10, "exponential", 200, 0.1) if changes else RATE, adam)
    schedule = tf.constant(rule.schedule(first_step, num_steps))
    weights = tf.constant(dense[0][None])
    slots = [tf.zeros_like(weights)] * 2
    written = 0

    def read(step):
        skipped = tf.constant([[float(step - written)]], tf.float64)
        return rule.catch_up(weights, slots, schedule[written : written + 1], schedule[step], skipped)

    for step in range(num_steps):
        number = first_step + step + 1
        dense = dense_adam(*dense, gradients[step], number, warmed_up_rate(number) if changes else RATE, adam)
        if touched[step]:
            weights, slots = read(step)
            weights, slots = rule.update(weights, slots, tf.constant(gradients[step][None]), schedule[step + 1])
            written = step + 1
    weights, slots = read(num_steps)
    np.testing.assert_allclose(weights[0], dense[0], atol=1e-7, rtol=0)
    np.testing.assert_allclose(slots[0][0], dense[1], rtol=1e-9, atol=1e-30)
    np.testing.assert_allclose(slots[1][0], dense[2], rtol=1e-9, atol=1e-30)


def test_where_no_sum_is_exact_every_row_moves_at_every_step():
    exact = DEFAULT_ADAM, NVIDIAS, AdamSettings(0.9, 0.9999), AdamSettings(0.5, 0.9), AdamSettings(1e-4, 0.5)
    assert all(sums_skipped_steps(adam) for adam in exact)
    for adam in AdamSettings(0.9, 0.99), AdamSettings(0.99, 0.9), AdamSettings(0.5, 0.25), AdamSettings(0.999):
        assert not sums_skipped_steps(adam)
        rule = make_rule("adam", RATE, adam)
        with pytest.raises(NotImplementedError):
            rule.catch_up(*[tf.zeros([1, 1])] * 5)
        weights, slots = tf.constant([[0.5]], tf.float64), [tf.zeros([1, 1], tf.float64)] * 2
        expected = (0.5, 0.0, 0.0)
        schedule = rule.schedule(7, 3)
        for step in range(3):
            gradient = tf.constant([[0.1 * step]], tf.float64)
            weights, slots = rule.update(weights, slots, gradient, schedule[step + 1])
            expected = dense_adam(*expected, 0.1 * step, 8 + step, RATE, adam)
        assert float(weights[0, 0]) == pytest.approx(expected[0], rel=1e-12)


@pytest.mark.parametrize("learner", ["adagrad", "rmsprop", "sgd"])
def test_the_rates_of_a_schedule_are_those_of_the_steps(learner):
    column = make_rule(learner, WarmUpAndDecay(RATE, 10, "exponential", 200, 0.1)).schedule(5, 300)[1:, 0]
    np.testing.assert_allclose(column, [warmed_up_rate(step) for step in range(6, 306)], rtol=1e-5)


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
