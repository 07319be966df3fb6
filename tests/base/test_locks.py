"""Who has a lock, who has not, and what is said where there are none."""

import errno
import os

import pytest

from ncf_keras.base import locks
from ncf_keras.base.errors import InputError
from ncf_keras.serving.publishing import publish
from ncf_keras.training.checkpoints import CheckpointDirectory

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


def test_where_the_system_has_no_locks_everybody_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "fcntl", None)
    with locks.try_lock(tmp_path / "lock") as first, locks.try_lock(tmp_path / "lock") as second:
        assert first and second
