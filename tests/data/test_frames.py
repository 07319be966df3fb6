"""The same log in every kind of table gives the same Dataset; of what is no table a sentence leads on."""

import collections
import datetime
import sys
import types
import uuid
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ncf_keras.base.errors import InputError
from ncf_keras.data import Dataset, sample_dataset
from ncf_keras.data.logs.log import Log
from ncf_keras.data.prepare import PrepareOptions, prepare

pa = pytest.importorskip("pyarrow")
pl = pytest.importorskip("polars")

COLUMNS = ["user", "item", "rating", "timestamp"]
# Of two users with three interactions each, and incomplete rows.
ROWS = [
    ("ann", 7, 5.0, 30), ("ann", 8, 4.0, 20), ("bob", 7, 1.5, 2**53 + 1), ("bob", 9, 3.0, 2**53 + 2),
    (None, 7, 2.0, 1), ("ann", 10, 0.0, 99), ("bob", 8, None, 5), ("Zoë", 12, 1.0, None), ("ann", 11, 2.0, 31),
    ("bob", 10, 1.0, 7),
]  # fmt: skip
Row = collections.namedtuple("Row", COLUMNS)
NO_UTF_8 = pa.StringArray.from_buffers(1, pa.array([0, 1], pa.int32()).buffers()[1], pa.py_buffer(b"\xff"))


def frame(rows=ROWS):
    return pd.DataFrame(rows, columns=COLUMNS).astype({"timestamp": "Int64"})


def structured():
    """Return an array with named fields; it has nothing for a missing time, so this row is left out."""
    kinds = [("user", "U5"), ("item", ">i4"), ("rating", "f4"), ("timestamp", ">i8")]
    complete = [row for row in ROWS if None not in (row[0], row[3])]
    return np.array([*complete, ("", 7, 1.0, 0)], dtype=kinds)


TABLES = {
    "pandas": frame,
    "pandas of objects": lambda: frame().astype(object),
    "pandas of Arrow": lambda: frame().convert_dtypes(dtype_backend="pyarrow"),
    "pandas of categories": lambda: frame().astype("category"),
    "polars": lambda: pl.DataFrame(ROWS, schema=COLUMNS, orient="row"),
    "polars of categories": lambda: TABLES["polars"]().cast({"user": pl.Categorical}),
    "pyarrow": lambda: pa.Table.from_pandas(frame(), preserve_index=False),
    "record batch": lambda: pa.RecordBatch.from_pandas(frame(), preserve_index=False),
    "reader": lambda: pa.Table.from_pandas(frame(), preserve_index=False).to_reader(),
    "dict of lists": lambda: dict(zip(COLUMNS, map(list, zip(*ROWS, strict=True)), strict=True)),
    "dict of Series": lambda: {name: frame()[name].iloc[::-1].sort_index() for name in COLUMNS},
    "dict of arrays": lambda: {name: frame()[name].to_numpy(dtype=object) for name in COLUMNS},
    "dict of polars": lambda: {name: TABLES["polars"]()[name] for name in COLUMNS},
    "dict of pyarrow": lambda: {name: pa.array(frame()[name]) for name in COLUMNS},
    "records": lambda: [{k: v for k, v in zip(COLUMNS, row, strict=True) if v is not None} for row in ROWS],
    "named tuples": lambda: [Row(*row) for row in ROWS],
    "structured array": structured,
    "tuples": lambda: ROWS,
    "array of objects": lambda: np.array(ROWS, dtype=object),
}  # fmt: skip


def equal(one, other):
    return all(
        np.array_equal(np.asarray(getattr(one, name)), np.asarray(getattr(other, name)))
        for name in Dataset.__dataclass_fields__
        if getattr(one, name) is not getattr(other, name)
    )


@pytest.mark.parametrize("kind", TABLES)
def test_every_table_of_a_log_gives_what_its_file_gives(tmp_path, kind):
    file = tmp_path / "log.csv"
    file.write_text(frame().to_csv(index=False), encoding="utf-8")
    expected = prepare(Log.of(file).read(), PrepareOptions(negatives=1)).dataset("dataset")
    # By hand: of ann 11 is the latest, of bob 9 by one in 2**53; zero and missing ratings are no positives.
    assert (expected.user_ids, expected.item_ids) == (["ann", "bob"], ["7", "8", "9", "10", "11"])
    assert expected.test_items.tolist() == [4, 2] and expected.train_items.tolist() == [0, 1, 0, 3]
    names = range(4) if kind in ("tuples", "array of objects") else COLUMNS
    assert equal(Dataset.from_dataframe(TABLES[kind](), *names, negatives=1), expected)


def test_columns_of_other_kinds_and_labels():
    days = [datetime.date(2020, 1, 1), datetime.date(2020, 1, 2), datetime.date(2019, 1, 1)]
    for df in (
        pd.DataFrame({0: list("uuv"), 1: list("abc"), "t": days}),
        {0: list("uuv"), 1: (item for item in "abc"), "t": tuple(days), "more": 5},
    ):
        dataset = Dataset.from_dataframe(df, user=0, item=1, timestamp="t", negatives=1)
        assert dataset.item_ids == ["a", "b", "c"] and dataset.test_items.tolist() == [1]
    numbers = np.array([[1, 7], [1, 8], [2, 9]])
    assert Dataset.from_dataframe(numbers, user=0.0, item=np.int64(1), negatives=1).item_ids == ["7", "8", "9"]
    pairs = pd.MultiIndex.from_tuples([("who", "id"), ("what", "id")])
    df = pd.DataFrame([["u", 1], ["u", 2], ["v", 3]], columns=pairs)
    assert Dataset.from_dataframe(df, ("who", "id"), ("what", "id"), negatives=1).item_ids == ["1", "2", "3"]


def test_values_that_arrow_has_not_are_taken_one_by_one():
    ids = [uuid.UUID(int=n) for n in range(3)]
    df = pl.DataFrame({
        "user": pl.Series([ids[0], ids[0], ids[1]], dtype=pl.Object),
        "item": pl.Series([1, 2, 3], dtype=pl.Int128),
    })  # fmt: skip
    dataset = Dataset.from_dataframe(df, negatives=1)
    assert (dataset.user_ids, dataset.item_ids) == ([str(ids[0]), str(ids[1])], ["1", "2", "3"])


def test_texts_of_one_length_are_no_lists_of_letters():
    """As of a column that has no gap pyarrow before 16 takes them."""
    df = pl.DataFrame({"user": ["u1", "u1", "u2"], "item": ["i1", "i2", "i3"]})
    assert Dataset.from_dataframe(df, negatives=1).item_ids == ["i1", "i2", "i3"]


def test_types_of_arrow_that_pandas_has_not():
    numbers, texts = pa.array([0, 1, 2], pa.uint32()), pa.array(["a", "b", "c"])
    kinds = pa.array([0, 1, 0], pa.int8())
    union = pa.UnionArray.from_dense(kinds, pa.array([0, 0, 1], pa.int32()), [texts, pa.array([5])])
    zone = pa.array([1, 2, 3], pa.timestamp("us", "Nowhere/None"))
    df = pa.table([numbers, pa.DictionaryArray.from_arrays(numbers, texts), union, zone], [*"nduz"])
    users = {"user": ["u", "u", "v"]}
    for column, ids in (("d", ["a", "b", "c"]), ("u", ["a", "5", "b"])):
        series = pd.Series(df[column], dtype=pd.ArrowDtype(df[column].type))
        for values in (df[column], df[column].chunk(0), series):
            assert Dataset.from_dataframe({**users, "item": values}, negatives=1).item_ids == ids
    with pytest.raises(InputError, match=r"single values, .* in column 'z'\. .* of type timestamp\["):
        Dataset.from_dataframe(df, "n", "z", negatives=1)


def test_half_characters_and_wide_complex_numbers_are_ids():
    users = ["\ud800", "\ud800", "b"]
    assert from_table({"user": users, "item": [1, 2, 3]}).user_ids == ["\ud800", "b"]
    wide = np.array([1, 1, 2], np.clongdouble)
    assert from_table({"user": wide, "item": [1, 2, 3]}).user_ids == ["(1+0j)", "(2+0j)"]


def from_table(df):
    return Dataset.from_dataframe(df, user="user", item="item", negatives=1)


def test_integers_beside_a_gap_are_not_rounded():
    columns = {"user": [1, 1, 1, 2], "item": [2**60, 2**60 + 1, None, 5]}
    records = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    for df in (columns, records):
        assert Dataset.from_dataframe(df, negatives=1).item_ids == [str(2**60), str(2**60 + 1), "5"]


def test_missing_texts_and_the_form_of_dates():
    df = pd.DataFrame({
        "user": ["a", "a", "NULL", "a", "b"], "item": ["x", "y", "x", "z", "w"],
        "t": ["12/31/2019", "01/01/2020", "01/01/2020", "-", "06/01/2019"],
    })  # fmt: skip
    dataset = Dataset.from_dataframe(
        df, timestamp="t", missing=["NULL", "-"], time_format="%m/%d/%Y", negatives=1,
        titles=pd.Series({"y": "Why", "w": None}),
    )  # fmt: skip
    assert (dataset.user_ids, dataset.item_ids) == (["a", "b"], ["x", "y", "w"])
    assert dataset.test_items.tolist() == [1] and dataset.item_titles == ["", "Why", ""]
    with pytest.raises(
        InputError, match=r"row 0 \(counted from 0\) must have .* such as '%m/%d/%Y'\)\. Received"
    ):
        Dataset.from_dataframe(df, timestamp="t", missing=["-"])
    with pytest.raises(InputError, match="`time_format` must come with `timestamp`"):
        Dataset.from_dataframe(df, time_format="%Y")


def test_the_first_title_of_an_id_counts_and_a_missing_one_is_none():
    df = {"user": ["u", "u", "v"], "item": [1, 2, 3]}
    titles = {1.0: "One", " 1": "Other", 2: float("nan"), None: "Nobody's"}
    assert Dataset.from_dataframe(df, negatives=1, titles=titles).item_titles == ["One", "", ""]
    with pytest.raises(InputError, match=r"`titles` must be a dict from item id to title\. Received: list"):
        Dataset.from_dataframe(df, negatives=1, titles=["One"])


ANY = r"`df` must be a table: .*, or a list of dicts\. Received: "


@pytest.mark.parametrize(("df", "words"), [
    ("log.csv", ANY + r"the path 'log\.csv': read it with `ncf_keras\.read_log\(path\)`"),
    (Path("log.csv"), ANY + r"the path 'log\.csv': read it with"),
    (b"log", ANY + "the path"),
    (pl.LazyFrame({"user": [1]}), ANY + r"polars\.LazyFrame: `df\.collect\(\)` makes a table in memory of it"),
    (pl.Series([1]), ANY + r"polars\.Series, one column: give the whole table, or a dict of columns"),
    (pd.Series([1]), ANY + r"pandas\.Series, one column"),
    (pa.chunked_array([[1]]), ANY + r"pyarrow\.ChunkedArray, one column"),
    (sample_dataset(), ANY + "a Dataset, which is split already"),
    ((row for row in ROWS), ANY + r"generator: `list\(df\)` makes a list of it"),
    ([1], ANY + "list of int"),
    (np.array([1, 2]), ANY + "numpy.ndarray"),
    (None, ANY + "NoneType"),
    ([], "`df` must hold at least one interaction. Received: none"),
    ({}, "`df` must hold at least one interaction"),
    (frame()[:0], "`df` must hold at least one interaction"),
    (pl.DataFrame({"user": [], "item": []}), "`df` must hold at least one interaction"),
    ({"user": [None], "item": [1]}, "at least one complete interaction. Received: 1 without user"),
    ({"user": "ann", "item": [1]}, "`df` must have a list of values in column 'user'. Received: str"),
    ({"user": [1, 2], "item": [1]}, "The columns of `df` must be of one length. Received: 2 in `user`, 1 in"),
    ([(1, 2), (1,)], r"`df`, row 1 \(counted from 0\) must have as many values as the first, 2\. Received: 1"),
    ({"users": [1]}, "`user` must be one of the columns users of `df`. Received: 'user'"),
    (pa.table([[1], [2], [3]], ["user", "item", "item"]), "`item` must name one column .* of 2 columns"),
    (pd.DataFrame([[1, 2, 3]], columns=["user", "user", "item"]), "`user` must name one column .* of 2 col"),
    (pd.DataFrame, "Received: type"),
    (np.zeros((2, 2), [("user", int), ("item", int)]), "`df` must be a table"),
    (np.zeros(2, [("user", int, (2,)), ("item", int)]), "a list of values in column 'user'. Received: ndarray"),
    ({"user": [1], "item": NO_UTF_8},
     "must have single values, and texts in UTF-8 in column 'item'"),
])  # fmt: skip
def test_what_is_no_log_is_answered_with_what_leads_on(df, words):
    with pytest.raises(InputError, match=words):
        Dataset.from_dataframe(df)


@pytest.mark.parametrize("name", [["user"], True, None, "User", 0, {}])
def test_a_name_that_is_none_is_shown(name):
    for df in (frame(), TABLES["polars"](), TABLES["records"]()):
        with pytest.raises(InputError, match="`user` must be one of the columns user, item, rating, time"):
            Dataset.from_dataframe(df, user=name)


@pytest.mark.parametrize("pyarrow", [None, types.SimpleNamespace(ChunkedArray=list)], ids=["none", "older"])
def test_a_frame_of_polars_without_pyarrow_names_the_extra(monkeypatch, pyarrow):
    monkeypatch.setitem(sys.modules, "pyarrow", pyarrow)
    with pytest.raises(InputError, match=r"pip install 'ncf-keras\[parquet\]'"):
        Dataset.from_dataframe(pl.DataFrame({"user": ["u"], "item": ["i"]}))


@pytest.mark.parametrize(("change", "message"), [
    ({"missing": "\ud800"}, r"`missing` must hold texts of whole characters. Received: '\\ud800'$"),
    ({"min_rating": "3"}, "`min_rating` must be above 0, .* Received: str$"),
    ({"min_rating": [3]}, "`min_rating` must be above 0, .* Received: list$"),
    ({"min_rating": pd.NA}, "`min_rating` must be above 0"),
    ({"user": np.array([1, 2])}, "`user` must be one of the columns user, item, rating of `df`"),
    ({"user": pd.NA}, "`user` must be one of the columns user, item, rating of `df`. Received: <NA>$"),
    ({"user": "x" * 20_000}, "`user` must be one of the columns user, item, rating of .*: 'x{40}'$"),
])  # fmt: skip
def test_arguments_of_other_kinds(change, message):
    df = {"user": [1, 1, 2], "item": [1, 2, 3], "rating": [1, 2, 3]}
    with pytest.raises(InputError, match=message):
        Dataset.from_dataframe(df, **{"user": "user", "item": "item", "rating": "rating", **change})
