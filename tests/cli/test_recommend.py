"""`run/recommend.py` prints what a Recommender returns, and one sentence about a mistake."""

import csv
import dataclasses
import io
import json

import numpy as np
import pandas as pd
import pytest

from ncf_keras.base import memory
from ncf_keras.cli.recommend import UNKNOWN_USER, main
from ncf_keras.cli.table_output import spreadsheet_safe, write_table
from ncf_keras.data import with_newcomers
from ncf_keras.data.feature_tables import read_features
from ncf_keras.data.features import Features
from ncf_keras.models import build_gmf
from ncf_keras.recommending import Recommender
from ncf_keras.recommending.programs import Programs
from ncf_keras.weights import load_model, save_weights
from tests.recommending.crowd import ITEM_IDS, SIZES, TITLES, crowd, with_states, write_crowd
from tests.recommending.described_crowd import described_crowd, described_model
from tests.weights.small_models import small_model

NO_IDS = "The dataset has no ids: users and items are shown as indices from 0."


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The crowd as the files of a dataset, with and without raw ids, and a model of each kind for it."""
    folder = tmp_path_factory.mktemp("crowd")
    write_crowd(folder, TITLES)
    save_weights(small_model("NeuMF", *SIZES), folder / "NeuMF.h5")
    return folder


@pytest.fixture(scope="module")
def recommender(folder):
    return Recommender(load_model(folder / "NeuMF.h5"), crowd())


@pytest.fixture
def run(folder, capsys):
    """Run the command; return its exit status, standard output and standard error."""

    def run(*arguments, dataset="crowd", weights="NeuMF.h5"):
        weights = ["--weights", str(folder / weights)] if weights else []
        capsys.readouterr()
        try:
            status = main([*weights, "--path", f"{folder}/", "--dataset", dataset, *map(str, arguments)])
        except SystemExit as end:
            status = end.code
        return status, *capsys.readouterr()

    return run


@pytest.fixture(scope="module")
def genres(folder):
    """A file of features, and the flags that limit its genres."""
    file = folder / "features.csv"
    with file.open("w", newline="", encoding="utf-8") as stream:
        rows = csv.writer(stream)
        rows.writerow(["item_id", "genre"])
        rows.writerows([item, ("drama", "comedy|drama", "")[n % 3]] for n, item in enumerate(ITEM_IDS))
    return file


def test_steering_is_that_of_the_recommender(run, folder, genres, tmp_path, monkeypatch):
    only, without = tmp_path / "allow.txt", tmp_path / "block.txt"
    only.write_text("\n".join([*ITEM_IDS[:10], "nothing"]), encoding="utf-8")
    without.write_text("4\n", encoding="utf-8")
    features = read_features(genres, ITEM_IDS, len(ITEM_IDS))
    steered = Recommender(load_model(folder / "NeuMF.h5"), crowd(), features)
    limit, penalty = ["--max_per", "genre", 1, "--item_features", genres], ["--popularity_penalty", 0.3]
    lists = ["--only_items", only, "--not_items", without]
    wanted = {"only_items": ITEM_IDS[:10], "not_items": "4", "max_per": ("genre", 1)}
    status, out, err = run("--user", "Ω", *lists, *limit, *penalty, "--format", "json")
    assert status == 0 and "1 of 11 items of `--only_items` are unknown: they are passed over" in err
    expected = steered.recommend("Ω", **wanted, popularity_penalty=0.3)
    assert 0 < len(expected) < 9
    assert_json(out, expected)
    _, out, _ = run("--history", "日本", *lists, *limit, *penalty, "--format", "json")
    assert_json(out, without_user(steered.fold_in("日本", **wanted, popularity_penalty=0.3)))
    monkeypatch.setattr("sys.stdin", io.StringIO("4"))
    arguments = ["--popular", "--only_items", only, "--not_items", "-", *limit, "--format", "json"]
    _, out, _ = run(*arguments, weights=None)
    assert_json(out, without_user(steered.popular(**wanted)))
    only.write_text("4")
    status, out, err = run("--user", "Ω", *lists, "--format", "json")
    assert (status, json.loads(out)) == (0, [])
    assert "1 of 1 users have an empty list: no item is allowed that they have not interacted with" in err
    _, _, err = run("--user", "Ω", *lists, "--include_seen")
    assert err.endswith("1 of 1 users have an empty list: no item is allowed\n")
    status, _, err = run("--user", "Ω", "--max_per", "genre", "01", "--item_features", genres)
    assert (
        status == 2 and "`--max_per` must end with a whole number from 1 to 2147483647. Received: '01'" in err
    )


NO_ITEMS = "`--only_items` must hold an item of the dataset. Received: {}"
NO_FEATURE = "`--max_per` must name a feature of `--item_features`: genre. Received: brand"


@pytest.mark.parametrize(("flags", "sentence"), [
    ("--only_items none.txt", f"{NO_ITEMS}/none.txt, which holds 2 unknown one(s)"),
    ("--only_items empty.txt", f"{NO_ITEMS}/empty.txt, which holds no id"),
    ("--max_per genre 2", "`--max_per` must come with `--item_features` where the dataset has no features"),
    ("--item_features features.csv", "`--item_features` must come with `--max_per`. Received:"),
    ("--item_features features.csv --max_per brand 2", NO_FEATURE),
    ("--item_features features.csv --max_per genre 0", "`--max_per` must end with a whole number"),
    ("--popularity_penalty -1", "--popularity_penalty: must be a number from 0 to 1e30. Received: -1"),
    ("--only_items - --not_items -", "Standard input must be named by one flag. Received:"),
])  # fmt: skip
def test_steering_that_is_wrong_is_a_sentence(flags, sentence, run, folder, genres):
    (folder / "none.txt").write_text("no\nnone\n")
    (folder / "empty.txt").write_text("\n")
    flags = [str(folder / flag) if flag.endswith((".txt", ".csv")) else flag for flag in flags.split()]
    status, out, err = run("--user", "Ω", *flags)
    assert (status, out) == (2, "") and sentence.format(folder) in " ".join(err.split())


@pytest.mark.parametrize(("flags", "sentence"), [
    ("--similar_items 5", "`--popularity_penalty` must come with recommendations. Received: `--similar_items`"),
    ("--popular", "`--popularity_penalty` must come with what a model ranks. Received: `--popular`"),
])  # fmt: skip
def test_steering_of_what_can_not_be_steered_is_a_sentence(flags, sentence, run):
    status, out, err = run(*flags.split(), "--popularity_penalty", 1)
    assert (status, out) == (2, "") and sentence in err


def without_user(frame):
    return frame.drop(columns="user_id")


def assert_json(text, frame):
    """Hold the printed JSON against the rows of a frame."""
    found = pd.DataFrame(json.loads(text))
    pd.testing.assert_frame_equal(found, frame.reset_index(drop=True), check_dtype=False)


@pytest.mark.parametrize(("flags", "ask"), [
    (["--user", "ann, bob", "--user", "3"], lambda it: it.recommend(["ann, bob", "3"], 4)),
    (["--user", "Ω", "--include_seen"], lambda it: it.recommend("Ω", 4, include_seen=True)),
    (["--history", '"a,b",日本, 11'], lambda it: without_user(it.fold_in(["a,b", "日本", "11"], 4))),
    (["--history", '"a,b"', "--history", '""""'], lambda it: without_user(it.fold_in(["a,b", '"'], 4))),
    (["--similar_items", "a,b", "--similar_items", "5"], lambda it: it.similar_items(["a,b", "5"], 4)),
    (["--new_item", '"ann, bob",3', "--new_item", "1"], lambda it: it.users_for_item(["ann, bob", 3, 1], 4)),
    (["--new_item", "1", "--user", "Ω", "--user", "3"], lambda it: it.place_item("1", ["Ω", "3"])),
    (["--popular"], lambda it: without_user(it.popular(4))),
])  # fmt: skip
def test_json_holds_what_the_recommender_returns(flags, ask, run, recommender):
    weights = None if flags == ["--popular"] else "NeuMF.h5"
    status, out, err = run(*flags, "--k", 4, "--format", "json", weights=weights)
    assert status == 0
    assert_json(out, ask(recommender))
    assert "\\u" not in out
    assert err.startswith("Load data done") and err.count("\n") == 1


def test_csv_holds_what_the_recommender_returns(run, recommender):
    status, out, _ = run("--user", 'the "cat"', "--user", "Ω", "--include_seen", "--format", "csv")
    assert status == 0
    frame = recommender.recommend(['the "cat"', "Ω"], 10, include_seen=True)
    found = pd.DataFrame(csv.DictReader(io.StringIO(out)))
    for name in ("item_id", "title", "user_id"):
        assert list(found[name]) == list(frame[name])
    np.testing.assert_array_equal(found["score"].astype(np.float32), frame["score"])


def test_the_table_has_a_line_a_row(run, recommender):
    status, out, _ = run("--user", "Zoë", "--k", 3)
    lines = out.splitlines()
    assert status == 0 and len(lines) == 4
    assert lines[0].split() == ["user_id", "rank", "item_id", "title", "score", "source"]
    for line, row in zip(lines[1:], recommender.recommend("Zoë", 3).itertuples(), strict=True):
        assert line.split()[:2] == ["Zoë", str(row.rank)]
        assert row.item_id in line and row.title in line
        assert line.endswith(f"{row.score:.4f}  model")


def test_indices_stand_for_users_and_items_where_there_are_no_raw_ids(run, folder):
    _, out, err = run("--user", "3", "--format", "json", dataset="plain")
    plain = Recommender(load_model(folder / "NeuMF.h5"), crowd(ids=False, titles=False))
    assert_json(out, plain.recommend([3]))
    assert err.splitlines()[1:] == [NO_IDS]
    # With raw ids, 3 is somebody else.
    _, other, _ = run("--user", "3", "--format", "json")
    found, others = ([row["item_id"] for row in json.loads(text)] for text in (out, other))
    assert [ITEM_IDS[item] for item in found] != others


def test_users_of_a_file_come_in_order_and_unknown_ones_are_popular(run, recommender, tmp_path, monkeypatch):
    text, file = "\ufeffΩ\r\n\r\nnobody\n3 \nann, bob", tmp_path / "users.txt"
    file.write_text(text, encoding="utf-8")
    monkeypatch.setattr("sys.stdin", io.StringIO(text.lstrip("\ufeff")))
    expected = recommender.recommend(["Ω", "nobody", "3", "ann, bob"], 2, popular_for_unknown=True)
    for source in ("-", file):
        status, out, err = run("--users_file", source, "--k", 2, "--format", "json")
        assert status == 0 and "1 of 4 users are unknown" in err
        assert_json(out, expected)


def test_who_has_interacted_with_every_item_is_told_of_an_empty_list(run):
    line = io.StringIO()
    csv.writer(line).writerow(ITEM_IDS)
    status, out, err = run("--history", line.getvalue(), "--k", 2, "--format", "json")
    assert (status, json.loads(out)) == (0, [])
    assert "1 of 1 users have an empty list: they have interacted with every item (`--include_seen`" in err
    _, out, err = run("--history", line.getvalue(), "--k", 2, "--format", "json", "--include_seen")
    assert len(json.loads(out)) == 2 and "empty" not in err


@pytest.mark.parametrize("suffix", [".csv", ".JSON"])
def test_a_file_holds_what_standard_output_would(run, tmp_path, suffix):
    file = tmp_path / f"lists{suffix}"
    file.write_text("old")
    _, expected, _ = run("--popular", "--format", suffix[1:].lower())
    status, out, err = run("--popular", "--to", file)
    assert (status, out) == (0, "") and str(file) in err
    assert file.read_bytes() == expected.encode()
    assert list(tmp_path.iterdir()) == [file]


def test_who_is_inactive_or_forgotten_is_unknown(run, folder, tmp_path):
    dataset = with_states([0, 0, 1, 0, 2, 0, 0, 0], [0, 1, *[0] * 11])
    dataset.save(folder, "living")
    it = Recommender(load_model(folder / "NeuMF.h5"), dataset)
    (tmp_path / "users.txt").write_text("3\nann, bob\n1\nnobody\n")
    status, out, err = run("--users_file", tmp_path / "users.txt", "--format", "json", dataset="living")
    assert status == 0 and "3 of 4 users are unknown: they get the popularity list" in err
    assert_json(out, it.recommend(["3", "ann, bob", "1", "nobody"], popular_for_unknown=True))
    assert len(json.loads(out)) == 40 and "4" not in {row["item_id"] for row in json.loads(out)}
    for arguments, sentence in (
        (["--user", "1"], f"`--user` must hold ids of the dataset, such as 3{UNKNOWN_USER}. Received: '1'"),
        (["--similar_items", "4"], "`--similar_items` must hold ids of the dataset, such as 5. Received: '4'"),
        (["--history", "5,4"], "`--history` must hold ids of the dataset, such as 5. Received: '4'"),
        (["--new_item", "3,1"], "`--new_item` must hold ids of the dataset, such as 3. Received: '1'"),
    ):
        status, out, err = run(*arguments, dataset="living")
        assert (status, out, err.splitlines()[-1]) == (2, "", f"error: {sentence}")


KINDS = (
    "One of --user, --users_file, --history, --similar_items, --new_item, --users_for, --new_users, "
    "--all_users, --popular, --new_items, and no other, must be given. Received: "
)


@pytest.mark.parametrize(("arguments", "sentence"), [
    ([], f"{KINDS}none"),
    (["--user", "3", "--popular"], f"{KINDS}--user and --popular"),
    (["--user", "42"], "`--user` must hold ids of the dataset, such as 3 (for anybody else, give `--hist"),
    (["--new_item", "3", "--history", "5"], f"{KINDS}--history and --new_item"),
    (["--new_item", "3", "--user", "3", "--popular"], f"{KINDS}--user and --new_item and --popular"),
    (["--new_item", "3", "--user", "42"], "`--user` must hold ids of the dataset, such as 3. Received: '42'"),
    (["--new_item", "3,42"], "`--new_item` must hold ids of the dataset, such as 3. Received: '42'"),
    (["--new_item", ","], "`--new_item` must hold at least one user id. Received: none"),
    (["--new_item", '"a'], "`--new_item` must be user ids as a line of CSV. Received: '\"a' ("),
    (["--history", "a,b"], "`--history` must hold ids of the dataset, such as 5. Received: 'a'"),
    (["--history", " , "], "`--history` must hold at least one item id"),
    (["--history", '"a'], "`--history` must be item ids as a line of CSV"),
    (["--similar_items", "6"], "`--similar_items` must hold ids of the dataset, such as 5. Received: '6'"),
    (["--users_file", "none.txt"], "`--users_file` must be a file that can be read. Received: none.txt"),
    (["--popular", "--to", "lists.txt"], "`--to` must end in .csv or .json. Received: lists.txt"),
    (["--popular", "--to", "no/such/lists.csv"], "`--to` must be a file in a directory that exists"),
    (["--popular", "--to", "lists.csv", "--format", "json"], "`--to` takes its format from its suffix"),
])  # fmt: skip
def test_a_mistake_is_one_sentence(run, tmp_path, monkeypatch, arguments, sentence):
    monkeypatch.chdir(tmp_path)
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    assert err.splitlines()[-1].startswith(f"error: {sentence}")
    assert list(tmp_path.iterdir()) == []


def test_two_stages_say_what_they_find_and_find_the_same(run, recommender):
    status, out, err = run("--user", "007", "--format", "csv", "--recall", 0.9)
    assert status == 0
    assert "two stages: the network ranks 13 candidates of 13 items. Measured recall@10: 1.0000" in err
    found = pd.read_csv(io.StringIO(out), dtype={"user_id": str, "item_id": str})
    assert list(found["item_id"]) == list(recommender.recommend(["007"])["item_id"])


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--popular", "--recall", 0.9], "`--recall` must come with lists of items for users: --user, "),
        (["--similar_items", 5, "--candidates", 10], "`--candidates` must come with lists of items for users"),
        (["--new_item", 3, "--user", 0, "--recall", 1], "`--recall` must come with lists of items for users"),
        (["--user", 3, "--recall", 1.1], "argument --recall: must be a number above 0 and at most 1."),
        (["--user", 3, "--candidates", 9], "argument --candidates: must be a whole number"),
        (["--user", 3, "--candidates", 10, "--recall", 1], "not allowed with argument"),
    ],
)
def test_a_mistake_about_stages_is_one_sentence(run, arguments, sentence):
    status, out, err = run(*arguments)
    assert (status, out) == (2, "") and sentence in err


def test_a_users_file_must_have_ids_and_a_model_be_given_and_fit(run, folder, tmp_path):
    for content, rule in ((b"\n \n", "hold an id a line"), (b"\xff\xfe", "be text in UTF-8")):
        (tmp_path / "users.txt").write_bytes(content)
        status, _, err = run("--users_file", tmp_path / "users.txt")
        assert status == 2 and err.startswith(f"error: `--users_file` must {rule}")
    status, _, err = run("--user", "3", weights=None)
    assert status == 2 and "`--weights` must be a weight file" in err
    save_weights(build_gmf(SIZES[0], SIZES[1] + 1), folder / "other.h5")
    status, _, err = run("--user", "3", weights="other.h5")
    assert status == 2 and "`--weights` must be of a model for the 8 users and 13 items of crowd" in err
    status, _, err = run("--user", "3", "--k", 0)
    assert status == 2 and "whole number from 1 to 2147483647" in err


def test_control_characters_do_not_break_the_table(capsys):
    frame = pd.DataFrame({"item_id": ["a\nb", "\x1b[31m"], "score": [0.5, 1.0]})
    write_table(frame, "table")
    assert capsys.readouterr().out == "item_id    score\na\\nb      0.5000\n\\x1b[31m  1.0000\n"
    write_table(frame.iloc[1:], "table")
    assert capsys.readouterr().out == "item_id   score\n\\x1b[31m      1\n"
    write_table(frame, "csv")
    rows = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert [row["item_id"] for row in rows] == ["a\nb", "\x1b[31m"]
    write_table(frame.iloc[:0], "json")
    assert json.loads(capsys.readouterr().out) == []


def test_what_a_spreadsheet_would_run_is_a_text_on_request(tmp_path, capsys):
    frame = pd.DataFrame({
        "item_id": ["=cmd|'/c calc'!A0", "+1", "-1", "@SUM(1)", "\tx", "\rx", "plain", "a=b"],
        "score": [-1.0] * 8,
    })  # fmt: skip
    safe = spreadsheet_safe(frame)
    assert safe["item_id"].tolist() == [
        "'=cmd|'/c calc'!A0",
        "'+1",
        "'-1",
        "'@SUM(1)",
        "'\tx",
        "'\rx",
        "plain",
        "a=b",
    ]
    assert safe["score"].tolist() == [-1.0] * 8 and frame["item_id"][0][0] == "="


def test_it_is_a_flag_of_csv_alone(folder, capsys):
    data = ["--path", f"{folder}/", "--dataset", "crowd", "--popular", "--k", "2"]
    assert main([*data, "--spreadsheet_safe"]) == 2
    assert (
        "`--spreadsheet_safe` must come with lists in CSV. Received: lists as table" in capsys.readouterr().err
    )
    assert main([*data, "--spreadsheet_safe", "--format", "csv"]) == 0
    assert len(list(csv.reader(io.StringIO(capsys.readouterr().out)))) == 3


def test_json_has_escapes_of_json_for_what_steers_a_terminal(capsys):
    texts = ["\x7f\x9b2J", "\u202e\x1b[31m", "\U000e0001", "caf\u00e9 \u4e2d"]
    write_table(pd.DataFrame({"title": texts}), "json")
    printed = capsys.readouterr().out
    assert [record["title"] for record in json.loads(printed)] == texts
    assert printed.replace("\n", "").isprintable() and "caf\u00e9 \u4e2d" in printed


def test_more_lists_than_the_memory_holds_are_refused_before_they_are_made(
    folder, tmp_path, capsys, monkeypatch
):
    (tmp_path / "users.txt").write_text("somebody\n" * 1000)
    monkeypatch.setattr(memory, "free_memory", lambda: 400 * 1000 * 2 - 1)
    monkeypatch.setattr(Programs, "recommend", None)
    arguments = ["--users_file", str(tmp_path / "users.txt"), "--weights", str(folder / "NeuMF.h5"), "--k", "2"]
    assert main([*arguments, "--path", f"{folder}/", "--dataset", "crowd"]) == 2
    assert "1,000 lists of 2 items must fit into the memory that is free" in capsys.readouterr().err


def test_lists_of_the_built_in_sample_have_titles(sample, capsys):
    assert main(["--popular", "--dataset", "sample", "--k", "2", "--format", "csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    best = np.argsort(-sample.item_counts, kind="stable")[:2]
    assert [int(row["item_id"]) for row in rows] == best.tolist()
    assert [row["title"] for row in rows] == [sample.item_titles[item] for item in best]


@pytest.fixture(scope="module")
def described(folder):
    """Who came after a crowd with features, for a model that knows them; the files of all this."""
    dataset = described_crowd()
    dataset.save(folder, "described")
    save_weights(described_model(dataset), folder / "described.h5")
    new = {
        "items.csv": "id,genre,colour\nn1,comedy|war,red\nn2,western,\n",
        "users.csv": "id,age\nann,25\nbob,35\n",
    }
    for name, text in new.items():
        (folder / f"new.{name}").write_text(text)
    return Recommender(
        load_model(folder / "described.h5"),
        with_newcomers(
            dataset,
            items=pd.DataFrame({"id": ["n1", "n2"], "genre": ["comedy|war", "western"]}),
            users=pd.DataFrame({"id": ["ann", "bob"], "age": ["25", "35"]}),
        ),
    )


def test_who_came_after_the_training_is_known_by_features(run, folder, described):
    def lists(*arguments):
        status, out, err = run(*arguments, "--format", "csv", dataset="described", weights="described.h5")
        assert status == 0, err
        return pd.read_csv(io.StringIO(out), dtype={"user_id": str, "item_id": str}, keep_default_na=False), err

    items, users = ["--new_items", folder / "new.items.csv"], ["--new_users", folder / "new.users.csv"]
    passed_over = "1 of 2 items of `--new_items` have no feature that the model knows: they are passed over"
    for arguments, expected in (
        (["--user", "3", *items], described.recommend("3")),
        (["--user", "3", *items, "--only_new"], described.recommend("3", only_items=["n1"])),
        ([*users, *items], described.recommend(["ann", "bob"])),
        (items, described.users_for_items("n1")),
        (["--users_for", ITEM_IDS[1]], described.users_for_items(ITEM_IDS[1])),
    ):
        frame, err = lists(*arguments)
        if "--new_users" not in arguments and "user_id" in expected:
            expected = expected[~expected["user_id"].isin(["ann", "bob"])]
            expected = expected.assign(rank=range(1, len(expected) + 1))
        assert (passed_over in err) == ("--new_items" in arguments)
        pd.testing.assert_frame_equal(
            frame,
            expected.reset_index(drop=True),
            check_dtype=False,
            check_index_type=False,
            atol=1e-6,
        )


@pytest.mark.parametrize(("arguments", "sentence"), [
    (["--popular", "--new_items", "new.items.csv"], "`--new_items` must come with what a model ranks."),
    (["--user", "3", "--only_new"], "`--only_new` must come with `--new_items`. Received: `--only_new` alone"),
    (["--similar_items", "5", "--new_items", "new.items.csv", "--only_new"],
     "`--only_new` must come with one of --user, --users_file, --all_users, --history, --new_users. "
     "Received: none"),
    (["--history", "5", "--new_users", "new.users.csv"],
     "`--new_users` must hold one row with `--history`. Received: 2 rows"),
    (["--new_items", "new.users.csv"],
     "must have one or more of the columns that described has of its items: genre, year. Received: age"),
])  # fmt: skip
def test_a_mistake_about_newcomers_is_one_sentence(run, folder, monkeypatch, described, arguments, sentence):
    monkeypatch.chdir(folder)
    status, out, err = run(*arguments, dataset="described", weights="described.h5")
    assert (status, out) == (2, "") and sentence in err


def test_a_model_of_other_features_is_refused(run, folder, described):
    dataset = described_crowd()
    swapped = dataclasses.replace(
        dataset, name="swapped", item_features=Features(reversed(list(dataset.item_features.values())))
    )
    swapped.save(folder, "swapped")
    status, out, err = run("--user", "3", dataset="swapped", weights="described.h5")
    rule = "`--weights` must be a model that was trained with the features that swapped has of its items. "
    assert (status, out) == (2, "") and f"{rule}Received: one with others, of 13 of 13 items" in err
