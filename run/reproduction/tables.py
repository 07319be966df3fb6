"""Tables 1 to 4 of the paper, and those behind its figures: ours, the paper's, the difference."""

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from ncf_keras.evaluation import hit_ratio, ndcg, paired_t_test
from reproduction.published import MISS, REFERENCES, STATISTICS, TITLES, Reference, paper_figures
from reproduction.results import TOP_KS, Book, Result
from reproduction.runs import Grid, NetworkRun, Run, command_of

CELLS = ("factors", "model", "HR@10", "paper's HR@10", "difference of HR@10", "NDCG@10", "paper's NDCG@10",
         "difference of NDCG@10", "best iteration", "HR@10 if picked on validation",
         "NDCG@10 if picked on validation", "remark", "command")  # fmt: skip
BELOW = "below"
# The weights that a run began with were better than those after any iteration.
START = "start"
NOTHING = "—"
OURS = "NeuMF"


@dataclass
class TextTable:
    """A header and rows as wide; a float is a figure of four digits, None is what is not there.

    Columns that are differences, by their name, show the sign; that of the commands is set as code.
    """

    header: Sequence[str]
    rows: list[Sequence[object]] = field(default_factory=list)

    def markdown(self) -> str:
        """Return the table as Markdown, an empty line behind it."""
        lines = [self.header, ["---"] * len(self.header)]
        lines += [map(_shown, row, self.header) for row in self.rows]
        return "".join("| " + " | ".join(line) + " |\n" for line in lines) + "\n"


def _shown(value: object, column: str) -> str:
    if value is None:
        return NOTHING
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        is_difference = column.startswith("difference") or column.endswith("+")
        return f"{value:+.4f}" if is_difference else f"{value:.4f}"
    text = str(value).replace("|", "\\|")
    return f"`{text}`" if column == "command" else text


def to_csv(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return rows as CSV, floats in full precision, what is missing empty."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    return text.getvalue()


def table1(book: Book) -> TextTable:
    """Return the statistics of the dataset."""
    table = TextTable(("of", "interactions", "items", "users", "sparsity in percent"))
    found, paper = book.all(), STATISTICS.get(TITLES.get(book.grid.dataset, ""))
    here: tuple = (None,) * 4
    if found:
        train, tests, items, users = (found[0].dataset[name] for name in ("train", "tests", "items", "users"))
        here = (train + tests, items, users, 100 * (1 - (train + tests) / users / items))
    table.rows.append(("here", *here))
    if paper:
        table.rows.append(("paper", *paper))
    return table


def table3(book: Book) -> TextTable:
    """Return HR@10 of MLP-0 to MLP-4 in the paper's layout, ours and the paper's."""
    return _by_depth(book, 0)


def table4(book: Book) -> TextTable:
    """Return NDCG@10 of MLP-0 to MLP-4 in the paper's layout, ours and the paper's."""
    return _by_depth(book, 1)


def _by_depth(book: Book, metric: int) -> TextTable:
    names = [f"{of}MLP-{depth}" for depth in book.grid.depths for of in ("", "paper's ", "difference ")]
    table = TextTable(["factors", *names])
    for factors in book.grid.factors:
        figures = (figure for run in book.grid.towers(factors) for figure in _compared(book, run, metric))
        table.rows.append([factors, *figures])
    return table


def cells_of(
    runs_of: Callable[[Grid], Iterable[NetworkRun]], name: str = "{run.label}"
) -> Callable[[Book], TextTable]:
    """Return what makes the table of some runs of a grid, each with its command."""

    def make(book: Book) -> TextTable:
        return TextTable(CELLS, [_cell(book, run, name.format(run=run)) for run in runs_of(book.grid)])

    return make


def _cell(book: Book, run: NetworkRun, name: str) -> list[object]:
    result, validated = book.find(run), book.find(book.grid.validated(run))
    figures = [*_compared(book, run, 0), *_compared(book, run, 1)]
    below = any(difference is not None and difference < -MISS for difference in figures[2::3])
    best = START if result and result.best < 0 else result and result.best
    picked = (validated.hr, validated.ndcg) if validated else ("", "")
    name += f", {run.learner}" if run.pretrained else ""
    return [run.factors, name, *figures, best, *picked, BELOW if below else "", command_of(run)]


# NeuMF with and without pre-training; pre-trained, with the paper's SGD and with Adam.
table2 = cells_of(lambda grid: (run for factors in grid.factors for run in grid.neumfs(factors)))
# The cells of tables 3 and 4.
depth_cells = cells_of(lambda grid: (run for factors in grid.factors for run in grid.towers(factors)))
# MLP-3 with other activations (sections 3.3 and 4.4).
activation_cells = cells_of(Grid.activation_runs, "{run.label}, {run.activation}")
# The runs of figure 4 that no table of the paper has.
gmf_cells = cells_of(lambda grid: (grid.network("GMF", factors) for factors in grid.factors))
curves_cells = cells_of(Grid.curves)
negatives_cells = cells_of(Grid.ratios, "{run.label}, {run.num_neg} negatives")


def missed(table: TextTable) -> list[Sequence[object]]:
    """Return the rows of cells that are below the paper by more than 0.012."""
    return [row for row in table.rows if row[CELLS.index("remark")] == BELOW]


def baselines(book: Book) -> TextTable:
    """Return the baselines of all factors; beside the best factors stands what others published."""
    table = TextTable(
        ("model", "factors", "HR@10", "published HR@10", "difference of HR@10", "NDCG@10", "published NDCG@10",
         "difference of NDCG@10", "settings", "command")
    )  # fmt: skip
    marks = {reference.ours: (reference.hr, reference.ndcg) for reference in _references(book)}
    best: dict[str, tuple[float, int]] = {}
    for run in book.grid.baselines():
        result = book.find(run)
        best[run.model] = max(best.get(run.model, (-1.0, 0)), (result.hr if result else -1.0, run.factors))
    for run in book.grid.baselines():
        # Others chose the factors too.
        published = marks.get(run.model) if run.factors == best[run.model][1] else None
        figures = [figure for metric in (0, 1) for figure in _compared(book, run, metric, published)]
        table.rows.append([run.model, run.factors or "", *figures, _chosen(book.find(run)), command_of(run)])
    return table


def _chosen(result: Result | None) -> str | None:
    if result is None:
        return None
    chosen = {name: value for name, value in result.chosen.items() if name not in ("factors", "seed")}
    text = ", ".join(f"{name} {value:g}" for name, value in chosen.items())
    return f"{text}, best of {result.tried}" if result.tried else text


def references(book: Book) -> TextTable:
    """Return what others published for the paper's split, the highest HR@10 first."""
    table = TextTable(("method", "HR@10", "NDCG@10", "source"))
    for reference in sorted(_references(book), key=lambda reference: -reference.hr):
        table.rows.append((reference.method, reference.hr, reference.ndcg, reference.source))
    return table


def _references(book: Book) -> Sequence[Reference]:
    return REFERENCES.get(TITLES.get(book.grid.dataset, ""), ())


def _compared(
    book: Book, run: Run, metric: int, other: tuple[float, float] | None = None
) -> list[float | None]:
    """Return our HR@10 (0) or NDCG@10 (1), that of `other`, the paper's if it is None, and the difference."""
    result = book.find(run)
    ours = (result.hr, result.ndcg)[metric] if result else None
    theirs = (other or paper_figures(run) or (None, None))[metric]
    return [ours, theirs, None if ours is None or theirs is None else ours - theirs]


def best_runs(book: Book) -> dict[str, Run]:
    """Return of each model of figure 5 that has run the run with the highest HR@10; NeuMF is pre-trained."""
    grid = book.grid
    candidates: dict[str, list[Run]] = {
        name: [grid.baseline(name, factors) for factors in grid.factors]
        for name in ("ItemPop", "ItemKNN", "BPR", "eALS")
    }
    candidates[OURS] = [grid.pretrained(factors, "sgd") for factors in grid.factors]
    found = {name: [run for run in runs if book.find(run)] for name, runs in candidates.items()}
    return {name: max(runs, key=lambda run: book.find(run).hr) for name, runs in found.items() if runs}


def best_cells(book: Book) -> TextTable:
    """Return the runs of figure 5, each with its command."""
    table = TextTable(("model", "factors", "HR@10", "NDCG@10", "command"))
    for name, run in best_runs(book).items():
        result = book.find(run)
        table.rows.append((name, run.factors or "", result.hr, result.ndcg, command_of(run)))
    return table


def tests_by_k(book: Book) -> TextTable:
    """Return by how much NeuMF is better than each other model at each K, with p-values (section 4.2)."""
    table = TextTable(("than", "K", "HR@K +", "p of HR@K", "NDCG@K +", "p of NDCG@K"))
    runs = best_runs(book)
    ours = runs.pop(OURS, None)
    for name, run in runs.items() if ours else ():
        first, second = book.find(ours).positions, book.find(run).positions
        for k in TOP_KS:
            row: list[object] = [name, k]
            for metric in (hit_ratio, ndcg):
                differences = metric(first, k) - metric(second, k)
                p = paired_t_test(differences)
                row += [float(differences.mean()), "1" if p is None else f"{p:.2g}"]
            table.rows.append(row)
    return table
