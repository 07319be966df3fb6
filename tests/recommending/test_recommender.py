"""Lists by one object, against sorting in NumPy, cosines of SciPy and counts of the interactions."""

import collections

import keras
import numpy as np
import pandas as pd
import pytest

import ncf_keras
from ncf_keras.base.errors import InputError
from ncf_keras.baselines import EASE, ItemKNN, ItemPop
from ncf_keras.models import build_gmf
from ncf_keras.recommending import Recommender, popular_items
from ncf_keras.recommending.ranking import Ranker
from ncf_keras.solvers.fold_in import fold_in, with_users
from tests.models import by_hand
from tests.predicting import predict
from tests.recommending.crowd import (
    ITEM_IDS,
    MODELS,
    NEUMF_OR_SLOW,
    SIZES,
    TITLES,
    USER_IDS,
    all_cosines,
    crowd,
    seen_by,
)

USERS, ITEMS = SIZES
PAIRS = np.divmod(np.arange(USERS * ITEMS), ITEMS)
COLUMNS = ["user_id", "rank", "item_id", "title", "score", "source"]


@pytest.fixture(scope="module")
def dataset():
    return crowd()


@pytest.fixture(scope="module")
def models():
    """Return a model of each kind, and its weights by layer, as `by_hand` takes them."""
    built = {kind: build() for kind, (build, _) in MODELS.items()}
    return {kind: (model, by_hand.randomise(model)) for kind, model in built.items()}


@pytest.fixture(scope="module")
def recommenders(models, dataset):
    return {kind: Recommender(model, dataset) for kind, (model, _) in models.items()}


@pytest.fixture
def gmf(recommenders):
    return recommenders["GMF"]


def other_model():
    """A model of another make, with weights that carry signal."""
    inputs = [keras.Input((1,), dtype="int32", name=f"{side}_input") for side in ("user", "item")]
    tables = [keras.layers.Embedding(size, 4)(index) for size, index in zip(SIZES, inputs, strict=True)]
    model = keras.Model(inputs, keras.layers.Dot(1)([keras.layers.Flatten()(table) for table in tables]))
    by_hand.randomise(model)
    return model


def expected_items(dataset, scores, user, k, include_seen=False):
    """Return the item indices of a user's list by sorting all items."""
    seen = set() if include_seen else seen_by(dataset, user)
    return sorted(set(range(ITEMS)) - seen, key=lambda item: (-scores[user, item], item))[:k]


@pytest.mark.parametrize("include_seen", [False, True])
@pytest.mark.parametrize("k", [4, 100])
@pytest.mark.parametrize("kind", MODELS)
def test_lists_are_those_of_a_slow_reference(kind, k, include_seen, models, recommenders, dataset):
    scores = MODELS[kind][1](models[kind][1], *PAIRS).reshape(SIZES)
    asked = [5, 0, 7, 6, 5, 2]
    frame = recommenders[kind].recommend([USER_IDS[user] for user in asked], k, include_seen)
    lists = [(user, expected_items(dataset, scores, user, k, include_seen)) for user in asked]
    expected = [(user, rank, item) for user, items in lists for rank, item in enumerate(items, 1)]
    rows = [(USER_IDS[user], rank, ITEM_IDS[item], TITLES[item]) for user, rank, item in expected]
    assert list(frame.columns) == COLUMNS
    assert list(frame[COLUMNS[:4]].itertuples(index=False, name=None)) == rows
    np.testing.assert_allclose(frame["score"], [scores[user, item] for user, _, item in expected], atol=1e-6)
    assert frame["score"].dtype == np.float32
    assert set(frame["source"]) == {"model"}
    assert list(frame.index) == list(range(len(expected)))


def test_without_raw_ids_users_and_items_are_indices(models):
    model, weights = models["NeuMF"]
    dataset = crowd(ids=False, titles=False)
    recommender = Recommender(model, dataset)
    scores = by_hand.neumf(weights, *PAIRS).reshape(SIZES)
    frame = recommender.recommend(np.array([3, 1]), 5)
    assert list(frame.columns) == ["user_id", "rank", "item_id", "score", "source"]
    expected = [(user, item) for user in (3, 1) for item in expected_items(dataset, scores, user, 5)]
    assert list(zip(frame["user_id"], frame["item_id"], strict=True)) == expected
    assert frame["user_id"].dtype.kind == frame["item_id"].dtype.kind == "i"
    for users in (["3", "1"], iter((3, 1)), pd.Series([3, 1]), [3.0, " 1"]):
        pd.testing.assert_frame_equal(frame, recommender.recommend(users, 5))
    held_out = set(zip(dataset.test_users.tolist(), dataset.test_items.tolist(), strict=True))
    frame = recommender.recommend(dataset.test_users, ITEMS)
    listed = set(zip(frame["user_id"], frame["item_id"], strict=True))
    assert held_out <= listed, "a held-out item counts as not seen"
    for user in (8, -1, "-1", "²", "1.0", 1.5, "99999999999999999999", True, "01", None):
        with pytest.raises(InputError, match="`users` must hold indices from 0 to 7"):
            recommender.recommend([user])


def test_a_number_is_a_raw_id_where_there_are_raw_ids_and_nobody_an_empty_table(gmf):
    # The raw id 3 is that of index 0, and the raw id of index 3 is another one.
    expected = gmf.recommend(["3"], 4)
    assert list(expected["user_id"]) == ["3"] * 4
    for user in (3, "3", np.int64(3), 3.0, " 3 ", b"3", [3.0], pd.Series(["3"]), np.array(3)):
        pd.testing.assert_frame_equal(gmf.recommend(user, 4), expected)
    frame = gmf.recommend([3.0, " 3", 8, True], 1, popular_for_unknown=True)
    assert list(frame["user_id"]) == ["3", "3", "8", "True"]
    assert list(frame["source"]) == ["model", "model", "popularity", "popularity"]
    pd.testing.assert_frame_equal(gmf.similar_items([5.0, b" 4"], 2), gmf.similar_items(["5", "4"], 2))
    pd.testing.assert_frame_equal(gmf.nearest(5, [4.0, 3.0]), gmf.nearest("5", ["4", "3"]))
    pd.testing.assert_frame_equal(gmf.fold_in([5.0, np.int8(4)]), gmf.fold_in(["5", "4"]))
    for ask in (gmf.recommend, lambda users: gmf.recommend(users, popular_for_unknown=True)):
        with pytest.raises(InputError, match="`users` must hold ids"):
            ask(["3", None])
    with pytest.raises(InputError, match="`among` must hold single values as ids"):
        gmf.nearest(5, [["4"]])
    for frame in (gmf.recommend([]), gmf.recommend([], popular_for_unknown=True)):
        assert len(frame) == 0 and list(frame.columns) == COLUMNS


@pytest.mark.parametrize("make", [other_model, ItemKNN, ItemPop])
def test_a_model_of_another_make_is_ranked_by_its_scores(make):
    dataset = crowd(ids=False)
    model = make()
    scores = predict(model, *PAIRS) if make is other_model else model.fit(dataset).score(*PAIRS)
    recommender = Recommender(model, dataset)
    for users in (range(USERS), [2], [6, 1]):
        frame = recommender.recommend(users, 3)
        expected = [item for user in users for item in expected_items(dataset, scores.reshape(SIZES), user, 3)]
        assert list(frame["item_id"]) == expected
    assert set(recommender.popular(2)["source"]) == {"popularity"}
    with pytest.raises(InputError, match="`model` must be a GMF, MLP or NeuMF to have item vectors"):
        recommender.similar_items([1])
    assert not recommender.compares_items and recommender.takes_histories == (make is ItemKNN)
    if make is not ItemKNN:
        with pytest.raises(
            InputError, match="`model` must be a GMF, MLP, NeuMF, EASE or ItemKNN to fold users into"
        ):
            recommender.fold_in([1])


@pytest.mark.parametrize("kind", [ItemKNN, EASE])
def test_an_item_model_gives_a_history_the_list_of_a_user_with_that_history(kind):
    dataset = crowd(ids=False)
    recommender = Recommender(kind().fit(dataset), dataset)
    for user in range(1, 6):
        expected = recommender.recommend([user], 20).drop(columns="source")
        frame = recommender.fold_in(sorted(seen_by(dataset, user)), 20, user=user)
        assert set(frame["source"]) == {"folded in"}
        pd.testing.assert_frame_equal(frame.drop(columns="source"), expected, check_dtype=False)
    assert set(recommender.fold_in([3], 20, include_seen=True)["item_id"]) == set(range(ITEMS))


def test_known_and_unknown_users_are_answered_in_their_order(gmf):
    asked = ["nobody", "Zoë", "007", "4", "Zoë"]
    frame = gmf.recommend(asked, 3, popular_for_unknown=True)
    # User 007 has seen everything, so there is no list; 4 is an index, but nobody's id.
    assert list(frame["user_id"]) == ["nobody"] * 3 + ["Zoë"] * 3 + ["4"] * 3 + ["Zoë"] * 3
    assert list(frame["source"]) == ["popularity"] * 3 + ["model"] * 3 + ["popularity"] * 3 + ["model"] * 3
    assert list(frame["rank"]) == [1, 2, 3] * 4
    pd.testing.assert_frame_equal(frame.iloc[3:6].reset_index(drop=True), gmf.recommend(["Zoë"], 3))
    pd.testing.assert_frame_equal(frame.iloc[:3], gmf.popular(3, ["nobody"]))
    pd.testing.assert_frame_equal(frame.iloc[:3], gmf.recommend("nobody", 3, popular_for_unknown=True))


@pytest.mark.parametrize("k", [5, 50])
def test_the_most_frequent_items_come_first(k, dataset):
    counts = collections.Counter(dataset.train_items.tolist())
    order = sorted(range(ITEMS), key=lambda item: (-counts[item], item))[:k]
    expected = [
        (user, rank, ITEM_IDS[item], TITLES[item], counts[item], "popularity")
        for user in ("new", 5)
        for rank, item in enumerate(order, 1)
    ]
    assert list(popular_items(dataset, k, ["new", 5]).itertuples(index=False, name=None)) == expected


@pytest.mark.parametrize("k", [5, 40])
@pytest.mark.parametrize("kind", MODELS)
def test_cosines_are_those_of_scipy(kind, k, models, recommenders):
    asked = [8, 0, 6]
    frame = recommenders[kind].similar_items([ITEM_IDS[item] for item in asked], k)
    cosines = all_cosines(kind, models[kind][1])
    expected = []
    for item in asked:
        order = sorted(set(range(ITEMS)) - {item}, key=lambda other, own=cosines[item]: -own[other])
        expected += [(item, rank, other) for rank, other in enumerate(order[:k], 1)]
    rows = [(ITEM_IDS[item], rank, ITEM_IDS[other], TITLES[other]) for item, rank, other in expected]
    assert list(frame.columns) == ["item_id", "rank", "similar_item_id", "title", "cosine"]
    assert list(frame[frame.columns[:4]].itertuples(index=False, name=None)) == rows
    values = [cosines[item, other] for item, _, other in expected]
    np.testing.assert_allclose(frame["cosine"], values, atol=1e-6)


@pytest.mark.parametrize("kind", MODELS)
def test_the_nearest_of_a_history_are_those_of_scipy(kind, models, recommenders):
    cosines = all_cosines(kind, models[kind][1])
    asked, history = [8, 0, 6], [6, 12, 2, 6, 9]
    frame = recommenders[kind].nearest(
        [ITEM_IDS[item] for item in asked], [ITEM_IDS[item] for item in history], 3
    )
    expected = []
    for item in asked:
        order = sorted(set(history) - {item}, key=lambda other, own=cosines[item]: -own[other])
        expected += [(item, rank, other) for rank, other in enumerate(order[:3], 1)]
    rows = [(ITEM_IDS[item], rank, ITEM_IDS[other], TITLES[other]) for item, rank, other in expected]
    assert list(frame.columns) == ["item_id", "rank", "similar_item_id", "title", "cosine"]
    assert list(frame[frame.columns[:4]].itertuples(index=False, name=None)) == rows
    np.testing.assert_allclose(
        frame["cosine"], [cosines[item, other] for item, _, other in expected], atol=1e-6
    )


def test_the_nearest_of_few_items_or_none(gmf):
    assert list(gmf.nearest(["5", "4"], ["4"], 3)["item_id"]) == ["5"], "an item is not near to itself"
    for items, among in ((["5"], []), ([], ["5"]), ([], [])):
        frame = gmf.nearest(items, among)
        assert len(frame) == 0 and "similar_item_id" in frame
    with pytest.raises(InputError, match=r"`among` must hold ids of the dataset, such as 5\. Received: '6'"):
        gmf.nearest(["5"], ["4", "6"])


def test_equal_items_come_in_the_order_of_their_indices_and_a_zero_vector_has_cosine_0():
    model = MODELS["MLP"][0]()
    table = np.ones((ITEMS, 4), np.float32)
    table[3] = 0
    model.get_layer("item_embedding").set_weights([table])
    frame = Recommender(model, crowd(ids=False)).similar_items([5, 3], 12)
    assert list(frame["similar_item_id"])[:12] == [0, 1, 2, 4, 6, 7, 8, 9, 10, 11, 12, 3]
    np.testing.assert_allclose(frame["cosine"], [1] * 11 + [0] * 13, atol=1e-6)


@pytest.mark.parametrize("kind", NEUMF_OR_SLOW)
def test_a_list_for_a_history_is_that_of_the_folded_in_user(kind, models, recommenders):
    history = [8, 2, 3, 2]
    folded = with_users(models[kind][0], fold_in(models[kind][0], [history]))
    scores = predict(folded, np.zeros(ITEMS, int), np.arange(ITEMS))
    for include_seen in (False, True):
        seen = () if include_seen else history
        order = [item for item in np.argsort(-scores) if item not in seen]
        frame = recommenders[kind].fold_in([ITEM_IDS[item] for item in history], 20, include_seen, user="new")
        assert list(frame["item_id"]) == [ITEM_IDS[item] for item in order]
        np.testing.assert_allclose(frame["score"], scores[order], atol=1e-6)
        assert set(frame["source"]) == {"folded in"} and set(frame["user_id"]) == {"new"}
    assert len(recommenders[kind].fold_in(ITEM_IDS)) == 0


def test_asking_again_computes_no_halves_and_traces_nothing(models, dataset, monkeypatch):
    calls = collections.Counter()

    def counted(owner, name):
        original = getattr(owner, name)
        monkeypatch.setattr(owner, name, lambda *arguments: calls.update([name]) or original(*arguments))

    model = models["NeuMF"][0]
    for name in ("recommend", "similar_items", "recommend_to_vectors"):
        counted(Ranker, name)
    counted(ncf_keras.models.factored.FactoredModel, "halves")
    recommender = Recommender(model, dataset)
    assert calls == {"halves": 1}

    def ask(users, k, include_seen, unknown):
        recommender.recommend(users, k, include_seen, popular_for_unknown=unknown)
        recommender.similar_items(ITEM_IDS[: len(users)], k)
        recommender.fold_in(ITEM_IDS[: len(users)], k, include_seen)

    for users in (["3"], USER_IDS[:2]):  # one user and several have a program each
        ask(users, 10, False, False)
    before = dict(calls)
    assert before == {"halves": 2, "recommend": 2, "similar_items": 1, "recommend_to_vectors": 1}
    for k in (2, 20):
        ask(USER_IDS[1:2], k, k > 3, False)
        ask(USER_IDS[:k], k, k > 3, False)
        ask(["nobody", *USER_IDS], k, False, True)
    assert calls == before


def test_a_model_trained_further_counts_from_the_refresh_on(dataset):
    model = MODELS["GMF"][0]()
    by_hand.randomise(model, 1)
    recommender = Recommender(model, dataset)
    recommender.recommend("Zoë"), recommender.similar_items("5"), recommender.fold_in("5")
    recommender.nearest("5", ["3", "4"])
    by_hand.randomise(model, 2)
    recommender.refresh()
    other = Recommender(model, dataset)
    for name, asked in (("recommend", "Zoë"), ("similar_items", "5"), ("fold_in", "5")):
        pd.testing.assert_frame_equal(getattr(recommender, name)(asked), getattr(other, name)(asked))
    pd.testing.assert_frame_equal(recommender.nearest("5", ["3", "4"]), other.nearest("5", ["3", "4"]))
    pd.testing.assert_frame_equal(ncf_keras.recommend(model, dataset, "Zoë"), other.recommend("Zoë"))


@pytest.mark.parametrize(("ask", "message"), [
    (lambda it: it.recommend(["Zoë", "zoe"]), "`users` must hold ids of the dataset, such as 3. Received"),
    (lambda it: it.recommend(8), "`users` must hold ids of the dataset, such as 3. Received: '8'"),
    (lambda it: it.recommend(["Zoë"], 0), "`k` must be a whole number of at least 1. Received: 0"),
    (lambda it: it.similar_items(["0", "6"]), "`items` must hold ids of the dataset, such as 5. Received:"),
    (lambda it: it.similar_items(["0"], -1), "`k` must be a whole number of at least 1. Received: -1"),
    (lambda it: it.fold_in(["a", "b"]), "`history` must hold ids of the dataset, such as 5. Received: 'a'"),
    (lambda it: it.fold_in([]), "`history` must hold at least one item for each user"),
    (lambda it: it.fold_in(["5"], 0), "`k` must be a whole number of at least 1. Received: 0"),
    (lambda it: it.popular(0), "`k` must be a whole number of at least 1. Received: 0"),
])  # fmt: skip
def test_wrong_arguments_are_named(ask, message, gmf):
    with pytest.raises(InputError) as error:
        ask(gmf)
    assert str(error.value).startswith(message)


def test_vectors_of_any_finite_length_have_their_cosines(dataset):
    model = MODELS["NeuMF"][0]()
    by_hand.randomise(model)
    ids = ITEM_IDS
    expected = Recommender(model, dataset).similar_items(ids, 3)
    for layer in model.layers:
        if layer.name.endswith("embedding_item"):
            rows = layer.get_weights()[0] / 4
            scale = np.resize([2.0**126, 1, 2.0**-100], len(rows))[:, None]
            layer.set_weights([(rows * scale).astype(np.float32)])
    pd.testing.assert_frame_equal(Recommender(model, dataset).similar_items(ids, 3), expected)


def test_what_is_no_model_or_of_other_sizes_or_diverged_is_refused(dataset):
    for sizes in ((7, 13), (8, 12)):
        with pytest.raises(InputError, match="`model` must be for the 8 users and 13 items of crowd"):
            Recommender(build_gmf(*sizes), dataset)
    with pytest.raises(InputError, match="`model` must be a Keras model or have a method `score"):
        Recommender("NeuMF", dataset)
    model = MODELS["GMF"][0]()
    model.get_layer("item_embedding").set_weights([np.full((ITEMS, 3), np.nan)])
    it = Recommender(model, dataset)
    weights = "`model` must have finite weights"
    for ask, words in ((it.recommend, "^The model must give finite scores. Received: one that is not, as"),
                       (it.similar_items, weights), (it.fold_in, weights)):  # fmt: skip
        with pytest.raises(InputError, match=words):
            ask(["3"])
