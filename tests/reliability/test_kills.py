"""Real processes, really killed: SIGKILL at random moments, then the same command with `--resume`.

The long mode, 50 kills: `python -m pytest -m slow tests/reliability -s`; docs/reliability.md has its outcome.
"""

import os
import random
import signal
import subprocess
import sys
from typing import NamedTuple

import pytest

from ncf_keras.training.checkpoints import read_checkpoint
from tests.cli.resuming import rows_without_clock, weights_in
from tests.cli.running import Run, run
from tests.shared_files import PROJECT
from tests.small_data import write_random_files

EPOCHS = 12
LONGEST = 300


class Ended(NamedTuple):
    """A run that has ended, and where it wrote."""

    run: Run
    directory: object


class Command:
    """One small training command in its own directories; the built-in sample has 25 times the data."""

    def __init__(self, data, directory, epochs=EPOCHS):
        self.directory = directory
        self.flags = [*data, "--epochs", epochs, "--seed", 3]
        self.flags += ["--num_factors", 4, "--layers", "[8,4]", "--batch_size", 16]
        self.flags += ["--save_dir", directory / "saved", "--log_csv", directory / "log.csv"]
        self.flags += ["--checkpoint_dir", directory / "checkpoints", "--resume"]

    def start(self):
        environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        words = [sys.executable, PROJECT / "run" / "NeuMF.py", *self.flags]
        return subprocess.Popen([str(word) for word in words], env=environment, text=True, **pipes)

    def finish(self, in_this_process=False):
        """Run it to its end."""
        if in_this_process:
            return run("NeuMF", *self.flags)
        process = self.start()
        out, err = process.communicate(timeout=LONGEST)
        return Run(process.returncode, out.splitlines(), err)

    def kill(self, lines, seconds):
        """Start it, kill it that long after so many lines; return whether it was still alive."""
        return self.send(signal.SIGKILL, lines, seconds)[0] == -signal.SIGKILL

    def send(self, number, lines, seconds=0.0):
        """Start it and send it a signal that long after so many lines; return its exit status and errors."""
        process = self.start()
        try:
            for _ in range(lines):
                process.stdout.readline()
            try:
                process.wait(seconds)
            except subprocess.TimeoutExpired:
                process.send_signal(number)
            _, errors = process.communicate(timeout=LONGEST)
        finally:
            process.kill()
            process.wait()
        return process.returncode, errors


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_random_files(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def never_stopped(data, tmp_path_factory):
    command = Command(data, tmp_path_factory.mktemp("whole"))
    return Ended(run("NeuMF", *command.flags), command.directory)


def left_by(end):
    """Return the bytes of all arrays in the saved model and the checkpoints, and the rows of the log."""
    files = {"weights": weights_in(end.run.saved())}
    for path in (end.directory / "checkpoints").glob("*.checkpoint"):
        files[path.name] = read_checkpoint(path).arrays
    found = {file: {name: array.tobytes() for name, array in arrays.items()} for file, arrays in files.items()}
    return found | {"rows": rows_without_clock(end.directory / "log.csv")}


def assert_same(result, expected):
    """Hold lines, saved weights, CSV rows, checkpoints and left files of two commands against each other."""
    assert result.run.status == expected.run.status == 0, result.run.errors
    assert result.run.without_clock() == expected.run.without_clock()
    assert len(result.run.iterations()) == EPOCHS
    mine, theirs = left_by(result), left_by(expected)
    assert len(mine) == 4 and mine["weights"] and mine == theirs
    assert list((result.directory / "saved").iterdir()) == [result.run.saved()]


def killed_and_resumed(data, directory, moment, in_this_process=False):
    """Kill a command at (lines, seconds), then let it finish; return its end and whether it was killed."""
    command = Command(data, directory)
    killed = command.kill(*moment)
    return Ended(command.finish(in_this_process), directory), killed


def test_a_run_that_was_killed_ends_the_same(data, tmp_path, never_stopped):
    result, killed = killed_and_resumed(data, tmp_path, (5, 0.0), in_this_process=True)
    assert killed
    assert_same(result, never_stopped)


@pytest.mark.parametrize(
    ("number", "status"),
    [(signal.SIGINT, 130), pytest.param(signal.SIGTERM, 143, marks=pytest.mark.slow)],
)
def test_a_signal_ends_a_process_in_words(data, tmp_path, number, status):
    ended, err = Command(data, tmp_path, epochs=100_000).send(number, 4)
    assert ended == status and "Traceback" not in err
    assert "The same command with `--resume` goes on from there." in err.splitlines()[-1]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_ten_kills_at_random_moments_end_the_same(data, tmp_path, never_stopped, seed):
    """Each kill is of a run of its own. Every other one may come while Python and TensorFlow still load."""
    moment = random.Random(seed)
    kills = rounds = 0
    while kills < 10:
        rounds += 1
        assert rounds < 40, "most runs end before they are killed"
        lines = moment.randrange(2, EPOCHS + 2) if rounds % 2 else 0
        seconds = moment.uniform(0, 0.25) if lines else moment.uniform(0, 8)
        directory = tmp_path / str(rounds)
        directory.mkdir()
        result, killed = killed_and_resumed(data, directory, (lines, seconds))
        assert_same(result, never_stopped)
        kills += killed
        print(f"killed {seconds:.3f} s after line {lines}: {'the same end' if killed else 'it had ended'}")
