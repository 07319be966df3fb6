"""Lists where users and items are inactive or forgotten, against sorting in NumPy: random states."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from hypothesis import given, settings, strategies as st
from hypothesis.extra.numpy import arrays

from ncf_keras.base.errors import InputError
from ncf_keras.baselines import EASE, ItemPop
from ncf_keras.data.states import FORGOTTEN, INACTIVE
from ncf_keras.recommending import Recommender, popular_items
from ncf_keras.recommending.ranking import Ranker
from tests.models import by_hand
from tests.recommending.crowd import (
    ITEM_IDS,
    MODELS,
    NEUMF_OR_SLOW,
    SIZES,
    USER_IDS,
    all_cosines,
    crowd,
    seen_by,
    with_states,
)

USERS, ITEMS = SIZES
PAIRS = np.divmod(np.arange(USERS * ITEMS), ITEMS)
# User 7 and item 0 stay active, so that there are interactions.
USER_STATES = arrays(np.uint8, USERS - 1, elements=st.integers(0, FORGOTTEN)).map(lambda some: [*some, 0])
ITEM_STATES = arrays(np.uint8, ITEMS - 1, elements=st.integers(0, INACTIVE)).map(lambda some: [0, *some])
ROWS = st.lists(st.integers(-2, ITEMS + 1), min_size=1, max_size=6)
SETTINGS = settings(max_examples=6)
K = st.integers(0, ITEMS)


@pytest.fixture(scope="module")
def models():
    """Return a model of each kind, the scores of all pairs by NumPy, and the cosines of all items by SciPy."""
    made = {}
    for kind, (build, score) in MODELS.items():
        model = build()
        weights = by_hand.randomise(model)
        made[kind] = model, score(weights, *PAIRS).reshape(SIZES), all_cosines(kind, weights)
    return made


def is_active(states, index):
    return 0 <= index < len(states) and states[index] == 0


def best(scores, items, k):
    """Return the `k` best of some items and their scores, with empty places behind them."""
    listed = sorted(items, key=lambda item: (-scores[item], item))[:k]
    empty = [-1] * (k - len(listed))
    return listed + empty, [scores[item] for item in listed] + empty


def popularity(dataset, item_states):
    counts = [np.count_nonzero(dataset.train_items == item) for item in range(ITEMS)]
    return counts, [item for item in range(ITEMS) if item_states[item] == 0]


def assert_lists(answer, lists):
    for row, (items, scores) in enumerate(lists):
        assert answer.items[row].numpy().tolist() == items
        np.testing.assert_allclose(answer.scores[row], scores, rtol=0, atol=1e-6)


@pytest.mark.parametrize("kind", NEUMF_OR_SLOW)
@SETTINGS
@given(user_states=USER_STATES, item_states=ITEM_STATES, users=ROWS, k=K, include_seen=st.booleans())
def test_lists_hold_active_items_and_others_than_active_users_get_what_is_popular(
    kind, models, user_states, item_states, users, k, include_seen
):
    model, scores, _ = models[kind]
    dataset = with_states(user_states, item_states)
    # Blocks of 5 items and of one user.
    ranker = Ranker(model, *SIZES, dataset, check_scores=True, items_a_block=5, numbers_a_block=1)
    answer = ranker.recommend(tf.constant(users), tf.constant(k), include_seen)
    counts, listed = popularity(dataset, item_states)
    lists = []
    for user in users:
        if is_active(user_states, user):
            seen = () if include_seen else seen_by(dataset, user)
            lists.append(best(scores[user], set(listed) - set(seen), k))
        else:
            lists.append(best(counts, listed, k))
    assert_lists(answer, lists)
    assert answer.known.numpy().tolist() == [is_active(user_states, user) for user in users]


@SETTINGS
@given(user_states=USER_STATES, item_states=ITEM_STATES, data=st.data())
def test_a_pair_of_which_one_is_not_active_has_no_score(models, user_states, item_states, data):
    model, scores, _ = models["NeuMF"]
    ranker = Ranker(model, *SIZES, with_states(user_states, item_states))
    users = data.draw(ROWS)
    items = data.draw(st.lists(st.integers(-2, ITEMS + 1), min_size=len(users), max_size=len(users)))
    expected = [
        scores[user, item] if is_active(user_states, user) and is_active(item_states, item) else np.nan
        for user, item in zip(users, items, strict=True)
    ]
    np.testing.assert_allclose(
        ranker.score(tf.constant(users), tf.constant(items)), expected, rtol=0, atol=1e-6
    )


@pytest.mark.parametrize("kind", NEUMF_OR_SLOW)
@SETTINGS
@given(item_states=ITEM_STATES, items=ROWS, k=K)
def test_an_item_that_is_not_active_is_similar_to_none(kind, models, item_states, items, k):
    model, _, cosines = models[kind]
    answer = Ranker(model, *SIZES, with_states([0] * USERS, item_states), items_a_block=5).similar_items(
        tf.constant(items), tf.constant(k)
    )
    assert answer.known.numpy().tolist() == [is_active(item_states, item) for item in items]
    listed = [item for item in range(ITEMS) if item_states[item] == 0]
    lists = [
        best(cosines[item], set(listed) - {item}, k) if is_active(item_states, item) else best([], [], k)
        for item in items
    ]
    assert_lists(answer, lists)


USER_STATES_OF_ONE = [0, 0, INACTIVE, 0, FORGOTTEN, 0, 0, 0]
ITEM_STATES_OF_ONE = [0, INACTIVE, 0, 0, 0, 0, 0, 0, INACTIVE, 0, 0, 0, INACTIVE]
NOT_LISTED = {ITEM_IDS[item] for item in (1, 8, 12)}


@pytest.fixture(scope="module")
def dataset():
    return with_states(USER_STATES_OF_ONE, ITEM_STATES_OF_ONE)


@pytest.fixture(scope="module", params=["NeuMF", "ItemPop", "EASE"])
def recommender(request, models, dataset):
    baselines = {"ItemPop": ItemPop, "EASE": EASE}
    model = baselines[request.param]().fit(dataset) if request.param in baselines else models["NeuMF"][0]
    return Recommender(model, dataset)


@pytest.fixture(scope="module")
def neumf(models, dataset):
    return Recommender(models["NeuMF"][0], dataset)


def test_a_recommender_lists_active_items_alone(recommender, dataset):
    asked = ["3", USER_IDS[2], "nobody", USER_IDS[4], "Ω"]
    frame = recommender.recommend(asked, 20, popular_for_unknown=True)
    sources = dict(zip(frame["user_id"], frame["source"], strict=True))
    assert [sources[user] for user in asked] == ["model", *["popularity"] * 3, "model"]
    assert not NOT_LISTED & set(frame["item_id"])
    assert len(recommender.recommend("3", 20)) == ITEMS - len(NOT_LISTED), (
        "who has seen nothing gets all others"
    )
    for user in (USER_IDS[2], USER_IDS[4]):
        pd.testing.assert_frame_equal(
            frame[frame["user_id"] == user].reset_index(drop=True), recommender.popular(20, [user])
        )
    counts, listed = popularity(dataset, ITEM_STATES_OF_ONE)
    popular = popular_items(dataset, 20)
    assert list(popular["item_id"]) == [ITEM_IDS[item] for item in best(counts, listed, len(listed))[0]]


def test_similar_items_and_lists_of_new_users_hold_active_items_alone(neumf):
    active = [one for one in ITEM_IDS if one not in NOT_LISTED]
    similar = neumf.similar_items(active, 20)
    assert len(similar) == len(active) * (len(active) - 1) and not NOT_LISTED & set(similar["similar_item_id"])
    folded = neumf.fold_in(active[:2], 20)
    assert sorted(folded["item_id"]) == sorted(active[2:])
    assert not NOT_LISTED & set(neumf.nearest(active, active, 20)["similar_item_id"])


@pytest.mark.parametrize(("ask", "argument", "example", "received"), [
    (lambda it: it.recommend(["3", "ann, bob"]), "users", "3", "ann, bob"),
    (lambda it: it.recommend("1"), "users", "3", "1"),
    (lambda it: it.similar_items("4"), "items", "5", "4"),
    (lambda it: it.fold_in(["5", "日本"]), "history", "5", "日本"),
    (lambda it: it.nearest("5", ["1e3"]), "among", "5", "1e3"),
    (lambda it: it.nearest("1e3", ["5"]), "items", "5", "1e3"),
])  # fmt: skip
def test_who_is_not_active_is_unknown(ask, argument, example, received, neumf):
    with pytest.raises(InputError) as error:
        ask(neumf)
    rule = f"must hold ids of the dataset, such as {example}. Received: {received!r}"
    assert str(error.value) == f"`{argument}` {rule}"


def test_the_example_of_an_id_is_an_active_one_and_indices_are_said_to_be_active(models):
    named = with_states([FORGOTTEN, *[0] * 7], [INACTIVE, *[0] * 12])
    with pytest.raises(InputError, match=r"such as 0\. Received: '3'"):
        Recommender(models["GMF"][0], named).recommend("3")
    plain = dataclasses.replace(named, user_ids=None, item_ids=None)
    recommender = Recommender(models["GMF"][0], plain)
    with pytest.raises(InputError, match=r"`users` must hold active indices from 0 to 7. Received: '0'"):
        recommender.recommend([1, 0])
    with pytest.raises(InputError, match=r"`items` must hold active indices from 0 to 12. Received: '0'"):
        recommender.similar_items([0])
    assert set(recommender.recommend(0, popular_for_unknown=True)["source"]) == {"popularity"}


def test_where_all_are_active_the_program_is_the_same(models):
    """No operation more: earlier exports and lists are as they were."""

    def operations(dataset):
        ranker = Ranker(models["NeuMF"][0], *SIZES, dataset)
        asked = tf.TensorSpec([None], tf.int32), tf.TensorSpec([], tf.int32)
        traced = tf.function(ranker.recommend, autograph=False).get_concrete_function(*asked)
        return sorted(operation.type for operation in traced.graph.get_operations())

    assert operations(with_states([0] * USERS, [0] * ITEMS)) == operations(crowd())
    assert operations(with_states([0] * USERS, [0, 1, *[0] * 11])) != operations(crowd())
