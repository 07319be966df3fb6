"""The scripts as a user starts them: in a process of their own, from any directory."""

import os
import re
import subprocess
import sys

from tests.cli.running import END, INIT, ITERATION, LOADED, SAVED
from tests.shared_files import PROJECT

# Runs a script with the project neither installed nor on the path, and tells what it has imported in the end.
HELP = """
import runpy, sys
script, project = sys.argv[1:]
sys.path = [path for path in sys.path if path != project]
sys.meta_path = [finder for finder in sys.meta_path if "editable" not in repr(finder).lower()]
sys.argv = [script, "--help"]
try:
    runpy.run_path(script, run_name="__main__")
except SystemExit as end:
    slow = {"tensorflow", "keras", "pandas", "scipy", "h5py"} & set(sys.modules)
    print(end.code, *sorted(slow), file=sys.stderr)
"""


# A user's environment, without what the tests set.
ENVIRONMENT = {
    name: os.environ[name] for name in os.environ if name not in ("PYTHONPATH", "TF_CPP_MIN_LOG_LEVEL")
}


def python(directory, *arguments):
    command, pipes = [sys.executable, *map(str, arguments)], {"capture_output": True, "text": True}
    return subprocess.run(command, cwd=directory, env=ENVIRONMENT, timeout=300, check=False, **pipes)


def test_help_comes_at_once_without_an_installed_project(tmp_path):
    done = python(tmp_path, "-c", HELP, PROJECT / "run" / "NeuMF.py", PROJECT)
    assert done.stderr == "0\n"
    assert done.stdout.startswith("usage: ") and "--save_dir" in done.stdout


def test_runs_from_any_directory_and_is_quiet(tmp_path):
    done = python(tmp_path, PROJECT / "run" / "GMF.py", "--dataset", "sample", "--epochs", 1, "--seed", 4)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    for line, pattern in zip(lines, [LOADED, INIT, ITERATION, END, SAVED], strict=True):
        assert re.fullmatch(pattern, line), line
    saved = tmp_path / re.fullmatch(SAVED, lines[-1])[2]
    assert list((tmp_path / "pretrain").iterdir()) == [saved]


def test_a_mistake_ends_with_status_2_and_no_traceback(tmp_path):
    done = python(tmp_path, PROJECT / "run" / "MLP.py", "--layers", "[63]", "--reg_layers", "[0]")
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(r"error: `--layers` must have [^\n]+ Received: '\[63\]'\n", done.stderr)
    assert list(tmp_path.iterdir()) == []
