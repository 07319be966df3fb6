"""The files of a dataset: what is read from them, what is written to them, and every mistake in words."""

import errno
import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st

from ncf_keras.base.errors import InputError
from ncf_keras.data import dataset_writing, read_dataset
from ncf_keras.data.dataset_files import SUFFIXES
from ncf_keras.data.dataset_writing import write_prepared
from ncf_keras.data.id_files import read_ids, write_ids
from ncf_keras.data.prepare import PrepareOptions, prepare
from ncf_keras.data.tidy_log import tidy_log
from ncf_keras.data.train_parquet import read_train_parquet
from tests.shared_files import shared
from tests.small_data import NEGATIVES, TEST, TRAIN, write_files

PARTS = {"train": TRAIN, "test": TEST, "negatives": NEGATIVES}
USERS, ITEMS = st.integers(0, 8), st.integers(0, 12)
RATINGS = st.sampled_from(["5", "1", "0", "-1", "0.5", "3.0", "-0.0", "1e-3", "1e3", "+4", ".5", "2.", "1E2"])
INTERACTIONS = st.lists(st.tuples(USERS, ITEMS, RATINGS, st.integers(-5, 2**40)), min_size=1, max_size=30)
IDS = st.lists(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6), min_size=1
)


def slow_read(paths):
    """Read the files line by line, as the authors' Dataset.py does; counts over all three files."""
    users, items, train = [], [], set()
    for line in paths["train"].read_text().splitlines():
        fields = line.split("\t")
        users.append(int(fields[0]))
        items.append(int(fields[1]))
        if float(fields[2]) > 0:
            train.add((users[-1], items[-1]))
    test = [tuple(map(int, line.split("\t")[:2])) for line in paths["test"].read_text().splitlines()]
    negatives = [list(map(int, line.split("\t")[1:])) for line in paths["negatives"].read_text().splitlines()]
    users += [user for user, _ in test]
    items += [item for _, item in test] + [item for row in negatives for item in row]
    return {
        "sizes": (max(users) + 1, max(items) + 1), "train": sorted(train), "test": test, "negatives": negatives,
    }  # fmt: skip


def as_plain(dataset):
    return {
        "sizes": (dataset.num_users, dataset.num_items),
        "train": list(zip(dataset.train_users.tolist(), dataset.train_items.tolist(), strict=True)),
        "test": list(zip(dataset.test_users.tolist(), dataset.test_items.tolist(), strict=True)),
        "negatives": dataset.test_negatives.tolist(),
    }


@given(
    INTERACTIONS, INTERACTIONS, st.integers(1, 5), st.integers(3, 4), st.booleans(), st.booleans(), st.data()
)
def test_equals_a_slow_reader(tmp_path_factory, train, test, width, columns, windows, ends_open, data):
    train = [*train, (3, 4, "1", 0)]
    rows = st.lists(st.lists(ITEMS, min_size=width, max_size=width), min_size=len(test), max_size=len(test))
    negatives = [
        [f"({user},{item})", *row] for (user, item, *_), row in zip(test, data.draw(rows), strict=True)
    ]

    def text(table, columns=None):
        end = "\r\n" if windows else "\n"
        lines = end.join("\t".join(map(str, row[:columns])) for row in table)
        return lines if ends_open else lines + end

    paths = write_files(
        tmp_path_factory.mktemp("data"), "d", text(train, columns), text(test, columns), text(negatives)
    )
    assert as_plain(read_dataset(f"{paths['train'].parent}/", "d")) == slow_read(paths)


def test_path_and_name_are_joined_as_the_authors_do(tmp_path):
    write_files(tmp_path, "before-small")
    assert read_dataset(f"{tmp_path}/before-", "small").num_train == 2
    write_files(tmp_path)
    here = os.path.relpath(tmp_path)
    for path in (tmp_path, str(tmp_path), here, here + "/"):
        assert read_dataset(path, "small").name == "small"


def refused(directory, **options):
    """Return the sentence with which the files of a directory are refused."""
    with pytest.raises(InputError, **options) as caught:
        read_dataset(f"{directory}/", "small")
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("part", PARTS)
def test_a_missing_and_an_empty_file_are_named(tmp_path, part):
    for text in ("", "\n", "\n\n"):
        paths = write_files(tmp_path, **{part: text})
        assert refused(tmp_path).startswith(str(paths[part]))
    paths[part].unlink()
    sentence = refused(tmp_path, match=r"`path` and `name` must name .*Received: no file ")
    assert sentence.endswith(f"no file {paths[part]}")


INDEX = "between 0 and 2147483646"
IDS_OF_NOBODY = ("user", "-1", "1e0", "True", "1.0", "", "2147483647", str(2**63), '"0"')


@pytest.mark.parametrize(("line", "rule"), [
    ("0\t1", "be `user TAB item TAB rating [TAB timestamp]`. Received: 2 columns"),
    ("", "be `user TAB item TAB rating [TAB timestamp]`. Received: 1 columns"),
    *((f"{text}\t1\t5\t7", f"have a user {INDEX}. Received: {text!r}") for text in IDS_OF_NOBODY),
    *((f"0\t{text}\t5\t7", f"have an item {INDEX}. Received: {text!r}") for text in IDS_OF_NOBODY),
    (f"0\t{'9' * 50}\t5\t7", f"Received: '{'9' * 40}'"),
    ("0\t\udcff\t5\t7", f"have an item {INDEX}. Received: '�'"),
    *((f"0\t1\t{text}\t7", f"have a number for the rating. Received: {text!r}") for text in ("nan", "", "1_0")),
])  # fmt: skip
def test_a_bad_rating_line_is_named(tmp_path, line, rule):
    for part, number in (("train", 2), ("train", 3), ("test", 2)):
        lines = PARTS[part].splitlines()
        text = "\n".join([*lines[: number - 1], line, *lines[number - 1 :]]) + "\n"
        paths = write_files(tmp_path, **{part: text})
        sentence = refused(tmp_path)
        assert sentence.startswith(f"{paths[part]}, line {number} must ") and rule in sentence


@pytest.mark.parametrize(("line", "rule"), [
    ("(1,2)\t1", "have as many negatives as the first line, 2. Received: 1"),
    ("(1,2)\t1\t3\t3", "have as many negatives as the first line, 2. Received: 3"),
    ("(1,2)", "have at least one negative. Received: none"),
    ("(1,3)\t1\t3", "begin with the pair of the same line of {test}, (1,2). Received: (1,3)"),
    *((f"{text}\t1\t3", f"begin with `(user,item)`. Received: '{text}'")
      for text in ("", "1,2", "(a,b)", "(99999999999,2)")),
    *((f"(1,2)\t1\t{text}", f"have negatives {INDEX}. Received: '{text}'")
      for text in ("", "x", "-3", "3.0", "2147483647")),
    (f"(1,2)\t1\t{'9' * 30}", f"{INDEX}. Received: '{'9' * 30}'"),
])  # fmt: skip
def test_a_bad_line_of_negatives_is_named(tmp_path, line, rule):
    paths = write_files(tmp_path, negatives=f"{NEGATIVES.splitlines()[0]}\n{line}\n")
    sentence = refused(tmp_path)
    assert sentence.startswith(f"{paths['negatives']}, line 2 must ")
    assert rule.format(test=paths["test"]) in sentence


@pytest.mark.parametrize(("part", "text", "rule"), [
    ("negatives", "(0,2)\n(1,2)\n", "{negatives}, line 1 must have at least one negative. Received: none"),
    ("test", TEST + "0\t3\t1\t1\n",
     "{negatives} must have one line for each line of {test}. Received: 2 and 3 lines"),
    ("train", TRAIN + "0\t1\t5\t\r7\n",
     "{train} must be a table of tab-separated columns. Received: something pandas can't read"),
    ("train", "0\t1\t0\n1\t2\t-4\n", "{train} must hold at least one rating above 0. Received: none"),
])  # fmt: skip
def test_files_that_do_not_fit_together(tmp_path, part, text, rule):
    paths = write_files(tmp_path, **{part: text})
    assert refused(tmp_path) == rule.format(**paths)


@pytest.mark.parametrize("part", ["train", "negatives"])
def test_a_bad_line_deep_in_a_large_file_is_named_without_a_warning(tmp_path, part):
    lines = 30_000
    if part == "train":
        paths = write_files(tmp_path, train="0\t1\t5\n" * lines + "0\tx\t5\n")
    else:
        negatives = ("(1,2)" + "\t3" * 20 + "\n") * lines + "(1,2)" + "\tx" * 20 + "\n"
        paths = write_files(tmp_path, test="1\t2\t5\n" * (lines + 1), negatives=negatives)
    assert refused(tmp_path).startswith(f"{paths[part]}, line {lines + 1} must have ")


def test_movielens_has_the_counts_of_the_paper():
    dataset = read_dataset(f"{shared('data/ml-1m.train.rating').parent}/", "ml-1m")
    assert (dataset.num_users, dataset.num_items) == (6040, 3706)
    assert (dataset.num_train, dataset.num_test) == (994_169, 6040)
    assert dataset.test_negatives.shape == (6040, 99)
    assert len(np.unique(dataset.train_items)) == 3704
    among_own_negatives = (dataset.test_negatives == dataset.test_items[:, None]).any(axis=1)
    assert among_own_negatives.sum() == 156


@given(IDS, st.booleans())
def test_ids_and_titles_are_read_back(tmp_path_factory, ids, titled):
    file = tmp_path_factory.mktemp("ids") / "d.items.csv"
    titles = ids[::-1] if titled else None
    write_ids(file, "item_id", ids, titles)
    assert read_ids(file, "item_id", len(ids)) == (ids, titles, None, None)


@pytest.mark.parametrize(("text", "message"), [
    ("", "line 1 must be index,user_id or index,user_id,title, state behind them or not, and .* Received: ''"),
    ("index,item_id\n0,a\n1,b\n", "line 1 must be index,user_id"),
    ("index,user_id\n0,a\n1\n", "line 3 must have 2 columns. Received: 1"),
    ("index,user_id\n0,a\n2,b\n", "line 3 must have the index 1. Received: '2'"),
    ('index,user_id\n0,"a\nb"\nx,b\n', "line 4 must have the index 1. Received: 'x'"),
    ("index,user_id\n0,a\n", "a line for each of the 2 indices of the dataset. Received: 1"),
    ("index,user_id\n0,a\n1,b\n2,c\n", "line 4 must not be there: the dataset has 2 indices. Received: 2"),
    ("index,user_id\n0,\udcff\n", "must be a CSV file in UTF-8"),
    ("index,state\n0,\n1,\n", "line 1 must be index,user_id"),
    ("index,state,user_id\n0,,a\n1,,b\n", "line 1 must be index,user_id"),
    ("index,user_id,state\n0,a,\n1,b,gone\n", "line 3 must have the state inactive or forg.* 'gone'"),
    ("index,user_id,state\n0,a,inactive\n", "a line for each of the 2 indices of the dataset. Received: 1"),
    (None, "must be a regular file. Received: .*a directory"),
])  # fmt: skip
def test_a_line_of_ids_that_does_not_fit_is_named(tmp_path, text, message):
    file = tmp_path / "d.users.csv"
    if text is None:
        file.mkdir()
    else:
        file.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(InputError, match=message) as caught:
        read_ids(file, "user_id", 2)
    assert str(file) in str(caught.value)


@given(IDS, st.data())
def test_states_are_read_back_and_may_be_of_more_ids_than_have_interactions(tmp_path_factory, ids, data):
    file = tmp_path_factory.mktemp("ids") / "d.users.csv"
    states = data.draw(st.lists(st.integers(0, 2), min_size=len(ids), max_size=len(ids)))
    write_ids(file, "user_id", ids, None, np.array(states))
    found = read_ids(file, "user_id", data.draw(st.integers(0, len(ids))))
    assert (found.ids, found.titles, found.states.tolist()) == (ids, None, states)
    assert found.states.dtype == np.uint8


@pytest.mark.parametrize(("name", "column", "state", "index"), [
    ("users", "user_id", "forgotten", 1),
    ("items", "item_id", "inactive", 2),
    ("items", "item_id", "inactive", 0),
])  # fmt: skip
def test_a_state_of_an_id_with_interactions_is_refused(tmp_path, name, column, state, index):
    write_files(tmp_path)
    file = tmp_path / f"small.{name}.csv"
    lines = [f"{number},{number},{state if number == index else ''}" for number in range(5)]
    file.write_text("\n".join([f"index,{column},state", *lines]))
    assert refused(tmp_path) == (
        f"{file} must have a state for ids without interactions alone. "
        f"Received: {state} for the index {index}, which has some"
    )


def test_without_interactions_ids_behind_the_last_need_a_state_in_their_file(tmp_path):
    write_files(tmp_path)
    (tmp_path / "small.users.csv").write_text("index,user_id,state\n0,a,\n1,b,\n2,c,forgotten\n3,d,\n")
    (tmp_path / "small.items.csv").write_text("index,item_id,state\n0,a,\n1,b,\n2,c,\n3,d,\n4,e,inactive\n")
    dataset = read_dataset(f"{tmp_path}/", "small")
    assert (dataset.num_users, dataset.num_items) == (4, 5)
    assert dataset.user_states.tolist() == [0, 0, 2, 0] and dataset.item_states.tolist() == [0, 0, 0, 0, 1]


def small_log(rating=(5, 3.5, 4, 5), timestamp=(1, 2, 3, 4)):
    frame = pd.DataFrame({"user": list("abab"), "item": list("xyzx"), "rating": rating, "timestamp": timestamp})
    return prepare(tidy_log(dict(frame.items()), str), PrepareOptions(negatives=1))


def test_the_written_files_to_the_letter(tmp_path):
    write_prepared(tmp_path / "my.data", small_log(), {"name": "log"}, ["X", "", 'the "Z"'])
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted("my.data" + suffix for suffix in SUFFIXES)
    text = {suffix: (tmp_path / ("my.data" + suffix)).read_text() for suffix in SUFFIXES}
    assert text[".train.rating"] == "0\t0\t5.0\t1\n1\t1\t3.5\t2\n"
    assert text[".test.rating"] == "0\t2\t4\t3\n1\t0\t5\t4\n"
    assert text[".test.negative"] == "(0,2)\t1\n(1,0)\t2\n"
    assert text[".users.csv"] == '"index","user_id"\n0,"a"\n1,"b"\n'
    assert text[".items.csv"] == '"index","item_id","title"\n0,"x","X"\n1,"y",""\n2,"z","the ""Z"""\n'
    report = json.loads(text[".json"])
    assert report["source"] == {"name": "log"} and report["counts"]["items_without_title"] == 1


def test_whole_ratings_are_integers_and_dates_are_unix_seconds(tmp_path):
    texts = ["1970-01-01", "2000-01-01 00:00:00.9", "1969-12-31 23:59:59.5", "2038-01-19 03:14:08"]
    dates = pd.to_datetime(texts, format="ISO8601")
    write_prepared(tmp_path / "d", small_log((5.0, 3.0, 4.0, 5.0), dates), {})
    lines = (tmp_path / "d.train.rating").read_text() + (tmp_path / "d.test.rating").read_text()
    assert sorted(line.split("\t")[2:] for line in lines.splitlines()) == sorted(
        [["5", "0"], ["3", "946684800"], ["4", "-1"], ["5", "2147483648"]]
    )


def test_the_json_file_is_named_when_the_others_are_complete(tmp_path, monkeypatch):
    named, rename = [], Path.replace

    def recorded(path, target):
        named.append(Path(target).suffixes[-1])
        return rename(path, target)

    monkeypatch.setattr(Path, "replace", recorded)
    write_prepared(tmp_path / "d", small_log(), {})
    assert len(named) == 6 and named[-1] == ".json"


def test_a_full_disk_leaves_the_files_that_were_there(tmp_path, monkeypatch):
    write_prepared(tmp_path / "d", small_log(), {"name": "first"})
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}

    def full(file: Path, *_):
        file.write_text("half a li")
        raise OSError(errno.ENOSPC, "No space left on device")

    for writer in ("_write_ratings", "_write_negatives", "write_ids"):
        with monkeypatch.context() as patch:
            patch.setattr(dataset_writing, writer, full)
            with pytest.raises(InputError, match=r"room for the dataset\. Received: No space left on device"):
                write_prepared(tmp_path / "d", small_log(), {"name": "second"})
        assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


class TestTrainParquet:
    """Train interactions from Parquet: the same dataset as from text."""

    @pytest.fixture
    def write(self, tmp_path):
        pa, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")

        def write(**columns):
            parquet.write_table(pa.table(columns), tmp_path / "small.train.parquet", row_group_size=3)
            return tmp_path / "small.train.parquet"

        return write

    def test_it_gives_the_dataset_that_text_gives_and_text_goes_first(self, tmp_path, write):
        generator = np.random.default_rng(0)
        users, items = generator.integers(0, 2, 20), generator.integers(0, 5, 20)
        lines = "".join(f"{user}\t{item}\t1\n" for user, item in zip(users, items, strict=True))
        write_files(tmp_path, train=lines)
        write(rating=np.ones(20), item=items.astype(np.int32), user=users)
        text = read_dataset(f"{tmp_path}/", "small")
        (tmp_path / "small.train.rating").unlink()
        parquet = read_dataset(f"{tmp_path}/", "small")
        assert as_plain(parquet) == as_plain(text) and parquet.train_is_latest is None
        write_files(tmp_path)
        assert read_dataset(f"{tmp_path}/", "small").num_train == len(TRAIN.splitlines())

    @pytest.mark.parametrize("kind", [np.int8, np.uint16, np.int32, np.int64, np.uint64])
    def test_whole_numbers_of_any_size_are_read_in_order(self, write, kind):
        users, items = read_train_parquet(
            write(user=np.arange(10, dtype=kind), item=np.arange(10, 20, dtype=kind))
        )
        assert users.dtype == items.dtype == np.int32
        assert (users.tolist(), items.tolist()) == (list(range(10)), list(range(10, 20)))

    @pytest.mark.parametrize(("columns", "problem"), [
        ({"user": [0, 1, 2, 3, -1], "item": [0] * 5}, "row 5 must have a user between .* Received: -1"),
        ({"user": [0] * 4, "item": [0, 1, 2, 2**31]}, f"row 4 must have a item .* Received: {2**31}"),
        ({"user": [0, 1, 2, 3, None], "item": [0] * 5}, "row 5 must have a user. Received: none"),
        ({"user": ["0"], "item": [0]}, "whole numbers in column 'user'. Received: string"),
        ({"user": [0]}, "must have one column 'item'. Received: user"),
        ({"user": np.zeros(0, np.int32), "item": np.zeros(0, np.int32)}, "at least one interaction"),
    ])  # fmt: skip
    def test_what_is_wrong_is_said(self, write, columns, problem):
        with pytest.raises(InputError, match=problem):
            read_train_parquet(write(**columns))
