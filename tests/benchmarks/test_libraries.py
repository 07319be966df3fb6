"""The comparison with other libraries: what is ranked, what a missing library says. No library is needed."""

import json

import numpy as np
import pytest

from ncf_keras.baselines import ItemPop
from ncf_keras.data import sample_dataset
from ncf_keras.evaluation import LeaveOneOut


@pytest.fixture
def modules():
    import _libraries
    import libraries

    return libraries, _libraries


def by_popularity(log, settings, folder):
    """A library that counts, in place of another."""
    counts = np.bincount(log.items, minlength=log.num_items)
    return lambda: 0.5, lambda users, items: counts[items]


def test_scores_of_a_library_are_ranked_by_our_protocol(modules, monkeypatch, tmp_path, capsys):
    libraries, child = modules
    monkeypatch.setitem(child.LIBRARIES, "lightfm", by_popularity)
    file = tmp_path / "rows.jsonl"
    flags = ["--dataset", "sample", "--only", "lightfm", "--epochs", "4", "--json", str(file)]
    for _ in range(2):
        assert libraries.main(flags, start=lambda folder, python: child.work(folder)) == 0
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    dataset = sample_dataset()
    protocol = LeaveOneOut(dataset.test_users, dataset.test_items, dataset.test_negatives)
    expected = protocol.evaluate(ItemPop().fit(dataset).score)
    assert [(row["hr"], row["ndcg"]) for row in rows] == [(expected.hr, expected.ndcg)] * 2
    assert rows[0]["settings"] == {"no_components": 10, "epochs": 4}
    assert all(row["train_seconds"] >= 0 and row["peak_mb"] > 10 for row in rows)
    table = capsys.readouterr().out.splitlines()[-2:]
    assert all(line.startswith("| lightfm |") and "| 50.0% of 4 |" in line for line in table)


def no_recbole(log, settings, folder):
    raise ImportError("No module named 'recbole'")


def test_library_that_is_missing_is_left_out_with_a_sentence(modules, monkeypatch, capsys):
    libraries, child = modules
    monkeypatch.setitem(child.LIBRARIES, "recbole", no_recbole)
    flags = ["--quick", "--only", "recbole"]
    assert libraries.main(flags, start=lambda folder, python: child.work(folder)) == 0
    assert "recbole: skipped, because recbole can't be imported: No module named" in capsys.readouterr().out


def test_mistakes_are_one_sentence(modules, capsys):
    libraries, _ = modules
    assert libraries.main(["--quick", "--python", "torch=/usr/bin/python3"]) == 2
    assert "`--python` must be LIBRARY=PATH with one of ncf-keras, implicit" in capsys.readouterr().err


@pytest.mark.slow
def test_our_own_row_in_a_process_of_its_own(modules, tmp_path, capsys):
    libraries, _ = modules
    file = tmp_path / "rows.jsonl"
    assert libraries.main(["--quick", "--only", "neumf", "--json", str(file)]) == 0
    (row,) = map(json.loads, file.read_text(encoding="utf-8").splitlines())
    assert row["library"] == "ncf-keras" and row["share"] == 1 and 0 < row["hr"] < 0.5
