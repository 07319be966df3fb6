"""An engine that was put back goes on as if it had never stopped, bit for bit."""

from functools import partial

import keras
import numpy as np
import pytest

from ncf_keras.base.errors import InputError
from ncf_keras.data import Dataset
from ncf_keras.models import build_gmf, build_neumf
from ncf_keras.sampling import NegativeSampler
from ncf_keras.training import CompiledEngine, KerasEngine

BUILDERS = {
    "GMF, dense": partial(build_gmf, num_factors=4, regs=(0.01, 0)),
    "NeuMF": partial(build_neumf, mf_dim=4, layers=(8, 4), reg_layers=(0, 0)),
}
pytestmark = pytest.mark.usefixtures("shared_programs")


class Stop(Exception):
    pass


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    """60 users, 40 items, 400 positives: 2,000 examples, 63 steps of 32, the last one partial."""
    users, items = np.divmod(np.random.default_rng(3).permutation(2400)[:400], 40)
    test = np.arange(5)
    return Dataset.from_pairs(users, items, test, test, test[:, None], num_users=60, num_items=40)


def with_dropout(num_users, num_items, seed):
    inputs = [keras.Input((1,), dtype="int32", name=f"{side}_input") for side in ("user", "item")]
    tables = [keras.layers.Embedding(size, 4) for size in (num_users, num_items)]
    latent = keras.layers.concatenate([table(side) for table, side in zip(tables, inputs, strict=True)])
    dropped = keras.layers.Dropout(0.5, seed=seed)(keras.layers.Flatten()(latent))
    return keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(dropped))


def make(engine, kind, learner, dataset, seed=1):
    model = {**BUILDERS, "dropout": with_dropout}[kind](60, 40, seed=seed)
    stacks = {"batches_a_stack": 20} if engine is CompiledEngine else {}
    return model, engine(model, NegativeSampler(dataset, 4, seed=5), learner, 0.01, 32, **stacks)


def copy_of(state):
    return {name: array.copy() for name, array in state.items()}


def assert_same(one, other):
    assert list(one) == list(other)
    for name, array in one.items():
        assert array.tobytes() == other[name].tobytes(), name


def trained(model, engine):
    """Train two epochs; return the losses, and each state in between with the weights of the model."""
    moments = []

    def take(done=None):
        moments.append((copy_of(engine.state()), model.get_weights()))

    take()
    losses = []
    for _ in range(2):
        losses.append(engine.train_epoch(take if engine.pauses_within_epochs else None))
        take()
    return losses, moments


@pytest.mark.parametrize(("engine", "kind", "learner"), [
    (CompiledEngine, "NeuMF", "adam"),
    (CompiledEngine, "GMF, dense", "rmsprop"),
    (CompiledEngine, "dropout", "sgd"),
    (KerasEngine, "dropout", "rmsprop"),
])  # fmt: skip
def test_a_restored_engine_goes_on_bit_for_bit_from_wherever_it_was(dataset, engine, kind, learner):
    losses, moments = trained(*make(engine, kind, learner, dataset))
    # An epoch is 20 + 20 + 20 + 2 whole batches and the partial one.
    assert len(moments) == (13 if engine is CompiledEngine else 3)
    last, weights = moments[-1]
    model, resumed = make(engine, kind, learner, dataset, seed=2)
    for state, of_model in moments[:: -max(1, len(moments) // 4)]:
        resumed.restore(state)
        assert_same(resumed.state(), state)
        if not state["counts"][1:].any():  # between epochs the weights are in the model at once
            np.testing.assert_equal(model.get_weights(), of_model)
        epochs = range(state["counts"][0], 2)
        assert [resumed.train_epoch() for _ in epochs] == losses[state["counts"][0] :]
        assert_same(resumed.state(), last)
        np.testing.assert_equal(model.get_weights(), weights)


def test_an_epoch_that_was_stopped_is_finished_by_the_next_call(dataset):
    _, whole = make(CompiledEngine, "NeuMF", "adam", dataset)
    loss = whole.train_epoch()
    _, stopped = make(CompiledEngine, "NeuMF", "adam", dataset)

    def stop(done):
        raise Stop

    for _ in range(5):
        with pytest.raises(Stop):
            stopped.train_epoch(stop)
    assert stopped.train_epoch() == loss
    assert_same(stopped.state(), whole.state())


def test_weights_that_somebody_changed_between_epochs_are_trained_on(dataset):
    for kind, learner in (("NeuMF", "adam"), ("GMF, dense", "rmsprop")):
        model, engine = make(CompiledEngine, kind, learner, dataset)
        other, expected = make(CompiledEngine, kind, learner, dataset, seed=2)
        model.set_weights(other.get_weights())
        engine.read_model()
        assert engine.train_epoch() == expected.train_epoch()
        np.testing.assert_equal(model.get_weights(), other.get_weights())


@pytest.mark.parametrize("engine", [CompiledEngine, KerasEngine])
def test_a_state_that_does_not_fit_changes_nothing(dataset, engine):
    model, mine = make(engine, "NeuMF", "adam", dataset)
    if engine is CompiledEngine:
        mine.train_epoch()
    before, weights = copy_of(mine.state()), model.get_weights()
    wrong = [
        {**before, "variable_000": before["variable_000"][1:]},
        {**before, "variable_001": before["variable_001"].astype(np.float64)},
        {**before, "counts": before["counts"].astype(np.float64)},
        {**before, "counts": before["counts"][None]},
        {**before, "counts": before["counts"] - 2},
        {**before, "more": np.zeros(1)},
        {name: array for name, array in before.items() if name != "variable_002"},
        {},
    ]
    for state in wrong:
        with pytest.raises(InputError, match="`state` must have"):
            mine.restore(state)
    assert_same(mine.state(), before)
    np.testing.assert_equal(model.get_weights(), weights)
