"""Figures 4 to 7 of the paper from the results: the same axes, two or three panels a dataset."""

from collections.abc import Callable, Sequence
from functools import partial

from ncf_keras.cli.plot import Line, Panel
from reproduction.results import TOP_KS, Book
from reproduction.runs import Run
from reproduction.tables import best_runs, to_csv

RunOf = Callable[[int], Run]


def figure4(book: Book) -> list[Panel]:
    """Return HR@10 and NDCG@10 by the number of predictive factors."""
    grid = book.grid
    runs: dict[str, RunOf] = {name: partial(grid.baseline, name) for name in ("ItemKNN", "BPR", "eALS")}
    runs |= {name: partial(grid.network, name) for name in ("GMF", "MLP")}
    runs["NeuMF"] = partial(grid.pretrained, learner="sgd")
    return _hr_and_ndcg(book, "Factors", grid.factors, runs)


def figure5(book: Book) -> list[Panel]:
    """Return HR@K and NDCG@K by K, of each model with the factors that gave it the highest HR@10."""
    found = {name: book.find(run) for name, run in best_runs(book).items()}

    def panel(label: str, metric: str) -> Panel:
        lines = [Line(name, TOP_KS, result.test[metric]) for name, result in found.items()]
        return Panel(book.title, "K", label, lines)

    return [panel("HR@K", "hr"), panel("NDCG@K", "ndcg")]


def figure6(book: Book) -> list[Panel]:
    """Return training loss, HR@10 and NDCG@10 by iteration."""
    found = {run.label: result.iterations for run in book.grid.curves() if (result := book.find(run))}

    def panel(label: str, place: int) -> Panel:
        # The paper counts iterations from 1.
        curves = {
            name: ([row[0] + 1 for row in rows], [row[place] for row in rows]) for name, rows in found.items()
        }
        return Panel(book.title, "Iteration", label, [Line(name, *curve) for name, curve in curves.items()])

    return [panel("Training loss", 3), panel("HR@10", 1), panel("NDCG@10", 2)]


def figure7(book: Book) -> list[Panel]:
    """Return HR@10 and NDCG@10 by the number of negatives for each positive; BPR pairs one with each."""
    grid = book.grid
    runs: dict[str, RunOf] = {
        name: lambda ratio, name=name: grid.network(name, grid.negatives_factors, num_neg=ratio)
        for name in ("NeuMF", "GMF", "MLP")
    }
    runs["BPR"] = lambda ratio: grid.baseline("BPR", grid.negatives_factors)
    return _hr_and_ndcg(book, "Number of negatives", grid.negatives, runs)


def _hr_and_ndcg(book: Book, x_label: str, xs: Sequence[int], runs: dict[str, RunOf]) -> list[Panel]:
    found = {name: {x: result for x in xs if (result := book.find(run_at(x)))} for name, run_at in runs.items()}

    def panel(label: str, metric: str) -> Panel:
        lines = [
            Line(name, list(at), [getattr(one, metric) for one in at.values()]) for name, at in found.items()
        ]
        return Panel(book.title, x_label, label, lines, xs)

    return [panel("HR@10", "hr"), panel("NDCG@10", "ndcg")]


def points(panels: Sequence[Panel]) -> str:
    """Return the points of all panels as CSV: panel, axes, line, x, y."""
    rows = [
        [panel.title, panel.y_label, line.label, panel.x_label, x, y]
        for panel in panels
        for line in panel.lines
        for x, y in zip(line.xs, line.ys, strict=True)
    ]
    return to_csv(["panel", "y_axis", "line", "x_axis", "x", "y"], rows)
