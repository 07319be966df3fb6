"""New items as an export places them, against Python's Recommender and against counting in NumPy."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from ncf_keras.recommending import Recommender
from ncf_keras.solvers.fold_in import ItemFolder, with_items
from tests.predicting import predict
from tests.serving.cpp_loader import Refused
from tests.serving.small_exports import (
    ITEM_STATES,
    LIVING_USER_IDS,
    USER_STATES,
    USERS,
    predictions,
    small_model,
)

ANY_USER = st.integers(-2, USERS + 1)
# The users' rows in which an item's history and a user are asked for, the histories padded to one length.
ROWS = st.lists(st.tuples(st.lists(ANY_USER, max_size=5), ANY_USER), min_size=1, max_size=5)


@pytest.fixture(scope="module")
def recommender(living_model, living):
    return Recommender(living_model, living)


def padded(histories, padding):
    length = max(map(len, histories))
    return [[*history, *[padding] * (length - len(history))] for history in histories]


def is_active(user):
    return 0 <= user < USERS and USER_STATES[user] == 0


def assert_rank(rank, score, others):
    """Hold a rank against the scores of the other items; those that differ by rounding may stand before."""
    assert 1 + np.sum(others > score + 1e-6) <= rank <= 1 + np.sum(others >= score - 1e-6)


@settings(max_examples=12, deadline=None)
@given(rows=ROWS)
def test_each_row_is_what_python_says_of_it(rows, living_loaded, recommender, living, living_scores):
    histories, users = [history for history, _ in rows], [user for _, user in rows]
    by_index = living_loaded.run("new_item", history=padded(histories, -1), user_input=users)
    names = [*LIVING_USER_IDS, "nobody", "", "nobody", "nobody"]
    by_id = living_loaded.run(
        "new_item_by_id",
        history=padded([[names[user] for user in history] for history in histories], ""),
        user_id=[names[user] for user in users],
    )
    assert set(by_index) == {"prediction", "rank", "known"}
    np.testing.assert_array_equal(by_id["known"], by_index["known"])
    # Each signature is a graph that TensorFlow optimises by itself: the last bit may differ.
    np.testing.assert_allclose(by_id["prediction"], by_index["prediction"], rtol=0, atol=1e-6)
    for row, (history, user) in enumerate(rows):
        known = sorted({one for one in history if is_active(one)})
        assert by_index["known"][row] == (is_active(user) and bool(known))
        if not by_index["known"][row]:
            assert np.isnan(by_index["prediction"][row]) and by_index["rank"][row] == by_id["rank"][row] == -1
            continue
        frame = recommender.place_item([LIVING_USER_IDS[one] for one in known], LIVING_USER_IDS[user])
        np.testing.assert_allclose(by_index["prediction"][row], frame["score"][0], rtol=0, atol=1e-6)
        seen = living.train_items[living.train_offsets[user] : living.train_offsets[user + 1]]
        others = np.delete(living_scores[user], [*np.flatnonzero(ITEM_STATES), *seen])
        for rank in (by_index["rank"][row], by_id["rank"][row], frame["rank"][0]):
            assert_rank(rank, frame["score"][0], others)


def test_without_a_dataset_there_are_indices_and_nothing_is_seen(loaded_alone):
    model = small_model("GMF")
    scores = predictions(model)
    rows = with_items(model, ItemFolder(model)([[1, 4]]))
    expected = predict(rows, np.arange(USERS), np.zeros(USERS, int))
    assert "new_item_by_id" not in loaded_alone.signatures
    answer = loaded_alone.run("new_item", history=[[4, 1, 4, 99]] * USERS, user_input=range(USERS))
    np.testing.assert_allclose(answer["prediction"], expected, rtol=0, atol=1e-6)
    for user, rank in enumerate(answer["rank"]):
        assert_rank(rank, expected[user], scores[user])
    assert answer["known"].all()


def test_no_rows_and_no_history(living_loaded):
    for histories, users in (([[]], [1]), ([[-1, 99]], [1]), (np.zeros((0, 3)), []), (np.zeros((0, 0)), [])):
        answer = living_loaded.run("new_item", history=histories, user_input=users)
        assert answer["known"].tolist() == [False] * len(users)
        assert answer["rank"].tolist() == [-1] * len(users)
    for histories, users in (([[1], [2]], [1]), ([[1]], [1, 2])):
        with pytest.raises(Refused, match="reshape"):
            living_loaded.run("new_item", history=histories, user_input=users)
