"""The newest good one is used, what is damaged is named, and two processes never share a directory."""

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ncf_keras.base.errors import InputError
from ncf_keras.training.checkpoints import Checkpoint, CheckpointDirectory, DamagedCheckpoint, checkpoint_file
from tests.shared_files import PROJECT


def numbered(number: int) -> Checkpoint:
    return Checkpoint({"number": np.array(number)}, {"number": number})


def damage(file) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def test_the_newest_by_number_is_loaded_and_the_last_two_are_kept(tmp_path):
    with CheckpointDirectory(tmp_path / "made" / "here") as directory:
        assert directory.load_newest() == (None, []) and directory.files() == []
        moments = [(0,), (1,), (1, 2048), (1, 20_480), (2,), (10,), (999_999,), (1_000_000,)]
        for number, progress in enumerate(moments):
            directory.save(numbered(number), *progress)
            assert directory.load_newest()[0].metadata["number"] == number
        assert [file.name for file in directory.files()] == [
            "epoch-1000000.checkpoint", "epoch-999999.checkpoint",
        ]  # fmt: skip


def test_a_damaged_one_is_named_and_the_one_before_is_used(tmp_path):
    with CheckpointDirectory(tmp_path) as directory:
        for number in range(3):
            directory.save(numbered(number), number)
        damage(tmp_path / "epoch-000002.checkpoint")
        found, (note,) = directory.load_newest()
        assert found.metadata["number"] == 1
        assert "epoch-000002.checkpoint must be a whole checkpoint" in note
        # The damaged file does not count as one to fall back on.
        directory.save(numbered(5), 1, 2048)
        assert [file.name for file in directory.files()] == [
            "epoch-000001-step-00002048.checkpoint", "epoch-000001.checkpoint",
        ]  # fmt: skip
        assert directory.load_newest()[1] == []
        for file in directory.files():
            damage(file)
        found, notes = directory.load_newest()
        assert found is None and len(notes) == 2


def test_a_second_run_is_kept_out_until_the_first_is_gone(tmp_path):
    with CheckpointDirectory(tmp_path) as directory:
        with pytest.raises(InputError, match="must be a directory that no other run is using"):
            CheckpointDirectory(tmp_path)
        directory.save(numbered(0), 0)
    with CheckpointDirectory(tmp_path) as directory:
        assert directory.load_newest()[0].metadata["number"] == 0


def test_a_killed_run_leaves_no_lock_and_its_half_written_file_is_removed(tmp_path):
    code = (
        "import os, signal, sys\n"
        "from ncf_keras.training.checkpoints import CheckpointDirectory\n"
        "from ncf_keras.base.files import written_beside\n"
        "directory = CheckpointDirectory(sys.argv[1])\n"
        "with written_beside(directory.path / 'epoch-000001.checkpoint') as temporary:\n"
        "    temporary.write_text('half'); os.kill(os.getpid(), signal.SIGKILL)"
    )
    ended = subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=PROJECT, check=False)
    assert ended.returncode == -9
    assert len(list(tmp_path.glob(".writing-*"))) == 1
    with CheckpointDirectory(tmp_path) as directory:
        assert directory.load_newest() == (None, [])
    assert [file.name for file in tmp_path.iterdir()] == [".lock"]


def test_a_file_in_the_place_of_the_directory_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="`--checkpoint_dir` must be a directory that can be written to"):
        CheckpointDirectory(tmp_path / "file")
    with pytest.raises(InputError, match="`keep` must be at least 1"):
        CheckpointDirectory(tmp_path, keep=0)


@pytest.mark.parametrize("number", [errno.EMFILE, errno.EACCES, errno.EIO])
def test_one_that_cannot_be_opened_or_read_for_a_moment_is_not_damage(tmp_path, monkeypatch, number):
    with CheckpointDirectory(tmp_path) as directory:
        for epochs in range(2):
            directory.save(numbered(epochs), epochs)
        before = sorted(path.name for path in tmp_path.iterdir())

        def failing(*arguments):
            raise OSError(number, os.strerror(number))

        for place in (checkpoint_file.json, "loads"), (checkpoint_file, "open_input"):
            with monkeypatch.context() as patched:
                patched.setattr(*place, failing)
                with pytest.raises(
                    InputError, match=f"epoch-000001.* Received: {os.strerror(number)}"
                ) as caught:
                    directory.load_newest()
            assert not isinstance(caught.value, DamagedCheckpoint)
        assert sorted(path.name for path in tmp_path.iterdir()) == before
        assert directory.load_newest()[0].metadata["number"] == 1


def test_a_strange_lock_is_refused_and_what_a_link_leads_to_is_not_touched(tmp_path):
    (tmp_path / "target").write_text("precious")
    makers = (lambda lock: lock.symlink_to("../target"), os.mkfifo, Path.mkdir)
    for number, make in enumerate(makers):
        directory = tmp_path / str(number)
        directory.mkdir()
        make(directory / ".lock")
        with pytest.raises(InputError, match=r"\.lock must be a file that can be locked"):
            CheckpointDirectory(directory)
    assert (tmp_path / "target").read_text() == "precious"


def test_only_half_written_checkpoints_are_swept_and_a_copy_has_another_identity(tmp_path):
    theirs = [".writing-clicks.train.rating-abc.part", ".writing-other.h5-abc.part", ".writing-clicks-x"]
    ours = [
        ".writing-epoch-000003.checkpoint-abc.part",
        ".writing-epoch-000003-step-00000001.checkpoint-a_c.part",
    ]
    (tmp_path / "here").mkdir()
    for name in theirs + ours:
        (tmp_path / "here" / name).touch()
    with CheckpointDirectory(tmp_path / "here") as directory:
        assert {path.name for path in directory.path.iterdir()} == {*theirs, ".lock"}
        shutil.copytree(tmp_path / "here", tmp_path / "copy")
        with CheckpointDirectory(tmp_path / "copy") as copy:
            assert copy.identity != directory.identity
        identity = directory.identity
    (tmp_path / "here").rename(tmp_path / "moved")
    with CheckpointDirectory(tmp_path / "moved") as moved:
        assert moved.identity == identity
