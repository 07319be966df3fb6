import keras
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st

from ncf_keras.base.errors import InputError
from ncf_keras.models import build_gmf
from ncf_keras.recommending import recommend, recommend_to_anybody
from ncf_keras.recommending.top_lists import top_lists as ranked
from tests.models import by_hand
from tests.predicting import predict
from tests.recommending.crowd import ITEM_IDS, MODELS, SIZES, TITLES, USER_IDS, crowd, seen_by


def expected_rows(dataset, scores, user, k, include_seen):
    """Return (rank, item index, score) by sorting all items of a user."""
    seen = set() if include_seen else seen_by(dataset, user)
    order = sorted(set(range(SIZES[1])) - seen, key=lambda item: (-scores[user, item], item))
    return [(rank, item, scores[user, item]) for rank, item in enumerate(order[:k], 1)]


def all_by_hand(model, formula):
    weights = by_hand.randomise(model)
    users, items = np.divmod(np.arange(np.prod(SIZES)), SIZES[1])
    return formula(weights, users, items).reshape(SIZES)


@pytest.mark.parametrize("include_seen", [False, True])
@pytest.mark.parametrize("k", [1, 4, 100])
@pytest.mark.parametrize("kind", MODELS)
def test_lists_are_those_of_a_slow_reference(kind, k, include_seen):
    build, formula = MODELS[kind]
    model, dataset = build(), crowd()
    scores = all_by_hand(model, formula)
    asked = [5, 0, 7, 6, 5, 2]
    frame = recommend(model, dataset, [USER_IDS[user] for user in asked], k, include_seen)
    expected = [(user, *row) for user in asked for row in expected_rows(dataset, scores, user, k, include_seen)]
    assert list(frame["user_id"]) == [USER_IDS[user] for user, *_ in expected]
    assert list(frame["rank"]) == [rank for _, rank, _, _ in expected]
    assert list(frame["item_id"]) == [ITEM_IDS[item] for _, _, item, _ in expected]
    assert list(frame["title"]) == [TITLES[item] for _, _, item, _ in expected]
    np.testing.assert_allclose(frame["score"], [score for *_, score in expected], atol=1e-6)
    assert frame["score"].dtype == np.float32
    assert set(frame["source"]) == {"model"}
    assert list(frame.index) == list(range(len(expected)))


def test_without_raw_ids_users_and_items_are_indices():
    model, dataset = MODELS["NeuMF"][0](), crowd(ids=False, titles=False)
    scores = all_by_hand(model, MODELS["NeuMF"][1])
    frame = recommend(model, dataset, np.array([3, 1]), 5)
    assert list(frame.columns) == ["user_id", "rank", "item_id", "score", "source"]
    expected = [
        (user, item) for user in (3, 1) for _, item, _ in expected_rows(dataset, scores, user, 5, False)
    ]
    assert list(zip(frame["user_id"], frame["item_id"], strict=True)) == expected
    assert frame["user_id"].dtype.kind == frame["item_id"].dtype.kind == "i"
    for users in (["3", "1"], iter((3, 1)), pd.Series([3, 1])):
        pd.testing.assert_frame_equal(frame, recommend(model, dataset, users, 5))


def test_a_number_is_a_raw_id_where_there_are_raw_ids():
    model, dataset = MODELS["GMF"][0](), crowd()
    scores = all_by_hand(model, MODELS["GMF"][1])
    # The raw id 3 is that of index 0, and the raw id of index 3 is another one.
    for user in (3, "3", np.int64(3)):
        frame = recommend(model, dataset, user, 4)
        assert list(frame["user_id"]) == ["3"] * 4
        assert list(frame["item_id"]) == [
            ITEM_IDS[row[1]] for row in expected_rows(dataset, scores, 0, 4, False)
        ]


def test_the_held_out_item_is_not_among_the_seen():
    model, dataset = MODELS["GMF"][0](), crowd(ids=False)
    held_out = dict(zip(dataset.test_users.tolist(), dataset.test_items.tolist(), strict=True))
    frame = recommend(model, dataset, list(held_out), SIZES[1])
    for user, item in held_out.items():
        assert item in set(frame.loc[frame["user_id"] == user, "item_id"])


def test_nobody_asked_for_is_an_empty_table():
    frame = recommend(MODELS["GMF"][0](), crowd(), [])
    assert len(frame) == 0
    assert list(frame.columns) == ["user_id", "rank", "item_id", "title", "score", "source"]


def test_a_model_of_another_make_is_ranked_by_its_predictions():
    users = keras.Input((1,), dtype="int32", name="user_input")
    items = keras.Input((1,), dtype="int32", name="item_input")
    latent = [
        keras.layers.Flatten()(keras.layers.Embedding(size, 4)(index))
        for size, index in zip(SIZES, (users, items), strict=True)
    ]
    model = keras.Model([users, items], keras.layers.Dot(1)(latent))
    by_hand.randomise(model)
    dataset = crowd(ids=False)
    everyone = np.divmod(np.arange(np.prod(SIZES)), SIZES[1])
    scores = predict(model, *everyone).reshape(SIZES)
    frame = recommend(model, dataset, range(SIZES[0]), 3)
    expected = [
        item for user in range(SIZES[0]) for _, item, _ in expected_rows(dataset, scores, user, 3, False)
    ]
    assert list(frame["item_id"]) == expected


@settings(max_examples=40)
@given(
    st.integers(1, 6).flatmap(
        lambda items: st.lists(
            st.lists(st.sampled_from([-1.5, 0.0, -0.0, 0.25, 1.0]), min_size=items, max_size=items),
            min_size=1,
            max_size=5,
        )
    ),
    st.integers(1, 8),
    st.integers(1, 12),
    st.randoms(use_true_random=False),
)
def test_ties_go_to_the_lower_index_in_chunks_of_any_size(rows, k, chunk, random):
    scores = np.array(rows, np.float32)
    seen = np.array([[random.random() < 0.3 for _ in row] for row in rows])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ncf_keras.recommending.top_lists.SCORES_A_CHUNK", chunk)
        users = np.arange(len(rows), dtype=np.int32)[::-1]
        found = ranked(lambda part: scores[part], users, k, scipy.sparse.csr_matrix(seen[users]))
    expected = [
        (row, rank, item, scores[user, item])
        for row, user in enumerate(users)
        for rank, item in enumerate(
            sorted(np.flatnonzero(~seen[user]), key=lambda item: (-scores[user, item], item))[:k], 1
        )
    ]
    assert list(zip(*(part.tolist() for part in found), strict=True)) == expected


def test_known_and_unknown_users_are_answered_in_their_order():
    model, dataset = MODELS["GMF"][0](), crowd()
    by_hand.randomise(model)
    asked = ["nobody", "Zoë", "007", "4", "Zoë"]
    frame = recommend_to_anybody(model, dataset, asked, 3)
    # User 007 has seen everything, so there is no list; 4 is an index, but nobody's id.
    assert list(frame["user_id"]) == ["nobody"] * 3 + ["Zoë"] * 3 + ["4"] * 3 + ["Zoë"] * 3
    assert list(frame["source"]) == ["popularity"] * 3 + ["model"] * 3 + ["popularity"] * 3 + ["model"] * 3
    assert list(frame["rank"]) == [1, 2, 3] * 4
    alone = recommend(model, dataset, ["Zoë"], 3)
    pd.testing.assert_frame_equal(frame.iloc[3:6].reset_index(drop=True), alone)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((["Zoë", "zoe"],), "`users` must hold ids of the dataset, such as 3. Received: 'zoe'"),
        ((["Zoë"], 0), "`k` must be a whole number of at least 1. Received: 0"),
        ((["Zoë"], True), "`k` must be a whole number of at least 1. Received: True"),
        ((["Zoë"], 2.0), "`k` must be a whole number of at least 1. Received: 2.0"),
        ((8,), "`users` must hold ids of the dataset, such as 3. Received: '8'"),
    ],
)
def test_wrong_arguments_are_named(arguments, message):
    with pytest.raises(InputError) as error:
        recommend(MODELS["GMF"][0](), crowd(), *arguments)
    assert str(error.value) == message


@pytest.mark.parametrize("user", [8, -1, "-1", "²", "1.0", 1.5, "99999999999999999999"])
def test_what_is_no_index_is_refused(user):
    with pytest.raises(InputError, match="`users` must hold indices from 0 to 7"):
        recommend(MODELS["GMF"][0](), crowd(ids=False), [user])


@pytest.mark.parametrize("sizes", [(7, 13), (8, 12), (13, 8)])
def test_a_model_of_other_sizes_is_refused(sizes):
    with pytest.raises(InputError, match="`model` must be for the 8 users and 13 items of crowd"):
        recommend(build_gmf(*sizes), crowd(), ["Zoë"])


def test_a_diverged_model_is_refused():
    model = MODELS["GMF"][0]()
    model.get_layer("item_embedding").set_weights([np.full((SIZES[1], 3), np.nan)])
    with pytest.raises(InputError, match="finite"):
        recommend(model, crowd(), ["Zoë"])
