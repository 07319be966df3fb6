"""The offer to download a known dataset that is not there."""

import argparse
import io

import pytest

from ncf_keras import InputError
from ncf_keras.cli import dataset, download
from tests.small_data import write_files


class Terminal(io.StringIO):
    """Standard input of somebody who is there to answer."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def downloads(monkeypatch, tmp_path):
    """Have downloads write a small dataset; return what was asked for."""
    asked = []

    def fetch(known, path):
        asked.append((known.name, path))
        write_files(tmp_path, known.name)

    monkeypatch.setattr(download, "download", fetch)
    return asked


def load(name, tmp_path):
    return dataset.load_dataset(argparse.Namespace(path=f"{tmp_path}/", dataset=name))


@pytest.mark.parametrize("answer", ["y\n", "YES\n"])
def test_yes_downloads_and_goes_on(answer, downloads, monkeypatch, tmp_path):
    monkeypatch.setattr("sys.stderr", Terminal())
    monkeypatch.setattr("sys.stdin", Terminal(answer))
    assert load("ml-1m", tmp_path).num_test == 2
    assert downloads == [("ml-1m", f"{tmp_path}/")]


@pytest.mark.parametrize(("name", "stdin", "part", "missing"), [
    ("ml-1m", Terminal("\n"), False, r".*`ncf download ml-1m` downloads it"),
    ("ml-1m", Terminal("no\n"), False, r".*`ncf download ml-1m` downloads it"),
    ("ml-1m", Terminal(""), False, r".*`ncf download ml-1m` downloads it"),
    ("ml-1m", io.StringIO("y\n"), False, ""),  # nobody is there
    ("mine", Terminal("y\n"), False, ""),
    ("ml-1m", Terminal("y\n"), True, r".*test\.negative"),
])  # fmt: skip
def test_else_it_ends_in_the_sentence_about_the_missing_file(
    name, stdin, part, missing, downloads, monkeypatch, tmp_path
):
    monkeypatch.setattr("sys.stderr", Terminal())
    monkeypatch.setattr("sys.stdin", stdin)
    if part:
        write_files(tmp_path, name)["negatives"].unlink()
    with pytest.raises(InputError, match="Received: no file " + missing):
        load(name, tmp_path)
    assert downloads == []
