"""Where a new item stands in lists, and whom to show it to: against counting and sorting in NumPy."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from hypothesis import given, settings, strategies as st
from hypothesis.extra.numpy import arrays

from ncf_keras.base.errors import InputError
from ncf_keras.baselines import ItemPop
from ncf_keras.data.states import FORGOTTEN, INACTIVE
from ncf_keras.recommending import Recommender
from ncf_keras.recommending.ranking import Ranker
from ncf_keras.solvers.fold_in import ItemFolder, with_items
from tests.models import by_hand
from tests.predicting import predict
from tests.recommending.crowd import MODELS, NEUMF_OR_SLOW, SIZES, USER_IDS, crowd, seen_by, with_states

USERS, ITEMS = SIZES
HISTORY = [5, 1, 3, 1]
# User 7 and item 0 stay active, so that there are interactions.
USER_STATES = arrays(np.uint8, USERS - 1, elements=st.integers(0, FORGOTTEN)).map(lambda some: [*some, 0])
ITEM_STATES = arrays(np.uint8, ITEMS - 1, elements=st.integers(0, INACTIVE)).map(lambda some: [0, *some])


@pytest.fixture(scope="module")
def models():
    """Return a model of each kind with weights that carry signal, and the predictions of all pairs by NumPy."""
    made = {}
    for kind, (build, score) in MODELS.items():
        model = build()
        weights = by_hand.randomise(model)
        pairs = np.divmod(np.arange(USERS * ITEMS), ITEMS)
        made[kind] = model, score(weights, *pairs).reshape(SIZES)
    return made


def new_item_scores(model, dataset, history):
    """Return each user's prediction of the item that a history makes: by a model that has it."""
    counts = np.bincount(dataset.train_users, minlength=USERS)
    folder = ItemFolder(model, user_counts=counts, active=dataset.active_items)
    folded = with_items(model, folder([history]))
    return predict(folded, np.arange(USERS), np.zeros(USERS, int))


def rank(dataset, scores, score, user):
    """Return the place behind all active items that the user has not seen and that have no lower score."""
    others = set(np.flatnonzero(dataset.active_items).tolist()) - seen_by(dataset, user)
    return 1 + sum(scores[user, item] >= score for item in others)


@pytest.mark.parametrize("kind", NEUMF_OR_SLOW)
def test_ranks_are_counted_and_users_sorted(kind, models):
    model, scores = models[kind]
    dataset, before = crowd(), [weights.copy() for weights in model.get_weights()]
    recommender = Recommender(model, dataset)
    new = new_item_scores(model, dataset, HISTORY)
    asked, history = [6, 0, 5, 7, 0], [USER_IDS[user] for user in HISTORY]
    frame = recommender.place_item(history, [USER_IDS[user] for user in asked])
    assert list(frame.columns) == ["user_id", "score", "rank"]
    assert list(frame["user_id"]) == [USER_IDS[user] for user in asked]
    assert list(frame["rank"]) == [rank(dataset, scores, new[user], user) for user in asked]
    assert frame["rank"][0] == 1, "who has seen everything has the new item alone"
    np.testing.assert_allclose(frame["score"], new[asked], rtol=0, atol=1e-6)
    assert frame["score"].dtype == np.float32
    order = [user for user in np.argsort(-new) if user not in HISTORY]
    for k in (2, 50):
        best = recommender.users_for_item(history, k)
        assert list(best.columns) == ["rank", "user_id", "score"]
        assert list(best["user_id"]) == [USER_IDS[user] for user in order[:k]]
        assert list(best["rank"]) == list(range(1, len(best) + 1))
        np.testing.assert_allclose(best["score"], new[order[:k]], rtol=0, atol=1e-6)
    for weights, earlier in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weights, earlier)


@pytest.mark.parametrize("kind", NEUMF_OR_SLOW)
@settings(max_examples=3, deadline=None)
@given(user_states=USER_STATES, item_states=ITEM_STATES, data=st.data())
def test_whoever_is_not_active_counts_nowhere(kind, models, user_states, item_states, data):
    model, scores = models[kind]
    dataset = with_states(user_states, item_states)
    # Blocks of 5 items and of one user.
    ranker = Ranker(model, *SIZES, dataset, check_scores=True, items_a_block=5, numbers_a_block=1)
    active = np.flatnonzero(dataset.active_users).tolist()
    history = data.draw(st.lists(st.sampled_from(active), min_size=1, max_size=USERS, unique=True))
    asked = data.draw(st.lists(st.integers(-2, USERS + 1), max_size=5))
    new = new_item_scores(model, dataset, history)
    row = np.concatenate(ranker.item_folder([history]), axis=1)
    numbers = tf.zeros([len(asked)], tf.int32)
    places = ranker.place(row, tf.constant(asked, tf.int32), numbers, tf.constant([True]))
    assert places.known.numpy().tolist() == [user in active for user in asked]
    for user, prediction, found in zip(asked, places.predictions.numpy(), places.ranks.numpy(), strict=True):
        if user in active:
            np.testing.assert_allclose(prediction, new[user], rtol=0, atol=1e-6)
            assert found == rank(dataset, scores, new[user], user)
        else:
            assert found == -1 and np.isnan(prediction)
    best = ranker.best_users(tf.constant(row), tf.constant(history, tf.int32), tf.constant(USERS))
    order = sorted(set(active) - set(history), key=lambda user: -new[user])
    assert best.items[0].numpy().tolist() == order + [-1] * (USERS - len(order))


def test_of_equal_scores_the_known_items_and_the_lower_users_come_first():
    """All scores are the same: those of a model without vectors."""
    model = MODELS["MLP"][0]()
    model.set_weights([np.zeros(weights.shape) for weights in model.get_weights()])
    recommender = Recommender(model, crowd(ids=False))
    frame = recommender.place_item([2], range(USERS))
    assert list(frame["rank"]) == [ITEMS - len(seen_by(crowd(), user)) + 1 for user in range(USERS)]
    assert list(recommender.users_for_item([2, 0], 3)["user_id"]) == [1, 3, 4]


def test_without_ids_users_are_indices_and_after_a_refresh_the_weights_are_the_new_ones():
    model, dataset = MODELS["GMF"][0](), crowd(ids=False, titles=False)
    by_hand.randomise(model, 1)
    recommender = Recommender(model, dataset)
    first = recommender.place_item([1, 3], [0, 5])
    assert first["user_id"].tolist() == [0, 5]
    assert len(recommender.place_item([1], [])) == 0
    recommender.users_for_item(1)
    by_hand.randomise(model, 2)
    recommender.refresh()
    other = Recommender(model, dataset)
    assert not first.equals(other.place_item([1, 3], [0, 5]))
    pd.testing.assert_frame_equal(recommender.place_item([1, 3], [0, 5]), other.place_item([1, 3], [0, 5]))
    pd.testing.assert_frame_equal(recommender.users_for_item(1), other.users_for_item(1))


IDS = "must hold ids of the dataset, such as 3. Received: "


@pytest.mark.parametrize(("ask", "message"), [
    (lambda it: it.place_item(["Zoë", "zoe"], "3"), f"`history` {IDS}'zoe'"),
    (lambda it: it.place_item("Zoë", ["3", "1"]), f"`users` {IDS}'1'"),
    (lambda it: it.place_item("1", "3"), f"`history` {IDS}'1'"),
    (lambda it: it.place_item([], "3"), "`history` must hold at least one user for each item"),
    (lambda it: it.users_for_item([]), "`history` must hold at least one user for each item"),
    (lambda it: it.users_for_item(["3", 9]), f"`history` {IDS}'9'"),
    (lambda it: it.users_for_item("3", 0), "`k` must be a whole number of at least 1. Received: 0"),
])  # fmt: skip
def test_wrong_arguments_are_named(ask, message, models):
    # The user with the id 1 is forgotten.
    dataset = with_states([0, 0, 0, 0, FORGOTTEN, 0, 0, 0], [0] * ITEMS)
    with pytest.raises(InputError) as error:
        ask(Recommender(models["GMF"][0], dataset))
    assert str(error.value).startswith(message)


def test_a_model_of_another_make_or_one_that_diverged_is_refused():
    dataset = dataclasses.replace(crowd(), user_ids=None)
    with pytest.raises(InputError, match="`model` must be a GMF, MLP or NeuMF to fold items into"):
        Recommender(ItemPop().fit(dataset), dataset).place_item([1], [2])
    model = MODELS["GMF"][0]()
    model.get_layer("user_embedding").set_weights([np.full((USERS, 3), np.nan)])
    with pytest.raises(InputError, match="`model` must have finite weights"):
        Recommender(model, dataset).users_for_item([1])
