import numpy as np
import pytest

from ncf_keras.base.errors import InputError
from ncf_keras.models import build_gmf
from ncf_keras.training import BestWeights


@pytest.fixture
def models():
    return build_gmf(4, 5, 3, seed=1), build_gmf(4, 5, 3, seed=2)


def test_what_was_kept_comes_back(models):
    model, other = models
    first = model.get_weights()
    best = BestWeights(model)
    best.restore()  # nothing was kept: the weights stay
    np.testing.assert_equal(model.get_weights(), first)
    best.keep()
    model.set_weights(other.get_weights())
    best.restore()
    np.testing.assert_equal(model.get_weights(), first)


def test_another_process_keeps_what_this_one_kept(models):
    model, other = models
    best, later = BestWeights(model), BestWeights(other)
    assert best.state() == {}
    best.keep()
    later.put_back(best.state())
    later.restore()
    np.testing.assert_equal(other.get_weights(), model.get_weights())
    later.put_back({})
    assert later.state() == {}


def test_weights_of_another_model_are_refused(models):
    best = BestWeights(models[0])
    best.keep()
    state = best.state()
    for wrong in (
        {**state, "weight_000": state["weight_000"][1:]},
        {**state, "weight_000": state["weight_000"].astype(np.float64)},
        {**state, "more": np.zeros(1)},
        {"weight_000": state["weight_000"]},
    ):
        with pytest.raises(InputError, match="`state` must have the 4 weights of the model"):
            best.put_back(wrong)
    assert best.state() == state
