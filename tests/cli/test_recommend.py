import csv
import io
import json

import numpy as np
import pytest

from ncf_keras.cli.recommend import main
from ncf_keras.data import Dataset
from ncf_keras.data.id_files import write_ids
from ncf_keras.models import build_gmf
from ncf_keras.recommending import Recommender, popular_items
from ncf_keras.weights import load_model, save_weights
from tests.recommending.crowd import ITEM_IDS, MODELS, SIZES, TITLES, USER_IDS, crowd
from tests.small_data import write_files
from tests.weights.small_models import small_model


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The crowd as the files of a dataset, with and without raw ids, and a model for it."""
    folder = tmp_path_factory.mktemp("crowd")
    dataset = crowd()
    train = zip(dataset.train_users.tolist(), dataset.train_items.tolist(), strict=True)
    test = list(zip(dataset.test_users.tolist(), dataset.test_items.tolist(), strict=True))
    texts = (
        "".join(f"{user}\t{item}\t1\n" for user, item in train),
        "".join(f"{user}\t{item}\t1\n" for user, item in test),
        "".join(f"({user},{item})\t0\n" for user, item in test),
    )
    for name in ("crowd", "plain"):
        write_files(folder, name, *texts)
    write_ids(folder / "crowd.users.csv", "user_id", USER_IDS)
    write_ids(folder / "crowd.items.csv", "item_id", ITEM_IDS, TITLES)
    save_weights(small_model("NeuMF", *SIZES), folder / "model.h5")
    return folder


@pytest.fixture
def run(folder, capsys):
    """Run the command; return its exit status, standard output and standard error."""

    def run(*arguments, dataset="crowd", weights=("--weights", "model.h5")):
        if weights:
            weights = ("--weights", str(folder / weights[1]))
        capsys.readouterr()
        try:
            status = main([*weights, "--path", f"{folder}/", "--dataset", dataset, *map(str, arguments)])
        except SystemExit as end:
            status = end.code
        return status, *capsys.readouterr()

    return run


@pytest.fixture(scope="module")
def recommender(folder):
    return Recommender(load_model(folder / "model.h5"), crowd())


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text)))


def records_of(frame):
    """Return the rows of a frame as what JSON has."""
    return [
        {name: value.item() if hasattr(value, "item") else value for name, value in record.items()}
        for record in frame.to_dict("records")
    ]


def assert_same(found, expected):
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert list(one) == list(other)
        for name, value in other.items():
            assert one[name] == (pytest.approx(value) if isinstance(value, float) else value)


def test_the_files_are_those_of_the_crowd(folder):
    from ncf_keras.data import read_dataset

    dataset = read_dataset(f"{folder}/", "crowd")
    assert isinstance(dataset, Dataset)
    assert (dataset.train_matrix != crowd().train_matrix).nnz == 0


def test_json_holds_what_recommend_returns(run, recommender):
    status, out, err = run("--user", "ann, bob", "--user", "3", "--k", 4, "--format", "json")
    assert status == 0
    assert_same(json.loads(out), records_of(recommender.recommend(["ann, bob", "3"], 4)))
    assert "日本の歌" in out or "Amélie" in out or "Größe" in out
    assert err.startswith("Load data done") and err.count("\n") == 1


def test_csv_holds_what_recommend_returns(run, recommender):
    status, out, _ = run("--user", 'the "cat"', "--user", "Ω", "--include_seen", "--format", "csv")
    assert status == 0
    frame = recommender.recommend(['the "cat"', "Ω"], 10, include_seen=True)
    found = rows_of(out)
    assert [row["item_id"] for row in found] == list(frame["item_id"])
    assert [row["title"] for row in found] == list(frame["title"])
    assert [row["user_id"] for row in found] == list(frame["user_id"])
    np.testing.assert_array_equal(np.float32([row["score"] for row in found]), frame["score"])


def test_the_table_has_a_line_a_row(run, recommender):
    status, out, _ = run("--user", "Zoë", "--k", 3)
    frame = recommender.recommend("Zoë", 3)
    lines = out.splitlines()
    assert status == 0 and len(lines) == 4
    assert lines[0].split() == ["user_id", "rank", "item_id", "title", "score", "source"]
    for line, row in zip(lines[1:], frame.itertuples(), strict=True):
        assert line.split()[:2] == ["Zoë", str(row.rank)]
        assert row.item_id in line and row.title in line
        assert line.endswith(f"{row.score:.4f}  model")


def test_indices_stand_for_users_and_items_where_there_are_no_raw_ids(run, folder):
    _, out, err = run("--user", "3", "--format", "json", dataset="plain")
    frame = Recommender(load_model(folder / "model.h5"), crowd(ids=False, titles=False)).recommend([3])
    assert_same(json.loads(out), records_of(frame))
    assert err.endswith("\nThe dataset has no ids: users and items are shown as indices from 0.\n")
    # With raw ids, 3 is somebody else.
    _, other, _ = run("--user", "3", "--format", "json")
    assert [ITEM_IDS[row["item_id"]] for row in json.loads(out)] != [
        row["item_id"] for row in json.loads(other)
    ]


@pytest.mark.parametrize("stdin", [False, True])
def test_users_from_a_file_are_answered_in_order_and_unknown_ones_by_popularity(
    run, recommender, tmp_path, monkeypatch, stdin
):
    text = "\ufeffΩ\r\n\r\nnobody\n3 \nann, bob"
    file = tmp_path / "users.txt"
    file.write_text(text, encoding="utf-8")
    if stdin:
        monkeypatch.setattr("sys.stdin", io.StringIO(text.lstrip("\ufeff")))
    status, out, err = run("--users_file", "-" if stdin else file, "--k", 2, "--format", "json")
    assert status == 0
    expected = [
        record
        for user in ("Ω", "nobody", "3", "ann, bob")
        for record in records_of(
            popular_items(crowd(), 2, [user]) if user == "nobody" else recommender.recommend([user], 2)
        )
    ]
    assert_same(json.loads(out), expected)
    assert "1 of 4 users are unknown" in err


@pytest.mark.parametrize("flags", [['"a,b",日本, 11'], ['"a,b"', "日本,11"]])
def test_a_history_is_a_line_of_csv_or_several(run, recommender, flags):
    flags = [part for flag in flags for part in ("--history", flag)]
    status, out, _ = run(*flags, "--k", 3, "--format", "json")
    assert status == 0
    frame = recommender.fold_in(["a,b", "日本", "11"], 3).drop(columns="user_id")
    assert_same(json.loads(out), records_of(frame))
    assert {row["source"] for row in json.loads(out)} == {"folded in"}


def test_an_id_that_is_a_quotation_mark_can_be_typed(run, recommender):
    _, out, _ = run("--history", '""""', "--format", "json")
    frame = recommender.fold_in(['"']).drop(columns="user_id")
    assert_same(json.loads(out), records_of(frame))


def test_similar_items(run, recommender):
    status, out, _ = run("--similar_items", "a,b", "--similar_items", "5", "--k", 4, "--format", "json")
    assert status == 0
    assert_same(json.loads(out), records_of(recommender.similar_items(["a,b", "5"], 4)))


def test_popularity_needs_no_model_and_says_what_it_is(run):
    status, out, _ = run("--popular", "--k", 4, "--format", "json", weights=())
    assert status == 0
    assert_same(json.loads(out), records_of(popular_items(crowd(), 4).drop(columns="user_id")))


@pytest.mark.parametrize("suffix", [".csv", ".json", ".JSON"])
def test_a_file_holds_what_standard_output_would(run, tmp_path, suffix):
    file = tmp_path / f"lists{suffix}"
    file.write_text("old")
    _, expected, _ = run("--user", "Ω", "--format", suffix[1:].lower())
    status, out, err = run("--user", "Ω", "--to", file)
    assert (status, out) == (0, "")
    assert file.read_bytes() == expected.encode()
    assert str(file) in err
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            [],
            "One of --user, --users_file, --history, --similar_items, --popular must be given. Received: none",
        ),
        (
            ["--user", "3", "--popular"],
            "One of --user, --users_file, --history, --similar_items, --popular must",
        ),
        (
            ["--user", "42"],
            "`--user` must hold ids of the dataset, such as 3 (for anybody else, give `--history`",
        ),
        (["--history", "a,b"], "`--history` must hold ids of the dataset, such as 5. Received: 'a'"),
        (["--history", " , "], "`--history` must hold at least one item id"),
        (["--history", '"a'], "`--history` must be item ids as a line of CSV"),
        (["--similar_items", "6"], "`--similar_items` must hold ids of the dataset, such as 5. Received: '6'"),
        (["--users_file", "none.txt"], "`--users_file` must be a file that can be read. Received: none.txt"),
        (["--popular", "--to", "lists.txt"], "`--to` must end in .csv or .json. Received: lists.txt"),
        (["--popular", "--to", "no/such/lists.csv"], "`--to` must be a file in a directory that exists"),
        (["--popular", "--to", "lists.csv", "--format", "json"], "`--to` takes its format from its suffix"),
    ],
)
def test_a_mistake_is_one_sentence(run, tmp_path, monkeypatch, arguments, sentence):
    monkeypatch.chdir(tmp_path)
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    assert err.splitlines()[-1].startswith(f"error: {sentence}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"\n \n", b"\xff\xfe"])
def test_a_users_file_without_ids_is_refused(run, tmp_path, content):
    (tmp_path / "users.txt").write_bytes(content)
    status, _, err = run("--users_file", tmp_path / "users.txt")
    assert status == 2 and err.startswith("error: `--users_file` must")


def test_a_model_must_be_given_and_fit(run, folder):
    status, _, err = run("--user", "3", weights=())
    assert status == 2 and "`--weights` must be a weight file" in err
    save_weights(build_gmf(SIZES[0], SIZES[1] + 1), folder / "other.h5")
    status, _, err = run("--user", "3", weights=("--weights", "other.h5"))
    assert status == 2 and "`--weights` must be of a model for the 8 users and 13 items of crowd" in err
    status, _, err = run("--user", "3", "--k", 0)
    assert status == 2 and "whole number of at least 1" in err


def test_every_kind_of_model_is_told_from_its_file(run, folder):
    for kind in MODELS:
        save_weights(small_model(kind, *SIZES), folder / f"{kind}.h5")
        _, out, _ = run("--user", "Ω", "--format", "json", weights=("--weights", f"{kind}.h5"))
        expected = Recommender(load_model(folder / f"{kind}.h5"), crowd()).recommend("Ω")
        assert_same(json.loads(out), records_of(expected))


def test_control_characters_do_not_break_the_table(capsys):
    import pandas as pd

    from ncf_keras.cli.table_output import write_table

    frame = pd.DataFrame({"item_id": ["a\nb", "\x1b[31m"], "score": [0.5, 1.0]})
    write_table(frame, "table")
    assert capsys.readouterr().out == "item_id    score\na\\nb      0.5000\n\\x1b[31m  1.0000\n"
    write_table(frame.iloc[1:], "table")
    assert capsys.readouterr().out == "item_id   score\n\\x1b[31m      1\n"
    write_table(frame, "csv")
    assert [row["item_id"] for row in rows_of(capsys.readouterr().out)] == ["a\nb", "\x1b[31m"]
    write_table(frame.iloc[:0], "json")
    assert json.loads(capsys.readouterr().out) == []
