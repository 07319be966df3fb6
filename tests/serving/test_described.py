"""Users and items by their features as an export knows them, against Python; texts of any kind in a graph."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from hypothesis import given, settings, strategies as st

from ncf_keras.base.errors import InputError
from ncf_keras.data import tidy_times, with_newcomers
from ncf_keras.data.feature_encoding import Encoding
from ncf_keras.data.feature_kinds import number_of, seconds_of, words_of
from ncf_keras.data.features import Feature, Features
from ncf_keras.data.tidy_times import TIMES, WHOLE
from ncf_keras.data.word_hash import word_buckets
from ncf_keras.recommending import Recommender
from ncf_keras.serving import graph_dates, graph_encoder
from ncf_keras.serving.described_signatures import input_names
from ncf_keras.serving.export import export_model
from tests.serving.cpp_loader import CppModel
from tests.serving.described_exports import ITEM_COLUMNS, described_dataset, described_model, features_of
from tests.serving.small_exports import ITEM_IDS, LIVING_USER_IDS, USERS

NEW_ITEMS = pd.DataFrame(
    {
        "id": ["n0", "n1", "n2", "n3"],
        "genre": ["comedy|comedy|western", "映画", "", "western"],
        "year of release": ["1955", " 2100 ", "soon", ""],
        "date": ["05-Jan-1999", "31-feb-1999", "1999", ""],
        "title_words": ["THE cat's ΟΔΟΣ x_y", "日本", "", ""],
    }
)
NEW_USERS = pd.DataFrame(
    {"id": ["u0", "u1", "u2"], "age": ["18", "99", ""], "k": ["2020-01-03", "", "2020-01-09T12:00:00Z"]}
)
ITEM_INPUTS = ["genre", "year_of_release", "date", "title_words"]
USER_INPUTS = ["age", "feature_k"]


def cells(frame, inputs):
    return {name: frame[column].tolist() for name, column in zip(inputs, frame.columns[1:], strict=True)}


@pytest.fixture(scope="module")
def dataset():
    return described_dataset()


@pytest.fixture(scope="module")
def model(dataset):
    return described_model(dataset)


@pytest.fixture(scope="module")
def loaded(model, dataset, tmp_path_factory):
    with CppModel(export_model(model, dataset, tmp_path_factory.mktemp("serving") / "ncf")) as loaded:
        yield loaded


@pytest.fixture(scope="module")
def python(model, dataset):
    """What Python says of all that came, and of the lists before it came."""
    grown = with_newcomers(dataset, users=NEW_USERS, items=NEW_ITEMS)
    return Recommender(model, grown)


def test_a_profile_gets_the_list_that_python_makes(loaded, python, dataset):
    asked = cells(NEW_USERS, USER_INPUTS)
    answer = loaded.run("recommend_by_profile_by_id", **asked, k=[50, 3, 50])
    assert answer["known"].tolist() == [True, False, True]
    for row, user, length in ((0, "u0", 50), (2, "u2", 50)):
        frame = python.recommend(user, length, not_items=NEW_ITEMS["id"])
        listed = [text.decode() for text in answer["item_ids"][row] if text]
        assert listed == frame["item_id"].tolist()
        np.testing.assert_allclose(answer["scores"][row, : len(frame)], frame["score"], rtol=0, atol=1e-6)
    # Of u1 nothing is known but that a value is missing: what is popular.
    popular = python.popular(3)["item_id"].tolist()
    assert [text.decode() for text in answer["item_ids"][1] if text] == popular
    by_index = loaded.run("recommend_by_profile", **asked, k=3)
    assert [ITEM_IDS[item] for item in by_index["items"][1]] == popular
    for key in ("scores", "known"):
        np.testing.assert_allclose(
            by_index[key], answer[key][:, :3] if key == "scores" else answer[key], atol=1e-6
        )


def test_a_new_item_is_placed_and_shown_to_whom_python_says(loaded, python):
    users = ["用户", "user 5", "nobody", "inactive-one"]
    asked = cells(NEW_ITEMS, ITEM_INPUTS)
    answer = loaded.run("new_item_by_features_by_id", **asked, user_id=users)
    shown = loaded.run("users_for_new_item_by_id", **asked, k=USERS)
    by_index = loaded.run("users_for_new_item", **asked, k=[2, 1, 0, 5])
    assert answer["known"].tolist() == [True, True, False, False]
    assert shown["known"].tolist() == by_index["known"].tolist() == [True, True, False, False]
    for row, item in enumerate(("n0", "n1")):
        frame = python.users_for_items(item, 50)
        frame = frame[~frame["user_id"].isin(NEW_USERS["id"])]
        assert [text.decode() for text in shown["user_ids"][row] if text] == frame["user_id"].tolist()
        np.testing.assert_allclose(shown["scores"][row, : len(frame)], frame["score"], rtol=0, atol=1e-6)
        scores = dict(zip(frame["user_id"], frame["score"], strict=True))
        np.testing.assert_allclose(answer["prediction"][row], scores[users[row]], rtol=0, atol=1e-6)
        others = python.recommend(users[row], 50, not_items=NEW_ITEMS["id"])["score"]
        assert 1 + (others > scores[users[row]] + 1e-6).sum() <= answer["rank"][row]
        assert answer["rank"][row] <= 1 + (others >= scores[users[row]] - 1e-6).sum()
        best = [LIVING_USER_IDS[user] for user in by_index["users"][row] if user >= 0]
        assert best == frame["user_id"].tolist()[: (2, 1)[row]]
    assert not any(shown["user_ids"][3]) and (by_index["users"][2:] == -1).all()
    assert np.isnan(answer["prediction"][2:]).all() and (answer["rank"][2:] == -1).all()


def test_no_rows_and_long_texts_are_answered(loaded):
    nothing = {name: np.zeros(0, object) for name in ITEM_INPUTS}
    assert loaded.run("users_for_new_item", **nothing, k=3)["users"].shape[0] == 0
    assert loaded.run("new_item_by_features", **nothing, user_input=[])["rank"].shape == (0,)
    long = {name: ["word " * 10_000, b"\xff\xfe|drama"] for name in ITEM_INPUTS}
    assert loaded.run("new_item_by_features", **long, user_input=[1, 1])["known"].all()


def test_a_model_without_features_has_no_such_signature(living_loaded):
    assert not any("features" in name or "profile" in name for name in living_loaded.signatures)


ANY_TEXT = st.text(
    st.characters(max_codepoint=0x2FFF, exclude_categories=["Cs", "Cn"], exclude_characters="\0")
)
NUMBERS = st.one_of(
    ANY_TEXT,
    st.floats().map(str),
    st.integers().map(str),
    st.sampled_from(["1e999", ".5", "5.", " 7\u00a0", "1_0", "٣", "+.", "0x1", "-0", "1e", "inf", "nan"]),
)
COLUMNS = {
    "genre": Encoding("categories", ("a", "b c", "Ä", "missing")),
    "year": Encoding("number", ("low", "middle", "high"), (1.5, 1990.0)),
    "words": Encoding("text", (*map(str, range(1024)), "missing")),
}


def graph(compute):
    """Return a function of a list of texts that runs a function of a tensor of strings."""
    traced = tf.function(compute, input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)
    return lambda texts: traced(tf.constant([text.encode() for text in texts], tf.string, [len(texts)])).numpy()


@pytest.fixture(scope="module")
def encoder():
    empty = [""]
    features = Features(Feature.of_cells(name, empty, encoding) for name, encoding in COLUMNS.items())
    made = graph_encoder.GraphEncoder(features, features.num_features, "test")
    for table in made.tables:
        table._initialize()

    given = [tf.TensorSpec([None], tf.string)] * len(COLUMNS)
    traced = tf.function(made.encode, input_signature=given, autograph=False)

    def encode(cells):
        pairs = traced(*(tf.constant([cell.encode() for cell in column], tf.string) for column in cells))
        matrix = np.zeros((len(cells[0]), features.num_features), np.float32)
        np.add.at(matrix, (pairs.rows.numpy(), pairs.codes.numpy()), 1)
        return matrix, pairs.known.numpy()

    return features, encode


@settings(max_examples=25, deadline=None)
@given(rows=st.lists(st.tuples(
    st.one_of(ANY_TEXT, st.lists(st.sampled_from(["a", " b c ", "Ä", "x", ""])).map("|".join)),
    NUMBERS, ANY_TEXT,
), min_size=1, max_size=6))  # fmt: skip
def test_a_graph_encodes_as_python_does(rows, encoder):
    features, encode = encoder
    columns = dict(zip(COLUMNS, map(list, zip(*rows, strict=True)), strict=True))
    expected = features.encode(columns).toarray()
    matrix, known = encode(list(columns.values()))
    np.testing.assert_array_equal(matrix, expected)
    grown = features.with_rows(columns, len(rows))
    np.testing.assert_array_equal(known, grown.described()[1:])


def test_words_fall_into_the_same_buckets():
    words = ["a", "Größe", "映画", "x" * 63, "y" * 64, "z" * 65, "é" * 40, *words_of("ΟΔΟΣ the 32nd")]
    for buckets in (1, 7, 1024):
        found = graph(lambda texts, buckets=buckets: graph_encoder.word_buckets(texts, buckets))(words)
        np.testing.assert_array_equal(found, word_buckets(words, buckets))


@settings(max_examples=30, deadline=None)
@given(texts=st.lists(NUMBERS, min_size=1))
def test_numbers_are_those_of_python(texts):
    stripped = [text.strip() for text in texts]
    np.testing.assert_array_equal(
        graph(graph_encoder.numbers_of)(stripped), [number_of(one) for one in stripped]
    )


DATES = list(map(pd.Timestamp, ["1900-03-01", "1969-12-31 23:59:59", "2000-02-29 12:00", "2023-11-05 07:08"]))
FORMS = ["%d-%b-%Y", "%m/%d/%Y", "%Y%m%d", "%d.%m.%y", "%B %d, %Y", "%Y-%m-%d %H:%M:%S UTC", "%d %B %Y",
         "%a, %d %b %Y %H:%M:%S GMT", "%d %b %Y %H:%M:%S.%f", "%m/%d/%Y %I:%M %p"]  # fmt: skip
# Each form that a column of dates may have but for ISO 8601.
KNOWN = sorted({*WHOLE, *(date + time for time in TIMES for date in tidy_times.DATES)} - set(FORMS))
WRONG = ["", "x", "2020", "31-Feb-2001", "30.02.01", "99/99/2020", "20011301", "1/2/2003 25:00"]


@pytest.mark.parametrize("form", [*FORMS, *(pytest.param(form, marks=pytest.mark.slow) for form in KNOWN)])
def test_dates_of_a_form_are_those_of_pandas(form):
    texts = [date.strftime(form.replace("%z", "+0230")) for date in DATES] + WRONG
    found = graph(lambda cells: graph_dates.seconds_of(cells, form))(texts)
    np.testing.assert_array_equal(found, seconds_of(texts, form))


def test_dates_of_iso_8601_are_those_of_pandas():
    texts = ["2020", "2020-03", "2020-03-05", "20200305", "2020/03/05", "2020-03-05T10", "2020-03-05 10:11",
             "2020-03-05T10:11:12.9Z", "2020-03-05 10:11:12+02:00", "2020-03-05T10:11:12-0330", "1600-02-29",
             "2020-3-5", *WRONG]  # fmt: skip
    found = graph(lambda cells: graph_dates.seconds_of(cells, "ISO8601"))(texts)
    np.testing.assert_array_equal(found, [seconds_of([text], "ISO8601")[0] for text in texts])


def test_a_form_of_dates_that_a_graph_cannot_read_is_refused_when_exporting():
    with pytest.raises(InputError) as error:
        graph_dates.seconds_of(tf.constant(["2020-065"]), "%Y-%j")
    assert str(error.value).startswith(
        "`dataset` must have dates of a form that a served model can read, to be"
    )
    assert str(error.value).endswith("%z, %%. Received: '%Y-%j'")


@pytest.mark.parametrize("form", KNOWN)
def test_each_form_that_a_column_may_have_can_be_read_in_a_graph(form):
    assert graph_dates.seconds_of(tf.constant(["x"]), form).shape == [1]


def test_categories_that_are_no_unicode_are_refused(dataset, model, tmp_path):
    cells = ["\ud800", *ITEM_COLUMNS["genre"][0][1:]]
    columns = {**ITEM_COLUMNS, "genre": (cells, "categories")}
    with pytest.raises(InputError, match=r"`item_features` must be texts in Unicode. Received: '.ud800'"):
        broken = dataclasses.replace(dataset, item_features=features_of(columns))
        export_model(described_model(broken), broken, tmp_path / "m")
    assert not (tmp_path / "m").exists()


def test_what_the_inputs_of_columns_are_called():
    columns = ["genre", "Year of release", "k", "映画", "user_id", "genre", "GENRE", "1st"]
    expected = ["genre", "Year_of_release", "feature_k", "feature___", "feature_user_id", "genre_5", "GENRE_6"]
    assert input_names(columns) == [*expected, "feature_1st"]
    # What stands behind a name may be another column's, too.
    assert input_names(["a b", "a_b_2", "a_b"]) == ["a_b", "a_b_2", "a_b_2_2"]


@given(st.lists(st.text("aA_ 12", min_size=1, max_size=5), max_size=8))
def test_no_two_inputs_are_called_alike(columns):
    names = input_names(columns)
    assert len({name.lower() for name in names}) == len(columns)
