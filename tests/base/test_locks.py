"""Who has a lock, who has not, and what is said where there are none."""

import errno
import os

import pytest

from ncf_keras.base import locks
from ncf_keras.base.errors import InputError
from ncf_keras.serving.publishing import publish
from ncf_keras.training.checkpoints import CheckpointDirectory

SENTENCE = r"must be on a file system that can lock files\. Received: No locks available"


@pytest.fixture
def no_locks(monkeypatch):
    """The answer of a file system of another machine that has no lock service."""

    def refuse(opened, operation):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(locks.fcntl, "flock", refuse)


def test_one_has_it_until_it_is_closed(tmp_path):
    with locks.try_lock(tmp_path / "lock") as first:
        with locks.try_lock(tmp_path / "lock") as second, locks.try_lock(tmp_path / "other") as other:
            assert (first, second, other) == (True, False, True)
        with locks.try_lock(tmp_path / "lock") as third:
            assert not third
    with locks.try_lock(tmp_path / "lock") as again:
        assert again


def test_a_file_system_without_locks_is_named(tmp_path, no_locks):
    with pytest.raises(InputError, match=SENTENCE), locks.try_lock(tmp_path / "lock"):
        pytest.fail("it went on without the lock")


def test_no_checkpoints_are_kept_there(tmp_path, no_locks):
    with pytest.raises(InputError, match=SENTENCE):
        CheckpointDirectory(tmp_path)


def test_nothing_is_exported_there_and_nothing_is_left(tmp_path, no_locks):
    with pytest.raises(InputError, match=SENTENCE):
        publish(lambda building: pytest.fail("it was built without the lock"), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_where_the_system_has_no_locks_everybody_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "fcntl", None)
    with locks.try_lock(tmp_path / "lock") as first, locks.try_lock(tmp_path / "lock") as second:
        assert first and second
