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


def sit_at_terminal(monkeypatch, answer):
    """Within a test, not a fixture: pytest puts its own streams back before each test."""
    monkeypatch.setattr("sys.stderr", Terminal())
    monkeypatch.setattr("sys.stdin", Terminal(answer))


def load(name, tmp_path):
    return dataset.load_dataset(argparse.Namespace(path=f"{tmp_path}/", dataset=name))


@pytest.mark.parametrize("answer", ["y\n", "YES\n"])
def test_yes_downloads_and_goes_on(answer, downloads, monkeypatch, tmp_path):
    sit_at_terminal(monkeypatch, answer)
    assert load("ml-1m", tmp_path).num_test == 2
    assert downloads == [("ml-1m", f"{tmp_path}/")]


@pytest.mark.parametrize("answer", ["\n", "no\n", ""])
def test_anything_else_ends_in_the_sentence_about_the_missing_file(answer, downloads, monkeypatch, tmp_path):
    sit_at_terminal(monkeypatch, answer)
    with pytest.raises(InputError, match=r"Received: no file .*`python run/download.py ml-1m` downloads it"):
        load("ml-1m", tmp_path)
    assert downloads == []


@pytest.mark.parametrize(
    ("name", "stdin"),
    [("ml-1m", io.StringIO("y\n")), ("mine", Terminal("y\n"))],
    ids=["nobody is there", "an unknown dataset"],
)
def test_nothing_is_offered_to(name, stdin, downloads, monkeypatch, tmp_path):
    monkeypatch.setattr("sys.stderr", Terminal())
    monkeypatch.setattr("sys.stdin", stdin)
    with pytest.raises(InputError, match="no file"):
        load(name, tmp_path)
    assert downloads == []


def test_a_dataset_of_which_a_part_is_there_is_not_offered(downloads, monkeypatch, tmp_path):
    sit_at_terminal(monkeypatch, "y\n")
    write_files(tmp_path, "ml-1m")["negatives"].unlink()
    with pytest.raises(InputError, match=r"no file .*test\.negative"):
        load("ml-1m", tmp_path)
    assert downloads == []
