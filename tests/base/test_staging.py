"""Only what dead processes have left is removed, and only what has the name of ours."""

import subprocess
import sys

from ncf_keras.base.locks import directory_lock
from ncf_keras.base.staging import locked_directory, sweep
from tests.shared_files import PROJECT

KILLED = """
import os, signal, sys
from pathlib import Path
from ncf_keras.base.staging import locked_directory
with locked_directory(Path(sys.argv[1]), ".ours-") as staging:
    (staging / "half").touch()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_living_and_the_strangers_are_left_alone(tmp_path):
    subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], cwd=PROJECT, check=False)
    (dead,) = tmp_path.iterdir()
    (tmp_path / ".ours-file").touch()
    (tmp_path / ".theirs-x").mkdir()
    (tmp_path / "target").mkdir()
    (tmp_path / ".ours-link").symlink_to("target")
    with locked_directory(tmp_path, ".ours-") as living:
        sweep(tmp_path, ".ours-")
        left = {path.name for path in tmp_path.iterdir()}
        assert (
            left == {".ours-file", ".theirs-x", ".ours-link", "target", living.name} and dead.name not in left
        )
    assert not living.exists()


def test_a_directory_is_locked_for_one_at_a_time(tmp_path):
    with directory_lock(tmp_path) as first, directory_lock(tmp_path, patience=0.05) as second:
        assert (first, second) == (True, False)
    with directory_lock(tmp_path, patience=0) as third:
        assert third
    assert not list(tmp_path.iterdir()), "it takes no lock file"
