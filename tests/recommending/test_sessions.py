"""Lists for sessions: whoever it is, by the items chosen last."""

import numpy as np
import pytest
import tensorflow as tf

from ncf_keras.base.errors import InputError
from ncf_keras.data import Dataset
from ncf_keras.models import build_gmf, build_neumf
from ncf_keras.models.recent import tell_recent_items
from ncf_keras.recommending import Recommender
from ncf_keras.recommending.sessions import newest_items

USERS, ITEMS, LENGTH = 6, 20, 4
NAMES = [f"i{item}" for item in range(ITEMS)]


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    generator = np.random.default_rng(1)
    users, items = np.nonzero(generator.random((USERS, ITEMS)) < 0.3)
    times = generator.permutation(len(users))
    return Dataset.from_pairs(
        users, items, [0], [0], [[1]], num_users=USERS, num_items=ITEMS, train_timestamps=times,
        item_ids=NAMES, user_ids=[f"u{user}" for user in range(USERS)],
    )  # fmt: skip


@pytest.fixture(scope="module")
def model():
    model = build_neumf(USERS, ITEMS, 4, (8, 4), (0, 0), recent=LENGTH)
    generator = np.random.default_rng(2)
    for weight in model.trainable_variables:
        weight.assign(generator.normal(0, 0.6, weight.shape))
    return model


@pytest.fixture(scope="module")
def recommender(model, dataset) -> Recommender:
    return Recommender(model, dataset)


def reference(model, recent: list[int]) -> np.ndarray:
    """Return the predictions of all items, by a model in which one user has the average of all identities."""
    copy = build_neumf(1, ITEMS, 4, (8, 4), (0, 0), recent=LENGTH)
    for layer in copy.layers:
        if layer.weights and layer.name != "recent_items":
            own = model.get_layer(layer.name).get_weights()
            is_user = layer.name in ("mf_embedding_user", "mlp_embedding_user")
            layer.set_weights([own[0].mean(axis=0, keepdims=True)] if is_user else own)
    items = np.arange(ITEMS)[:, None]
    return copy.predict_on_batch([np.zeros_like(items), items, np.tile([recent], (ITEMS, 1))])[:, 0]


def test_a_session_is_ranked_by_its_last_items(recommender, model):
    asked = ["i3", "i9", "nobody's", "i1", "i7", "i12"]
    scores = reference(model, [12, 7, 1, 9])
    seen = [3, 9, 1, 7, 12]
    expected = [item for item in np.argsort(-scores, kind="stable") if item not in seen][:5]
    frame = recommender.recommend_session(asked, 5)
    assert frame["item_id"].tolist() == [NAMES[item] for item in expected]
    assert set(frame["source"]) == {"session"}
    np.testing.assert_allclose(frame["score"], scores[expected], rtol=0, atol=1e-6)
    with_seen = recommender.recommend_session(asked, ITEMS, include_seen=True)
    assert sorted(with_seen["item_id"]) == sorted(NAMES)


def test_only_the_last_items_count(recommender):
    short = recommender.recommend_session(["i1", "i7", "i12", "i9"], 3, include_seen=True)
    long = recommender.recommend_session(["i4"] * 10_000 + ["i1", "i7", "i12", "i9"], 3, include_seen=True)
    assert short.equals(long)


@pytest.mark.parametrize("items", [[], ["nobody's", "", "Ä"]])
def test_without_a_known_item_the_list_is_what_is_popular(recommender, items):
    frame = recommender.recommend_session(items, 4, user="me")
    assert frame["item_id"].tolist() == recommender.popular(4)["item_id"].tolist()
    assert set(frame["source"]) == {"popularity"} and set(frame["user_id"]) == {"me"}


def test_known_users_are_ranked_by_what_they_chose_last(recommender, model, dataset):
    """A recommender tells the model the dataset's recent items, whatever it knew."""
    user, items = 2, np.arange(ITEMS)[:, None]
    recent = np.tile(dataset.recent_items(LENGTH)[user], (ITEMS, 1))
    scores = model.predict_on_batch([np.full_like(items, user), items, recent])[:, 0]
    frame = recommender.recommend(["u2"], ITEMS, include_seen=True)
    assert frame["item_id"].tolist() == [NAMES[item] for item in np.argsort(-scores, kind="stable")]


def test_a_new_user_is_folded_in(recommender):
    frame = recommender.fold_in(["i1", "i2"], 3)
    assert len(frame) == 3 and frame["score"].between(0, 1).all()


def test_other_models_have_no_sessions(dataset):
    with pytest.raises(InputError, match=r"`model` must take recent items .* Received: GMF"):
        Recommender(build_gmf(USERS, ITEMS, 4), dataset).recommend_session(["i1"])


def test_newest_items_equal_a_slow_choice():
    rows = np.random.default_rng(3).integers(-2, 9, (50, 7))
    expected = []
    for row in rows:
        last = [item for item in row if item >= 0][::-1][:LENGTH]
        expected.append(last + [-1] * (LENGTH - len(last)))
    found = newest_items(tf.constant(rows, tf.int32), LENGTH)
    assert found.numpy().tolist() == expected
    assert newest_items(tf.zeros([2, 0], tf.int32), LENGTH).numpy().tolist() == [[-1] * LENGTH] * 2


def test_what_a_model_was_told_does_not_stay(model, dataset):
    tell_recent_items(model, lambda length: np.zeros((USERS, length)))
    Recommender(model, dataset)
    np.testing.assert_array_equal(model.get_layer("recent_items").items.numpy(), dataset.recent_items(LENGTH))
