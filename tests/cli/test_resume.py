"""A run that ended anywhere and was resumed ends as one that never stopped."""

import json
import os
import secrets
import signal

import numpy as np
import pytest

from ncf_keras.training import KerasEngine
from ncf_keras.training.checkpoints import Checkpoint, CheckpointDirectory, read_checkpoint, write_checkpoint
from tests.cli.resuming import Killed, assert_same_end, at_program, die, rows_without_clock, send
from tests.cli.running import run
from tests.small_data import write_random_files

SIZES = ("--num_factors", 4)
MODEL = {"GMF": SIZES, "NeuMF": (*SIZES, "--layers", "[8,4]")}
# 14,520 examples: 2,074 whole batches and a partial one in programs of 2,048, 26 and 1.
TRAINING = ("--num_neg", 120, "--batch_size", 7, "--lr", 0.02, "--epochs", 4)
PLAIN_FIT = ("--engine", "keras", "--num_neg", 4, "--batch_size", 64)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return (*write_random_files(tmp_path_factory.mktemp("small")), "--seed", 3, *TRAINING)


class Setting:
    """A command with its own directories."""

    def __init__(self, model, directory, *flags):
        self.model, self.directory = model, directory
        self.checkpoints, self.log = directory / "checkpoints", directory / "log.csv"
        self.flags = (*flags, *MODEL[model], "--save_dir", directory / "saved", "--log_csv", self.log)

    def run(self, *more):
        return run(self.model, *self.flags, *more)

    def kept(self, *more):
        return self.run("--checkpoint_dir", self.checkpoints, *more)

    def killed(self, monkeypatch, program, *more):
        """Run it until that program, at which it dies."""
        with monkeypatch.context() as patch:
            at_program(patch, program, die)
            with pytest.raises(Killed):
                self.kept(*more)

    def refused(self, message, *more):
        """Run it and see it refused with a sentence, and without a new checkpoint."""
        before = self.names() if self.checkpoints.exists() else []
        result = self.kept(*more)
        assert result.status == 2 and message in result.errors and "Resumed" not in result.errors
        assert len(result.errors.splitlines()) <= 2 and (not before or self.names() == before)

    def names(self):
        return sorted(file.name for file in self.checkpoints.iterdir() if file.name != ".lock")


@pytest.fixture
def setting(data, tmp_path):
    return lambda model, *flags: Setting(model, tmp_path, *data, *flags)


@pytest.fixture(scope="module")
def expected(data, tmp_path_factory):
    """Return, for each model and flags, the run that was never stopped and kept no checkpoints."""
    known = {}

    def get(model, *flags):
        if (model, flags) not in known:
            whole = Setting(model, tmp_path_factory.mktemp("whole"), *data, *flags)
            known[model, flags] = whole.run(), whole
        return known[model, flags]

    return get


@pytest.mark.parametrize(("model", "flags", "programs"), [
    ("NeuMF", (), [1, 5]),
    ("GMF", ("--checkpoint_every", 2), [8]),
    ("NeuMF", ("--select", "validation"), [5]),
])  # fmt: skip
def test_killed_runs_end_the_same(setting, expected, monkeypatch, model, flags, programs):
    killed = setting(model, *flags)
    for number in programs:
        killed.killed(monkeypatch, number, "--resume")
    result = killed.kept("--resume")
    whole, other = expected(model, *flags)
    assert_same_end(result, whole)
    assert "Resumed from" in result.errors
    assert rows_without_clock(killed.log) == rows_without_clock(other.log)
    # Nothing but the one model is left of the processes.
    assert list((killed.directory / "saved").iterdir()) == [result.saved()]


@pytest.mark.parametrize(("number", "programs", "status", "step"), [
    (signal.SIGINT, 2, 130, "000000-step-00002074"),
    (signal.SIGTERM, 6, 143, "000001-step-00002075"),
])  # fmt: skip
def test_a_signal_ends_a_run_where_it_is_and_says_how_to_go_on(
    setting, expected, monkeypatch, number, programs, status, step
):
    name = f"epoch-{step}.checkpoint"
    handlers = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
    stopped = setting("NeuMF")
    with monkeypatch.context() as patch:
        at_program(patch, programs, send(number))
        result = stopped.kept()
    assert result.status == status
    (saved,) = (file for file in (stopped.directory / "saved").iterdir() if not file.name.startswith("."))
    assert result.errors.splitlines()[-1] == (
        f"Saved to {stopped.checkpoints / name}. The same command with `--resume` goes on from there. "
        f"The best model so far is saved to {saved}."
    )
    assert name in stopped.names()
    assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)] == handlers
    assert_same_end(stopped.kept("--resume"), expected("NeuMF")[0])


def test_a_signal_to_a_run_of_plain_fit_ends_it_after_the_epoch(setting, expected, monkeypatch):
    stopped = setting("GMF", *PLAIN_FIT)
    train_epoch = KerasEngine.train_epoch
    with monkeypatch.context() as patch:
        stop = send(signal.SIGTERM)
        patch.setattr(KerasEngine, "train_epoch", lambda self, tell: stop() or train_epoch(self, tell))
        assert stopped.kept().status == 143
    assert stopped.names() == ["epoch-000000.checkpoint", "epoch-000001.checkpoint"]
    assert_same_end(stopped.kept("--resume"), expected("GMF", *PLAIN_FIT)[0])


@pytest.mark.parametrize("program", [2, 4])
def test_a_signal_without_a_directory_names_what_is_left(setting, monkeypatch, program):
    at_program(monkeypatch, program, send(signal.SIGINT))
    stopped = setting("GMF")
    result = stopped.run()
    assert result.status == 130
    saved = [f"The best model so far is saved to {file}." for file in (stopped.directory / "saved").iterdir()]
    sentence = "Nothing is left to go on from: that takes `--checkpoint_dir`."
    assert result.errors.splitlines()[-1] == " ".join([sentence, *saved])
    assert len(result.iterations()) == len(saved) == (program == 4)


@pytest.fixture(scope="module")
def finished(data, tmp_path_factory):
    """A run with checkpoints that came to its end."""
    setting = Setting("NeuMF", tmp_path_factory.mktemp("finished"), *data)
    return setting, setting.kept()


def test_checkpoints_change_nothing_and_a_finished_run_says_the_same_again(finished, expected):
    setting, result = finished
    assert_same_end(result, expected("NeuMF")[0])
    assert setting.names() == ["epoch-000003.checkpoint", "epoch-000004.checkpoint"]
    again = setting.kept("--resume")
    assert again.lines[1:] == result.lines[1:]  # to the last digit of the seconds


def test_more_epochs_go_on(finished, setting, expected):
    first, _ = finished
    longer = setting("NeuMF", "--epochs", 6)
    (longer.directory / "checkpoints").symlink_to(first.checkpoints)
    # Its own directory to save to is another one: refused. So the first one's flags, with more epochs.
    assert longer.kept("--resume").status == 2
    assert_same_end(first.kept("--resume", "--epochs", 6), expected("NeuMF", "--epochs", 6)[0])
    fewer = first.kept("--resume")
    assert fewer.status == 2 and "`--epochs` must be at least 6 to go on from" in fewer.errors


OTHER = [
    (("--lr", 0.01), "`--lr` must be 0.02 to go on from"),
    (("--step", "dense"), "`--step` must be 'auto' to go on from"),
    (("--learner", "sgd"), "`--learner` must be 'adam'"),
    (("--precision", "bfloat16"), "`--precision` must be 'float32'"),
    (("--lr_decay", "cosine", "--decay_steps", 9), "`--lr_decay` must be 'none'"),
    (("--seed", 4), "`--seed` must be 3"),
    (("--layers", "[8,2]"), "`--layers` must be '[8,4]'"),
    (("--num_factors", 3), "`--num_factors` must be 4"),
    (("--engine", "keras"), "`--engine` must be 'compiled'"),
    (("--sampler", "device"), "`--sampler` must be host"),
    (("--topk", 5), "`--topk` must be 10"),
    (("--out", 0), "`--out` must be 1"),
    (("--format", "keras"), "`--format` must be 'h5'"),
    (("--patience", 3), "`--patience` must be None"),
    (("--select", "validation"), "`--select` must be 'test'"),
]


def test_other_options_are_refused_by_name(finished):
    setting, _ = finished
    for flags, message in OTHER:
        setting.refused(message, "--resume", "--epochs", 9, *flags)


def test_other_data_and_another_model_are_refused(finished, tmp_path):
    setting, _ = finished
    write_random_files(tmp_path)
    train = tmp_path / "small.train.rating"
    text = train.read_text()
    # The same content elsewhere is fine as such.
    setting.refused("`--lr`", "--resume", "--epochs", 5, "--path", f"{tmp_path}/", "--lr", 1)
    train.write_text("".join(text.splitlines(keepends=True)[:-1]))
    setting.refused("`content of --dataset` must be ", "--resume", "--epochs", 9, "--path", f"{tmp_path}/")
    gmf = run("GMF", *setting.flags[:-6], "--checkpoint_dir", setting.checkpoints, "--resume", "--epochs", 9)
    assert gmf.status == 2 and "must be 'NeuMF' to go on from" in gmf.errors


def test_a_directory_with_checkpoints_is_not_begun_anew_and_one_in_use_is_left_alone(finished, setting):
    first, _ = finished
    first.refused("must be a directory without checkpoints, or come with `--resume`")
    with CheckpointDirectory(first.checkpoints):
        first.refused("must be a directory that no other run is using", "--resume", "--epochs", 9)
    result = setting("GMF").run("--resume")
    assert result.status == 2 and "`--resume` must come with `--checkpoint_dir`" in result.errors


def test_a_damaged_checkpoint_is_named_and_the_one_before_is_used(setting, expected, monkeypatch):
    damaged = setting("GMF")
    damaged.killed(monkeypatch, 10)
    newest = damaged.checkpoints / "epoch-000003.checkpoint"
    content = newest.read_bytes()
    newest.write_bytes(content[: len(content) // 2])
    result = damaged.kept("--resume")
    assert_same_end(result, expected("GMF")[0])
    assert f"{newest} must be a whole checkpoint" in result.errors
    assert "Resumed from" in result.errors and "after 2 epochs" in result.errors


def test_a_seed_that_was_drawn_is_drawn_once(setting, expected, monkeypatch):
    drawn = setting("GMF")
    drawn.flags = tuple(flag for flag in drawn.flags if flag not in ("--seed", 3))
    with monkeypatch.context() as patch:
        # With this seed a better model is found and saved, which can be compared.
        patch.setattr(secrets, "randbits", lambda bits: 3)
        drawn.killed(monkeypatch, 8)
    result = drawn.kept("--resume")
    assert result.status == 0 and "--seed" not in result.errors
    seed = read_checkpoint(drawn.checkpoints / "epoch-000004.checkpoint").metadata["options"]["--seed"]
    assert seed == 3
    assert_same_end(result, expected("GMF")[0])


def test_a_full_disk_is_one_sentence_and_what_was_saved_stays(setting, expected, monkeypatch):
    full = setting("GMF")
    sync, synced = os.fsync, []

    def fill_up(handle):
        synced.append(handle)
        if len(synced) == 6:  # two a checkpoint, so that of epoch 2
            raise OSError(28, "No space left on device")
        sync(handle)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fill_up)
        result = full.kept()
    assert result.status == 2
    assert "must be a file that can be written. Received: No space left on device" in result.errors
    assert len(result.errors.splitlines()) == 1
    assert_same_end(full.kept("--resume"), expected("GMF")[0])


def test_a_checkpoint_of_something_else_is_refused(finished, setting):
    """`training/callbacks/test_checkpoints.py` has every kind of it."""
    first, _ = finished
    newest = first.names()[-1]
    whole = read_checkpoint(first.checkpoints / newest)
    arrays = {**whole.arrays, "engine/variable_000": np.zeros((2, 2), np.float32)}
    other = setting("NeuMF")
    other.flags = first.flags
    other.checkpoints.mkdir()
    for checkpoint, sentence in (
        (
            Checkpoint({}, {}),
            "error: `--checkpoint_dir` must have checkpoints of a training command in format 2",
        ),
        (Checkpoint(arrays, whole.metadata), "error: `state` must have"),
    ):
        write_checkpoint(other.checkpoints / newest, checkpoint)
        other.refused(sentence, "--resume", "--epochs", 9)


def test_options_that_an_older_checkpoint_does_not_know_had_their_defaults(finished, setting):
    first, _ = finished
    newest = first.names()[-1]
    whole = read_checkpoint(first.checkpoints / newest)
    known = {
        key: value for key, value in whole.metadata["options"].items() if key not in ("--shards", "--beta_1")
    }
    older = setting("NeuMF")
    older.flags = first.flags
    older.checkpoints.mkdir()
    write_checkpoint(older.checkpoints / newest, Checkpoint(whole.arrays, {**whole.metadata, "options": known}))
    older.refused("`--beta_1` must be 0.9 to go on from", "--resume", "--epochs", 9, "--beta_1", 0.5)
    assert older.kept("--resume", "--epochs", 9).status == 0


def test_no_path_in_a_checkpoint_is_written_to(finished):
    setting, _ = finished
    text = json.dumps(read_checkpoint(setting.checkpoints / setting.names()[-1]).metadata)
    options = json.loads(text)["options"]
    # The only paths in it are compared with the flags, and the best model's file is named after them.
    assert [key for key, value in options.items() if "/" in str(value)] == ["--save_dir"]


def test_what_another_version_wrote_is_said(finished, monkeypatch):
    setting, _ = finished
    monkeypatch.setattr("ncf_keras.training.checkpoints.versions", lambda: {"tensorflow": "9.9.9"})
    result = setting.kept("--resume", "--epochs", 9)
    assert "this is {'tensorflow': '9.9.9'}: the last bits of the results may differ" in result.errors
