"""Exports killed at any moment leave no version that does not load."""

import random
import signal
import subprocess
import sys
import time

import pytest

from ncf_keras.serving.publishing import PREFIX, versions
from tests.serving.cpp_loader import CppModel
from tests.shared_files import PROJECT

KILLS = 20
# Says when it begins, because importing TensorFlow takes longer than the export.
EXPORTER = """
import sys
from ncf_keras.cli.console import import_tensorflow_quietly
import_tensorflow_quietly()
from ncf_keras.serving.export import export_model
from tests.serving.small_exports import small_dataset, small_model
model, dataset = small_model("NeuMF"), small_dataset()
print("begins", flush=True)
export_model(model, dataset, sys.argv[1])
"""


def start(base):
    command = [sys.executable, "-c", EXPORTER, str(base)]
    exporter = subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True)
    assert exporter.stdout.readline() == "begins\n"
    return exporter


@pytest.mark.slow
def test_killed_at_any_moment_it_leaves_no_version_that_does_not_load(tmp_path):
    base, moments, killed = tmp_path / "ncf", random.Random(5), 0
    exporter = start(base)
    started = time.monotonic()
    assert exporter.wait() == 0
    seconds = time.monotonic() - started
    assert list(versions(base)) == [1]
    for _ in range(KILLS):
        exporter = start(base)
        try:
            exporter.wait(seconds * moments.random())
        except subprocess.TimeoutExpired:
            exporter.kill()
        killed += exporter.wait() == -signal.SIGKILL
        for directory in versions(base).values():
            CppModel(directory).close()
    assert killed >= KILLS // 2
    assert start(base).wait() == 0
    assert not list(base.glob(f"{PREFIX}*")), "what killed exports left is removed by the next"
