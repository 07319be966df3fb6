"""Figures 4 to 7 of the paper from the results: the same axes, two or three panels a dataset."""

from collections.abc import Callable, Sequence

from reproduction.book import Book
from reproduction.panels import Line, Panel
from reproduction.results import TOP_KS, Result
from reproduction.runs import Run
from reproduction.top_k import best_runs

METRICS = (("HR@10", "hr"), ("NDCG@10", "ndcg"))


def figure4(book: Book) -> list[Panel]:
    """Return HR@10 and NDCG@10 by the number of predictive factors."""
    grid = book.grid
    runs: dict[str, Callable[[int], Run]] = {
        "ItemKNN": lambda factors: grid.baseline("ItemKNN"),
        "BPR": lambda factors: grid.baseline("BPR", factors),
        "eALS": lambda factors: grid.baseline("eALS", factors),
        "GMF": lambda factors: grid.network("GMF", factors),
        "MLP": lambda factors: grid.network("MLP", factors),
        "NeuMF": lambda factors: grid.pretrained(factors, "sgd"),
    }
    return [
        Panel(
            book.title,
            "Factors",
            label,
            [_line(book, name, grid.factors, run_of, field) for name, run_of in runs.items()],
            grid.factors,
        )
        for label, field in METRICS
    ]


def figure5(book: Book) -> list[Panel]:
    """Return HR@K and NDCG@K by K, of each model with the factors that gave it the highest HR@10."""
    panels = [Panel(book.title, "K", "HR@K"), Panel(book.title, "K", "NDCG@K")]
    for name, run in best_runs(book).items():
        result = book.find(run)
        for panel, field in zip(panels, ("hr", "ndcg"), strict=True):
            panel.lines.append(Line(name, TOP_KS, result.document["test"][field]))
    return panels


def figure6(book: Book) -> list[Panel]:
    """Return training loss, HR@10 and NDCG@10 by iteration."""
    panels = [Panel(book.title, "Iteration", label) for label in ("Training loss", "HR@10", "NDCG@10")]
    for run in book.grid.curves():
        result = book.find(run)
        if result:
            for panel, column in zip(panels, (3, 1, 2), strict=True):
                rows = result.document["iterations"]
                # The paper counts iterations from 1.
                panel.lines.append(Line(run.label, [row[0] + 1 for row in rows], [row[column] for row in rows]))
    return panels


def figure7(book: Book) -> list[Panel]:
    """Return HR@10 and NDCG@10 by the number of negatives for each positive; BPR pairs one with each."""
    grid = book.grid
    bpr = grid.baseline("BPR", grid.negatives_factors)
    panels = []
    for label, field in METRICS:
        lines = [
            _line(
                book,
                name,
                grid.negatives,
                lambda ratio, name=name: grid.network(name, grid.negatives_factors, num_neg=ratio),
                field,
            )
            for name in ("NeuMF", "GMF", "MLP")
        ]
        lines.append(_line(book, "BPR", grid.negatives, lambda ratio: bpr, field))
        panels.append(Panel(book.title, "Number of negatives", label, lines, grid.negatives))
    return panels


def _line(book: Book, name: str, xs: Sequence[int], run_of: Callable[[int], Run], field: str) -> Line:
    found: list[tuple[int, Result]] = [(x, result) for x in xs if (result := book.find(run_of(x)))]
    return Line(name, [x for x, _ in found], [getattr(result, field) for _, result in found])
