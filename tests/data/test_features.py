"""Features of users and items from a file."""

import pytest
from hypothesis import given, strategies as st

from ncf_keras.base.errors import InputError
from ncf_keras.data.feature_tables import read_features
from ncf_keras.data.features import Feature


def write(directory, text):
    file = directory / "items.csv"
    file.write_text(text, encoding="utf-8")
    return file


def rows_of(feature):
    """Return the names of the categories of each row."""
    bounds = zip(feature.offsets[:-1], feature.offsets[1:], strict=True)
    return [[feature.categories[code] for code in feature.codes[low:high]] for low, high in bounds]


def test_categories_come_by_index_whatever_the_order_of_the_lines(tmp_path):
    file = write(tmp_path, 'item_id,genre,"made, in"\nc,Two | One|Two,\nx,War,1999\n"a",Drama,1995\n')
    features = read_features(file, ["a", "b", "c"], 3)
    assert list(features) == ["genre", "made, in"]
    assert features["genre"].categories == ("Drama", "One", "Two")
    assert rows_of(features["genre"]) == [["Drama"], [], ["One", "Two"]]
    assert rows_of(features["made, in"]) == [["1995"], [], []]


def test_without_ids_the_index_is_the_id(tmp_path):
    features = read_features(write(tmp_path, "item,kind\n1,x\n7,y\n"), None, 2)
    assert rows_of(features["kind"]) == [[], ["x"]]


@given(st.lists(st.lists(st.text("abc-é ", min_size=1, max_size=3), max_size=4), min_size=1, max_size=6))
def test_a_row_has_each_of_its_categories_once(rows):
    feature = Feature.of_texts("kind", ["|".join(cells) for cells in rows])
    wanted = [sorted({cell.strip() for cell in cells} - {""}) for cells in rows]
    assert rows_of(feature) == wanted
    assert list(feature.categories) == sorted({one for row in wanted for one in row})


@pytest.mark.parametrize(("text", "message"), [
    ("", "line 1 must be a header with a column of ids and one or more of features.* Received: ''"),
    ("item_id\na\n", "line 1 must be a header .* Received: 'item_id'"),
    ("item_id,x,x\na,1,2\n", "line 1 must be a header .* Received: 'item_id,x,x'"),
    ("item_id,x\na,1\nb,1\na,2\n", "line 4 must have an id that no other line has.* 'a', as in line 2"),
    ("item_id,x\na,1,2\n", "line 2 must have 2 columns. Received: 3"),
    ("item_id,x\nq,1\n", "must have ids of the dataset in its first column, such as a, b. Received: none"),
])  # fmt: skip
def test_what_breaks_the_format_is_named(text, message, tmp_path):
    with pytest.raises(InputError, match=message):
        read_features(write(tmp_path, text), ["a", "b"], 2)
