import csv
import re

import numpy as np

from ncf_keras.models import build_gmf, build_mlp, build_neumf
from ncf_keras.weights import load_weights
from tests.cli.running import END, INIT, ITERATION, LOADED, SAVED
from tests.predicting import ranked

BUILDERS = {
    "GMF": lambda: build_gmf(1000, 500, 8),
    "MLP": lambda: build_mlp(1000, 500, (64, 32, 16, 8), (0, 0, 0, 0)),
    "NeuMF": lambda: build_neumf(1000, 500, 8, (64, 32, 16, 8), (0, 0, 0, 0)),
}
SIZES = {"GMF": "8", "MLP": "[64,32,16,8]", "NeuMF": "8_[64,32,16,8]"}


def test_prints_the_authors_lines_in_their_order(sample_run):
    status, lines, errors = sample_run.run
    assert status == 0 and errors == ""
    patterns = [LOADED, INIT, *[ITERATION] * sample_run.epochs, END, SAVED]
    assert len(lines) == len(patterns)
    for line, pattern in zip(lines, patterns, strict=True):
        assert re.fullmatch(pattern, line), line
    assert re.fullmatch(LOADED, lines[0]).groups() == ("1000", "500", "38818", "1000")
    assert [number for number, *_ in sample_run.run.iterations()] == list(range(sample_run.epochs))
    assert re.fullmatch(SAVED, lines[-1])[1] == sample_run.model


def test_learns_what_the_sample_holds(sample_run, sample):
    initial = float(re.fullmatch(INIT, sample_run.run.lines[1])[1])
    _, best, _ = sample_run.run.end()
    counts = np.bincount(sample.train_items, minlength=sample.num_items).astype(np.float32)
    popularity = ranked(sample, lambda users, items: counts[items]).hr
    assert initial < 0.16 and best > max(0.5, popularity + 0.2)
    losses = [loss for *_, loss in sample_run.run.iterations()]
    assert losses == sorted(losses, reverse=True)


def test_saves_one_file_under_the_authors_name(sample_run):
    (path,) = sample_run.directory.iterdir()
    assert path == sample_run.run.saved()
    stem, moment = path.name.rsplit("_", 1)
    assert stem == f"sample_{sample_run.model}_{SIZES[sample_run.model]}"
    assert re.fullmatch(r"\d+\.h5", moment)
    assert int(sample_run.started) <= int(moment.removesuffix(".h5")) <= sample_run.ended


def test_the_saved_model_has_the_score_that_was_printed(sample_run, sample):
    model = BUILDERS[sample_run.model]()
    load_weights(model, sample_run.run.saved())
    result = ranked(sample, model)
    _, hit_ratio, gain = sample_run.run.end()
    assert (round(result.hr, 4), round(result.ndcg, 4)) == (hit_ratio, gain)


def test_the_log_has_a_row_an_iteration(sample_run):
    with sample_run.csv.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["iteration", "hr", "ndcg", "loss", "train_seconds", "evaluation_seconds"]
    printed = [tuple(float(f"{float(row[name]):.4f}") for name in ("hr", "ndcg", "loss")) for row in rows]
    assert printed == [tuple(numbers) for _, *numbers in sample_run.run.iterations()]
    assert [int(row["iteration"]) for row in rows] == list(range(sample_run.epochs))
    hit_ratios = [float(row["hr"]) for row in rows]
    best = hit_ratios.index(max(hit_ratios))  # the first of the best
    assert sample_run.run.end() == (best, round(hit_ratios[best], 4), round(float(rows[best]["ndcg"]), 4))
    spent = sum(float(row["train_seconds"]) + float(row["evaluation_seconds"]) for row in rows)
    assert 0 < spent < sample_run.ended - sample_run.started
