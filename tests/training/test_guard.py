"""Numbers that leave the finite, and models that rank nothing, are seen and named."""

from functools import partial

import numpy as np
import pytest

from ncf_keras.base.errors import InputError
from ncf_keras.data import Dataset
from ncf_keras.models import build_gmf, build_mlp, build_neumf, model_scores
from ncf_keras.sampling import NegativeSampler
from ncf_keras.training import CompiledEngine, KerasEngine
from ncf_keras.training.engines.guard import (
    Diverged,
    GuardedEngine,
    explain_collapse,
    largest_penalty,
    same_score_for_all,
)


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    users, items = np.divmod(np.random.default_rng(3).permutation(600)[:150], 20)
    test = np.arange(5)
    return Dataset.from_pairs(users, items, test, test, test[:, None], num_users=30, num_items=20)


def guarded(dataset, model, rate, on_nan="stop", learner="sgd", engine=CompiledEngine, notes=None):
    sampler = NegativeSampler(dataset, 4, seed=5)
    make = lambda rate: engine(model, sampler, learner, rate, 32)  # noqa: E731
    return GuardedEngine(make, model, rate, on_nan, notes.append if notes is not None else None)


class Scripted:
    """An engine whose loss depends on its rate: no number above `limit`."""

    pauses_within_epochs = True

    def __init__(self, rate, limit):
        self.rate, self.limit, self.epochs = rate, limit, 0

    def train_epoch(self, on_progress=None):
        self.epochs += 1
        return self.rate if self.rate <= self.limit else float("nan")

    def state(self):
        return {"counts": np.array([self.epochs, 0])}

    def restore(self, state):
        self.epochs = int(state["counts"][0])


@pytest.mark.parametrize("engine", [CompiledEngine, KerasEngine])
def test_a_rate_that_is_too_large_is_named(dataset, engine):
    with pytest.raises(Diverged, match=r"the learning rate \(`--lr`\) must be smaller: .*Received: 1e\+30"):
        guarded(dataset, build_gmf(30, 20, 4), 1e30, engine=engine).train_epoch()


def test_a_penalty_that_is_too_large_is_named_too(dataset):
    engine = guarded(dataset, build_gmf(30, 20, 4, regs=(1e6, 0)), 0.01)
    with pytest.raises(Diverged, match=r"`--lr`\) or the L2 penalties .* Received: 0\.01 and 1e\+06"):
        engine.train_epoch()


def test_a_weight_that_is_no_number_is_seen_behind_a_finite_loss(dataset):
    model = build_gmf(30, 20, 4)
    engine = GuardedEngine(lambda rate: Scripted(rate, 1), model, 0.5)
    assert engine.train_epoch() == 0.5
    model.get_layer("user_embedding").embeddings[3, 2].assign(np.inf)
    with pytest.raises(Diverged, match="a weight is no finite number"):
        engine.train_epoch()


def test_reloading_halves_the_rate_until_the_epoch_is_finite_and_keeps_it():
    notes = []
    engine = GuardedEngine(lambda rate: Scripted(rate, 0.3), build_gmf(3, 2, 4), 1.0, "reload", notes.append)
    assert [engine.train_epoch() for _ in range(2)] == [0.25, 0.25]
    assert notes == [
        "the loss is nan after iteration 0: back to the state before it, "
        f"with the learning rate halved to {rate}"
        for rate in (0.5, 0.25)
    ]
    assert engine.state()["counts"].tolist() == [2, 0]
    assert engine.state()["learning_rate"] == 0.25


def test_reloading_gives_up():
    engine = GuardedEngine(lambda rate: Scripted(rate, 0), build_gmf(3, 2, 4), 1.0, "reload")
    with pytest.raises(Diverged, match=r"Received: 0\.000976562"):
        engine.train_epoch()


@pytest.mark.parametrize("engine", [CompiledEngine, KerasEngine])
def test_after_reloading_training_is_that_of_the_lower_rate(dataset, engine):
    notes = []
    model, expected = (build_gmf(30, 20, 4, seed=1) for _ in range(2))
    halved = guarded(dataset, model, 1e30, "reload", notes=notes, engine=engine)
    # Two rates are enough: 1e30 is none, and half of it is made 0.05.
    make = halved._make_engine
    halved._make_engine = lambda rate: make(0.05)
    plain = engine(expected, NegativeSampler(dataset, 4, seed=5), "sgd", 0.05, 32)
    assert [halved.train_epoch() for _ in range(2)] == [plain.train_epoch() for _ in range(2)]
    np.testing.assert_equal(model.get_weights(), expected.get_weights())
    assert len(notes) == 1


@pytest.mark.parametrize("engine", [CompiledEngine, KerasEngine])
def test_a_restored_guard_has_the_rate_of_the_one_before(dataset, engine):
    model, other = (build_gmf(30, 20, 4, seed=1) for _ in range(2))
    first = guarded(dataset, model, 0.01, "reload", "adam", engine)
    first.train_epoch()
    second = guarded(dataset, other, 0.04, "reload", "adam", engine)
    second.restore(first.state())
    assert second.train_epoch() == first.train_epoch()
    np.testing.assert_equal(other.get_weights(), model.get_weights())
    assert second.state()["learning_rate"] == 0.01


@pytest.mark.parametrize("rate", [None, np.array([0.1]), np.array(0.0), np.array(np.nan), np.array(1)])
def test_a_state_without_a_rate_is_refused(rate):
    engine = GuardedEngine(lambda rate: Scripted(rate, 1), build_gmf(3, 2, 4), 1.0)
    state = {"counts": np.zeros(2, np.int64)} | ({} if rate is None else {"learning_rate": rate})
    with pytest.raises(InputError, match="`state` must have a learning rate above 0"):
        engine.restore(state)
    with pytest.raises(InputError, match="`on_nan` must be one of stop, reload"):
        GuardedEngine(lambda rate: Scripted(rate, 1), build_gmf(3, 2, 4), 1.0, "go")


def test_equal_scores_are_a_collapse_and_others_are_not():
    assert same_score_for_all(lambda users, items: np.zeros(len(users), np.float32), 300, 200)
    assert same_score_for_all(lambda users, items: users.astype(np.float32), 300, 200)
    assert same_score_for_all(lambda users, items: np.full(len(users), np.nan, np.float32), 300, 200)
    assert not same_score_for_all(lambda users, items: items.astype(np.float32), 300, 200)
    assert not same_score_for_all(lambda users, items: (users * items > 0).astype(np.float32), 2, 2)
    assert not same_score_for_all(lambda users, items: np.zeros(len(users), np.float32), 2, 1)
    assert not same_score_for_all(model_scores(build_neumf(30, 20, 4, (8, 4), (0, 0))), 30, 20)


def test_a_penalty_that_shrinks_all_weights_is_seen_and_explained(dataset):
    model = build_mlp(30, 20, (8, 4), (10.0, 10.0))
    engine = guarded(dataset, model, 0.05, learner="adam")
    for _ in range(15):
        engine.train_epoch()
    assert same_score_for_all(model_scores(model), 30, 20)
    assert explain_collapse(model, 0.05) == (
        "the L2 penalties (`--regs`, `--reg_layers`, `--reg_mf`) are likely too large; the largest is 10"
    )
    assert explain_collapse(build_gmf(3, 2, 4), 0.05) == (
        "the learning rate (`--lr`) is likely too large; it is 0.05"
    )


@pytest.mark.parametrize(
    ("build", "penalty"),
    [
        (partial(build_gmf, num_factors=2), 0),
        (partial(build_gmf, num_factors=2, regs=(0, 0.25)), 0.25),
        (partial(build_mlp, layers=(4, 2), reg_layers=(0, 0.5)), 0.5),
        (partial(build_neumf, mf_dim=2, layers=(4, 2), reg_layers=(0.25, 0.5), reg_mf=2), 2),
    ],
)
def test_the_largest_penalty_is_found(build, penalty):
    assert largest_penalty(build(3, 2)) == pytest.approx(penalty)
