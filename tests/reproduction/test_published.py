"""The figures of the paper and of others, against the developers' tables of them."""

import csv

import pytest
from reproduction.grid import Grid
from reproduction.published import REFERENCES, STATISTICS, paper_figures

from tests.shared_files import shared

NAMES = {"MovieLens": "ml-1m", "Pinterest": "pinterest-37k"}


def rows(file):
    with shared(f"paper/{file}").open(newline="") as lines:
        return list(csv.DictReader(lines))


def run_of(row):
    grid, factors = Grid(NAMES[row["dataset"]]), int(row["factors"])
    if row["model"].startswith("MLP-"):
        return grid.network("MLP", factors, depth=int(row["model"][-1]))
    if "without" in row["model"]:
        return grid.network("NeuMF", factors)
    return grid.pretrained(factors, "sgd")


def test_tables_2_to_4_are_the_papers():
    found = rows("paper_tables.csv")
    assert len(found) == 56
    for row in found:
        assert paper_figures(run_of(row)) == (float(row["hr_at_10"]), float(row["ndcg_at_10"])), row


def test_the_references_are_those_that_were_published():
    for title in NAMES:
        known = {
            (float(row["hr_at_10"]), float(row["ndcg_at_10"]))
            for row in rows("reference_results.csv")
            if row["dataset"] == title and "our own" not in row["source"]
        }
        assert {(reference.hr, reference.ndcg) for reference in REFERENCES[title]} == known


@pytest.mark.parametrize("title", NAMES)
def test_the_sparsity_of_table_1_follows_from_its_counts(title):
    interactions, items, users, sparsity = STATISTICS[title]
    assert 100 * (1 - interactions / items / users) == pytest.approx(sparsity, abs=0.006)


def test_the_paper_has_no_figure_for_other_settings():
    grid = Grid("ml-1m")
    assert paper_figures(grid.network("MLP", 8, activation="tanh")) is None
    assert paper_figures(grid.network("NeuMF", 16, num_neg=5)) is None
    assert paper_figures(grid.network("GMF", 8)) is None
    assert paper_figures(grid.baseline("BPR", 8)) is None
    assert paper_figures(Grid("sample").network("NeuMF", 8)) is None
