"""`ncf recommend --all_users` writes what a Recommender answers user by user, whoever makes which part."""

import importlib.util
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pyarrow.parquet
import pytest

from ncf_keras.cli.recommend import main
from ncf_keras.recommending import Recommender, all_users
from ncf_keras.weights import load_model, save_weights
from tests.recommending.crowd import ITEM_IDS, SIZES, USER_IDS, crowd, write_crowd
from tests.weights.small_models import small_model

K = 4
COLUMNS = ["user_id", "rank", "item_id", "score"]
DIFFERENT = "`--to` must be a directory that is empty, or one whose lists are made of the same. Received: "


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("crowd")
    write_crowd(folder)
    for seed, name in enumerate(("model.h5", "other.h5")):
        save_weights(small_model("GMF", *SIZES, seed=seed), folder / name)
    (folder / "stock.txt").write_text("5\n4\n3\n")
    return folder


@pytest.fixture
def run(folder, tmp_path, capsys, monkeypatch):
    """Run the command with parts of three users; return its status and what it said."""
    monkeypatch.setattr(all_users, "USERS_AT_ONCE", 2)

    def run(*more, to=tmp_path / "lists", dataset="crowd", k=K, weights="model.h5"):
        words = [
            "--path",
            f"{folder}/",
            "--dataset",
            dataset,
            "--weights",
            str(folder / weights),
            "--k",
            str(k),
        ]
        try:
            status = main([*words, "--all_users", "--users_a_part", "3", "--to", str(to), *more])
        except SystemExit as stop:
            status = stop.code
        return status, capsys.readouterr().err

    return run


def rows_of(directory):
    """Return the rows of all parts, in the order of their names."""
    files = sorted(Path(directory).glob("part-*.parquet"))
    return pd.concat([pyarrow.parquet.read_table(file).to_pandas() for file in files], ignore_index=True)


def one_by_one(folder, ids=True):
    """Return the same rows, each user asked for alone."""
    recommender = Recommender(load_model(folder / "model.h5"), crowd(ids=ids, titles=False))
    users = USER_IDS if ids else range(len(USER_IDS))
    frames = [recommender.recommend([user], k=K)[COLUMNS] for user in users]
    return pd.concat(frames, ignore_index=True)


def require_equal(rows, expected):
    assert list(rows.columns) == COLUMNS
    for name in ("user_id", "rank", "item_id"):
        assert rows[name].tolist() == expected[name].tolist()
    assert rows["score"].tolist() == pytest.approx(expected["score"].tolist(), abs=1e-6)


def test_all_users_get_their_lists(run, folder, tmp_path):
    status, said = run("--workers", "2")
    assert status == 0, said
    assert f"The lists of 8 users are in {tmp_path / 'lists'}, parts: 3" in said
    require_equal(rows_of(tmp_path / "lists"), one_by_one(folder))
    names = {path.name for path in (tmp_path / "lists").iterdir()}
    assert names == {"_SUCCESS", "_lists.json", *(f"part-0000{n}-of-00003.parquet" for n in range(3))}
    schema = pyarrow.parquet.read_schema(tmp_path / "lists" / "part-00000-of-00003.parquet")
    assert [str(kind) for kind in schema.types] == ["string", "int32", "string", "float"]
    require_equal(pd.read_parquet(tmp_path / "lists"), rows_of(tmp_path / "lists"))


def test_without_ids_the_columns_hold_indices(run, folder, tmp_path):
    assert run(dataset="plain")[0] == 0
    require_equal(rows_of(tmp_path / "lists"), one_by_one(folder, ids=False))
    schema = pyarrow.parquet.read_schema(tmp_path / "lists" / "part-00002-of-00003.parquet")
    assert [str(kind) for kind in schema.types] == ["int32", "int32", "int32", "float"]


def test_lists_are_steered(run, folder, tmp_path):
    assert run("--only_items", str(folder / "stock.txt"), "--include_seen")[0] == 0
    recommender = Recommender(load_model(folder / "model.h5"), crowd(titles=False))
    everything = recommender.recommend(USER_IDS, k=len(ITEM_IDS), include_seen=True)
    expected = everything[everything["item_id"].isin(["5", "4", "3"])]
    expected = expected.assign(rank=expected.groupby("user_id", sort=False).cumcount() + 1)
    require_equal(rows_of(tmp_path / "lists"), expected)


def test_what_was_stopped_goes_on(run, tmp_path):
    run()
    whole, directory = rows_of(tmp_path / "lists"), tmp_path / "lists"
    (directory / "part-00001-of-00003.parquet").unlink()
    others = {path: path.stat().st_mtime_ns for path in directory.glob("[pl]*")}
    # What says that all is there does not outlive a part.
    assert run("--shard", "1/3")[0] == 0 and not (directory / "_SUCCESS").exists()
    # As SIGKILL leaves it.
    (directory / ".writing-part-00001-of-00003.parquet-x.part").write_text("half")
    status, said = run()
    assert status == 0 and "2 of 3 parts are there already." in said
    assert not list(directory.glob(".writing-*"))
    assert {path: path.stat().st_mtime_ns for path in others} == others
    pd.testing.assert_frame_equal(rows_of(directory), whole)
    assert (directory / "_SUCCESS").exists()


def test_shares_are_the_whole(run, tmp_path):
    run(to=tmp_path / "whole")
    status, said = run("--shard", "2/2")
    assert status == 0 and "The 1 parts of share 2/2" in said and "Other shares are not done yet" in said
    assert not (tmp_path / "lists" / "_SUCCESS").exists()
    assert "Other" not in run("--shard", "1/2")[1]
    for path in (tmp_path / "whole").iterdir():
        assert path.read_bytes() == (tmp_path / "lists" / path.name).read_bytes()


def test_a_directory_of_other_lists_is_refused(run, folder, tmp_path):
    run()
    before = {path: path.read_bytes() for path in (tmp_path / "lists").iterdir()}
    for name, change in (
        ("k", {"k": 3}), ("weights", {"weights": "other.h5"}), ("ids", {"dataset": "plain"}),
    ):  # fmt: skip
        status, said = run(**change)
        assert status == 2 and said.strip().endswith(
            f"{DIFFERENT}{tmp_path / 'lists'}, whose _lists.json has another {name}"
        )
    assert run("--only_items", str(folder / "stock.txt"))[0] == 2
    assert run("--candidates", "10")[0] == 2
    assert {path: path.read_bytes() for path in (tmp_path / "lists").iterdir()} == before


@pytest.mark.parametrize("name", ["part-7.parquet", "_SUCCESS", "notes.txt"])
def test_a_directory_of_something_else_is_left_alone(run, tmp_path, name):
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / name).write_text("somebody's")
    status, said = run()
    assert status == 2 and "`--to` must be a directory that is empty or has lists already" in said
    assert [path.name for path in (tmp_path / "lists").iterdir()] == [name]


def test_other_categories_under_the_same_flags_are_refused(run, tmp_path):
    features = tmp_path / "features.csv"
    flags = ("--max_per", "genre", "1", "--item_features", str(features), "--shard", "3/3")
    features.write_text("item,genre\n5,A\n4,A\n")
    assert run(*flags)[0] == 0
    features.write_text("item,genre\n5,A\n4,B\n")
    status, said = run(*flags)
    assert status == 2 and "whose _lists.json has another item_features" in said


def test_of_two_that_describe_a_directory_at_once_one_is_first(tmp_path):
    file = tmp_path / "_lists.json"
    assert all_users._is_first(file, "one") and not all_users._is_first(file, "another")
    assert file.read_text() == "one" and [path.name for path in tmp_path.iterdir()] == ["_lists.json"]


def test_lists_in_two_stages_are_the_same_where_all_items_are_candidates(run, folder, tmp_path):
    assert run("--candidates", "13")[0] == 0
    require_equal(rows_of(tmp_path / "lists"), one_by_one(folder))


@pytest.mark.parametrize("text", ["[]", "{", '{"k": 4}', "[" * 100_000])
def test_a_description_that_is_none_is_refused(run, tmp_path, text):
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "_lists.json").write_text(text)
    status, said = run()
    assert status == 2 and DIFFERENT in said


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--shard", "3/2"], "must be I/N, the I-th of N shares, from 1/N to N/N. Received: '3/2'"),
        (["--shard", "0/2"], "must be I/N, the I-th of N shares, from 1/N to N/N. Received: '0/2'"),
        (["--format", "csv"], "`--all_users` must come without `--format`: it writes Parquet. Received: both"),
        (["--user", "3"], "Received: --user and --all_users"),
        (["--to", "a.csv"], "`--to` must be a directory with `--all_users`. Received: a.csv"),
        (["--to", ""], "`--all_users` must come with `--to DIRECTORY`. Received: no directory"),
    ],
)
def test_mistakes_are_sentences(run, words, sentence):
    status, said = run(*words)
    assert status == 2 and sentence in said


def test_flags_of_all_lists_need_all_users(run, folder, capsys):
    words = ["--path", f"{folder}/", "--dataset", "crowd", "--weights", str(folder / "model.h5"), "--user", "3"]
    assert main([*words, "--workers", "2"]) == 2
    assert "`--workers` must come with `--all_users`. Received: `--workers` alone" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("library", "words", "advice"),
    [("pyarrow.parquet", [], "'ncf-keras[parquet]'"), ("ray", ["--engine", "ray"], "'ncf-keras[ray]'")],
)
def test_a_library_that_is_missing_is_named(run, monkeypatch, tmp_path, library, words, advice):
    monkeypatch.setitem(sys.modules, library, None)
    status, said = run(*words)
    assert status == 2 and f"pip install {advice}. Received: no such library" in said
    assert not (tmp_path / "lists").exists()


# Ray starts processes that import TensorFlow each: `pytest -m slow tests/cli/test_all_lists.py`.


def ncf(folder, to, *more):
    """Start the command on the built-in sample: 1,000 users in 50 parts."""
    words = ["recommend", "--dataset", "sample", "--weights", str(folder / "model.h5"), "--all_users"]
    words += ["--users_a_part", "20", "--k", "50", "--to", str(to), *more]
    return subprocess.Popen([sys.executable, "-m", "ncf_keras", *words], stderr=subprocess.PIPE, text=True)


def require_success(process):
    with process:
        said = process.stderr.read()
    assert process.returncode == 0, said


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """What one process writes."""
    if importlib.util.find_spec("ray") is None:
        pytest.skip("needs Ray")
    folder = tmp_path_factory.mktemp("whole")
    save_weights(small_model("NeuMF", 1000, 500), folder / "model.h5")
    require_success(ncf(folder, folder / "lists"))
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("workers", [2, 4])
def test_workers_of_ray_write_the_same_rows(whole, tmp_path, workers):
    require_success(ncf(whole, tmp_path / "lists", "--engine", "ray", "--workers", f"{workers}"))
    pd.testing.assert_frame_equal(rows_of(tmp_path / "lists"), rows_of(whole / "lists"))
    assert (tmp_path / "lists" / "_SUCCESS").exists()


@pytest.mark.slow
def test_a_worker_of_ray_that_is_killed_loses_nothing(whole, tmp_path):
    process = ncf(whole, tmp_path / "lists", "--engine", "ray", "--workers", "2")
    victim = worker_below(process, lambda: len(list((tmp_path / "lists").glob("part-*"))) >= 2)
    os.kill(victim, signal.SIGKILL)
    require_success(process)
    pd.testing.assert_frame_equal(rows_of(tmp_path / "lists"), rows_of(whole / "lists"))


def worker_below(process, ready):
    """Return the process number of a worker that makes parts, once `ready` is true while the command runs."""
    while process.poll() is None:
        if ready():
            for entry in Path("/proc").glob("[0-9]*"):
                try:
                    if b"ray::_make_part" in (entry / "cmdline").read_bytes():
                        return int(entry.name)
                except OSError:
                    continue
        time.sleep(0.02)
    require_success(process)
    raise AssertionError("no worker was seen")
