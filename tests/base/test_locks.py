"""Who has a lock, who has not, and what is said where there are none."""

import errno
import os
import select

import numpy as np
import pytest

from ncf_keras.base import locks, staging
from ncf_keras.base.errors import InputError
from ncf_keras.base.files import OutputStream
from ncf_keras.serving.publishing import publish
from ncf_keras.training.checkpoints import CheckpointDirectory
from ncf_keras.training.checkpoints.checkpoint_file import Checkpoint, read_checkpoint, write_checkpoint


@pytest.fixture
def windows(monkeypatch):
    """What the package asks the system for and Windows lacks, but O_NONBLOCK, which shutil needs here."""
    locks._say_that_there_are_none.cache_clear()
    monkeypatch.setattr(locks, "fcntl", None)
    for name in ("O_DIRECTORY", "O_NOFOLLOW", "O_NOCTTY", "O_CLOEXEC"):
        monkeypatch.delattr(os, name)
    monkeypatch.delattr(select, "PIPE_BUF")
    monkeypatch.setattr(select, "select", lambda *of: pytest.fail("Windows waits for sockets alone"))


SENTENCE = r"must be on a file system that can lock files\. Received: No locks available"


def test_one_has_it_until_it_is_closed(tmp_path):
    with locks.try_lock(tmp_path / "lock") as first:
        with locks.try_lock(tmp_path / "lock") as second, locks.try_lock(tmp_path / "other") as other:
            assert (first, second, other) == (True, False, True)
        with locks.try_lock(tmp_path / "lock") as third:
            assert not third
    with locks.try_lock(tmp_path / "lock") as again:
        assert again


def test_where_a_file_system_has_no_locks_nothing_is_kept_or_exported(tmp_path, monkeypatch):
    """It answers as one of another machine that has no lock service."""

    def refuse(opened, operation):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(locks.fcntl, "flock", refuse)
    with pytest.raises(InputError, match=SENTENCE), locks.try_lock(tmp_path / "lock"):
        pytest.fail("it went on without the lock")
    with pytest.raises(InputError, match=SENTENCE):
        CheckpointDirectory(tmp_path / "checkpoints")
    with pytest.raises(InputError, match=SENTENCE):
        publish(lambda building: pytest.fail("it was built without the lock"), tmp_path / "exported")
    assert not list((tmp_path / "exported").iterdir())


def test_where_the_system_has_no_locks_everybody_goes_on_and_is_told_once(tmp_path, windows, capsys):
    with locks.try_lock(tmp_path / "lock") as first, locks.try_lock(tmp_path / "lock") as second:
        assert first and second
    with locks.directory_lock(tmp_path) as first, locks.directory_lock(tmp_path) as second:
        assert first and second
    out, err = capsys.readouterr()
    assert (out, err.count("\n"), err.count("no locks")) == ("", 1, 1)


def test_where_the_system_has_no_locks_work_in_progress_is_never_swept(tmp_path, windows):
    """Nothing shows whether who made it is alive."""
    with staging.locked_directory(tmp_path, ".new-") as made:
        staging.sweep(tmp_path, ".new-")
        assert made.is_dir()
    assert not made.exists()


def test_where_the_system_opens_no_directory_files_checkpoints_and_exports_are_written(tmp_path, windows):
    with OutputStream(tmp_path / "log.csv", "--log_csv") as log:
        log.write("a\n")
        log.write("b\n")
    assert (tmp_path / "log.csv").read_bytes() == b"a\nb\n"
    write_checkpoint(tmp_path / "one", Checkpoint({"weights": np.arange(3.0)}, {"epoch": 1}))
    assert read_checkpoint(tmp_path / "one").metadata == {"epoch": 1}
    exported = publish(lambda building: (building / "model").write_text("m"), tmp_path / "exported")
    assert (exported.name, (exported / "model").read_text()) == ("1", "m")
