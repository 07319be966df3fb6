"""Lists of a model with features against NumPy: cold items and users, and those who came after the training."""

import dataclasses

import keras
import numpy as np
import pandas as pd
import polars
import pytest

from ncf_keras.base.errors import InputError
from ncf_keras.baselines import ItemPop
from ncf_keras.data import with_newcomers
from ncf_keras.data.feature_encoding import Encoding
from ncf_keras.data.features import Feature, Features
from ncf_keras.models import build_mlp
from ncf_keras.models.factored import can_factor
from ncf_keras.recommending import Recommender, popular_items
from ncf_keras.recommending.newcomers import model_for
from ncf_keras.solvers.fold_in import ItemFolder, UserFolder
from tests.recommending.crowd import ITEM_IDS, SIZES, USER_IDS, seen_by
from tests.recommending.described_crowd import (
    ITEM_STATES,
    described_crowd,
    described_model,
    rows_by_hand,
    scores_by_hand,
)

LISTED_ITEMS = [item for item, state in enumerate(ITEM_STATES) if not state or item in (1, 12)]
NEW_ITEMS = pd.DataFrame(
    {
        "id": ["n1", "n2", "n3"],
        "genre": ["comedy|war", "western|drama", "western"],
        "title": ["One", "Two", "Three"],
        "colour": ["red", "", "blue"],
    }
)
NEW_USERS = pd.DataFrame({"id": ["ann", "bob"], "age": [25, 35]})


@pytest.fixture(scope="module")
def dataset():
    return described_crowd()


@pytest.fixture(scope="module")
def model(dataset):
    return described_model(dataset)


@pytest.fixture(scope="module")
def recommender(model, dataset):
    return Recommender(model, dataset)


@pytest.fixture(scope="module")
def grown(dataset):
    return with_newcomers(dataset, users=NEW_USERS, items=NEW_ITEMS)


@pytest.fixture(scope="module")
def with_new(model, grown):
    return Recommender(model, grown)


def scores_of(model, dataset):
    return scores_by_hand(model, *(rows_by_hand(model, dataset, side) for side in ("user", "item")))


def assert_list(frame, ids, scores, allowed):
    expected = sorted(allowed, key=lambda item: -scores[item])
    assert frame["item_id"].tolist() == [ids[item] for item in expected]
    np.testing.assert_allclose(frame["score"], scores[expected], rtol=0, atol=1e-6)
    assert set(frame["source"]) <= {"model"}


@pytest.mark.parametrize("user", [0, 1, 2, 7])
def test_items_and_users_of_whom_features_alone_are_known_take_part(user, recommender, model, dataset):
    frame = recommender.recommend(USER_IDS[user], 20)
    allowed = set(LISTED_ITEMS) - seen_by(dataset, user)
    assert 1 in allowed
    assert_list(frame, ITEM_IDS, scores_of(model, dataset)[user], allowed)


def test_of_whom_nothing_is_known_stays_out(recommender, model, dataset):
    for user in (USER_IDS[4], USER_IDS[5]):
        with pytest.raises(InputError, match="`users` must hold ids of the dataset"):
            recommender.recommend(user)
    with pytest.raises(InputError, match="`items` must hold ids of the dataset"):
        recommender.similar_items(ITEM_IDS[8])
    similar = recommender.similar_items(ITEM_IDS[1], 20)
    assert sorted(similar["similar_item_id"]) == sorted(ITEM_IDS[item] for item in LISTED_ITEMS if item != 1)
    # What is popular has interactions.
    assert not {ITEM_IDS[item] for item in (1, 8, 12)} & set(popular_items(dataset, 20)["item_id"])
    steered = set(recommender.recommend(USER_IDS[0], 20, max_per=("genre", 1))["item_id"])
    assert sum(ITEM_IDS[item] in steered for item in (2, 3, 6, 11)) == 1, "of the four about war"


def test_what_came_after_the_training_takes_part_by_its_features(with_new, model, grown):
    # n1 is a comedy about war; of n2 the drama is known, of n3 nothing but that its year is missing.
    scores = scores_of(model, grown)
    ids = [*ITEM_IDS, *NEW_ITEMS["id"]]
    for name, user in ((USER_IDS[0], 0), ("ann", 8), ("bob", 9)):
        assert_list(with_new.recommend(name, 20), ids, scores[user], [*LISTED_ITEMS, 13, 14])
    frame = with_new.recommend("ann", 20, only_items=NEW_ITEMS["id"])
    assert_list(frame, ids, scores[8], [13, 14])
    assert dict(zip(frame["item_id"], frame["title"], strict=True)) == {"n1": "One", "n2": "Two"}
    steered = set(with_new.recommend("ann", 20, max_per=("genre", 1))["item_id"])
    assert sum(ids[item] in steered for item in (2, 3, 6, 11, 13)) == 1, "of the five about war"


def test_the_rows_of_new_ones_are_sums_by_hand(model, grown):
    genres, years = grown.item_features.values()
    table = model.get_layer("mf_feature_embedding_item").get_weights()[0].astype(np.float64)
    missing_year = len(genres.categories) + years.categories.index("missing")
    codes = [genres.categories.index("comedy"), genres.categories.index("war"), missing_year]
    np.testing.assert_allclose(rows_by_hand(model, grown, "item")[0][13], table[codes].sum(axis=0), atol=1e-9)


def test_years_are_found_in_titles_as_they_were(dataset):
    # However few titles of the new ones have one.
    cells = {"title_words": ["A (1990)"] * 13, "title_year": ["1990"] * 13}
    features = Features(
        Feature.of_cells(name, column, Encoding.of(name, column, kind))
        for (name, column), kind in zip(cells.items(), ("text", "number"), strict=True)
    )
    new = pd.DataFrame({"id": ["n1", "n2", "n3"], "title": ["B", "", "C (1991)"]})
    grown = with_newcomers(dataclasses.replace(dataset, item_features=features), items=new)
    assert grown.item_features["title_year"].cells[13:] == ["", "", "1991"]
    assert grown.item_titles[13:] == ["B", "", "C (1991)"]


def test_whom_to_show_an_item(with_new, recommender, model, dataset, grown):
    scores = scores_of(model, grown)
    frame = with_new.users_for_items(["n2", ITEM_IDS[3]], 4)
    for item_id, item in (("n2", 14), (ITEM_IDS[3], 3)):
        known = [0, 1, 2, 3, 6, 7, 8, 9]
        others = [user for user in known if item >= 13 or item not in seen_by(dataset, user % 8) or user > 7]
        best = sorted(others, key=lambda user, item=item: -scores[user, item])[:4]
        rows = frame[frame["item_id"] == item_id]
        assert rows["user_id"].tolist() == [[*USER_IDS, "ann", "bob"][user] for user in best]
        np.testing.assert_allclose(rows["score"], scores[best, item], rtol=0, atol=1e-6)
        assert rows["rank"].tolist() == [1, 2, 3, 4]


def test_features_go_with_a_history(with_new, model, dataset, grown):
    """Against the folders, given what the features of n1 and of ann add to their rows by hand."""
    liked = [0, 3]
    users = rows_by_hand(model, grown, "user")
    known = [rows[13:14] for rows in rows_by_hand(model, grown, "item")]
    # How much the others weigh goes by how many there are.
    larger = model_for(model, grown)
    counts = np.bincount(dataset.train_users, minlength=grown.num_users)
    folder = ItemFolder(larger, user_counts=counts, active=grown.active_items)
    scores = scores_by_hand(model, users, folder([liked], known))[:, 0]
    placed = with_new.place_item([USER_IDS[user] for user in liked], USER_IDS[:4], described_as="n1")
    np.testing.assert_allclose(placed["score"], scores[:4], rtol=0, atol=1e-4)
    best = with_new.users_for_item([USER_IDS[user] for user in liked], 20, described_as="n1")
    expected = sorted((1, 2, 6, 7, 8, 9), key=lambda user: -scores[user])
    assert best["user_id"].tolist() == [[*USER_IDS, "ann", "bob"][user] for user in expected]
    np.testing.assert_allclose(best["score"], scores[expected], rtol=0, atol=1e-4)
    folder = UserFolder(larger, active=grown.active_users)
    fitted = folder([[2, 3]], [rows[8:9] for rows in users])
    scores = scores_by_hand(model, fitted, rows_by_hand(model, grown, "item"))[0]
    frame = with_new.fold_in(ITEM_IDS[2:4], 20, described_as="ann")
    allowed = {*LISTED_ITEMS, 13, 14} - {2, 3}
    expected = sorted(allowed, key=lambda item: -scores[item])
    assert frame["item_id"].tolist() == [[*ITEM_IDS, *NEW_ITEMS["id"]][item] for item in expected]
    np.testing.assert_allclose(frame["score"], scores[expected], rtol=0, atol=1e-4)


def test_a_model_that_can_not_be_taken_apart_must_have_the_features_too(dataset):
    features = dataset.feature_matrices()[1]
    other = build_mlp(*SIZES, (8, 4), (0.1, 0.1), item_features=features)
    other = keras.Model(other.inputs, keras.layers.Dense(1)(other.output), name="other")
    assert not can_factor(other) and Recommender(other, dataset)
    swapped = Features(reversed(list(dataset.item_features.values())))
    with pytest.raises(InputError, match="`model` must be a model that was trained with the features"):
        Recommender(other, dataclasses.replace(dataset, item_features=swapped))


def test_other_features_than_those_of_the_training_are_refused(model, dataset):
    swapped = Features(reversed(list(dataset.item_features.values())))
    with pytest.raises(InputError) as error:
        Recommender(model, dataclasses.replace(dataset, item_features=swapped))
    rule = "`model` must be a model that was trained with the features that crowd has of its items. Received: "
    assert str(error.value) == f"{rule}one with others, of 13 of 13 items"


@pytest.mark.parametrize(("given", "sentence"), [
    ({"items": pd.DataFrame({"id": ["n"], "colour": ["red"]})},
     "`items` must have one or more of the columns that crowd has of its items: genre, year. Received: colour"),
    ({"items": pd.DataFrame({"id": ["5"], "genre": ["war"]})},
     "`items` must have items that the dataset does not have. Received: '5', which it has"),
    ({"users": pd.DataFrame({"id": ["007"], "age": ["18"]})},
     "`users` must have users that the dataset does not have. Received: '007', which it has"),
    ({"items": pd.DataFrame()},
     "`items` must be a header with a column of ids and one or more of features, each with a name of its own. "
     "Received: ''"),
    ({"items": "x.csv"},
     "`items` must be a table: a DataFrame of pandas or polars, a table of Arrow, a dict of columns, or a list "
     "of dicts. Received: the path 'x.csv': read it with `ncf_keras.read_log(path)`"),
])  # fmt: skip
def test_a_mistake_in_a_table_is_a_sentence(given, sentence, dataset):
    with pytest.raises(InputError) as error:
        with_newcomers(dataset, **given)
    assert str(error.value) == sentence


def test_newcomers_come_in_any_table(dataset, grown):
    for table in (polars.DataFrame(NEW_ITEMS), NEW_ITEMS.to_dict("list"), NEW_ITEMS.to_dict("records")):
        found = with_newcomers(dataset, items=table)
        assert found.item_features.cells() == grown.item_features.cells()
        assert found.item_titles == grown.item_titles and found.item_ids == grown.item_ids


def test_who_is_forgotten_may_come_anew(dataset, model):
    grown = with_newcomers(dataset, users=pd.DataFrame({"id": [USER_IDS[4]], "age": ["18"]}))
    frame = Recommender(model, grown).recommend(USER_IDS[4], 3)
    assert set(frame["source"]) == {"model"}


def test_a_model_without_features_knows_no_newcomers(grown, dataset):
    with pytest.raises(InputError, match="`model` must be a GMF, MLP or NeuMF, or for the 10 users"):
        Recommender(ItemPop().fit(dataset), grown)
