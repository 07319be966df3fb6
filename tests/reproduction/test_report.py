"""The pages: what stands in them, from results made by hand, complete or not."""

import csv
import math

import pytest
from reproduction import figures, tables, top_k
from reproduction.book import Book
from reproduction.grid import Grid
from reproduction.report import PAGES, write_report
from reproduction.text_table import TextTable, to_csv
from scipy import stats

from ncf_keras.base.errors import InputError
from tests.reproduction.small_results import put

pytest.importorskip("matplotlib")
GRID = Grid("ml-1m")


@pytest.fixture
def runs(tmp_path):
    return tmp_path / "runs" / "ml-1m"


def ranks(hits, users=1000):
    return [0] * hits + [50] * (users - hits)


def row_of(table, *first):
    (row,) = [row for row in table.rows if tuple(row[: len(first)]) == first]
    return row


def test_a_cell_shows_ours_the_papers_and_the_difference(runs):
    put(runs, GRID.network("NeuMF", 8), ranks(700), best=9)
    # At place 1 NDCG is ln 2 / ln 3 and not 1.
    put(runs, GRID.network("NeuMF", 8, select="validation"), [1] * 650 + [50] * 350)
    row = row_of(tables.table2(Book(GRID, runs)), 8, "NeuMF")
    assert row[2:5] == pytest.approx([0.7, 0.688, 0.012])
    assert row[5:8] == pytest.approx([0.7, 0.410, 0.29])
    assert row[8] == 9 and row[9:11] == pytest.approx([0.65, 0.65 * math.log(2, 3)])
    assert row[11] == ""
    assert row[12].startswith("python run/NeuMF.py --dataset ml-1m ")


@pytest.mark.parametrize(("hits", "mark"), [(676, ""), (675, "below"), (900, "")])
def test_a_cell_more_than_0_012_below_the_paper_is_marked(runs, hits, mark):
    # Table 2 has HR 0.688 for NeuMF without pre-training and 8 factors.
    put(runs, GRID.network("NeuMF", 8), ranks(hits))
    table = tables.table2(Book(GRID, runs))
    assert row_of(table, 8, "NeuMF")[11] == mark
    assert len(tables.missed(table)) == bool(mark)


def test_a_missing_ndcg_alone_is_marked_too(runs):
    # All at place 8: HR is 1, NDCG ln 2 / ln 9 = 0.315, where the paper has 0.410.
    put(runs, GRID.network("NeuMF", 8), [7] * 1000)
    assert row_of(tables.table2(Book(GRID, runs)), 8, "NeuMF")[11] == "below"


def test_the_papers_learner_stands_first_even_if_the_other_is_better(runs):
    put(runs, GRID.pretrained(16, "adam"), ranks(701), best=-1)
    put(runs, GRID.pretrained(16, "sgd"), ranks(700))
    rows = [row for row in tables.table2(Book(GRID, runs)).rows if row[0] == 16]
    assert [row[1] for row in rows] == [
        "NeuMF with pre-training, sgd",
        "NeuMF with pre-training, adam",
        "NeuMF",
    ]
    assert [row[8] for row in rows] == [3, "start", None]


def test_tables_3_and_4_have_the_papers_layout(runs):
    put(runs, GRID.network("MLP", 32, depth=4), ranks(700))
    book = Book(GRID, runs)
    hr, ndcg = row_of(tables.table3(book), 32), row_of(tables.table4(book), 32)
    assert hr[-3:] == pytest.approx([0.7, 0.699, 0.001])
    assert ndcg[-3:] == pytest.approx([0.7, 0.423, 0.277])
    assert hr[1:4] == [None, 0.453, None]


def test_table_1_counts_train_and_test(runs):
    put(runs, GRID.network("GMF", 8), ranks(1, 3))
    here, paper = tables.table1(Book(GRID, runs)).rows
    # Three users with one train and one test interaction each, 101 items.
    assert here == ("here", 6, 101, 3, pytest.approx(100 * (1 - 6 / 303)))
    assert paper == ("paper", 1000209, 3706, 6040, 95.53)
    assert "| paper | 1,000,209 | 3,706 | 6,040 | 95.5300 |" in tables.table1(Book(GRID, runs)).markdown()


def test_a_baseline_stands_beside_what_was_published(runs):
    put(runs, GRID.baseline("ItemKNN"), ranks(672))
    row = row_of(tables.baselines(Book(GRID, runs)), "ItemKNN")
    assert row[2:5] == pytest.approx([0.672, 0.6694, 0.0026])
    assert row[8] == "neighbours 50, best of 2"


def test_a_published_figure_of_tuned_factors_stands_beside_our_best_factors(runs):
    for factors, hits in {8: 600, 16: 640, 32: 630}.items():
        put(runs, GRID.baseline("BPR", factors), ranks(hits))
    rows = [row for row in tables.baselines(Book(GRID, runs)).rows if row[0] == "BPR"]
    assert [row[3] for row in rows] == [None, 0.6305, None, None]


def test_figure_5_tests_neumf_at_every_k_by_students_paired_test(runs):
    # Two users of four rank the item higher with NeuMF: from 4 up to 1, and from beyond 10 up to 2.
    put(runs, GRID.pretrained(8, "sgd"), [1, 2, 50, 0])
    put(runs, GRID.baseline("ItemPop"), [4, 50, 50, 0])
    rows = top_k.tests_by_k(Book(GRID, runs)).rows
    assert [row[:2] for row in rows] == [["ItemPop", k] for k in range(1, 11)]
    assert rows[0][2:] == [0.0, "1", 0.0, "1"]
    # At K = 3 two users differ by 1: mean 1/2, variance 1/3, 3 degrees of freedom.
    statistic = 0.5 / math.sqrt(1 / 3 / 4)
    assert rows[2][2] == 0.5
    assert float(rows[2][3]) == pytest.approx(2 * stats.t.sf(statistic, 3), abs=5e-3)
    gains = [math.log(2, 3), math.log(2, 4), 0, 0]
    assert rows[2][4] == pytest.approx(sum(gains) / 4)
    # From K = 5 on the first user is hit by both.
    assert rows[4][2] == 0.25
    assert rows[4][4] == pytest.approx((gains[0] - math.log(2, 6) + gains[1]) / 4)


def test_without_neumf_figure_5_tests_nothing(runs):
    put(runs, GRID.baseline("ItemPop"), ranks(3, 4))
    assert top_k.tests_by_k(Book(GRID, runs)).rows == []
    assert [row[:2] for row in top_k.best_cells(Book(GRID, runs)).rows] == [("ItemPop", "")]


def test_the_columns_of_every_csv_have_names_of_their_own(tmp_path, runs):
    put(runs, GRID.network("GMF", 8), ranks(3, 4))
    for path in write_report([Book(GRID, runs)], tmp_path):
        if path.suffix == ".csv":
            header = next(csv.reader(path.read_text().splitlines()))
            assert all(header) and len(set(header)) == len(header), path


def test_a_broken_result_leaves_all_pages_as_they_were(tmp_path, runs):
    put(runs, GRID.network("GMF", 8), ranks(3, 4))
    before = {path: path.read_bytes() for path in write_report([Book(GRID, runs)], tmp_path)}
    put(runs, GRID.network("MLP", 8), ranks(4, 4))
    (runs / f"{GRID.baseline('BPR', 64).name}.json").write_text("{}")
    with pytest.raises(InputError, match=r"BPR-f64-seed1\.json must be the JSON of a run"):
        write_report([Book(GRID, runs)], tmp_path)
    assert {path: path.read_bytes() for path in before} == before


def test_figure_4_has_the_factors_that_ran(runs):
    put(runs, GRID.network("GMF", 8), ranks(600))
    put(runs, GRID.network("GMF", 32), ranks(650))
    put(runs, GRID.baseline("ItemKNN"), ranks(500))
    hr, ndcg = figures.figure4(Book(GRID, runs))
    lines = {line.label: line for line in hr.lines}
    assert (lines["GMF"].xs, lines["GMF"].ys) == ([8, 32], [0.6, 0.65])
    assert (lines["ItemKNN"].xs, lines["ItemKNN"].ys) == ([8, 16, 32, 64], [0.5] * 4)
    assert lines["eALS"].xs == []
    assert (hr.x_label, hr.y_label, ndcg.y_label, hr.ticks) == ("Factors", "HR@10", "NDCG@10", (8, 16, 32, 64))


def test_figure_5_takes_each_models_best_factors(runs):
    put(runs, GRID.baseline("BPR", 8), ranks(600))
    put(runs, GRID.baseline("BPR", 16), [4] * 610 + [50] * 390)
    hr, _ = figures.figure5(Book(GRID, runs))
    (line,) = hr.lines
    assert list(line.xs) == list(range(1, 11))
    assert line.ys == pytest.approx([0.0] * 4 + [0.61] * 6)


def test_figure_6_counts_iterations_from_1(runs):
    put(runs, GRID.curves()[0], ranks(600), best=2)
    loss, hr, _ = figures.figure6(Book(GRID, runs))
    assert (loss.lines[0].xs, loss.lines[0].ys) == ([1, 2, 3], pytest.approx([1, 1 / 2, 1 / 3]))
    assert hr.lines[0].ys == [0.5] * 3


def test_figure_7_has_bpr_flat(runs):
    put(runs, GRID.baseline("BPR", 16), ranks(640))
    put(runs, GRID.network("MLP", 16, num_neg=7), ranks(680))
    hr, _ = figures.figure7(Book(GRID, runs))
    lines = {line.label: line for line in hr.lines}
    assert lines["BPR"].ys == [0.64] * 10
    assert (lines["MLP"].xs, lines["MLP"].ys) == ([7], [0.68])


def test_everything_is_written_from_an_incomplete_grid(tmp_path, runs):
    put(runs, GRID.network("NeuMF", 8), ranks(600))
    pinterest = Grid("pinterest-37k")
    put(tmp_path / "runs" / "pinterest-37k", pinterest.network("NeuMF", 8), ranks(800))
    books = [Book(GRID, runs), Book(pinterest, tmp_path / "runs" / "pinterest-37k")]
    written = write_report(books, tmp_path)
    assert all(path.stat().st_size for path in written)
    assert {path.stem for path in written if path.suffix == ".md"} == {*PAGES, "claims", "README"}
    page = (tmp_path / "table2.md").read_text()
    assert "| 8 | NeuMF | 0.6000 | 0.6880 | -0.0880 | 0.6000 | 0.4100 | +0.1900 | 3 |" in page
    assert "| 64 | NeuMF | — | 0.7050 | — | — | 0.4260 | — | — |" in page
    assert "More than 0.012 below the paper: NeuMF with 8 factors." in page
    # The data's difference from the paper's stands above the table.
    assert page.index("This is not the paper's data") < page.index("| 8 | NeuMF | 0.8000 |")
    with (tmp_path / "table2.csv").open(newline="") as lines:
        found = list(csv.reader(lines))
    (cell,) = [row for row in found if row[:3] == ["ml-1m", "8", "NeuMF"]]
    assert float(cell[3]) == 0.6 and float(cell[4]) == 0.688
    for number in (4, 5, 6, 7):
        assert (tmp_path / f"figure{number}.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


def test_the_same_results_give_the_same_files(tmp_path, runs):
    put(runs, GRID.network("GMF", 8), ranks(600))
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write_report([Book(GRID, runs)], tmp_path / name)
    for path in sorted((tmp_path / "a").iterdir()):
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


def test_a_result_of_another_run_is_not_shown_under_a_wrong_name(tmp_path, runs):
    put(runs, GRID.network("GMF", 8), ranks(600))
    (runs / f"{GRID.network('GMF', 8).name}.json").rename(runs / f"{GRID.network('GMF', 16).name}.json")
    with pytest.raises(InputError, match="must be of a run with factors 16"):
        tables.gmf_cells(Book(GRID, runs))


def test_a_table_as_text():
    table = TextTable(("a", "b", "c"), [(0.5, -0.25, "x | y"), (None, 0.25, "")], signed=(1,), code=(2,))
    assert table.markdown().splitlines()[2] == "| 0.5000 | -0.2500 | `x \\| y` |"
    assert table.markdown().splitlines()[3].startswith("| — | +0.2500 |")
    assert to_csv([("d", table)], "dataset") == "dataset,a,b,c\nd,0.5,-0.25,x | y\nd,,0.25,\n"
