"""`--topk`, `--protocol` and the files that the evaluating commands write."""

import argparse
import json
import os

import pytest

from ncf_keras.base import files as base_files
from ncf_keras.base.errors import InputError
from ncf_keras.base.text_table import text_table
from ncf_keras.cli.output_file import json_text, write_output_files
from ncf_keras.cli.protocols import parse_top_ks


def test_lengths_are_sorted_and_each_there_once():
    assert parse_top_ks("20,5, 10,5") == (5, 10, 20)
    for text in ("", "0", "5,0", "ten", "5,,10", "1.5", "[5,10]"):
        with pytest.raises(
            argparse.ArgumentTypeError, match="must be 1 to 100 whole numbers from 1 to"
        ) as caught:
            parse_top_ks(text)
        assert str(caught.value).endswith(f"Received: {text!r}")


def test_at_most_a_hundred_lengths():
    text = ",".join(map(str, range(1, 102)))
    with pytest.raises(argparse.ArgumentTypeError, match="must be 1 to 100 whole numbers"):
        parse_top_ks(text)
    assert len(parse_top_ks(text[: text.rindex(",")])) == 100


def test_a_table_is_aligned():
    table = text_table(["metric", "mean"], [["HR@5", "0.1"], ["NDCG@100", "-12"]])
    assert table == "metric    mean\nHR@5       0.1\nNDCG@100   -12"


def test_json_that_does_not_fit_leaves_nothing(tmp_path, monkeypatch):
    def no_room(*arguments, **options):
        raise OSError(28, "No space left on device")

    def write(document):
        write_output_files({"--json": (str(file), json_text(document)), "--per_user": (None, "not asked for")})

    file = tmp_path / "out.json"
    write({"ä": 1.5})
    assert json.loads(file.read_text(encoding="utf-8")) == {"ä": 1.5}
    monkeypatch.setattr("pathlib.Path.write_text", no_room)
    with pytest.raises(InputError, match=r"`--json` must be .*out.json \(No space left on device\)"):
        write({})
    assert json.loads(file.read_bytes()) == {"ä": 1.5}
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("flags", [("--json", "--per_user"), ("--per_user", "--json")])
def test_all_files_of_a_command_are_written_or_none(tmp_path, monkeypatch, flags):
    """A pipe that nobody reads is noticed before the other file is replaced, whichever comes first."""
    monkeypatch.setattr(base_files, "WAIT_FOR_READER", 0.01)
    file = tmp_path / "file"
    file.write_text("old")
    os.mkfifo(tmp_path / "pipe")
    given = {flag: (str(tmp_path / name), "new") for flag, name in zip(flags, ("file", "pipe"), strict=True)}
    for outputs in (given, dict(reversed(given.items()))):
        with pytest.raises(
            InputError, match=rf"^`{flags[1]}` must be a file that can be written. Received: .*pipe"
        ):
            write_output_files(outputs)
    assert file.read_text() == "old" and sorted(path.name for path in tmp_path.iterdir()) == ["file", "pipe"]
