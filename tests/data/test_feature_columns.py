"""Columns of features in the files of a dataset: written, read, gone on from, and what is wrong with them."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st

from ncf_keras.base.errors import InputError
from ncf_keras.data import Dataset, read_dataset, split_validation
from ncf_keras.data.feature_encoding import Encoding
from ncf_keras.data.feature_tables import FeatureTable, read_feature_table
from ncf_keras.data.grown_features import grown_features
from ncf_keras.data.prepare import PrepareOptions, prepare
from ncf_keras.data.prepared_features import SaidOfFeatures, with_features
from ncf_keras.data.resplit import with_tests_in_train
from tests.data.yesterday import YESTERDAY, go_on, log_of, write

ITEMS = FeatureTable("items", ["w", "x", "z", "q"], {
    "kind": ["b", "a|b", "", "c"],
    "price": ["3", "1", "2", "9"],
    "name": ["one two (1999)", "three four (2001)", "five six (1999)", "seven (2000)"],
})  # fmt: skip
USERS = FeatureTable("users", ["ann", "bob", "cy"], {"town": ["Rome", "Oslo", "Rome"]})
KINDS = {"price": "number"}
SUFFIXES = ("train.rating", "test.rating", "test.negative", "users.csv", "items.csv", "json")


def said(**changes):
    return SaidOfFeatures([USERS], [ITEMS], KINDS)._replace(**changes)


@pytest.fixture
def prepared():
    return with_features(prepare(log_of(YESTERDAY), PrepareOptions(negatives=1)), said())[0]


@pytest.fixture
def folder(tmp_path, prepared):
    """A directory with the dataset `d`: ann 0, bob 1, cy 2; x 0, y 1, z 2, w 3."""
    write(tmp_path, "d", prepared)
    return tmp_path


def named(features):
    """Return the names of the features of each row, by column."""
    found = {}
    for name, column in features.items():
        bounds = zip(column.offsets[:-1], column.offsets[1:], strict=True)
        found[name] = [[column.categories[code] for code in column.codes[low:high]] for low, high in bounds]
    return found


def require_same(found, expected):
    assert (found is None) == (expected is None)
    if found is not None:
        assert found.cells() == expected.cells()
        assert [one.encoding for one in found.values()] == [one.encoding for one in expected.values()]
        np.testing.assert_array_equal(found.matrix().toarray(), expected.matrix().toarray())


def test_features_come_by_index_and_are_read_back(folder, prepared):
    dataset = read_dataset(folder, "d")
    items = named(dataset.item_features)
    assert items["kind"] == [["a", "b"], ["missing"], ["missing"], ["b"]]
    assert items["price"] == [["1"], ["missing"], ["2"], ["3"]]
    assert items["name_year"] == [["2001"], ["missing"], ["1999"], ["1999"]]
    assert list(dataset.item_features) == ["kind", "price", "name", "name_year"]
    assert dataset.item_features["name"].kind == "text"
    assert named(dataset.user_features) == {"town": [["Rome"], ["Oslo"], ["Rome"]]}
    for side in ("user_features", "item_features"):
        require_same(getattr(dataset, side), getattr(prepared, side))
        require_same(getattr(prepared.dataset("d"), side), getattr(prepared, side))
    assert (folder / "d.users.csv").read_text().splitlines()[:2] == [
        '"index","user_id","town"',
        '0,"ann","Rome"',
    ]
    report = json.loads((folder / "d.json").read_text())
    assert report["features"]["items"]["columns"]["price"] == "number, 3 bins"
    assert report["features"]["items"]["unknown"] == 1 and ".features.json" in report["files"]


def test_a_split_and_a_copy_keep_them(folder):
    dataset = read_dataset(folder, "d")
    for other in (with_tests_in_train(dataset), dataclasses.replace(dataset, name="e")):
        assert other.user_features is dataset.user_features and other.item_features is dataset.item_features
    dataset.save(folder, "e")
    again = read_dataset(folder, "e")
    require_same(again.item_features, dataset.item_features)
    require_same(again.user_features, dataset.user_features)


def test_without_features_nothing_is_written_of_them_and_none_stay(folder):
    plain = prepare(log_of(YESTERDAY), PrepareOptions(negatives=1))
    assert "features" not in plain.report()
    write(folder, "e", plain)
    assert not (folder / "e.features.json").exists()
    # Where a dataset had some, they are replaced by none.
    write(folder, "d", plain)
    assert json.loads((folder / "d.features.json").read_text()) == {"users": [], "items": []}
    assert read_dataset(folder, "d").item_features is None
    for suffix in SUFFIXES[:-1]:
        assert (folder / f"d.{suffix}").read_bytes() == (folder / f"e.{suffix}").read_bytes()


def test_new_items_are_kept_where_that_is_asked(tmp_path):
    plain = prepare(log_of(YESTERDAY), PrepareOptions(negatives=1))
    write(tmp_path, "d", with_features(plain, said(with_new_items=True))[0])
    dataset = read_dataset(tmp_path, "d")
    assert dataset.item_ids == ["x", "y", "z", "w", "q"]
    assert dataset.item_states.tolist() == [0, 0, 0, 0, 1]
    assert named(dataset.item_features)["kind"][4] == ["c"]
    write(tmp_path, "d", go_on(tmp_path, [("ann", "q", 9), ("bob", "v", 9)]))
    grown = read_dataset(tmp_path, "d")
    assert grown.item_ids == ["x", "y", "z", "w", "q", "v"] and grown.item_states is None
    assert named(grown.item_features)["kind"][4:] == [["c"], ["missing"]]


def test_going_on_carries_features_and_codes_over(folder):
    before = read_dataset(folder, "d")
    prepared = go_on(folder, [("dee", "y", 6), ("dee", "v", 8)])
    require_same(prepared.dataset("d").user_features, prepared.user_features)
    assert prepared.user_features["town"].categories == ("Oslo", "Rome", "missing")
    more = FeatureTable("more", ["y", "x", "v"], {"kind": ["0", "", "b"], "colour": ["red", "", "blue"]})
    write(folder, "d", with_features(prepared, SaidOfFeatures(items=[more]))[0])
    after = read_dataset(folder, "d")
    # x lost its kinds, because it has a line; w and z keep theirs.
    assert named(after.item_features)["kind"] == [["missing"], ["0"], ["missing"], ["b"], ["b"]]
    assert list(after.item_features) == ["kind", "price", "name", "name_year", "colour"]
    for name, column in before.item_features.items():
        grown = after.item_features[name]
        assert grown.categories[: len(column.categories)] == column.categories
        assert grown.encoding.edges == column.encoding.edges
    assert after.item_features["kind"].categories == ("a", "b", "missing", "0")
    assert after.user_features["town"].cells == ["Rome", "Oslo", "Rome", ""]


def test_a_whole_log_that_goes_on_carries_them_too(folder):
    prepared = go_on(folder, [("bob", "y", 2), ("bob", "z", 3), ("eve", "x", 4)], append=False)
    assert prepared.user_features["town"].cells == ["Rome", "Oslo", "Rome", ""]


def test_of_the_forgotten_nothing_is_left(folder):
    write(folder, "d", go_on(folder, None, forget=["bob"]))
    text = (folder / "d.users.csv").read_text() + (folder / "d.features.json").read_text()
    assert "Oslo" not in text
    dataset = read_dataset(folder, "d")
    assert named(dataset.user_features) == {"town": [["Rome"], ["missing"], ["Rome"]]}
    # The code of Oslo is nobody's any more; nor does a table bring anything back.
    prepared = with_features(go_on(folder, [("ann", "v", 9)]), SaidOfFeatures(users=[USERS]))[0]
    assert prepared.user_features["town"].categories == ("forgotten 0", "Rome", "missing")
    assert prepared.user_features["town"].cells == ["Rome", "", "Rome"]


def forgetting(cells, kind, forgotten):
    """Return the column before and after some rows of it were forgotten."""
    ids = [str(row) for row in range(len(cells))]
    before = grown_features(None, ids, [FeatureTable("t", ids, {"x": cells})], (), {"x": kind})
    return before["x"], grown_features(before, ids, (), forgotten)["x"]


def test_a_number_of_the_forgotten_alone_is_in_no_name_and_no_edge_of_a_bin():
    before, after = forgetting(["1", "5", "12345", "20000"], "number", [2])
    assert before.categories == ("1", "5", "12345", "20000") and before.encoding.edges == (5, 12345, 20000)
    assert after.categories == ("1", "5", "forgotten 2", "20000", "missing")
    # Half way to the next edge: what was and is another bin's stays there.
    assert after.encoding.edges == (5, (12345 + 20000) / 2, 20000)
    np.testing.assert_array_equal(after.codes, [0, 1, 4, 3])
    # The lowest, the highest, and one who is alone beyond the last edge.
    assert forgetting(["1", "2", "3", "9876"], "number", [3])[1].encoding.edges[-1] > 9876
    cells = [str(number) for number in range(100, 164)]
    before, after = forgetting(cells, "number", [0, 4, 7])
    assert before.categories[:2] == ("100 to 103", "104 to 107")
    assert after.categories[:2] == ("101 to 103", "105 to 106")
    assert after.encoding.edges == (105, *before.encoding.edges[1:])
    # What another one has, too, stays.
    before, after = forgetting(["1", "7", "7", "9"], "number", [1])
    assert after.categories == (*before.categories, "missing") and after.encoding.edges == before.encoding.edges


def test_a_date_of_the_forgotten_alone_is_in_no_name_and_no_edge_of_a_bin():
    days = ["1970-01-02", "1970-01-04", "1970-01-11"]
    after = forgetting(days, "date", [1])[1]
    assert after.categories == ("1970-01-02", "forgotten 1", "1970-01-11", "missing")
    assert after.encoding.edges == (6.5 * 86_400, 10 * 86_400)
    times = ["1970-01-01 00:00:07", "1970-01-01 00:01:00", "1970-01-02 00:00:00"]
    assert forgetting(times, "date", [0])[1].categories[0] == "forgotten 0"


@given(
    st.lists(st.one_of(st.integers(-5, 30).map(str), st.floats(-1e308, 1e308).map(repr)), min_size=2),
    st.data(),
)
def test_what_the_forgotten_had_moves_nobody_else(cells, data):
    forgotten = data.draw(st.sets(st.integers(0, len(cells) - 1), min_size=1, max_size=len(cells) - 1))
    before, after = forgetting(cells, "number", sorted(forgotten))
    others = [row for row in range(len(cells)) if row not in forgotten]
    np.testing.assert_array_equal(after.codes[others], before.codes[others])
    # What is written can be read.
    assert Encoding.from_json(json.loads(json.dumps(after.encoding.to_json()))) == after.encoding
    gone = {float(cells[row]) for row in forgotten} - {float(cells[row]) for row in others}
    if all(float(cell).is_integer() and abs(float(cell)) < 100 for cell in cells):
        assert not gone & set(after.encoding.edges)


def test_names_without_names_are_told_apart():
    encoding = Encoding("categories", ("forgotten 1", "x", "missing")).without_names([1])
    assert encoding.categories == ("forgotten 1", "forgotten 1 (2)", "missing")
    assert Encoding.from_json(encoding.to_json()) == encoding
    assert encoding.without_names([0, 1]).categories == ("forgotten 0", "forgotten 1", "missing")


def test_what_python_gives_must_be_tables_and_a_dict_of_kinds():
    log = pd.DataFrame({"user": ["a", "a", "b", "b"], "item": ["x", "y", "x", "z"]})
    header = "`item_features` must be a header with a column of ids and one or more of features"
    kinds = "`feature_kinds` must be a dict from the name of a column to its kind. Received: list"
    for wrong, message in (
        ({"item_features": pd.DataFrame()}, header),
        ({"feature_kinds": ["g"]}, kinds),
        ({"feature_kinds": []}, kinds),
    ):
        with pytest.raises(InputError, match=message):
            Dataset.from_dataframe(log, user="user", item="item", negatives=1, **wrong)


def test_a_kind_can_not_change(folder):
    with pytest.raises(
        InputError, match=r"`feature_kinds` must leave price of the kind number, as it was before"
    ):
        with_features(go_on(folder, [("ann", "v", 9)]), SaidOfFeatures(kinds={"price": "text"}))
    wrong = FeatureTable("more", ["y"], {"price": ["dear"]})
    with pytest.raises(InputError, match=r"'price' must be numbers, as its kind is number. Received: 'dear'"):
        with_features(go_on(folder, [("ann", "v", 9)]), SaidOfFeatures(items=[wrong]))


@pytest.mark.parametrize(("changes", "message"), [
    ({"kinds": {"prize": "number"}}, "`feature_kinds` must name columns of features: town, kind, .* 'prize'"),
    ({"kinds": {"price": "numbers"}}, "`feature_kinds` must be .*numbers"),
    ({"items": (), "kinds": {}, "with_new_items": True}, "`with_new_items` must come with `item_features`"),
    ({"items": [ITEMS._replace(cells={"state": ["a"] * 4})]}, "called other than index, .* Received: 'state'"),
    ({"items": [ITEMS, ITEMS._replace(source="more")]}, "more must have other columns than items.* 'kind'"),
    ({"users": [USERS._replace(ids=["Ann", "B", "C"])]}, "users must have ids of the dataset .* ann, bob, cy"),
])  # fmt: skip
def test_what_is_wrong_with_tables_is_a_sentence(changes, message):
    with pytest.raises(InputError, match=message):
        with_features(prepare(log_of(YESTERDAY), PrepareOptions(negatives=1)), said(**changes))


def test_a_title_is_the_item_s_title_and_its_words(tmp_path):
    table = FeatureTable("movies", ["x", "y"], {"title": ["Heat (1995)", "Babe (1996)"], "genre": ["a", "b"]})
    prepared, titles = with_features(
        prepare(log_of(YESTERDAY), PrepareOptions(negatives=1)), SaidOfFeatures(items=[table])
    )
    assert titles == {"x": "Heat (1995)", "y": "Babe (1996)"}
    assert list(prepared.item_features) == ["title_words", "title_year", "genre"]
    write(tmp_path, "d", prepared, prepared.titles(titles))
    dataset = read_dataset(tmp_path, "d")
    assert dataset.item_titles == ["Heat (1995)", "Babe (1996)", "", ""]
    assert dataset.item_features["title_year"].cells == ["1995", "1996", "", ""]


def test_hand_made_columns_need_no_json(folder):
    for name in ("d.json", "d.features.json"):
        (folder / name).unlink()
    dataset = read_dataset(folder, "d")
    assert [column.kind for column in dataset.item_features.values()] == [
        "categories",
        "categories",
        "text",
        "categories",
    ]
    assert named(dataset.item_features)["kind"] == [["a", "b"], ["missing"], ["missing"], ["b"]]


@pytest.mark.parametrize(("change", "message"), [
    (lambda text: text[:-5], "as it was written; remove it, .* Received: no JSON"),
    (lambda text: "[]", "Received: other than columns of users and items"),
    (lambda text: text.replace('"number"', '"numbers"'), "Received: the kind 'numbers' in"),
    (lambda text: text.replace('"name": "kind"', '"name": "sort"'), "d.items.csv, kind, .* Received: sort"),
    (lambda text: text.replace('"Rome"', '"Roma"'), "the column 'town' of .*d.users.csv.* no category 'Rome'"),
    (lambda text: text.replace('"edges": [', '"edges": [9, '), "Received: edges that are no ascending numbers"),
    (lambda text: text.replace('"1", "2", "3"', '"1", "2"'), "Received: 3 categories for 2 edges"),
    (lambda text: text.replace('"Oslo", "Rome"', '"Rome", "Rome"'), "Received: a category that comes twice"),
    (lambda text: text.replace('"buckets": 1024', '"buckets": -1'), "Received: no number of buckets"),
])  # fmt: skip
def test_encodings_that_do_not_fit_are_named(folder, change, message):
    (folder / "d.json").unlink()
    file = folder / "d.features.json"
    changed = change(file.read_text())
    assert changed != file.read_text()
    file.write_text(changed)
    with pytest.raises(InputError, match=message) as raised:
        read_dataset(folder, "d")
    assert str(file) in str(raised.value)


def test_a_changed_file_is_told_by_its_digest(folder):
    (folder / "d.features.json").write_text("{}")
    with pytest.raises(InputError, match=r"d.features.json must be the file that .*d.json describes"):
        read_dataset(folder, "d")


@pytest.mark.parametrize("header", [
    "index,item_id,title,title", "index,item_id,kind,kind", "index,item_id,", "index,kind,item_id",
    "index,item_id,kind,state", "index,item_id,user_id",
])  # fmt: skip
def test_headers_that_are_refused(header, folder):
    (folder / "d.json").unlink()
    width = header.count(",")
    (folder / "d.items.csv").write_text(header + "\n" + "".join(f"{row}{',a' * width}\n" for row in range(4)))
    with pytest.raises(InputError, match=r"line 1 must be index,item_id or index,item_id,title"):
        read_dataset(folder, "d")


FRAME = {"u": ["ann", "bob", "ann", "bob"], "i": ["x", "y", "y", "z"], "t": [1, 2, 3, 4]}
KIND_FRAME = {"item": ["x", "z", "q"], "kind": [["a", "b"], None, "c"], "price": [1.0, 2.5, float("nan")]}


@pytest.mark.parametrize("make", ["dict", "pandas", "polars", "arrow"])
def test_frames_bring_features(make, tmp_path):
    modules = {"polars": "polars", "arrow": "pyarrow"}
    module = pytest.importorskip(modules[make]) if make in modules else None
    items = {**KIND_FRAME, "kind": [["a", "b"], [], ["c"]]} if make in ("polars", "arrow") else KIND_FRAME
    frame = {
        "dict": lambda: items, "pandas": lambda: pd.DataFrame(items), "polars": lambda: module.DataFrame(items),
        "arrow": lambda: module.table(items),
    }[make]()  # fmt: skip
    options = {"user": "u", "item": "i", "timestamp": "t", "negatives": 1}
    users = {"id": ["bob", "ann"], "age": [30, 7]}
    dataset = Dataset.from_dataframe(
        FRAME, **options, item_features=frame, user_features=users, feature_kinds={"age": "number"},
        with_new_items=True,
    )  # fmt: skip
    assert dataset.item_ids == ["x", "y", "z", "q"] and dataset.item_states.tolist() == [0, 0, 0, 1]
    assert named(dataset.item_features) == {
        "kind": [["a", "b"], ["missing"], ["missing"], ["c"]],
        "price": [["1"], ["missing"], ["2.5"], ["missing"]],
    }  # fmt: skip
    assert named(dataset.user_features) == {"age": [["7"], ["30"]]}
    dataset.save(tmp_path, "d")
    again = read_dataset(tmp_path, "d")
    require_same(again.item_features, dataset.item_features)
    require_same(again.user_features, dataset.user_features)


@pytest.mark.parametrize(("frame", "message"), [
    ("items.csv", "`item_features` must be a table"),
    ({"item": ["x", "x"], "kind": ["a", "b"]}, r"`item_features`, row 1 .* as in row 0"),
    ({"item": ["x", None], "kind": ["a", "b"]}, r"`item_features`, row 1 .* Received: none"),
    ({"item": ["x"]}, "`item_features` must be a header with a column of ids and one or more"),
    ({"item": ["x", "y"], "kind": ["a"]}, "The columns of `item_features` must be of one length"),
    ({"item": ["x"], "kind": ["a\0"]}, "`item_features` must be texts without NUL characters"),
    ({"item": ["x"], "state": ["a"]}, "`?item_features`? must have .* Received: 'state'"),
])  # fmt: skip
def test_frames_that_are_wrong_are_named(frame, message):
    with pytest.raises(InputError, match=message):
        Dataset.from_dataframe(FRAME, "u", "i", timestamp="t", negatives=1, item_features=frame)


def test_what_files_can_not_hold_is_refused(folder):
    dataset = read_dataset(folder, "d")
    with pytest.raises(InputError, match=r"`item_features` must have 4 rows. Received: 3"):
        dataclasses.replace(dataset, item_features=dataset.user_features)
    with pytest.raises(InputError, match=r"`user_features` must come with `user_ids` to be saved"):
        dataclasses.replace(dataset, user_ids=None).save(folder, "e")
    odd = grown_features(None, dataset.item_ids, [FeatureTable("t", ["x"], {"kind": ["a\0"]})])
    with pytest.raises(InputError, match=r"`item_features` must be texts in UTF-8"):
        dataclasses.replace(dataset, item_features=odd).save(folder, "e")


def test_a_validation_split_keeps_features(sample):
    ids = [str(item) for item in range(sample.num_items)]
    features = grown_features(None, ids, [FeatureTable("t", ["7"], {"kind": ["a"]})])
    with_them = dataclasses.replace(sample, item_features=features)
    assert split_validation(with_them).item_features is features


@pytest.mark.parametrize(("name", "text", "columns", "wanted"), [
    ("m.dat", "1::A (1995)::x|y\n2::B::\n", "id,title,kind", {"title": ["A (1995)", "B"], "kind": ["x|y", ""]}),
    ("u.user", "1|24|M\n2|53|F\n", "id,age,", {"age": ["24", "53"]}),
    ("u.item", "1|a|0|1|1\n2|b|0|0|0\n", "id,,genre*3", {"genre": ["1|2", ""]}),
    ("u.item", "1|a|0|1|1\n2|b|0|0|0\n", "id,,x,y,z", {"x": ["0", "0"], "y": ["1", "0"], "z": ["1", "0"]}),
    ("m.csv", 'id;"a;b"; c \n1;x;" y"\n\n2;z;\n', None, {"a;b": ["x", "z"], "c": ["y", ""]}),
])  # fmt: skip
def test_tables_in_their_forms(name, text, columns, wanted, tmp_path):
    file = tmp_path / name
    file.write_text(text)
    table = read_feature_table(file, None if columns is None else columns.split(","), "item_features_columns")
    assert (table.ids, table.cells) == (["1", "2"], wanted)


def test_latin_1_is_read(tmp_path):
    file = tmp_path / "u.item"
    file.write_bytes("1|Misérables, Les\n".encode("latin-1"))
    assert read_feature_table(file, ["id", "name"]).cells == {"name": ["Misérables, Les"]}


@pytest.mark.parametrize(("text", "columns", "message"), [
    ("1::F::9\n", None, r"line 1 must be a header .*\(`flag` names the columns of a file without one\)"),
    ("1::F\n", "id", "`flag` must name the column of ids and one or more of features"),
    ("1::F::9\n", "id,a,a", "`flag` must name the column of ids and one or more of features"),
    ("1::F::9\n", "id,a", "line 1 must have 2 columns. Received: 3"),
    ("1::F::9\n\n1::M::9\n", "id,a,b", "line 3 must have an id that no other .*'1', as in line 1"),
    ("1::a\0::1\n", "id,a,b", "line 1 must be without NUL characters"),
    ("1::0::1\n2::0::5\n", "id,g*2", "line 2 must have 0 or 1 in the columns of g. Received: '5'"),
])  # fmt: skip
def test_tables_that_are_wrong_are_named(text, columns, message, tmp_path):
    file = tmp_path / "m.dat"
    file.write_text(text)
    with pytest.raises(InputError, match=message):
        read_feature_table(file, None if columns is None else columns.split(","), "flag")


CELLS = st.sampled_from(["", "a", "b|a", "c", "d|b", "12", "3"])
STEPS = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.dictionaries(st.sampled_from("abcdefgh"), CELLS, max_size=6),
        st.sets(st.integers(0, 3), max_size=1),
    ),
    min_size=1,
    max_size=6,
)


@given(STEPS, st.sampled_from(["categories", "text"]))
def test_any_sequence_of_datasets_keeps_codes_and_cells(steps, kind):
    """Against a dict of cells, and the list of categories as it was."""
    ids, model, features, names = list("abc"), {"a": "x"}, None, []
    gone = set()
    for more, lines, forgotten in steps:
        ids = list("abcdefgh")[: max(len(ids), 3 + more)]
        gone |= {index for index in forgotten if index < len(ids)}
        # A line about nobody is passed over.
        model.update((raw, cell) for raw, cell in lines.items() if raw in ids)
        for index in gone:
            model.pop(ids[index], None)
        tables = [FeatureTable("t", list(lines), {"kind": list(lines.values())})] if lines else []
        if features is None:
            tables = [FeatureTable("t", list(model), {"kind": list(model.values())})]
        features = grown_features(features, ids, tables, sorted(gone), {"kind": kind})
        if features is None:
            model = {"a": "x"}
            continue
        column = features["kind"]
        assert list(column.cells) == [model.get(raw, "") for raw in ids]
        # A category may lose its name to somebody who is forgotten, never its place.
        for code, name in enumerate(names):
            assert column.categories[code] in (name, f"forgotten {code}")
        names = column.categories
        if kind == "categories":
            wanted = [sorted({*cell.split("|")} - {""}) or ["missing"] for cell in column.cells]
            assert [sorted(row) for row in named(features)["kind"]] == wanted
            assert len(set(names)) == len(names)
