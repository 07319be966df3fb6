"""What every baseline promises, held against all of them."""

import dataclasses

import numpy as np
import pytest

from ncf_keras.base.errors import InputError
from ncf_keras.baselines import BPR, EALS, EASE, IALS, DotProduct, ItemKNN, ItemPop
from ncf_keras.data import Dataset
from ncf_keras.evaluation import LeaveOneOut

pytest.importorskip("implicit", reason="needs the extra `paper`")

BASELINES = {
    "ItemPop": lambda: ItemPop(),
    "ItemKNN": lambda: ItemKNN(neighbours=20),
    "EASE": lambda: EASE(regularization=10.0),
    "IALS": lambda: IALS(factors=6, unobserved_weight=0.1, regularization=0.5, sweeps=10),
    "DotProduct": lambda: DotProduct(factors=6, unobserved_weight=0.1, regularization=0.02, sweeps=10),
    "EALS": lambda: EALS(factors=6, missing_weight=20.0, regularization=0.1, sweeps=20),
    "BPR": lambda: BPR(factors=6, learning_rate=0.1, regularization=0.002, epochs=100),
}
PERSONAL = [name for name in BASELINES if name != "ItemPop"]
ITEMS_A_TASTE = 10


def tastes_dataset(tastes: int, users_a_taste: int) -> Dataset:
    """Users who like nothing but the items of their taste, all of them but one, which is held out.

    The right answer is known: the held-out item is the only one of its taste that the user has not seen, so it
    comes before the items of other tastes. One more user and one more item have no train interaction.
    """
    users = np.arange(tastes * users_a_taste)
    items = np.arange(tastes * ITEMS_A_TASTE)
    taste = users // users_a_taste
    held_out = taste * ITEMS_A_TASTE + users % ITEMS_A_TASTE
    likes = (taste[:, None] == items // ITEMS_A_TASTE) & (items != held_out[:, None])
    others = np.array([np.flatnonzero(items // ITEMS_A_TASTE != own) for own in taste])
    sizes = {"num_users": len(users) + 1, "num_items": len(items) + 1}
    return Dataset.from_pairs(*np.nonzero(likes), users, held_out, others, name="tastes", **sizes)


@pytest.fixture(scope="module")
def tastes():
    return tastes_dataset(4, 15)


# Every user with every item.
PAIRS = np.divmod(np.arange(61 * 41, dtype=np.int32), 41)


@pytest.fixture(scope="module")
def fitted(tastes):
    return {name: make().fit(tastes) for name, make in BASELINES.items()}


@pytest.mark.parametrize("name", BASELINES)
def test_scores_are_finite_floats_and_of_a_pair_the_same_in_any_company(name, fitted, generator):
    users, items = PAIRS
    everything = fitted[name].score(users, items)
    assert everything.dtype == np.float32 and everything.shape == users.shape
    assert np.isfinite(everything).all()
    some = generator.integers(0, len(users), 500)
    np.testing.assert_allclose(fitted[name].score(users[some], items[some]), everything[some], rtol=1e-5)
    nothing = fitted[name].score(users[:0], items[:0])
    assert nothing.shape == (0,) and nothing.dtype == np.float32


@pytest.mark.parametrize("name", BASELINES)
def test_the_scores_of_all_items_are_those_of_the_pairs(name, fitted):
    everything = fitted[name].score(*PAIRS).reshape(61, 41)
    scores = fitted[name].score_all(np.array([7, 0, 60]))
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, everything[[7, 0, 60]], rtol=1e-5, atol=1e-7)
    assert fitted[name].score_all(np.array([], np.int32)).shape == (0, 41)


@pytest.mark.parametrize("name", PERSONAL)
def test_the_item_that_the_taste_lacks_comes_first(name, tastes, fitted):
    protocol = LeaveOneOut(tastes.test_users, tastes.test_items, tastes.test_negatives)
    assert protocol.evaluate(fitted[name].score, top_k=1).hr == 1.0


@pytest.mark.parametrize("name", BASELINES)
def test_what_is_learnt_depends_on_the_train_interactions_alone(name, tastes, fitted):
    """Neither on what was learnt before nor on the test set."""
    tests = {key: getattr(tastes, key)[:1] for key in ("test_users", "test_items", "test_negatives")}
    baseline = BASELINES[name]().fit(tastes_dataset(2, 5))
    assert baseline.fit(dataclasses.replace(tastes, **tests)) is baseline
    np.testing.assert_array_equal(baseline.score(*PAIRS), fitted[name].score(*PAIRS))


@pytest.mark.parametrize("kind", [IALS, DotProduct, EALS, BPR])
def test_the_seed_decides(kind, tastes):
    steps = {"epochs": 1} if kind is BPR else {"sweeps": 1}
    one, other = (kind(4, seed=seed, **steps).fit(tastes).user_factors for seed in (1, 2))
    assert not np.allclose(one, other)


INDICES = "must be of an integer dtype. Received:"
SHAPES = r"`users` and `items` must be of one shape.* Received: shapes"


@pytest.mark.parametrize(("users", "items", "message"), [
    ([0, 61], [0, 0], "`users` must be between 0 and 60. Received: 61"),
    ([0], [41], "`items` must be between 0 and 40. Received: 41"),
    ([0, 0], [0, -2], "`items` must be between 0 and 40. Received: -2"),
    ([0, 1], [0], SHAPES + r" \(2,\) and \(1,\)"),
    ([[0]], [[0]], SHAPES + r" \(1, 1\) and \(1, 1\)"),
    ([0.9], [1], f"`users` {INDICES} float64"),
    ([0], [1.7], f"`items` {INDICES} float64"),
    ([0], [None], f"`items` {INDICES} object"),
    ([True], [1], f"`users` {INDICES} bool"),
    ([2**63 + 5], [1], f"`users` must be between 0 and 60. Received: {2**63 + 5}"),
    ([[0], [0, 1]], [1], r"`users` must be of one shape, \(pairs,\). Received: rows of different lengths"),
])  # fmt: skip
def test_pairs_that_break_their_rule_are_named(users, items, message, fitted):
    with pytest.raises(InputError, match=message):
        fitted["ItemPop"].score(users, items)


def test_lists_and_any_integers_are_indices(fitted):
    for kind in (np.int8, np.uint64, np.int64):
        one = np.array([5], kind)
        assert fitted["ItemPop"].score(one, one) == fitted["ItemPop"].score([5], [5])
    assert fitted["ItemPop"].score([], []).shape == (0,)


WHOLE, ABOVE, LEAST = "a whole number of at least", "a finite number above 0", "a finite number of at least 0"


@pytest.mark.parametrize(("kind", "argument", "value", "rule"), [
    (ItemKNN, "neighbours", 0, f"{WHOLE} 1"),
    (EASE, "regularization", 0.0, ABOVE),
    (IALS, "factors", 2.5, f"{WHOLE} 1"),
    (IALS, "unobserved_weight", 0.0, ABOVE),
    (IALS, "regularization", -1.0, LEAST),
    (IALS, "sweeps", 0, f"{WHOLE} 1"),
    (IALS, "seed", None, f"{WHOLE} 0"),
    (DotProduct, "factors", True, f"{WHOLE} 1"),
    (DotProduct, "seed", -1, f"{WHOLE} 0"),
    (DotProduct, "regularization", 0.0, "a number of at most 1e\\+09 and above 0"),
    (EALS, "factors", "8", f"{WHOLE} 1"),
    (EALS, "missing_weight", -1.0, LEAST),
    (EALS, "popularity_exponent", -1.0, LEAST),
    (EALS, "regularization", 0.0, ABOVE),
    (EALS, "sweeps", -1, f"{WHOLE} 0"),
    (EALS, "seed", 2.0, f"{WHOLE} 0"),
    (BPR, "factors", 0, f"{WHOLE} 1"),
    (BPR, "learning_rate", float("nan"), ABOVE),
    (BPR, "regularization", -0.1, LEAST),
    (BPR, "epochs", 0, f"{WHOLE} 1"),
    (BPR, "seed", -1, f"{WHOLE} 0"),
])  # fmt: skip
def test_a_hyperparameter_that_breaks_its_rule_is_named(kind, argument, value, rule):
    with pytest.raises(InputError, match=f"`{argument}` must be {rule}. Received: {value!r}"):
        kind(**{argument: value})


BOTH = "`learning_rate` and `regularization` must be small enough"


@pytest.mark.parametrize(("baseline", "message"), [
    (BPR(4, learning_rate=1e10), f"{BOTH} .* Received: 10000000000.0 and 0.01"),
    (BPR(4, regularization=1e9), f"{BOTH} .* Received: 0.05 and 1000000000.0"),
    (EALS(4, popularity_exponent=1e3), r"must give finite scores\. Received: EALS\(factors=4, .*1000.0"),
    (IALS(4, regularization=1e308), r"`unobserved_weight` and `regularization` .*: 0\.1 and 1e\+308"),
])  # fmt: skip
def test_learning_that_leaves_the_finite_numbers_is_told(baseline, message, tastes):
    with pytest.raises(InputError, match=message):
        baseline.fit(tastes)
    with pytest.raises(InputError, match=r"`fit` must come before `score`\. Received: [A-Z]+\(factors=4"):
        baseline.score([0], [0])
