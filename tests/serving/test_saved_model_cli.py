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


@pytest.mark.slow
@pytest.mark.parametrize("number", range(3))
def test_the_commands_of_the_guide(number, exported, loaded, tmp_path):
    assert [command.split()[0] for command in COMMANDS] == ["show", "run", "run"]
    shutil.copytree(exported, tmp_path / "serving" / "ncf" / "1")
    arguments = [argument.replace("ann", "användare") for argument in shlex.split(COMMANDS[number])]
    done = subprocess.run([TOOL, *arguments], cwd=tmp_path, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    items = loaded.run("recommend", user_input=[0, 1], k=3)["items"]
    best = loaded.run("recommend_default", user_input=[0])["items"][0]
    expected = [
        ["inputs['user_input']", "inputs['k']", "outputs['items']", "tensorflow/serving/predict"],
        [f"output key items:\n{items}\n", "Result for output key known:\n[ True  True]\n"],
        ["Result for output key known:\n[ True]\n", *(repr(ITEM_IDS[item].encode()) for item in best)],
    ]
    assert all(text in done.stdout for text in expected[number])
