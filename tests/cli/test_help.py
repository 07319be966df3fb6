"""What `--help` of every command says of defaults."""

import re
import runpy
import sys

import pytest

from tests.shared_files import PROJECT

QUESTIONS = {"ask": [["score"], ["recommend"]], "baseline": [["EASE"], ["BPR"]]}
COMMANDS = [
    [script.stem, *question]
    for script in sorted((PROJECT / "run").glob("*.py"))
    if script.stem not in ("paper", "_start")
    for question in ([], *QUESTIONS.get(script.stem, []))
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_names_no_default_that_is_none(command, monkeypatch, capsys):
    name, *question = command
    monkeypatch.setattr(sys, "argv", [name, *question, "--help"])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(PROJECT / "run" / f"{name}.py"), run_name="__main__")
    shown = " ".join(capsys.readouterr().out.split())
    assert end.value.code == 0 and shown.startswith("usage: ")
    assert not re.findall(r"\(default: (?:None|False|)\)", shown)
