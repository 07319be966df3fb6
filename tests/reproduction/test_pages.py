"""The pages, from results made by hand, complete or not: tables, figures, claims."""

import csv
import math

import numpy as np
import pytest
from reproduction import figures, tables
from reproduction.claims import Comparison, claims, compare
from reproduction.report import PAGES, write_report
from reproduction.results import Book, Result
from reproduction.runs import Grid
from reproduction.tables import TextTable, to_csv
from scipy import stats
from scipy.special import betainc

from ncf_keras.base.errors import InputError
from tests.reproduction.small_results import put

GRID = Grid("ml-1m")
HAND = Grid("hand", factors=(8, 16))


@pytest.fixture
def runs(tmp_path):
    return tmp_path / "runs" / "ml-1m"


def ranks(hits, users=1000):
    """Return positions of which so many are first and the others beyond 10."""
    return [0] * hits + [50] * (users - hits)


def row_of(table, *first):
    (row,) = [row for row in table.rows if tuple(row[: len(first)]) == first]
    return row


def test_cells_and_tables_show_ours_the_papers_and_the_difference(runs):
    put(runs, GRID.network("MLP", 32, depth=4), ranks(700))
    put(runs, GRID.network("NeuMF", 8), ranks(700), best=9)
    put(runs, GRID.pretrained(16, "adam"), ranks(701), best=-1)
    put(runs, GRID.pretrained(16, "sgd"), ranks(700))
    # At place 1 NDCG is ln 2 / ln 3 and not 1.
    put(runs, GRID.network("NeuMF", 8, select="validation"), [1] * 650 + [50] * 350)
    book = Book(GRID, runs)
    row = row_of(tables.table2(book), 8, "NeuMF")
    assert row[2:5] == pytest.approx([0.7, 0.688, 0.012])
    assert row[5:8] == pytest.approx([0.7, 0.410, 0.29])
    assert row[8] == 9 and row[9:11] == pytest.approx([0.65, 0.65 * math.log(2, 3)])
    assert row[11] == "" and row[12].startswith("python run/NeuMF.py --dataset ml-1m ")
    hr, ndcg = row_of(tables.table3(book), 32), row_of(tables.table4(book), 32)
    assert hr[-3:] == pytest.approx([0.7, 0.699, 0.001]) and ndcg[-3:] == pytest.approx([0.7, 0.423, 0.277])
    assert hr[1:4] == [None, 0.453, None]
    # The paper's learner stands first even if the other is better.
    rows = [(row[1], row[8]) for row in tables.table2(book).rows if row[0] == 16]
    fused = "NeuMF with pre-training"
    assert rows == [(f"{fused}, sgd", 3), (f"{fused}, adam", "start"), ("NeuMF", None)]
    here, paper = tables.table1(book).rows
    # A thousand users with one train and one test interaction each, 101 items.
    assert here == ("here", 2000, 101, 1000, pytest.approx(100 * (1 - 2 / 101)))
    assert paper == ("paper", 1000209, 3706, 6040, 95.53)
    assert "| paper | 1,000,209 | 3,706 | 6,040 | 95.5300 |" in tables.table1(book).markdown()


# Table 2 has 0.688 / 0.410 for it. All at place 8: HR is 1, but NDCG ln 2 / ln 9 = 0.315.
@pytest.mark.parametrize(
    ("positions", "mark"),
    [(ranks(676), ""), (ranks(675), "below"), (ranks(900), ""), ([7] * 1000, "below")],
)
def test_a_cell_more_than_0_012_below_the_paper_is_marked(runs, positions, mark):
    put(runs, GRID.network("NeuMF", 8), positions)
    table = tables.table2(Book(GRID, runs))
    assert row_of(table, 8, "NeuMF")[11] == mark and len(tables.missed(table)) == bool(mark)


def test_a_published_figure_stands_beside_our_baseline_of_the_best_factors(runs):
    put(runs, GRID.baseline("ItemKNN"), ranks(672))
    for factors, hits in {8: 600, 16: 640, 32: 630}.items():
        put(runs, GRID.baseline("BPR", factors), ranks(hits))
    table = tables.baselines(Book(GRID, runs))
    row = row_of(table, "ItemKNN")
    assert row[2:5] == pytest.approx([0.672, 0.6694, 0.0026])
    assert row[8] == "neighbours 50, best of 2"
    assert [row[3] for row in table.rows if row[0] == "BPR"] == [None, 0.6305, None, None]


def test_figure_5_tests_neumf_at_every_k_by_students_paired_test(runs):
    # Two users of four rank the item higher with NeuMF: from 4 up to 1, and from beyond 10 up to 2.
    put(runs, GRID.baseline("ItemPop"), [4, 50, 50, 0])
    assert tables.tests_by_k(Book(GRID, runs)).rows == []
    assert [row[:2] for row in tables.best_cells(Book(GRID, runs)).rows] == [("ItemPop", "")]
    put(runs, GRID.pretrained(8, "sgd"), [1, 2, 50, 0])
    rows = tables.tests_by_k(Book(GRID, runs)).rows
    assert [row[:2] for row in rows] == [["ItemPop", k] for k in range(1, 11)]
    assert rows[0][2:] == [0.0, "1", 0.0, "1"]
    # At K = 3 two users differ by 1: mean 1/2, variance 1/3, 3 degrees of freedom.
    statistic = 0.5 / math.sqrt(1 / 3 / 4)
    assert rows[2][2] == 0.5 and rows[4][2] == 0.25
    assert float(rows[2][3]) == pytest.approx(2 * stats.t.sf(statistic, 3), abs=5e-3)
    gains = [math.log(2, 3), math.log(2, 4), 0, 0]
    assert rows[2][4] == pytest.approx(sum(gains) / 4)
    # From K = 5 on the first user is hit by both.
    assert rows[4][4] == pytest.approx((gains[0] - math.log(2, 6) + gains[1]) / 4)


def test_the_figures_have_what_ran(runs):
    hits = {GRID.network("GMF", 8): 600, GRID.network("GMF", 32): 650, GRID.baseline("ItemKNN"): 500}
    hits |= {GRID.baseline("BPR", 8): 600, GRID.network("MLP", 16, num_neg=7): 680}
    for run, count in hits.items():
        put(runs, run, ranks(count))
    put(runs, GRID.baseline("BPR", 16), [4] * 610 + [50] * 390)
    put(runs, GRID.curves()[0], ranks(600), best=2)
    book = Book(GRID, runs)
    hr, ndcg = figures.figure4(book)
    lines = {line.label: (line.xs, line.ys) for line in hr.lines}
    assert lines["GMF"] == ([8, 32], [0.6, 0.65]) and lines["eALS"] == ([], [])
    assert lines["ItemKNN"] == ([8, 16, 32, 64], [0.5] * 4)
    assert (hr.x_label, hr.y_label, ndcg.y_label, hr.ticks) == ("Factors", "HR@10", "NDCG@10", (8, 16, 32, 64))
    # Each model with its best factors.
    lines = {line.label: line for line in figures.figure5(book)[0].lines}
    assert set(lines) == {"ItemKNN", "BPR"} and list(lines["BPR"].xs) == list(range(1, 11))
    assert lines["BPR"].ys == pytest.approx([0.0] * 4 + [0.61] * 6)
    # Iterations are counted from 1.
    loss, hr, _ = figures.figure6(book)
    assert (loss.lines[0].xs, loss.lines[0].ys) == ([1, 2, 3], pytest.approx([1, 1 / 2, 1 / 3]))
    assert hr.lines[0].ys == [0.5] * 3
    # BPR is flat.
    lines = {line.label: (line.xs, line.ys) for line in figures.figure7(book)[0].lines}
    assert lines["BPR"] == (list(range(1, 11)), [0.61] * 10) and lines["MLP"] == ([7], [0.68])


def test_everything_is_written_from_an_incomplete_grid_or_nothing(tmp_path, runs, monkeypatch):
    def draw(panels, columns, path):
        path.write_text(f"{len(panels)} panels, {columns} beside each other")

    monkeypatch.setattr("reproduction.report.draw", draw)
    put(runs, GRID.network("NeuMF", 8), ranks(600))
    pinterest = Grid("pinterest-37k")
    put(tmp_path / "runs" / "pinterest-37k", pinterest.network("NeuMF", 8), ranks(800))

    def books():
        return [Book(GRID, runs), Book(pinterest, tmp_path / "runs" / "pinterest-37k")]

    written = {path: path.read_bytes() for path in write_report(books(), tmp_path)}
    assert all(written.values())
    assert {path.stem for path in written if path.suffix == ".md"} == {*PAGES, "claims", "README"}
    page = (tmp_path / "table2.md").read_text()
    assert "| 8 | NeuMF | 0.6000 | 0.6880 | -0.0880 | 0.6000 | 0.4100 | +0.1900 | 3 |" in page
    assert "| 64 | NeuMF | — | 0.7050 | — | — | 0.4260 | — | — |" in page
    assert "More than 0.012 below the paper: NeuMF with 8 factors." in page
    # The data's difference from the paper's stands above the table.
    assert page.index("This is not the paper's data") < page.index("| 8 | NeuMF | 0.8000 |")
    for path in written:
        if path.suffix == ".csv":
            header, *rows = csv.reader(path.read_text().splitlines())
            assert all(header) and len(set(header)) == len(header), path
            cells = [row[3:5] for row in rows if row[:3] == ["ml-1m", "8", "NeuMF"]]
            assert cells == ([["0.6", "0.688"]] if path.name == "table2.csv" else [])
    pictures = {path.stem: content.decode() for path, content in written.items() if path.suffix == ".png"}
    of_two, of_three = "4 panels, 2 beside each other", "6 panels, 3 beside each other"
    assert pictures == {"figure4": of_two, "figure5": of_two, "figure6": of_three, "figure7": of_two}
    # A broken result leaves all pages as they were.
    (runs / f"{GRID.baseline('BPR', 64).name}.json").write_text("{}")
    put(runs, GRID.network("MLP", 8), ranks(4, 1000))
    with pytest.raises(InputError, match=r"BPR-f64-seed1\.json must be the JSON of a run"):
        write_report(books(), tmp_path)
    assert {path: path.read_bytes() for path in written} == written


def test_a_table_as_text():
    table = TextTable(("a", "difference", "command"), [(0.5, -0.25, "x | y"), (None, 0.25, "")])
    assert table.markdown().splitlines()[2] == "| 0.5000 | -0.2500 | `x \\| y` |"
    assert table.markdown().splitlines()[3].startswith("| — | +0.2500 |")
    assert to_csv(table.header, table.rows) == "a,difference,command\n0.5,-0.25,x | y\n,0.25,\n"


def result(positions):
    return Result({}, {}, {}, np.array(positions), 0.0, [], 0, {}, 0)


def students_p(t, freedom):
    """Return the two tails of Student's distribution, which are a regularised incomplete beta function."""
    return betainc(freedom / 2, 1 / 2, freedom / (freedom + t**2))


def test_both_metrics_are_tested_by_students_paired_test():
    found = compare("ours", [result([3, 0, 50, 7])], "others", [result([7, 0, 50, 50])])
    gains = np.log(2) / np.log([5, 2, 13, 9]) * [1, 1, 0, 1] - np.log(2) / np.log([9, 2, 13, 13]) * [1, 1, 0, 0]
    assert found.ndcg == pytest.approx(gains.mean())
    assert found.ndcg_p == pytest.approx(students_p(gains.mean() / np.sqrt(gains.var(ddof=1) / 4), 3))
    # Differences 0, 0, 0, 1: mean 1/4, variance 1/4, so t = 1.
    assert found.hr == 0.25 and found.hr_p == pytest.approx(students_p(1, 3))
    # Several runs are averaged for each user first: 1, 1/2, 1/2, 0 against 0.
    found = compare("two", [result([0, 50, 0, 50]), result([0, 0, 50, 50])], "one", [result([50] * 4)])
    assert found.hr == pytest.approx(0.5) and found.hr_p == pytest.approx(
        students_p(0.5 / np.sqrt(0.5 / 12), 3)
    )
    found = compare("a", [result([0, 20, 3])], "b", [result([0, 20, 3])])
    assert (found.hr, found.hr_p, found.ndcg_p, found.verdict[:2]) == (0, 1, 1, "no")
    assert compare("a", [result([0])], "b", [None]) is None and compare("a", [], "b", []) is None


OTHER_WAY, UNSURE = "no: the other way round", "no: not significant in both metrics"


@pytest.mark.parametrize(
    ("hr", "hr_p", "ndcg", "ndcg_p", "verdict"),
    [
        (0.01, 0.001, 0.01, 0.009, "yes"),
        (0.01, 0.001, 0.01, 0.011, UNSURE),
        (0.01, 0.001, -0.01, 0.001, UNSURE),
        (-0.01, 0.001, -0.01, 0.001, OTHER_WAY),
        (-0.01, 0.2, -0.01, 0.001, UNSURE),
    ],
)
def test_a_claim_needs_both_metrics(hr, hr_p, ndcg, ndcg_p, verdict):
    assert Comparison("a", "b", hr, hr_p, ndcg, ndcg_p).verdict == verdict


def net(model, **changes):
    return HAND.network(model, 8, **changes)


def depths(*hits):
    return {net("MLP", depth=depth): count for depth, count in enumerate(hits)}


def activations(**hits):
    return {run: hits[run.activation] for run in HAND.activation_runs()}


BPR, SGD, ADAM = HAND.baseline("BPR", 8), HAND.pretrained(8, "sgd"), HAND.pretrained(8, "adam")
BEATS_BPR, HELPS, DEEPER = "GMF is better than BPR", "Pre-training helps", "Deeper is better: each further"
BY_ADAM = [("NeuMF, pre-trained, Adam, 8 factors", "yes")]
NEGATIVES, ORDER = "3 to 6 negatives are best", "ReLU is better than tanh, tanh than sigmoid"


@pytest.mark.parametrize(
    ("hits", "text", "answer", "details"),
    [
        # So many of sixty users are hits.
        ({SGD: 50, net("GMF"): 20}, "NeuMF is better than GMF", "yes", []),
        ({SGD: 50, net("MLP"): 50}, "NeuMF is better than MLP", UNSURE, []),
        ({net("GMF"): 20}, BEATS_BPR, None, []),
        ({net("GMF"): 20, BPR: 40}, BEATS_BPR, OTHER_WAY, []),
        # Over the factors that ran.
        ({net("GMF"): 20, BPR: 40, HAND.network("GMF", 16): 60, HAND.baseline("BPR", 16): 0}, BEATS_BPR, "yes",
         [("GMF, 8 factors", OTHER_WAY), ("GMF, 16 factors", "yes")]),
        # The paper's learner stands for pre-training, and validation decides nothing.
        ({net("NeuMF"): 30, ADAM: 60}, HELPS, None, BY_ADAM),
        ({net("NeuMF"): 30, ADAM: 60, SGD: 31}, HELPS, UNSURE, BY_ADAM),
        ({net("GMF"): 50, BPR: 30, net("GMF", select="validation"): 10}, BEATS_BPR, "yes",
         [("GMF, picked on validation, 8 factors", OTHER_WAY)]),
        (depths(0, 15, 30, 45), DEEPER, None, []),
        (depths(0, 15, 30, 45, 60), DEEPER, "yes", []),
        (depths(0, 15, 30, 45, 45), DEEPER, UNSURE, []),
        ({run: 50 if 3 <= run.num_neg <= 6 else 20 for run in HAND.ratios()}, NEGATIVES, "yes", None),
        ({run: 50 if run.num_neg >= 3 else 20 for run in HAND.ratios()}, NEGATIVES, UNSURE, None),
        ({run: 10 * min(run.num_neg, 6) for run in HAND.ratios()}, NEGATIVES, OTHER_WAY, None),
        (activations(relu=60, tanh=40, sigmoid=20, linear=10), ORDER, "yes", []),
        (activations(relu=60, tanh=40, sigmoid=55, linear=10), ORDER, OTHER_WAY, []),
    ],
)  # fmt: skip
def test_a_claim_is_answered_from_the_runs_that_are_there(tmp_path, hits, text, answer, details):
    assert {claim.answer for claim in claims(Book(HAND, tmp_path))} == {None}
    for run, count in hits.items():
        put(tmp_path, run, ranks(count, 60))
    (claim,) = [claim for claim in claims(Book(HAND, tmp_path)) if claim.text.startswith(text)]
    assert claim.answer == answer
    assert details is None or [(one.better, one.verdict) for one in claim.details if one] == details
