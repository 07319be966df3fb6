"""The learning rate from step to step, worked out by hand."""

import math

import keras
import numpy as np
import pytest

from ncf_keras import TrainingSpec
from ncf_keras.training import make_optimizer
from ncf_keras.training.schedules import WarmUpAndDecay, learning_rate_of

CASES = {
    "warm-up": (WarmUpAndDecay(0.4, 4), [0.1, 0.2, 0.3, 0.4, 0.4, 0.4]),
    "cosine": (
        WarmUpAndDecay(0.4, 0, "cosine", 4),
        [0.4, 0.2 * (1 + math.sqrt(0.5)), 0.2, 0.2 * (1 - math.sqrt(0.5)), 0.0, 0.0],
    ),
    "exponential": (WarmUpAndDecay(0.4, 0, "exponential", 2, 0.25), [0.4, 0.2, 0.1, 0.05, 0.025, 0.0125]),
}


@pytest.mark.parametrize("name", CASES)
def test_the_rates_by_hand(name):
    schedule, expected = CASES[name]
    np.testing.assert_allclose([float(schedule(step)) for step in range(6)], expected, atol=1e-7)
    np.testing.assert_allclose(schedule(np.arange(6)), expected, atol=1e-7)


def test_the_decay_begins_after_the_warm_up():
    schedule = WarmUpAndDecay(0.4, 2, "exponential", 1, 0.5)
    np.testing.assert_allclose(schedule(np.arange(5)), [0.2, 0.4, 0.4, 0.2, 0.1], atol=1e-7)
    schedule.learning_rate = 0.2
    np.testing.assert_allclose(schedule(np.arange(5)), [0.1, 0.2, 0.2, 0.1, 0.05], atol=1e-7)


def test_an_optimizer_takes_it_and_is_saved_with_it():
    schedule = WarmUpAndDecay(0.5, 2, "cosine", 10)
    optimizer, variable = make_optimizer("sgd", schedule), keras.Variable([1.0])
    for _ in range(2):
        optimizer.apply([keras.ops.array([1.0])], [variable])
    assert float(variable.numpy()[0]) == pytest.approx(1 - 0.25 - 0.5)
    again = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    assert again.get_config() == optimizer.get_config()
    with pytest.raises(TypeError, match="its learning rate is not settable"):
        optimizer.learning_rate = 0.1


def test_a_spec_has_a_number_or_a_schedule():
    assert learning_rate_of(TrainingSpec(learning_rate=0.5)) == 0.5
    asked = {"learning_rate_decay": "exponential", "decay_steps": 3, "decay_rate": 0.5}
    schedule = learning_rate_of(TrainingSpec(learning_rate=0.5, warmup_steps=4, **asked))
    assert schedule.get_config() == {
        "learning_rate": 0.5, "warmup_steps": 4, "decay": "exponential", "decay_steps": 3, "decay_rate": 0.5,
    }  # fmt: skip
