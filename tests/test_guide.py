"""docs/guide.md does what it says: its script, its commands and its Python, from an empty directory."""

import doctest
import re
import shlex
import subprocess
import sys

import pytest

from ncf_keras.cli import ncf
from tests.shared_files import PROJECT

GUIDE = (PROJECT / "docs" / "guide.md").read_text(encoding="utf-8")
# Trained weights, and with them scores and the order of items, may differ on another machine.
FIGURES = re.compile(r"\d+(\.\d+)?")


def blocks(language):
    found = re.findall(r"^```(\w*)\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
    return [text for name, text in found if name == language]


def commands():
    """Return each command and the lines printed after it."""
    for block in blocks(""):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, *lines = part.splitlines()
            yield command, lines


def words(line):
    """Return a line without its figures and the width of its columns."""
    return tuple(FIGURES.sub("0", line).split())


def run(arguments, capsys):
    """Run `ncf …` in this process."""
    capsys.readouterr()
    status = ncf.main(arguments[1:])
    out, err = capsys.readouterr()
    return status, out.splitlines(), err.splitlines()


@pytest.fixture
def directory(tmp_path, monkeypatch):
    """An empty directory in which the guide's script has been run."""
    monkeypatch.chdir(tmp_path)
    script = tmp_path / "make_clicks.py"
    script.write_text(blocks("python")[0])
    exec(compile(script.read_text(), str(script), "exec"), {})
    return tmp_path


def test_the_commands_print_what_the_guide_shows(directory, capsys):
    used = set()
    for command, expected in commands():
        arguments = shlex.split(command)
        if arguments[0] != "ncf":
            done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
            printed = done.stdout.splitlines()
            if arguments[0] == "cat":
                ends = [[words(line.split(",")[-1]) for line in lines] for lines in (printed, expected)]
                assert ends[0] == ends[1] and printed[0] == expected[0]
            else:
                assert printed == expected
            continue
        status, out, err = run(arguments, capsys)
        used.add(arguments[1])
        assert status == (2 if expected[0].startswith("error") else 0), err
        printed = {words(line) for line in [*out, *err]}
        first, last = words(expected[0]), words(expected[-1])
        assert first in printed
        assert last in printed or arguments[1] == "recommend"
    assert used == {"prepare", "neumf", "evaluate", "recommend"}
    assert len(list((directory / "pretrain").iterdir())) == 1


def test_the_python_prints_what_the_guide_shows(directory, monkeypatch):
    names = {}
    monkeypatch.setattr(sys, "displayhook", lambda value: names.update(shown=value))
    for example in doctest.DocTestParser().get_examples(blocks("python")[1]):
        names["shown"] = None
        exec(compile(example.source, "guide", "single"), names)
        shown = "" if names["shown"] is None else f"{names['shown']!r}\n"
        assert shown.count("\n") == example.want.count("\n"), example.source
        assert words(shown.split("\n")[0]) == words(example.want.split("\n")[0]), example.source
    lists = names["recommender"].fold_in(["/soup/onion"], k=3)
    assert list(lists["title"].str.endswith(" soup")) == [True] * 3
