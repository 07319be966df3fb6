"""The newest good one is used, what is damaged is named, and two processes never share a directory."""

import subprocess
import sys

import numpy as np
import pytest

from ncf_keras.base.errors import InputError
from ncf_keras.training.checkpoints import Checkpoint, CheckpointDirectory
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
