import numpy as np
import pytest

from ncf_keras.base.errors import InputError
from ncf_keras.training.callbacks.best_weights import BestWeights
from tests.training.callbacks.trainers import trainer


@pytest.mark.parametrize(
    ("select", "iterations", "kept"), [("test", [0.1], 0), ("test", [0.2], 1), ("none", [], 1)]
)
def test_the_weights_of_the_best_epoch_come_back(select, iterations, kept):
    other_weights = trainer(seed=2).model.get_weights()
    trained = trainer(select=select, iterations=iterations)
    model, first = trained.model, trained.model.get_weights()
    best = BestWeights(trained)
    best.on_train_end()  # nothing was kept: the weights stay
    np.testing.assert_equal(model.get_weights(), first)
    best.on_train_begin()
    model.set_weights(other_weights)
    best.on_epoch_end(0, {})
    model.set_weights([0 * array for array in first])
    best.on_train_end()
    np.testing.assert_equal(model.get_weights(), [first, other_weights][kept])


def test_another_process_keeps_what_this_one_kept():
    first, second = trainer(seed=1), trainer(seed=2)
    best, later = BestWeights(first), BestWeights(second)
    assert best.state() == {}
    best.on_train_begin()
    later.restore(best.state())
    later.on_train_begin()  # what was kept before stays
    later.on_train_end()
    np.testing.assert_equal(second.model.get_weights(), first.model.get_weights())
    later.restore({})
    assert later.state() == {}


def test_weights_of_another_model_are_refused():
    best = BestWeights(trainer())
    best.on_train_begin()
    state = best.state()
    for wrong in (
        {**state, "weight_000": state["weight_000"][1:]},
        {**state, "weight_000": state["weight_000"].astype(np.float64)},
        {**state, "more": np.zeros(1)},
        {"weight_000": state["weight_000"]},
    ):
        with pytest.raises(InputError, match="`state` must have the 4 weights of the model"):
            best.restore(wrong)
    assert best.state() == state
