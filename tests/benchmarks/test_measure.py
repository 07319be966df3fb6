"""The measuring itself: who runs when, what is compared with what, what is written."""

import argparse
import json

import pytest


def test_contenders_take_turns_after_a_warm_up_of_each():
    from _measure import alternate

    calls = []

    def contender(name):
        def measure():
            calls.append(name)
            return float(len(calls))

        return measure

    seconds = alternate({"a": contender("a"), "b": contender("b")}, repeats=3)
    assert calls == ["a", "b"] * 4
    assert seconds == {"a": [3.0, 5.0, 7.0], "b": [4.0, 6.0, 8.0]}


def test_ratios_are_taken_repeat_by_repeat():
    from _measure import Measurement

    ours, rival = Measurement("ours", [1.0, 2.0, 4.0]), Measurement("rival", [3.0, 8.0, 4.0])
    assert rival.ratios(ours) == [3.0, 4.0, 1.0]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (12.345, "12.3 s"),
        (1.0, "1 s"),
        (0.25, "250 ms"),
        (0.000152, "152 µs"),
        (4321.0, "4,321 s"),
        (0.9996, "1,000 ms"),
        (0.0, "0 µs"),
    ],
)
def test_durations_in_words(seconds, words):
    from _measure import in_words

    assert in_words(seconds) == words


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
    assert first["seconds"] == [3.0, 1.0, 2.0]
    assert first["threads"] == 1
    assert second["times_the_first"] == [2.0, 4.0, 2.0]
    assert document["flags"] == {"quick": False, "repeats": 3}
    assert document["hardware"]["cores"] >= 1
    assert {"python", "tensorflow", "numpy"} <= set(document["versions"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2].split() == ["rival", "4", "s", "4", "s", "6", "s", "2.00", "(2.00", "…", "4.00)"]
    assert lines[-1] == "peak: 5"


def test_threads_after_tensorflow_are_refused_in_one_sentence(capsys):
    import evaluation

    assert evaluation.main(["--quick", "--threads", "1"]) == 2
    assert "`--threads` must come before TensorFlow is imported" in capsys.readouterr().err


def test_a_worker_that_fails_says_so(capfd):
    from _workers import Worker

    with pytest.raises(RuntimeError, match="ended while it should make"), Worker({}) as worker:
        worker.make("name", "NoSuchContender")
    assert "NoSuchContender" in capfd.readouterr().err
