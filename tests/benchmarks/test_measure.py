"""The measuring itself: who runs when, what is compared with what, what is written."""

import argparse
import json

import pytest


def test_contenders_take_turns_after_a_warm_up_of_each():
    from _measure import alternate

    calls = []
    contenders = {name: lambda name=name: calls.append(name) or float(len(calls)) for name in "ab"}
    seconds = alternate(contenders, repeats=3)
    assert calls == ["a", "b"] * 4
    assert seconds == {"a": [3.0, 5.0, 7.0], "b": [4.0, 6.0, 8.0]}


def test_durations_in_words():
    from _measure import in_words

    seconds = (12.345, 1.0, 0.25, 0.000152, 4321.0, 0.9996, 0.0)
    words = ["12.3 s", "1 s", "250 ms", "152 µs", "4,321 s", "1,000 ms", "0 µs"]
    assert [*map(in_words, seconds)] == words


def test_report_prints_a_table_and_writes_every_raw_timing(tmp_path, capsys):
    from _measure import Measurement, Report

    file = tmp_path / "report.json"
    report = Report("toy", argparse.Namespace(json=str(file), path="secret/", quick=False, repeats=3))
    ours, rival = Measurement("ours", [3.0, 1.0, 2.0], {"threads": 1}), Measurement("rival", [6.0, 4.0, 4.0])
    report.add("A group", [ours, rival], {"peak": 5})
    assert not file.exists()
    report.finish()
    document = json.loads(file.read_text())
    first, second = document["groups"][0]["measurements"]
    assert (first["median"], first["min"], first["max"]) == (2.0, 1.0, 3.0)
    assert first["seconds"] == [3.0, 1.0, 2.0] and first["threads"] == 1
    assert second["times_the_first"] == [2.0, 4.0, 2.0]
    assert document["flags"] == {"quick": False, "repeats": 3}
    assert document["hardware"]["cores"] >= 1
    assert {"python", "tensorflow", "numpy"} <= set(document["versions"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2].split() == ["rival", "4", "s", "4", "s", "6", "s", "2.00", "(2.00", "…", "4.00)"]
    assert lines[-1] == "peak: 5"


def test_a_worker_that_fails_says_so(capfd):
    from _workers import Worker

    with pytest.raises(RuntimeError, match="ended while it should make"), Worker({}) as worker:
        worker.make("name", "NoSuchContender")
    assert "NoSuchContender" in capfd.readouterr().err
