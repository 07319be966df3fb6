"""`--topk`, `--protocol` and the files that the evaluating commands write."""

import argparse
import json

import pytest

from ncf_keras.base.errors import InputError
from ncf_keras.base.text_table import text_table
from ncf_keras.cli.output_file import write_json
from ncf_keras.cli.protocols import parse_top_ks


def test_lengths_are_sorted_and_each_there_once():
    assert parse_top_ks("20,5, 10,5") == (5, 10, 20)
    for text in ("", "0", "5,0", "ten", "5,,10", "1.5", "[5,10]"):
        with pytest.raises(argparse.ArgumentTypeError, match="must be whole numbers from 1 to") as caught:
            parse_top_ks(text)
        assert str(caught.value).endswith(f"Received: {text!r}")


def test_a_table_is_aligned():
    table = text_table(["metric", "mean"], [["HR@5", "0.1"], ["NDCG@100", "-12"]])
    assert table == "metric    mean\nHR@5       0.1\nNDCG@100   -12"


def test_json_that_does_not_fit_leaves_nothing(tmp_path, monkeypatch):
    def no_room(*arguments, **options):
        raise OSError(28, "No space left on device")

    file = tmp_path / "out.json"
    write_json(str(file), {"ä": 1.5}, "--json")
    assert json.loads(file.read_text(encoding="utf-8")) == {"ä": 1.5}
    monkeypatch.setattr("pathlib.Path.write_text", no_room)
    with pytest.raises(InputError, match=r"`--json` must be .*out.json \(No space left on device\)"):
        write_json(str(file), {}, "--json")
    assert json.loads(file.read_bytes()) == {"ä": 1.5}
    assert list(tmp_path.iterdir()) == [file]
