"""What kind a column is taken for, and what its cells become."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from ncf_keras.base.errors import InputError
from ncf_keras.data.feature_encoding import Encoding
from ncf_keras.data.feature_kinds import KINDS, kind_of_cells
from ncf_keras.data.features import Feature, Features
from ncf_keras.data.grown_features import features_of
from ncf_keras.data.word_hash import word_buckets

DAYS = [f"{day:02}-Jan-1995" for day in range(1, 29)]
CELLS = st.lists(st.sampled_from(
    ["", " ", "a", "b|a", "a|a|", "1", "2.5", "-3e2", "nan", "007", "1995-01-02", "Toy Story", "two words", "|",
     "é", "missing"]
), min_size=1, max_size=12)  # fmt: skip


@pytest.mark.parametrize(("cells", "kind"), [
    ([str(number) for number in range(33)], "number"),
    ([str(number) for number in range(32)] * 9, "categories"),
    ([*map(str, range(40)), "", "nan"], "number"),
    ([f"{number / 8}" for number in range(40)], "number"),
    ([f"{number:05}" for number in range(100, 900)], "categories"),
    ([*map(str, range(40)), "N/A"], "categories"),
    (DAYS, "date"),
    (["1999-12-31", "2000-01-01 10:00:00", ""], "date"),
    (["12/31/1999", "01/02/2000"], "date"),
    (["today", "now"], "categories"),
    (["Animation|Comedy", "Drama", "Comedy", "Drama"], "categories"),
    (["Toy Story", "The Matrix", "Heat", "Three Colors Blue"], "text"),
    (["Toy Story"] * 3 + ["The Matrix"] * 3, "categories"),
    (["ann", "bob", "cy"], "categories"),
    (["", ""], "categories"),
])  # fmt: skip
def test_kinds_are_found(cells, kind):
    assert kind_of_cells(cells) == kind


def rows_of(feature):
    bounds = zip(feature.offsets[:-1], feature.offsets[1:], strict=True)
    return [[feature.categories[code] for code in feature.codes[low:high]] for low, high in bounds]


def encoded(cells, kind):
    return Feature.of_cells("x", cells, Encoding.of("x", cells, kind))


def test_an_empty_cell_is_a_category_where_there_is_one():
    assert rows_of(encoded(["b|a", "", "a"], "categories")) == [["a", "b"], ["missing"], ["a"]]
    assert encoded(["b", "a"], "categories").categories == ("a", "b")
    assert encoded(["b", ""], "categories").categories == ("b", "missing")


def test_numbers_are_cut_at_quantiles():
    feature = encoded([*map(str, range(160)), "inf", ""], "number")
    # Ten a bin: 16 bins.
    assert feature.categories[:2] == ("0 to 9", "10 to 19") and feature.categories[-2:] == (
        "150 to 159",
        "missing",
    )
    assert np.bincount(feature.codes).tolist() == [10] * 16 + [2]
    rows = feature.encoding.encode(["-5", "9.5", "1e9", "nan", "word"])[1]
    assert [feature.categories[code] for code in rows] == [
        "0 to 9",
        "0 to 9",
        "150 to 159",
        "missing",
        "missing",
    ]


def test_equal_edges_collapse():
    feature = encoded(["7"] * 90 + ["8", "9", "1"], "number")
    assert feature.categories == ("1", "7 to 9")
    assert encoded(["4", "4"], "number").categories == ("4",)


def test_dates_are_cut_and_named_as_dates():
    feature = encoded([*DAYS, ""], "date")
    assert feature.encoding.time_format == "%d-%b-%Y"
    assert feature.categories[0] == "1995-01-01 to 1995-01-02" and feature.categories[-1] == "missing"
    later = feature.encoding.encode(["01-Feb-2020", "2020-02-01"])[1]
    assert later.tolist() == [len(feature.categories) - 2, len(feature.categories) - 1]
    assert encoded(["2000-01-01T00:00:05", "2000-01-02"], "date").categories == (
        "2000-01-01 00:00:05", "2000-01-02 00:00:00",
    )  # fmt: skip


def test_words_of_a_text_are_buckets():
    feature = encoded(
        ["The Matrix, the MATRIX!", "Straße_7", "?!", " ".join(f"w{n}" for n in range(40))], "text"
    )
    wanted = [["the", "matrix"], ["straße", "7"], None, [f"w{n}" for n in range(32)]]
    assert feature.encoding.num_buckets == 1024 and feature.encoding.missing == 1024
    for row, words in zip(rows_of(feature), wanted, strict=True):
        buckets = sorted(set(word_buckets(words, 1024).tolist())) if words else ["missing"]
        assert row == [str(bucket) for bucket in buckets]


@pytest.mark.parametrize(("cells", "kind", "message"), [
    (["V5N", "1"], "number", "'x' must be numbers, as its kind is number. Received: 'V5N'"),
    (["", "nan"], "number", "'x' must have a number. Received: none"),
    (["1995-01-02", "soon 1"], "date", "'x' must be dates of one form. Received: '1995-01-02'"),
])  # fmt: skip
def test_a_cell_that_is_none_of_its_kind_is_named(cells, kind, message):
    with pytest.raises(InputError, match=message):
        Encoding.of("x", cells, kind)


def dense(features):
    """Return the matrix by a loop over names of rows."""
    table = np.zeros((features.num_rows, features.num_features), np.float32)
    start = 0
    for feature in features.values():
        for row, names in enumerate(rows_of(feature)):
            for name in names:
                table[row, start + feature.categories.index(name)] = 1
        start += len(feature.categories)
    return table


@given(st.lists(CELLS, min_size=1, max_size=3))
def test_encoding_the_dataset_s_own_cells_gives_its_matrix(columns):
    length = min(map(len, columns))
    cells = {f"c{number}": column[:length] for number, column in enumerate(columns)}
    features = features_of(cells, {}, {})
    found = features.matrix()
    assert found.dtype == np.float32 and found.has_sorted_indices and found.shape == dense(features).shape
    np.testing.assert_array_equal(found.toarray(), dense(features))
    np.testing.assert_array_equal(features.encode(cells).toarray(), found.toarray())


@given(CELLS, CELLS, st.sampled_from(KINDS))
def test_codes_stay_when_a_column_grows(cells, more, kind):
    try:
        before = Encoding.of("x", cells, kind)
        after = before.grown("x", more)
    except InputError:
        return
    assert after.categories[: len(before.categories)] == before.categories
    assert (after.edges, after.time_format, after.num_buckets) == (
        before.edges, before.time_format, len(after.categories) - (after.missing is not None),
    )  # fmt: skip
    for one, other in zip(before.encode(cells), after.encode(cells), strict=True):
        np.testing.assert_array_equal(one, other)
    assert Encoding.from_json(after.to_json()) == after


def test_new_rows_get_what_is_known_of_them():
    features = features_of({"kind": ["a", ""], "brand": ["x", "y"]}, {}, {})
    found = features.encode({"kind": ["b", "a|b", ""]}).toarray()
    # kind: a, missing; brand: x, y, which has no category for a missing value.
    assert found.tolist() == [[0, 0, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0]]
    with pytest.raises(InputError, match=r"must be of the columns kind, brand. Received: 'colour'"):
        features.encode({"colour": ["b"]})
    with pytest.raises(InputError, match=r"must be of one length. Received: 1 and 2"):
        features.encode({"kind": ["b"], "brand": ["x", "y"]})


def test_groups_are_without_missing_values_and_texts():
    cells = {"kind": ["a", "", "b"], "name": ["one two", "three four", "five six"]}
    groups = features_of(cells, {}, {}).groups()
    assert list(groups) == ["kind"] and groups["kind"].categories == ("a", "b")
    assert rows_of(groups["kind"]) == [["a"], [], ["b"]]
    grown = Encoding("categories", ("a", "missing", "b", "c"))
    group = Feature.of_cells("kind", ["b|a", "", "c"], grown).without_missing()
    assert group.categories == ("a", "b", "c") and rows_of(group) == [["a", "b"], [], ["c"]]


def test_columns_are_bounded():
    column = Feature.of_texts("x", ["a"])
    with pytest.raises(InputError, match=r"a name each of their own. Received: two of the name 'x'"):
        Features([column, column])
    many = Feature("y", Encoding("categories", ("z",) * (1 << 24)), column.offsets, column.codes)
    with pytest.raises(InputError, match=r"fewer than 16,777,216 categories together .* most of them in 'y'"):
        Features([column, many])
    with pytest.raises(InputError, match=r"must be of one length. Received: 1, 2"):
        Features([column, Feature.of_texts("y", ["a", "b"])])


def test_a_number_that_overflows_is_a_missing_one():
    cells = [*map(str, range(40)), "1e400", "-1e999"]
    assert kind_of_cells(cells) == "number"
    encoding = Encoding.of("n", cells, "number")
    offsets, codes = encoding.encode(["1e400", "3"])
    assert encoding.categories[codes[0]] == "missing" and len(offsets) == 3
