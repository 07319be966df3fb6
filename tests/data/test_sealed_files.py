"""Files of two runs are never taken for one dataset, and what somebody else wrote is left alone."""

import errno
import fcntl
import functools
import hashlib
import json
import os
import signal
from pathlib import Path

import pandas as pd
import pytest

from ncf_keras.base.errors import InputError
from ncf_keras.base.interrupts import Interrupted
from ncf_keras.base.locks import directory_lock
from ncf_keras.data import dataset_files, read_dataset, sealed_files
from ncf_keras.data.dataset_files import SUFFIXES
from ncf_keras.data.dataset_writing import write_prepared
from ncf_keras.data.prepare import PrepareOptions, prepare
from ncf_keras.data.tidy_log import tidy_log


class Killed(BaseException):
    """What ends a process at once, as far as the files are concerned."""


def write(prefix, run):
    """Write the dataset of one run; those of two runs have the same counts, and other ids in another order."""
    users = ["ann", "bob", "ann", "bob"] if run == "A" else ["Bob", "Ann", "Bob", "Ann"]
    items = ["x", "y", "z", "x"] if run == "A" else ["Z", "X", "Y", "Z"]
    times = [1, 2, 3, 4] if run == "A" else [9, 8, 7, 6]
    columns = {"user": pd.Series(users), "item": pd.Series(items), "timestamp": pd.Series(times)}
    write_prepared(prefix, prepare(tidy_log(columns, str), PrepareOptions(negatives=1)), {"name": run})


def run_in(directory):
    """Return which run's dataset is read; InputError if it is none's."""
    dataset = read_dataset(directory, "d")
    assert dataset.user_ids is not None and dataset.item_ids is not None
    whole = {directory / f"d{suffix}": (directory / f"d{suffix}").read_bytes() for suffix in SUFFIXES[:5]}
    run = json.loads((directory / "d.json").read_text())["source"]["name"]
    reference = directory / "reference"
    reference.mkdir(exist_ok=True)
    write(reference / "d", run)
    assert whole == {directory / path.name: path.read_bytes() for path in reference.glob("d.*[!n]")}
    assert (dataset.user_ids[0], dataset.item_ids[0]) == {"A": ("ann", "x"), "B": ("Bob", "Z")}[run]
    return run


def stop_before(monkeypatch, number, what):
    """Let `what` happen just before a file gets its name for the `number`th time."""
    rename, count = Path.replace, iter(range(1, 100))

    def replace(path, target):
        if next(count) == number:
            what()
        return rename(path, target)

    monkeypatch.setattr(Path, "replace", replace)


def kill():
    raise Killed


@pytest.mark.parametrize("before", ["A", "A of an older version", "A without the JSON file", None])
@pytest.mark.parametrize("number", range(1, 8))
def test_a_run_that_is_killed_leaves_the_old_or_the_new_or_a_sentence(tmp_path, monkeypatch, before, number):
    if before is not None:
        write(tmp_path / "d", "A")
        report = json.loads((tmp_path / "d.json").read_text())
        if before == "A of an older version":
            del report["files"]
            (tmp_path / "d.json").write_text(json.dumps(report))
        elif before == "A without the JSON file":
            (tmp_path / "d.json").unlink()
    with monkeypatch.context() as patch:
        stop_before(patch, number, kill)
        try:
            write(tmp_path / "d", "B")
        except Killed:
            assert number <= 6
    if number == 1 and before == "A without the JSON file":
        assert read_dataset(tmp_path, "d").user_ids == ["ann", "bob"]
    elif number == 1 and before is not None:
        assert run_in(tmp_path) == "A"
    elif number == 7:
        assert run_in(tmp_path) == "B"
    elif number == 6 and before is None:
        # Whole but for the file that says so.
        assert read_dataset(tmp_path, "d").user_ids == ["Bob", "Ann"]
    else:
        with pytest.raises(InputError, match=r"of another run, such as one|must name .* Received: no file"):
            read_dataset(tmp_path, "d")
    write(tmp_path / "d", "B")
    assert run_in(tmp_path) == "B" and not list(tmp_path.glob(".*"))


def test_what_a_dead_run_left_is_removed_and_what_a_live_one_is_writing_is_not(tmp_path, monkeypatch):
    for name in (".writing-d-dead", ".writing-d-alive", ".writing-e-dead"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "new.json").touch()
    (tmp_path / ".writing-d-file").touch()
    alive = os.open(tmp_path / ".writing-d-alive", os.O_RDONLY)
    fcntl.flock(alive, fcntl.LOCK_EX)
    write(tmp_path / "d", "A")
    os.close(alive)
    left = {".writing-d-alive", ".writing-e-dead", ".writing-d-file"}
    assert {path.name for path in tmp_path.glob(".*")} == left

    def no_locks(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    write(tmp_path / "d", "B")
    assert {path.name for path in tmp_path.glob(".*")} == left and run_in(tmp_path) == "B"


def test_while_another_command_is_renaming_there_is_a_sentence_and_nothing_changes(tmp_path, monkeypatch):
    write(tmp_path / "d", "A")
    monkeypatch.setattr(sealed_files, "directory_lock", functools.partial(directory_lock, patience=0.05))
    with directory_lock(tmp_path) as locked:
        assert locked
        with pytest.raises(InputError, match=r"^`prefix` must be a prefix that no other command is writing"):
            write(tmp_path / "d", "B")
    assert run_in(tmp_path) == "A" and not list(tmp_path.glob(".*"))


def test_a_signal_while_the_files_are_renamed_waits_until_all_are(tmp_path, monkeypatch, capfd):
    stop_before(monkeypatch, 3, lambda: os.kill(os.getpid(), signal.SIGTERM))
    with pytest.raises(Interrupted, match="was complete") as caught:
        write(tmp_path / "d", "A")
    monkeypatch.undo()
    assert caught.value.status == 143 and run_in(tmp_path) == "A"
    assert "Stopping" in capfd.readouterr().err


def test_what_a_link_leads_to_is_replaced_and_a_device_is_written_into(tmp_path):
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "train").write_text("before")
    (tmp_path / "d.train.rating").symlink_to("far/train")
    (tmp_path / "d.json").symlink_to("/dev/null")
    write(tmp_path / "d", "A")
    assert (tmp_path / "d.train.rating").readlink() == Path("far/train")
    assert (tmp_path / "far" / "train").read_text() == "0\t0\t1\t1\n1\t1\t1\t2\n"
    assert (tmp_path / "d.json").readlink() == Path("/dev/null") and Path("/dev/null").is_char_device()
    assert read_dataset(tmp_path, "d").user_ids == ["ann", "bob"]
    (tmp_path / "d.items.csv").unlink()
    (tmp_path / "d.items.csv").mkdir()
    with pytest.raises(InputError, match=r"d\.items\.csv must be a file that can be written.*a directory"):
        write(tmp_path / "d", "B")


@pytest.mark.parametrize("suffix", SUFFIXES[:5])
def test_a_file_that_was_changed_or_removed_is_named_and_so_is_the_way_on(tmp_path, suffix):
    write(tmp_path / "d", "A")
    file = tmp_path / f"d{suffix}"
    content = file.read_bytes()
    for change, received in (
        (
            lambda: file.write_bytes(content + b"not such a line"),
            "one that was changed, or that is of another run",
        ),
        (lambda: file.write_bytes(content.replace(b"1", b"0")), "one that was changed"),
        (file.unlink, "no such file"),
    ):
        change()
        with pytest.raises(InputError) as caught:
            read_dataset(tmp_path, "d")
        rule = f"{file} must be the file that {tmp_path / 'd.json'} describes: prepare or download it again"
        assert str(caught.value).startswith(rule) and f"Received: {received}" in str(caught.value)
    file.write_bytes(content)
    assert run_in(tmp_path) == "A"
    if suffix == ".items.csv":
        file.write_bytes(content.replace(b'"x"', b'"X"'))
        (tmp_path / "d.json").unlink()
        assert read_dataset(tmp_path, "d").item_ids[0] == "X"


@pytest.mark.parametrize("text", [
    None, "[1, 2]", '"\\ud800"', "a pipe", "a directory",
    '{"files": {".train.rating": "00"}}', '{"prepared_by": 5, "files": {}}', '{"prepared_by": "ncf-keras 1"}',
    '{"prepared_by": "ncf-keras 1", "files": {".train.rating": "00"}}' + " " * (1 << 20),
])  # fmt: skip
def test_a_json_file_that_is_not_ours_says_nothing_about_the_others(tmp_path, text):
    write(tmp_path / "d", "A")
    file = tmp_path / "d.json"
    file.unlink()
    if text == "a pipe":
        os.mkfifo(file)
    elif text == "a directory":
        file.mkdir()
    elif text is not None:
        file.write_bytes(text.encode("utf-8", "surrogateescape"))
    (tmp_path / "d.train.rating").write_text("1\t1\t1\n")
    assert read_dataset(tmp_path, "d").num_train == 1


@pytest.mark.parametrize("text", [
    "", "{", "[" * 100_000, "9" * 5000, "\udcff",
    *(f'{{"prepared_by": "ncf-keras 1", "files": {files}}}' for files in
      ('["train"]', '{"mine": "1"}', '{".train.rating": 7}', '{".train.rating": null}', "[]")),
])  # fmt: skip
def test_one_that_is_damaged_does_not_lift_the_check_without_a_word(tmp_path, text):
    write(tmp_path / "d", "A")
    (tmp_path / "d.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(
        InputError, match=r"d\.json must be JSON as it was written; remove it if that was meant"
    ):
        read_dataset(tmp_path, "d")
    (tmp_path / "d.json").unlink()
    assert read_dataset(tmp_path, "d").num_users


def test_a_file_that_cannot_be_replaced_is_named_and_the_mixture_refused(tmp_path, monkeypatch):
    write(tmp_path / "d", "A")

    def busy(new, path):
        if Path(path).name == "d.train.rating":
            raise OSError(16, "Device or resource busy")
        Path(new).replace(path)

    monkeypatch.setattr(sealed_files, "put", busy)
    with pytest.raises(
        InputError, match=r"d\.train\.rating must be a file that can be replaced .* Device or res"
    ):
        write(tmp_path / "d", "B")
    with pytest.raises(InputError, match=r"prepare or download it again"):
        read_dataset(tmp_path, "d")


def test_a_file_that_is_exchanged_while_it_is_read_is_refused(tmp_path, monkeypatch):
    write(tmp_path / "d", "A")
    file, any_ids = tmp_path / "d.train.rating", dataset_files.any_ids

    def exchange(*arguments):
        (tmp_path / "same").write_bytes(file.read_bytes())
        (tmp_path / "same").replace(file)
        return any_ids(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(dataset_files, "any_ids", exchange)
        with pytest.raises(
            InputError, match=r"d\.train\.rating must be .*Received: one that was exchanged while"
        ):
            read_dataset(tmp_path, "d")
    assert run_in(tmp_path) == "A"


def test_the_json_file_has_the_sha_256_of_each_file(tmp_path):
    write(tmp_path / "d", "A")
    files = json.loads((tmp_path / "d.json").read_text())["files"]
    assert files == {
        suffix: hashlib.sha256((tmp_path / f"d{suffix}").read_bytes()).hexdigest() for suffix in SUFFIXES[:5]
    }


def test_a_dataset_is_copied_together_with_all_that_its_json_file_names(tmp_path):
    (tmp_path / "new").mkdir()
    write(tmp_path / "new/d", "B")
    write(tmp_path / "d", "A")
    sealed_files.copy_together(tmp_path / "new/d", tmp_path / "d", set(SUFFIXES))
    for suffix in SUFFIXES:
        assert (tmp_path / f"d{suffix}").read_bytes() == (tmp_path / f"new/d{suffix}").read_bytes()
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("name", ["/../../elsewhere", ".other"])
def test_a_copy_takes_no_file_that_a_dataset_has_not(tmp_path, name):
    (tmp_path / "new").mkdir()
    write(tmp_path / "new/d", "B")
    file = tmp_path / "new/d.json"
    report = json.loads(file.read_text())
    report["files"][name] = "0" * 64
    file.write_text(json.dumps(report))
    with pytest.raises(InputError, match="must be JSON as it was written"):
        sealed_files.copy_together(tmp_path / "new/d", tmp_path / "d", set(SUFFIXES))
    assert [path.name for path in tmp_path.iterdir()] == ["new"]


def test_a_copy_removes_the_files_that_it_has_not(tmp_path):
    (tmp_path / "new").mkdir()
    write(tmp_path / "new/d", "B")
    write(tmp_path / "d", "A")
    (tmp_path / "d.waiting.csv").write_text("ann")
    (tmp_path / "d.notes.txt").write_text("of somebody else")
    sealed_files.copy_together(tmp_path / "new/d", tmp_path / "d", {*SUFFIXES, ".waiting.csv"})
    assert not (tmp_path / "d.waiting.csv").exists()
    assert (tmp_path / "d.notes.txt").exists()
    assert run_in(tmp_path) == "B"


def test_a_dataset_that_another_command_has_changed_is_not_replaced(tmp_path):
    (tmp_path / "new").mkdir()
    write(tmp_path / "new/d", "B")
    write(tmp_path / "d", "A")
    was = hashlib.sha256((tmp_path / "d.json").read_bytes()).hexdigest()
    other = hashlib.sha256(b"another").hexdigest()
    known = set(SUFFIXES)
    with pytest.raises(sealed_files.Changed, match="which was changed"):
        sealed_files.copy_together(tmp_path / "new/d", tmp_path / "d", known, other)
    assert run_in(tmp_path) == "A"
    for _ in range(2):  # The second time it is a copy already.
        sealed_files.copy_together(tmp_path / "new/d", tmp_path / "d", known, was)
        assert run_in(tmp_path) == "B"
    (tmp_path / "d.json").unlink()
    with pytest.raises(sealed_files.Changed):
        sealed_files.copy_together(tmp_path / "new/d", tmp_path / "d", known, was)
