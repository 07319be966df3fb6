"""`run/paper.py` stopped by a signal: it says how to go on, and its processes end with it."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.shared_files import PROJECT

pytest.importorskip("matplotlib")


@pytest.fixture
def interruptible():
    """Let the commands that a test starts hear SIGINT, which a script's `&` has whatever it starts ignore."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("kill", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_command_says_how_to_go_on_and_leaves_no_process(tmp_path, kill):
    words = ["--only", "GMF-f8-seed1", "--dataset", "sample", "--out", "out", "--work", "work"]
    command = [sys.executable, str(PROJECT / "run" / "paper.py"), *words]
    process = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stderr.readline() == "sample: 0 of 1 runs are there.\n"
    log = tmp_path / "work" / "sample" / "GMF-f8-seed1.log"
    deadline = time.monotonic() + 30
    while not log.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    # Only the command, as `kill` does; a terminal would tell the run too.
    process.send_signal(kill)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 128 + kill and out == ""
    assert err == f"Interrupted; the same command goes on from here: python run/paper.py {' '.join(words)}\n"
    assert not _processes_about(tmp_path)


def _processes_about(directory):
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if any(str(directory).encode() in word for word in words):
            found.append(words)
    return found
