"""Numbers that leave the finite are seen and named."""

from functools import partial

import numpy as np
import pytest

from ncf_keras.base.errors import InputError
from ncf_keras.data import Dataset
from ncf_keras.models import build_gmf, build_mlp, build_neumf
from ncf_keras.sampling import NegativeSampler
from ncf_keras.training import CompiledEngine, KerasEngine
from ncf_keras.training.engines.guard import Diverged, GuardedEngine, largest_penalty

pytestmark = pytest.mark.usefixtures("shared_programs")


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    users, items = np.divmod(np.random.default_rng(3).permutation(600)[:150], 20)
    test = np.arange(5)
    return Dataset.from_pairs(users, items, test, test, test[:, None], num_users=30, num_items=20)


def guarded(dataset, model, rate, on_nan="stop", learner="sgd", engine=CompiledEngine, notes=None):
    sampler = NegativeSampler(dataset, 4, seed=5)
    trains = engine(model, sampler, learner, rate, 16)
    return GuardedEngine(trains, model, on_nan, notes.append if notes is not None else None)


class Scripted:
    """An engine whose loss is its rate, and no number where that is above `limit`."""

    pauses_within_epochs = True

    def __init__(self, learning_rate, limit):
        self.learning_rate, self.limit, self.epochs = learning_rate, limit, 0

    @property
    def progress(self):
        return self.epochs, 0

    def train_epoch(self, on_progress=None):
        self.epochs += 1
        return self.learning_rate if self.learning_rate <= self.limit else float("nan")

    def read_model(self):
        self.epochs += 10

    def state(self):
        return {"counts": np.array([self.epochs, 0])}

    def restore(self, state):
        self.epochs = int(state["counts"][0])


@pytest.mark.parametrize(("engine", "penalty", "rate", "sentence"), [
    (CompiledEngine, 0, 1e30, r"the learning rate \(`--lr`\) must be smaller: .*Received: 1e\+30"),
    (KerasEngine, 0, 1e30, r"the learning rate \(`--lr`\) must be smaller: .*Received: 1e\+30"),
    (CompiledEngine, 1e6, 0.01, r"`--lr`\) or the L2 penalties .* Received: 0\.01 and 1e\+06"),
])  # fmt: skip
def test_a_rate_or_a_penalty_that_is_too_large_is_named(dataset, engine, penalty, rate, sentence):
    with pytest.raises(Diverged, match=sentence):
        guarded(dataset, build_gmf(30, 20, 4, regs=(penalty, 0)), rate, engine=engine).train_epoch()


def test_a_weight_that_is_no_number_is_seen_behind_a_finite_loss(dataset):
    model = build_gmf(30, 20, 4)
    engine = GuardedEngine(Scripted(0.5, 1), model)
    assert engine.train_epoch() == 0.5
    model.get_layer("user_embedding").embeddings[3, 2].assign(np.inf)
    with pytest.raises(Diverged, match="a weight is no finite number"):
        engine.train_epoch()


def test_reloading_halves_the_rate_until_the_epoch_is_finite_and_keeps_it_or_gives_up():
    notes = []
    engine = GuardedEngine(Scripted(1.0, 0.3), build_gmf(3, 2, 4), "reload", notes.append)
    assert [engine.train_epoch() for _ in range(2)] == [0.25, 0.25]
    assert notes == [
        "the loss is nan after iteration 0: back to the state before it, "
        f"with the learning rate halved to {rate}"
        for rate in (0.5, 0.25)
    ]
    assert engine.state()["counts"].tolist() == [2, 0]
    assert engine.state()["learning_rate"] == 0.25
    engine = GuardedEngine(Scripted(1.0, 0), build_gmf(3, 2, 4), "reload")
    with pytest.raises(Diverged, match=r"Received: 0\.000976562"):
        engine.train_epoch()


@pytest.mark.parametrize("engine", [CompiledEngine, pytest.param(KerasEngine, marks=pytest.mark.slow)])
def test_after_reloading_training_is_that_of_the_lower_rate(dataset, engine):
    """With a penalty of 10, a step multiplies an embedding by 1 - 20 times the rate: from -39 here to -1.5."""
    notes = []
    model, expected = (build_gmf(30, 20, 4, regs=(10, 10), seed=1) for _ in range(2))
    halved = guarded(dataset, model, 2, "reload", notes=notes, engine=engine)
    plain = engine(expected, NegativeSampler(dataset, 4, seed=5), "sgd", 0.125, 16)
    assert [halved.train_epoch() for _ in range(2)] == [plain.train_epoch() for _ in range(2)]
    np.testing.assert_equal(model.get_weights(), expected.get_weights())
    assert len(notes) == 4
    # And so it is where another one goes on, with whatever rate that began.
    later = guarded(dataset, expected, 0.01, "reload", engine=engine)
    later.restore(halved.state())
    assert later.train_epoch() == halved.train_epoch()
    np.testing.assert_equal(expected.get_weights(), model.get_weights())
    assert later.state()["learning_rate"] == halved.learning_rate < 0.2


def test_weights_that_somebody_changed_are_what_is_gone_back_to():
    engine = GuardedEngine(Scripted(0.5, 0.3), build_gmf(3, 2, 4), "reload")
    engine.read_model()
    engine.learning_rate = 1.2
    assert (engine.train_epoch(), engine.progress) == (0.3, (11, 0))


@pytest.mark.parametrize("rate", [None, np.array([0.1]), np.array(0.0), np.array(np.nan), np.array(1)])
def test_a_state_without_a_rate_is_refused(rate):
    engine = GuardedEngine(Scripted(1.0, 1), build_gmf(3, 2, 4))
    state = {"counts": np.zeros(2, np.int64)} | ({} if rate is None else {"learning_rate": rate})
    with pytest.raises(InputError, match="`state` must have a learning rate above 0"):
        engine.restore(state)
    with pytest.raises(InputError, match="`on_nan` must be one of stop, reload"):
        GuardedEngine(Scripted(1.0, 1), build_gmf(3, 2, 4), "go")


@pytest.mark.parametrize(("build", "penalty"), [
    (partial(build_gmf, num_factors=2), 0),
    (partial(build_gmf, num_factors=2, regs=(0, 0.25)), 0.25),
    (partial(build_mlp, layers=(4, 2), reg_layers=(0, 0.5)), 0.5),
    (partial(build_neumf, mf_dim=2, layers=(4, 2), reg_layers=(0.25, 0.5), reg_mf=2), 2),
])  # fmt: skip
def test_the_largest_penalty_is_found(build, penalty):
    assert largest_penalty(build(3, 2)) == pytest.approx(penalty)
