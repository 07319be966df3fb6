"""Who has a lock, who has not, and what is said where there are none."""

import errno
import os

import pytest

from ncf_keras.base import locks
from ncf_keras.base.errors import InputError
from ncf_keras.serving.publishing import publish
from ncf_keras.training.checkpoints import CheckpointDirectory


def test_one_has_it_until_it_is_closed(tmp_path):
    with locks.try_lock(tmp_path / "lock") as first:
        with locks.try_lock(tmp_path / "lock") as second, locks.try_lock(tmp_path / "other") as other:
            assert (first, second, other) == (True, False, True)
        with locks.try_lock(tmp_path / "lock") as third:
            assert not third
    with locks.try_lock(tmp_path / "lock") as again:
        assert again


@pytest.mark.parametrize(("use", "left"), [
    (lambda path: locks.try_lock(path / "lock").__enter__(), 1),
    (CheckpointDirectory, 1),
    (lambda path: publish(lambda building: pytest.fail("it was built without the lock"), path), 0),
])  # fmt: skip
def test_a_file_system_without_locks_is_named(tmp_path, monkeypatch, use, left):
    """The answer of a file system of another machine that has no lock service."""

    def refuse(opened, operation):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(locks.fcntl, "flock", refuse)
    with pytest.raises(InputError, match=r"must be on a file system that can lock files\. Received: No locks"):
        use(tmp_path)
    assert len(list(tmp_path.iterdir())) == left


def test_where_the_system_has_no_locks_everybody_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "fcntl", None)
    with locks.try_lock(tmp_path / "lock") as first, locks.try_lock(tmp_path / "lock") as second:
        assert first and second
