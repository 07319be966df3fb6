"""Steered lists against sorting and walking in plain Python: 1,000 random constraints, twice."""

import numpy as np
import pytest
import tensorflow as tf

from ncf_keras.base.errors import InputError
from ncf_keras.data.features import Feature
from ncf_keras.data.states import FORGOTTEN, INACTIVE
from ncf_keras.recommending import Recommender, popular_items, steering
from ncf_keras.recommending.ranking import Ranker
from ncf_keras.recommending.steered_ranking import SteeredRanker
from ncf_keras.recommending.steering import Constraints, Groups, steered_items
from tests.models import by_hand
from tests.recommending.crowd import ITEM_IDS, MODELS, SIZES, USER_IDS, crowd, seen_by, with_states
from tests.recommending.walking import penalised, random_categories, walked

USERS, ITEMS = SIZES
USER_STATES = [0, FORGOTTEN, 0, INACTIVE, 0, 0, 0, 0]
ITEM_STATES = [0, 0, INACTIVE, 0, 0, 0, 0, INACTIVE, 0, 0, 0, 0, 0]


class Table:
    """A model of few different scores, so that many are equal."""

    def __init__(self):
        values = np.array([0.0, 0.25, 0.5, 0.75], np.float32)
        self.scores = np.random.default_rng(3).choice(values, SIZES)

    def score(self, users, items):
        return self.scores[users, items]


@pytest.fixture(scope="module")
def dataset():
    return with_states(USER_STATES, ITEM_STATES)


@pytest.fixture(scope="module")
def categories():
    return random_categories(np.random.default_rng(4), ITEMS)


@pytest.fixture(scope="module")
def features(categories):
    return {"genre": Feature.of_texts("genre", ["|".join(own) for own in categories])}


@pytest.fixture(scope="module")
def table(dataset, features):
    return Recommender(Table(), dataset, features)


def padded(lists):
    width = max(map(len, lists))
    return np.array([[*one, *[-1] * (width - len(one))] for one in lists], np.int32)


def test_a_thousand_random_rows_are_those_of_the_walk(monkeypatch):
    """Windows of 3 places, and all rows at once."""
    monkeypatch.setattr(steering, "PLACES_A_TURN", 3)
    generator, rows, items = np.random.default_rng(1), 1000, 23
    scores = generator.choice(np.array([-2.5, 0, 0.5, 1], np.float32), (rows, items))
    scores[:, 11] = -np.inf
    hidden = generator.random((rows, items)) < 0.2
    own = random_categories(generator, items)
    only = [generator.integers(-3, items + 3, generator.choice([0, 0, 1, 9])).tolist() for _ in range(rows)]
    without = [generator.integers(-3, items + 3, generator.choice([0, 5])).tolist() for _ in range(rows)]
    limits, lengths = generator.integers(-1, 4, rows), generator.integers(0, items + 1, rows)
    penalties = np.zeros(rows, np.float32)
    constraints = Constraints(padded(only), padded(without), limits.astype(np.int32), penalties)
    groups = Groups.of(Feature.of_texts("genre", ["|".join(some) for some in own]), items)
    gone = [part.astype(np.int32) for part in hidden.nonzero()]
    found, kept = tf.function(steered_items, autograph=False)(
        *map(tf.constant, (scores, *gone)), Constraints(*map(tf.constant, constraints)),
        Groups(*map(tf.constant, groups)), tf.constant(lengths, tf.int32), tf.constant(items),
    )  # fmt: skip
    found, kept = found.numpy(), kept.numpy()
    for row, limit in enumerate(np.maximum(limits, 0)):
        restricted, gone = set(only[row]) - {-1}, {11, *np.flatnonzero(hidden[row])}
        expected = walked(scores[row], lengths[row], gone, restricted or None, without[row], own, limit)
        empty = items - len(expected)
        assert found[row].tolist() == expected + [-1] * empty
        assert kept[row].tolist() == [*scores[row, expected], *[-1.0] * empty]


@pytest.mark.parametrize("rounds", [30, pytest.param(125, marks=pytest.mark.slow)])
def test_a_recommender_gives_the_lists_of_the_walk(rounds, table, dataset, categories):
    """Eight users a round, so a thousand lists in the slow one."""
    generator, counts = np.random.default_rng(2), np.bincount(dataset.train_items, minlength=ITEMS).tolist()
    inactive = set(np.flatnonzero(ITEM_STATES).tolist())
    for number in range(rounds):
        only = generator.choice(ITEMS, generator.integers(0, 9)).tolist() if generator.random() < 0.5 else None
        without = generator.choice(ITEMS, generator.choice([0, 4])).tolist()
        limit, penalty = int(generator.integers(0, 4)), float(generator.choice([0, 0.3, 1, 1e6]))
        k, include_seen = int(generator.integers(1, ITEMS + 3)), bool(generator.random() < 0.3)
        strange = ["nobody's item"] if generator.random() < 0.5 else []
        frame = table.recommend(
            USER_IDS, k, include_seen, popular_for_unknown=True,
            only_items=None if only is None else [ITEM_IDS[item] for item in only] + strange,
            not_items=[ITEM_IDS[item] for item in without] + strange,
            max_per=("genre", limit) if limit else None, popularity_penalty=penalty,
        )  # fmt: skip
        lists = dict(list(frame.groupby("user_id")))
        for user, name in enumerate(USER_IDS):
            known = USER_STATES[user] == 0
            scores = penalised(Table().scores[user], counts, penalty) if known else np.array(counts, np.float32)
            seen = seen_by(dataset, user) if known and not include_seen else set()
            expected = walked(scores, k, inactive | seen, only, without, categories, limit)
            found = lists.get(name)
            assert ([] if found is None else list(found["item_id"])) == [ITEM_IDS[item] for item in expected]
            if expected:
                assert list(found["rank"]) == list(range(1, len(expected) + 1))
                assert set(found["source"]) == {"model" if known else "popularity"}
                np.testing.assert_array_equal(found["score"], scores[expected])
        if number % 10:
            continue
        popular = table.popular(
            k, only_items=None if only is None else [ITEM_IDS[item] for item in only],
            not_items=[ITEM_IDS[item] for item in without], max_per=("genre", limit) if limit else None,
        )  # fmt: skip
        expected = walked(counts, k, inactive, only, without, categories, limit)
        assert list(popular["item_id"]) == [ITEM_IDS[item] for item in expected]


@pytest.fixture(scope="module")
def gmf():
    model = MODELS["GMF"][0]()
    weights = by_hand.randomise(model)
    scores = by_hand.gmf(weights, *np.divmod(np.arange(USERS * ITEMS), ITEMS)).reshape(SIZES)
    return model, scores


def test_blocks_smaller_than_the_catalogue_change_nothing(gmf, dataset, features):
    """Of a traced model; a block of rows is one row, of items five. Limits are one for all, or for each."""
    model, _ = gmf
    rows = tf.constant([4, 1, -1, 0, 6, 99])
    groups = Groups(*map(tf.constant, Groups.of(features["genre"], ITEMS)))
    lists = tf.constant([[1, 3, 5, 8, 9, 11, 12, -1]]), tf.constant([[9], [1], [-1], [8], [3], [12]])
    whole = SteeredRanker(Ranker(model, *SIZES, dataset), dataset)
    parts = Ranker(model, *SIZES, dataset, items_a_block=5, numbers_a_block=1)
    steered = tf.function(SteeredRanker(parts, dataset, numbers_a_block=1).recommend, autograph=False)
    for limits, k in ((tf.constant(1), tf.constant(4)), (tf.constant([0, 1, 2, 1, 1, 1]), tf.range(6))):
        constraints = Constraints(*lists, limits, tf.constant(0.2))
        expected, answer = (it(rows, k, constraints, groups) for it in (whole.recommend, steered))
        np.testing.assert_array_equal(answer.items, expected.items)
        np.testing.assert_allclose(answer.scores, expected.scores, rtol=0, atol=1e-6)
        assert expected.known.numpy().tolist() == [True, False, False, True, True, False]
    with pytest.raises(tf.errors.InvalidArgumentError):
        whole.recommend(rows, k, constraints._replace(not_items=lists[1][:5]), groups)


def test_lists_of_a_network_and_of_a_folded_in_user(gmf, categories, features):
    model, scores = gmf
    dataset = crowd()
    counts = np.bincount(dataset.train_items, minlength=ITEMS).tolist()
    recommender = Recommender(model, dataset, features)
    steering = {"not_items": ["5", "x y"], "max_per": ("genre", 1), "popularity_penalty": 0.1}
    own = penalised(scores[2], counts, 0.1)
    expected = walked(own, 10, seen_by(dataset, 2), None, [0, 9], categories, 1)
    frame = recommender.recommend(USER_IDS[2], 10, **steering)
    assert list(frame["item_id"]) == [ITEM_IDS[item] for item in expected]
    np.testing.assert_allclose(frame["score"], own[expected], rtol=0, atol=1e-6)
    # Who is folded in: by the scores of a list without constraints.
    everything = recommender.fold_in(["3", "日本"], ITEMS, include_seen=True)
    score_of = dict(zip(everything["item_id"], everything["score"], strict=True))
    own = penalised([score_of[name] for name in ITEM_IDS], counts, 0.1)
    for include_seen, gone in ((False, {2, 8}), (True, set())):
        frame = recommender.fold_in(["3", "日本"], 10, include_seen, **steering)
        expected = walked(own, 10, gone, None, [0, 9], categories, 1)
        assert list(frame["item_id"]) == [ITEM_IDS[item] for item in expected]
        np.testing.assert_allclose(frame["score"], own[expected], rtol=0, atol=1e-6)
    by_hand.randomise(model, 9)
    recommender.refresh()
    frame = recommender.recommend(USER_IDS[2], 10, **steering)
    assert frame.equals(Recommender(model, dataset, features).recommend(USER_IDS[2], 10, **steering))
    by_hand.randomise(model)


def test_a_history_that_a_baseline_scores_is_steered_as_well(dataset, categories, features):
    class OfHistories(Table):
        def score_history(self, history):
            return self.scores[0] + np.float32(len(history))

    recommender = Recommender(OfHistories(), dataset, features)
    own = penalised(Table().scores[0] + np.float32(2), np.bincount(dataset.train_items, minlength=ITEMS), 0.1)
    gone = set(np.flatnonzero(ITEM_STATES).tolist()) | {4, 8}
    history = [ITEM_IDS[4], ITEM_IDS[8]]
    frame = recommender.fold_in(history, 10, not_items=["5"], max_per=("genre", 1), popularity_penalty=0.1)
    expected = walked(own, 10, gone, None, [0], categories, 1)
    assert list(frame["item_id"]) == [ITEM_IDS[item] for item in expected]
    np.testing.assert_array_equal(frame["score"], own[expected])
    # Without constraints too, what is inactive is in no list.
    assert len(recommender.fold_in(history, ITEMS)) == ITEMS - len(gone)


FINITE = "must be a finite number of at least 0"


def test_lists_of_items_of_many_categories_are_made_a_few_at_a_time(dataset):
    lengths = []

    class Watched(Table):
        def score(self, users, items):
            lengths.append(len(np.unique(users)))
            return super().score(users, items)

    # No two items have a category in common.
    texts = ["|".join(f"{item} {number}" for number in range(40)) for item in range(ITEMS)]
    groups, none = Groups.of(Feature.of_texts("tag", texts), ITEMS), tf.zeros([1, 0], tf.int32)
    ranker, users = (
        Ranker(Watched(), *SIZES, dataset),
        tf.constant(np.flatnonzero(np.equal(USER_STATES, 0)), tf.int32),
    )
    lists = {}
    for limit in (0, 1):
        lengths.clear()
        constraints = Constraints(none, none, tf.constant(limit), tf.constant(0.0))
        steered = SteeredRanker(ranker, dataset, numbers_a_block=2 * 40 * ITEMS)
        lists[limit] = steered.recommend(users, tf.constant(5), constraints, Groups(*map(tf.constant, groups)))
        assert max(lengths) == 2
    np.testing.assert_array_equal(lists[0].items, lists[1].items)


@pytest.mark.parametrize(("steering", "message"), [
    ({"popularity_penalty": -0.1}, f"`popularity_penalty` {FINITE}. Received: -0.1"),
    ({"popularity_penalty": np.nan}, f"`popularity_penalty` {FINITE}. Received: nan"),
    ({"popularity_penalty": np.inf}, f"`popularity_penalty` {FINITE}. Received: inf"),
    ({"max_per": ("genre", 0)}, "`max_per` must be a whole number of at least 1. Received: 0"),
    ({"max_per": ("brand", 1)}, "`max_per` must name a feature of the items: genre. Received: brand"),
])  # fmt: skip
def test_wrong_constraints_are_named(steering, message, table):
    with pytest.raises(InputError) as error:
        table.recommend("3", **steering)
    assert str(error.value).startswith(message)


def test_without_features_there_is_no_group(dataset):
    with pytest.raises(InputError, match=r"`max_per` must name a feature of the items: there is none"):
        popular_items(dataset, max_per=("genre", 1))
