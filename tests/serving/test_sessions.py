"""Sessions as an export answers them, in TensorFlow's C++ loader, against Python."""

import numpy as np
import pytest

from ncf_keras.data import Dataset
from ncf_keras.models import build_gmf
from ncf_keras.recommending import Recommender
from ncf_keras.serving.export import export_model
from tests.serving.cpp_loader import CppModel
from tests.serving.small_exports import (
    ITEM_IDS,
    ITEM_STATES,
    ITEMS,
    LIVING_USER_IDS,
    TITLES,
    USER_STATES,
    USERS,
    living_dataset,
)

LENGTH = 3


def names(answer, row=0):
    """Return the ids of a row's list."""
    return [text.decode() for text in answer["item_ids"][row] if text]


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    """The living dataset with an order in time."""
    living = living_dataset()
    return Dataset.from_pairs(
        living.train_users, living.train_items, np.array([1]), np.array([1]), np.array([[2]]),
        num_users=USERS, num_items=ITEMS, user_ids=LIVING_USER_IDS, item_ids=ITEM_IDS, item_titles=TITLES,
        user_states=USER_STATES, item_states=ITEM_STATES,
        train_timestamps=np.random.default_rng(1).permutation(living.num_train),
    )  # fmt: skip


@pytest.fixture(scope="module")
def model():
    model = build_gmf(USERS, ITEMS, 4, recent=LENGTH)
    generator = np.random.default_rng(2)
    for weight in model.trainable_variables:
        weight.assign(generator.normal(0, 0.4, weight.shape))
    return model


@pytest.fixture(scope="module")
def python(model, dataset):
    return Recommender(model, dataset)


@pytest.fixture(scope="module")
def loaded(model, dataset, tmp_path_factory):
    with CppModel(export_model(model, dataset, tmp_path_factory.mktemp("serving") / "ncf")) as loaded:
        yield loaded


def test_sessions_get_the_lists_that_python_makes(loaded, python):
    # An item that is not active, and one that nobody knows, are passed over; the second session is empty.
    sessions = [["映画", "item-5", "unknown", "item-9", "item-20"], [""] * 5, ["", "item-7", "", "", ""]]
    answer = loaded.run("recommend_session_by_id", session=sessions, k=[50, 3, 50])
    assert answer["known"].tolist() == [True, False, True]
    for row, length in enumerate((50, 3, 50)):
        frame = python.recommend_session([one for one in sessions[row] if one], length)
        listed = names(answer, row)
        assert listed == frame["item_id"].tolist()
        np.testing.assert_allclose(answer["scores"][row, : len(frame)], frame["score"], rtol=0, atol=1e-6)
    assert names(answer, 1) == python.popular(3)["item_id"].tolist()
    indices = [[1, 5, -1, 9, 20], [-1] * 5, [ITEMS, 7, -1, -1, -1]]
    by_index = loaded.run("recommend_session", session=indices, k=[50, 3, 50])
    for key in ("scores", "known"):
        np.testing.assert_array_equal(by_index[key], answer[key])


def test_a_session_may_be_of_any_length(loaded, python):
    long = ["item-3"] * 10_000 + ["item-9", "item-20", "item-7"]
    answer = loaded.run("recommend_session_by_id", session=[long], k=5)
    assert names(answer) == python.recommend_session(long, 5)["item_id"].tolist()
    nothing = loaded.run("recommend_session", session=np.zeros((2, 0), np.int32), k=2)
    assert nothing["known"].tolist() == [False, False]


def test_known_users_get_lists_by_what_they_chose_last(loaded, python):
    user = LIVING_USER_IDS[1]
    answer = loaded.run("recommend_by_id", user_id=[user], k=5)
    assert names(answer) == python.recommend([user], 5)["item_id"].tolist()
