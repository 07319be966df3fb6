"""What every baseline promises, held against all of them."""

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
TASTES, USERS_A_TASTE, ITEMS_A_TASTE = 4, 15, 10


def tastes_dataset() -> Dataset:
    """Users who like nothing but the items of their taste, all of them but one, which is held out.

    The right answer is known: the held-out item is the only one of its taste that the user has not seen, so it
    comes before the items of other tastes. One more user and one more item have no train interaction.
    """
    users = np.arange(TASTES * USERS_A_TASTE)
    items = np.arange(TASTES * ITEMS_A_TASTE)
    taste = users // USERS_A_TASTE
    held_out = taste * ITEMS_A_TASTE + users % ITEMS_A_TASTE
    likes = (taste[:, None] == items // ITEMS_A_TASTE) & (items != held_out[:, None])
    others = np.array([np.flatnonzero(items // ITEMS_A_TASTE != own) for own in taste])
    sizes = {"num_users": len(users) + 1, "num_items": len(items) + 1}
    return Dataset.from_pairs(*np.nonzero(likes), users, held_out, others, name="tastes", **sizes)


@pytest.fixture(scope="module")
def tastes():
    return tastes_dataset()


@pytest.fixture(scope="module")
def fitted(tastes):
    return {name: make().fit(tastes) for name, make in BASELINES.items()}


def all_pairs(dataset):
    return np.divmod(np.arange(dataset.num_users * dataset.num_items, dtype=np.int32), dataset.num_items)


@pytest.mark.parametrize("name", BASELINES)
def test_fit_returns_the_baseline_itself(name, tastes):
    baseline = BASELINES[name]()
    assert baseline.fit(tastes) is baseline


@pytest.mark.parametrize("name", BASELINES)
def test_scores_are_finite_floats_of_the_pairs(name, tastes, fitted):
    scores = fitted[name].score(*all_pairs(tastes))
    assert scores.dtype == np.float32 and scores.shape == (tastes.num_users * tastes.num_items,)
    assert np.isfinite(scores).all()


@pytest.mark.parametrize("name", BASELINES)
def test_a_pair_scores_the_same_in_any_company(name, tastes, fitted, generator):
    users, items = all_pairs(tastes)
    everything = fitted[name].score(users, items)
    some = generator.integers(0, len(users), 500)
    np.testing.assert_allclose(fitted[name].score(users[some], items[some]), everything[some], rtol=1e-5)
    one = fitted[name].score([int(users[7])], [int(items[7])])
    np.testing.assert_allclose(one, everything[7:8], rtol=1e-5)


@pytest.mark.parametrize("name", BASELINES)
def test_no_pairs_have_no_scores(name, fitted):
    nothing = np.zeros(0, np.int32)
    assert fitted[name].score(nothing, nothing).shape == (0,)
    assert fitted[name].score(nothing, nothing).dtype == np.float32


@pytest.mark.parametrize("name", PERSONAL)
def test_the_item_that_the_taste_lacks_comes_first(name, tastes, fitted):
    protocol = LeaveOneOut(tastes.test_users, tastes.test_items, tastes.test_negatives)
    assert protocol.evaluate(fitted[name].score, top_k=1).hr == 1.0


@pytest.mark.parametrize("name", PERSONAL)
def test_taste_beats_popularity_on_the_sample(name, sample):
    protocol = LeaveOneOut(sample.test_users, sample.test_items, sample.test_negatives)
    popular = protocol.evaluate(ItemPop().fit(sample).score)
    result = protocol.evaluate(BASELINES[name]().fit(sample).score)
    assert result.hr > popular.hr + 0.15 and result.ndcg > popular.ndcg + 0.15


@pytest.mark.parametrize("name", BASELINES)
def test_the_same_baseline_learns_the_same_again(name, tastes, fitted):
    pairs = all_pairs(tastes)
    np.testing.assert_array_equal(BASELINES[name]().fit(tastes).score(*pairs), fitted[name].score(*pairs))


@pytest.mark.parametrize("name", BASELINES)
def test_learning_again_forgets(name, sample, tastes, fitted):
    baseline = BASELINES[name]().fit(sample).fit(tastes)
    pairs = all_pairs(tastes)
    np.testing.assert_array_equal(baseline.score(*pairs), fitted[name].score(*pairs))


@pytest.mark.parametrize("name", BASELINES)
def test_the_test_set_is_not_looked_at(name, tastes, fitted):
    other = Dataset(
        "blind",
        tastes.num_users,
        tastes.num_items,
        tastes.train_offsets,
        tastes.train_items,
        tastes.test_users[:1],
        tastes.test_items[:1],
        tastes.test_negatives[:1],
    )
    pairs = all_pairs(tastes)
    np.testing.assert_array_equal(BASELINES[name]().fit(other).score(*pairs), fitted[name].score(*pairs))


@pytest.mark.parametrize("name", BASELINES)
def test_scoring_before_learning_is_refused(name):
    with pytest.raises(InputError, match=rf"`fit` must come before `score`\. Received: {name}\("):
        BASELINES[name]().score(np.zeros(1, int), np.zeros(1, int))


@pytest.mark.parametrize("name", BASELINES)
@pytest.mark.parametrize(
    ("users", "items", "message"),
    [
        ([0, 61], [0, 0], "`users` must be between 0 and 60. Received: 61"),
        ([-1], [0], "`users` must be between 0 and 60. Received: -1"),
        ([0], [41], "`items` must be between 0 and 40. Received: 41"),
        ([0, 0], [0, -2], "`items` must be between 0 and 40. Received: -2"),
        ([0, 1], [0], r"`users` and `items` must be of one shape.* Received: shapes \(2,\) and \(1,\)"),
        ([[0]], [[0]], r"`users` and `items` must be of one shape.* Received: shapes \(1, 1\) and \(1, 1\)"),
    ],
)
def test_pairs_that_break_their_rule_are_named(name, users, items, message, fitted):
    with pytest.raises(InputError, match=message):
        fitted[name].score(np.array(users), np.array(items))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ItemKNN(0), "`neighbours` must be a whole number of at least 1. Received: 0"),
        (lambda: EASE(0.0), "`regularization` must be a finite number above 0. Received: 0.0"),
        (lambda: EASE(float("nan")), "`regularization` must be a finite number above 0. Received: nan"),
        (lambda: IALS(0), "`factors` must be a whole number of at least 1. Received: 0"),
        (lambda: IALS(unobserved_weight=0.0), "`unobserved_weight` must be a finite number above 0"),
        (lambda: IALS(regularization=-1.0), "`regularization` must be a finite number of at least 0"),
        (lambda: IALS(sweeps=0), "`sweeps` must be a whole number of at least 1. Received: 0"),
        (lambda: DotProduct(2.5), "`factors` must be a whole number of at least 1. Received: 2.5"),
        (lambda: DotProduct(seed=-1), "`seed` must be a whole number of at least 0. Received: -1"),
        (lambda: DotProduct(regularization=0.0), "`regularization` must be a .* above 0. Received: 0.0"),
        (lambda: EALS(missing_weight=-1.0), "`missing_weight` must be a finite number of at least 0"),
        (lambda: EALS(popularity_exponent=-1.0), "`popularity_exponent` must be a finite number of at least 0"),
        (lambda: EALS(regularization=0.0), "`regularization` must be a finite number above 0"),
        (lambda: BPR(learning_rate=0.0), "`learning_rate` must be a finite number above 0. Received: 0.0"),
        (lambda: BPR(regularization=-0.1), "`regularization` must be a finite number of at least 0"),
        (lambda: BPR(epochs=0), "`epochs` must be a whole number of at least 1. Received: 0"),
        (lambda: EASE("8"), "`regularization` must be a finite number above 0. Received: '8'"),
        (lambda: EASE(True), "`regularization` must be a finite number above 0. Received: True"),
        (
            lambda: EALS(missing_weight=None),
            "`missing_weight` must be a finite number of at least 0. Received: None",
        ),
        (
            lambda: EALS(missing_weight=10**400),
            "`missing_weight` must be a finite number of at least 0. Received: 10",
        ),
    ],
)
def test_a_hyperparameter_that_breaks_its_rule_is_named(make, message):
    with pytest.raises(InputError, match=message):
        make()


@pytest.mark.parametrize(
    ("kind", "argument"),
    [
        (ItemKNN, "neighbours"),
        *((IALS, argument) for argument in ("factors", "sweeps", "seed")),
        *((EALS, argument) for argument in ("factors", "sweeps", "seed")),
        *((BPR, argument) for argument in ("factors", "epochs", "seed")),
    ],
)
@pytest.mark.parametrize("value", [2.5, 2.0, "8", -1, None, True, float("nan")])
def test_a_count_that_is_no_whole_number_is_named(kind, argument, value):
    with pytest.raises(
        InputError, match=rf"`{argument}` must be a whole number of at least \d\. Received: {value!r}"
    ):
        kind(**{argument: value})


def test_whole_numbers_of_numpy_are_taken(tastes):
    whole = {"factors": np.int64(3), "seed": np.uint8(1)}
    for baseline in (
        ItemKNN(np.int32(5)),
        IALS(**whole, sweeps=np.int16(1)),
        EALS(**whole, sweeps=np.int16(1)),
        BPR(**whole, epochs=np.int16(1)),
    ):
        assert np.isfinite(baseline.fit(tastes).score(*all_pairs(tastes))).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: BPR(4, learning_rate=1e10),
            "`learning_rate` and `regularization` must be small enough .* Received: 10000000000.0 and 0.01",
        ),
        (
            lambda: BPR(4, regularization=1e9),
            "`learning_rate` and `regularization` must be small enough .* Received: 0.05 and 1000000000.0",
        ),
        (
            lambda: EALS(4, popularity_exponent=1e3),
            r"must give finite scores\. Received: EALS\(factors=4, .*1000.0",
        ),
        (
            lambda: IALS(4, regularization=1e308),
            r"`unobserved_weight` and `regularization` must be .* Received: 0\.1 and 1e\+308",
        ),
    ],
)
def test_learning_that_leaves_the_finite_numbers_is_told(make, message, tastes):
    baseline = make()
    with pytest.raises(InputError, match=message):
        baseline.fit(tastes)
    with pytest.raises(InputError, match="`fit` must come before `score`"):
        baseline.score(np.zeros(1, int), np.zeros(1, int))


@pytest.mark.parametrize(
    ("users", "items", "message"),
    [
        ([0.9], [1], "`users` must be of an integer dtype. Received: float64"),
        ([0], [1.7], "`items` must be of an integer dtype. Received: float64"),
        ([float("nan")], [1], "`users` must be of an integer dtype. Received: float64"),
        (["0"], [1], "`users` must be of an integer dtype. Received: <U1"),
        ([0], [None], "`items` must be of an integer dtype. Received: object"),
        ([True], [1], "`users` must be of an integer dtype. Received: bool"),
        ([2**70], [1], "`users` must be of an integer dtype. Received: object"),
        ([2**63 + 5], [1], f"`users` must be between 0 and 60. Received: {2**63 + 5}"),
        ([[0], [0, 1]], [1], r"`users` must be of one shape, \(pairs,\). Received: rows of different lengths"),
    ],
)
def test_indices_of_another_kind_are_refused(users, items, message, fitted):
    with pytest.raises(InputError, match=message):
        fitted["ItemPop"].score(users, items)


def test_lists_and_any_integers_are_indices(fitted):
    for kind in (list, np.int8, np.uint64, np.int64):
        one = [5] if kind is list else np.array([5], kind)
        assert fitted["ItemPop"].score(one, one) == fitted["ItemPop"].score([5], [5])
    assert fitted["ItemPop"].score([], []).shape == (0,)
