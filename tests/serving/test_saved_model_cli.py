"""The commands of docs/serving.md that try a version with TensorFlow's own tool."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.serving.small_exports import ITEM_IDS
from tests.shared_files import PROJECT

TOOL = Path(sys.executable).with_name("saved_model_cli")
GUIDE = (PROJECT / "docs" / "serving.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^saved_model_cli (.*)$", GUIDE, re.MULTILINE)
pytestmark = pytest.mark.skipif(not TOOL.exists(), reason="saved_model_cli lies elsewhere")


def run(command, exported, directory):
    """Return what a command of the guide prints for the small export."""
    version = directory / "serving" / "ncf" / "1"
    shutil.copytree(exported, version)
    arguments = [argument.replace("ann", "användare") for argument in shlex.split(command)]
    done = subprocess.run([TOOL, *arguments], cwd=directory, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_guide_shows_them():
    assert [command.split()[0] for command in COMMANDS] == ["show", "run", "run"]


@pytest.mark.slow
def test_show(exported, tmp_path):
    printed = run(COMMANDS[0], exported, tmp_path)
    for name in ("inputs['user_input']", "inputs['k']", "outputs['items']", "tensorflow/serving/predict"):
        assert name in printed


@pytest.mark.slow
def test_run_by_index(exported, loaded, tmp_path):
    printed = run(COMMANDS[1], exported, tmp_path)
    items = loaded.run("recommend", user_input=[0, 1], k=3)["items"]
    assert f"Result for output key items:\n{items}\n" in printed
    assert "Result for output key known:\n[ True  True]\n" in printed


@pytest.mark.slow
def test_run_by_id(exported, loaded, tmp_path):
    printed = run(COMMANDS[2], exported, tmp_path)
    items = loaded.run("recommend_default", user_input=[0])["items"][0]
    assert all(repr(ITEM_IDS[item].encode()) in printed for item in items)
    assert "Result for output key known:\n[ True]\n" in printed
