"""No output is an input or another output, by whatever name it comes."""

import argparse
import os

import pytest

from ncf_keras.base.errors import InputError
from ncf_keras.cli import convert, evaluate, recommend
from ncf_keras.cli.paths import (
    CheckpointPath,
    DatasetPrefix,
    InputFile,
    InputLog,
    OutputFile,
    OutputPrefix,
    require_apart,
)
from tests.cli.running import run
from tests.small_data import write_files


def flags(**named):
    return argparse.Namespace(**named)


@pytest.fixture
def names(tmp_path, monkeypatch):
    """Many names of one file, and some of one that is not there."""
    monkeypatch.chdir(tmp_path)
    for name in ("file", "other"):
        (tmp_path / name).write_text(name)
    (tmp_path / "folder").mkdir()
    (tmp_path / "linked_folder").symlink_to("folder")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "link_to_link").symlink_to("link")
    os.link("file", "hard")
    (tmp_path / "dangling").symlink_to("folder/new")
    there = ["file", "./file", "folder/../file", f"{tmp_path}/file", "//" + str(tmp_path / "file").lstrip("/"),
             "link", "link_to_link", "hard", "linked_folder/../file"]  # fmt: skip
    return there, ["folder/new", "./folder/new", "linked_folder/new", "dangling", f"{tmp_path}/folder/new"]


def test_every_name_of_an_input_is_refused_as_an_output(names):
    there, absent = names
    for name in there:
        with pytest.raises(
            InputError, match=r"^`--json` must not be a file that `--weights` names to be read\. Rec"
        ):
            require_apart(flags(weights=InputFile("file"), json=OutputFile(name)))
    for name in absent:
        with pytest.raises(
            InputError, match=r"^`--(json|to)` must not be a file that `--(json|to)` names to be wr"
        ):
            require_apart(flags(json=OutputFile("folder/new"), to=OutputFile(name)))
    require_apart(flags(weights=InputFile("file"), other=InputFile("file"), json=OutputFile("other"), to=None))
    require_apart(
        flags(json=OutputFile("/dev/null"), to=OutputFile("/dev/null"), per_user=OutputFile("folder/new"))
    )


def test_positional_files_lists_and_standard_input_count_too(names, monkeypatch):
    with pytest.raises(InputError, match=r"^`--to` must not be a file that `FILE` names"):
        require_apart(flags(file=InputFile("file"), to=OutputFile("link")))
    with pytest.raises(InputError, match=r"^`--out` must not be a file that `LOG\.csv` names"):
        require_apart(flags(logs=[InputFile("other"), InputFile("file")], out=OutputFile("hard")))
    with open("file") as stdin:  # noqa: PTH123
        kept = os.dup(0)
        os.dup2(stdin.fileno(), 0)
        try:
            with pytest.raises(InputError, match="`--users_file`"):
                require_apart(flags(users_file=InputFile("-"), to=OutputFile("file")))
        finally:
            os.dup2(kept, 0)
            os.close(kept)


def test_standard_output_that_is_appended_to_an_input_is_one(names):
    kept = os.dup(1)
    with open("file", "a") as appended:  # noqa: PTH123
        os.dup2(appended.fileno(), 1)
    try:
        with pytest.raises(
            InputError, match=r"^`standard output` must not be a file that `LOG` names to be read"
        ):
            require_apart(flags(log=InputFile("link")))
        require_apart(flags(json=OutputFile("file")))  # It is written into.
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def test_the_files_of_a_dataset_of_a_prefix_and_of_checkpoints_count_whether_they_are_there_or_not(tmp_path):
    for suffix in (".train.rating", ".test.negative", ".json", ".items.csv", ".train.parquet"):
        output = OutputFile(tmp_path / f"v{suffix}")
        with pytest.raises(InputError, match=r"^`--json` must not be a file that `--dataset` names to be read"):
            require_apart(flags(path=f"{tmp_path}/", dataset="v", json=output))
    with pytest.raises(InputError, match=r"^`--out` must not be a file that `--titles` names to be read"):
        prefix = OutputPrefix(tmp_path / "v")
        require_apart(flags(titles=InputFile(tmp_path / "v.users.csv"), out=prefix))
    checkpoints = CheckpointPath(tmp_path)
    (tmp_path / "epoch-000001.checkpoint").touch()
    for name in (".lock", "epoch-000001.checkpoint"):
        with pytest.raises(InputError, match="names to be written"):
            require_apart(flags(checkpoint_dir=checkpoints, log_csv=OutputFile(tmp_path / name)))
    require_apart(flags(path="", dataset="sample", json=OutputFile(tmp_path / "sample.json")))


def test_a_dataset_may_replace_the_one_that_it_goes_on_from_and_nothing_else(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_files(tmp_path, "v", "rating", "rating", "negative")
    prefix, earlier = OutputPrefix("v"), DatasetPrefix(f"{tmp_path}/v")
    require_apart(flags(ids_from=earlier, out=prefix))
    for named in ({"log": [InputLog("v.train.rating")]}, {"titles": InputFile("v.items.csv")}):
        with pytest.raises(
            InputError, match=r"^`--out` must not be a file that `(LOG|--titles)` names to be read"
        ):
            require_apart(flags(ids_from=earlier, **named, out=prefix))
    with pytest.raises(InputError, match=r"^`--json` must not be a file that `--ids_from` names to be read"):
        require_apart(flags(ids_from=earlier, json=OutputFile("v.waiting.csv")))
    with pytest.raises(InputError, match=r"names to be written"):
        require_apart(flags(out=prefix, to=OutputPrefix("v")))


def test_commands_refuse_before_they_read_anything(tmp_path, capsys, monkeypatch):
    """The weight files and data here are none, which any reader would say."""
    monkeypatch.chdir(tmp_path)
    write_files(tmp_path, "v", "no rating", "no rating", "no negative")
    (tmp_path / "w.h5").write_text("no weights")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    data = ["--path", f"{tmp_path}/", "--dataset", "v"]
    for main, arguments in (
        (evaluate.main, ["--weights", "w.h5", "--json", "w.h5", *data]),
        (evaluate.main, ["--weights", "w.h5", "--json", "x", "--per_user", "x", *data]),
        (recommend.main, ["--popular", "--to", "v.items.csv", *data]),
        (convert.main, ["w.h5", "--to", "./w.h5"]),
    ):
        assert main(arguments) == 2
        assert "must not be a file that" in capsys.readouterr().err
    result = run("GMF", "--log_csv", "v.train.rating", *data)
    assert result.status == 2 and result.errors.startswith(
        "error: `--log_csv` must not be a file that `--dataset`"
    )
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
