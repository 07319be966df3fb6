"""One run of each model on the built-in sample, which many tests share."""

import time
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.cli.running import Run, run

EPOCHS = {"GMF": 10, "MLP": 6, "NeuMF": 4}


class SampleRun(NamedTuple):
    """A model trained on the sample with the default flags."""

    model: str
    epochs: int
    started: float
    ended: float
    directory: Path
    csv: Path
    run: Run


@pytest.fixture(scope="session", params=EPOCHS)
def sample_run(request, tmp_path_factory):
    directory = tmp_path_factory.mktemp(request.param)
    started = time.time()
    flags = ("--dataset", "sample", "--epochs", EPOCHS[request.param], "--seed", 1)
    result = run(request.param, *flags, "--save_dir", directory / "saved", "--log_csv", directory / "log.csv")
    files = (directory / "saved", directory / "log.csv")
    return SampleRun(request.param, EPOCHS[request.param], started, time.time(), *files, result)


@pytest.fixture(scope="module", autouse=True)
def _programs_of_commands(shared_programs, shared_folds):
    """Compile what a command runs, and fold in newcomers, once for all tests."""
