import keras
import numpy as np
import pytest

from ncf_keras.base.errors import InputError
from ncf_keras.training import clipped_log_loss, make_optimizer
from ncf_keras.training.steps.rules import make_rule


def one_step(learner: str, gradients: list[float]) -> float:
    """Return where a weight of 1.0 is after some steps at rate 0.1."""
    variable = keras.Variable([1.0])
    optimizer = make_optimizer(learner, 0.1)
    optimizer.build([variable])
    optimizer.build([variable])  # once more changes nothing
    for gradient in gradients:
        optimizer.apply([keras.ops.array([gradient], "float32")])
    return float(variable.numpy()[0])


def test_steps_worked_out_by_hand():
    assert one_step("sgd", [0.5]) == pytest.approx(0.95)
    # The accumulator starts at 0, so the first step is rate * g / |g|.
    assert one_step("adagrad", [0.5]) == pytest.approx(0.9)
    assert one_step("adagrad", [3.0, 4.0]) == pytest.approx(0.9 - 0.1 * 4 / 5)
    assert one_step("rmsprop", [0.5]) == pytest.approx(1 - 0.1 / np.sqrt(0.1))
    assert one_step("adam", [0.5]) == pytest.approx(0.9)


@pytest.mark.parametrize("learner", ["adagrad", "rmsprop"])
def test_epsilon_stands_outside_the_root(learner):
    # With a gradient of epsilon's size the step is halved; inside the root it would vanish.
    share = 1.0 if learner == "adagrad" else 0.1
    gradient = 1e-8 / np.sqrt(share)
    assert 1 - one_step(learner, [gradient]) == pytest.approx(0.1 * gradient / 2e-8, rel=1e-3)


def test_names_are_taken_in_any_case_and_unknown_ones_refused():
    assert isinstance(make_optimizer("Adam", 0.1), keras.optimizers.Adam)
    assert make_rule("RMSprop", 0.1).num_slots == 1
    for name in ("adamw", "", None, 3):
        for make in (make_optimizer, make_rule):
            with pytest.raises(InputError, match="`learner` must be one of adagrad, adam, rmsprop, sgd"):
                make(name, 0.1)


@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan"), float("inf")])
def test_a_rate_that_is_not_positive_is_refused(rate):
    with pytest.raises(InputError, match="`learning_rate` must be a positive finite number"):
        make_optimizer("adam", rate)


def test_the_loss_clips_probabilities_as_keras_1_did():
    labels = np.array([[1.0], [0.0], [1.0], [0.0]], np.float32)
    predictions = np.array([[0.25], [0.25], [0.0], [1.0]], np.float32)
    losses = clipped_log_loss(labels, predictions).numpy()
    one = np.float32(1) - np.float32(1e-7)
    expected = [-np.log(0.25), -np.log(0.75), -np.log(1e-7), -np.log(1 - one)]
    np.testing.assert_allclose(losses, expected, rtol=1e-6)
