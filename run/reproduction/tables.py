"""Tables 1 to 4 of the paper, and those behind its figures: ours, the paper's, the difference."""

from collections.abc import Callable, Sequence

from reproduction.book import Book
from reproduction.commands import command_of
from reproduction.published import MISS, REFERENCES, STATISTICS, TITLES, paper_figures
from reproduction.results import Result
from reproduction.runs import BASELINES, FACTOR_BASELINES, NetworkRun, Run
from reproduction.text_table import TextTable

CELLS = ("factors", "model", "HR@10", "paper's HR@10", "difference of HR@10", "NDCG@10", "paper's NDCG@10",
         "difference of NDCG@10", "best iteration", "HR@10 if picked on validation",
         "NDCG@10 if picked on validation", "remark", "command")  # fmt: skip
BELOW = "below"
# The weights that a run began with were better than those after any iteration.
START = "start"


def table1(book: Book) -> TextTable:
    """Return the statistics of the dataset."""
    table = TextTable(("of", "interactions", "items", "users", "sparsity in percent"))
    ours, paper = book.dataset(), STATISTICS.get(TITLES.get(book.grid.dataset, ""))
    if ours:
        interactions = ours["train"] + ours["tests"]
        sparsity = 100 * (1 - interactions / ours["users"] / ours["items"])
        table.rows.append(("here", interactions, ours["items"], ours["users"], sparsity))
    else:
        table.rows.append(("here", None, None, None, None))
    if paper:
        table.rows.append(("paper", *paper))
    return table


def table2(book: Book) -> TextTable:
    """Return NeuMF with and without pre-training; pre-trained, with the paper's SGD and with Adam."""
    runs = []
    for factors in book.grid.factors:
        runs += [book.grid.pretrained(factors, learner) for learner in ("sgd", "adam")]
        runs.append(book.grid.network("NeuMF", factors))
    return _cells(book, runs)


def table3(book: Book) -> TextTable:
    """Return HR@10 of MLP-0 to MLP-4 in the paper's layout, ours and the paper's."""
    return _by_depth(book, 0)


def table4(book: Book) -> TextTable:
    """Return NDCG@10 of MLP-0 to MLP-4 in the paper's layout, ours and the paper's."""
    return _by_depth(book, 1)


def _by_depth(book: Book, metric: int) -> TextTable:
    depths = book.grid.depths
    header = [
        "factors",
        *(f"{name}MLP-{depth}" for depth in depths for name in ("", "paper's ", "difference ")),
    ]
    table = TextTable(header, signed=range(3, len(header), 3))
    for factors in book.grid.factors:
        row: list[object] = [factors]
        for depth in depths:
            row += _compared(book, book.grid.network("MLP", factors, depth=depth), metric)
        table.rows.append(row)
    return table


def depth_cells(book: Book) -> TextTable:
    """Return the cells of tables 3 and 4, each with its command."""
    grid = book.grid
    return _cells(
        book, [grid.network("MLP", factors, depth=depth) for factors in grid.factors for depth in grid.depths]
    )


def activation_cells(book: Book) -> TextTable:
    """Return MLP-3 with other activations (sections 3.3 and 4.4)."""
    return _cells(book, book.grid.activation_runs(), lambda run: f"{run.label}, {run.activation}")


def gmf_cells(book: Book) -> TextTable:
    """Return GMF of all factors: the runs of figure 4 that no table of the paper has."""
    return _cells(book, [book.grid.network("GMF", factors) for factors in book.grid.factors])


def negatives_cells(book: Book) -> TextTable:
    """Return the runs of figure 7."""
    grid = book.grid
    runs = [
        grid.network(model, grid.negatives_factors, num_neg=ratio)
        for model in ("GMF", "MLP", "NeuMF")
        for ratio in grid.negatives
    ]
    return _cells(book, runs, lambda run: f"{run.label}, {run.num_neg} negatives")


def curves_cells(book: Book) -> TextTable:
    """Return the runs of figure 6."""
    return _cells(book, book.grid.curves())


def baselines(book: Book) -> TextTable:
    """Return the baselines of all factors; beside the best factors stands what others published."""
    table = TextTable(
        ("model", "factors", "HR@10", "published HR@10", "difference of HR@10", "NDCG@10", "published NDCG@10",
         "difference of NDCG@10", "settings", "command"),
        signed=(4, 7), code=(9,),
    )  # fmt: skip
    marks = {reference.ours: reference for reference in _references(book) if reference.ours}
    for model in BASELINES:
        runs = [
            book.grid.baseline(model, f) for f in (book.grid.factors if model in FACTOR_BASELINES else (0,))
        ]
        best = max(runs, key=lambda run: (result.hr if (result := book.find(run)) else -1.0, run.factors))
        for run in runs:
            # Others chose the factors too.
            result, mark = book.find(run), marks.get(model) if run == best else None
            published = (mark.hr, mark.ndcg) if mark else (None, None)
            row: list[object] = [model, run.factors or ""]
            for metric in (0, 1):
                ours = _figure(result, metric)
                row += [ours, published[metric], _difference(ours, published[metric])]
            table.rows.append([*row, _chosen(result), command_of(run)])
    return table


def references(book: Book) -> TextTable:
    """Return what others published for the paper's split, the highest HR@10 first."""
    table = TextTable(("method", "HR@10", "NDCG@10", "source"))
    for reference in sorted(_references(book), key=lambda reference: -reference.hr):
        table.rows.append((reference.method, reference.hr, reference.ndcg, reference.source))
    return table


def missed(table: TextTable) -> list[Sequence[object]]:
    """Return the rows of cells that are below the paper by more than 0.012."""
    return [row for row in table.rows if row[CELLS.index("remark")] == BELOW]


def _references(book: Book) -> Sequence:
    return REFERENCES.get(TITLES.get(book.grid.dataset, ""), ())


def _cells(
    book: Book, runs: Sequence[NetworkRun], name: Callable[[NetworkRun], str] | None = None
) -> TextTable:
    table = TextTable(CELLS, signed=(4, 7), code=(len(CELLS) - 1,))
    for run in runs:
        result = book.find(run)
        figures = [*_compared(book, run, 0), *_compared(book, run, 1)]
        below = any(difference is not None and difference < -MISS for difference in figures[2::3])
        validated = book.find(book.grid.validated(run))
        table.rows.append(
            [
                run.factors,
                name(run) if name else f"{run.label}, {run.learner}" if run.pretrained else run.label,
                *figures,
                _best_iteration(result),
                _figure(validated, 0) if validated else "",
                _figure(validated, 1) if validated else "",
                BELOW if below else "",
                command_of(run),
            ]
        )
    return table


def _best_iteration(result: Result | None) -> int | str | None:
    if result is None:
        return None
    number = result.document["best"]["iteration"]
    return START if number < 0 else number


def _compared(book: Book, run: Run, metric: int) -> list[float | None]:
    """Return our HR@10 (0) or NDCG@10 (1), the paper's, and the difference."""
    ours, paper = _figure(book.find(run), metric), (paper_figures(run) or (None, None))[metric]
    return [ours, paper, _difference(ours, paper)]


def _figure(result: Result | None, metric: int) -> float | None:
    return None if result is None else (result.hr, result.ndcg)[metric]


def _difference(ours: float | None, other: float | None) -> float | None:
    return None if ours is None or other is None else ours - other


def _chosen(result: Result | None) -> str | None:
    if result is None:
        return None
    chosen = {
        name: value for name, value in result.document["chosen"].items() if name not in ("factors", "seed")
    }
    text = ", ".join(f"{name} {value:g}" for name, value in chosen.items())
    tried = len(result.document["tried"])
    return f"{text}, best of {tried}" if tried else text
