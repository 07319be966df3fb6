"""Figure 5: each model with its best factors, and NeuMF tested against the others at every K (section 4.2)."""

from ncf_keras.evaluation import hit_ratio, ndcg, paired_t_test
from reproduction.book import Book
from reproduction.commands import command_of
from reproduction.results import TOP_KS
from reproduction.runs import Run
from reproduction.text_table import TextTable

OURS = "NeuMF"


def best_runs(book: Book) -> dict[str, Run]:
    """Return of each model that has run, by name, the run with the highest HR@10; NeuMF is pre-trained."""
    grid = book.grid
    candidates: dict[str, list[Run]] = {
        "ItemPop": [grid.baseline("ItemPop")],
        "ItemKNN": [grid.baseline("ItemKNN")],
        "BPR": [grid.baseline("BPR", factors) for factors in grid.factors],
        "eALS": [grid.baseline("eALS", factors) for factors in grid.factors],
        OURS: [grid.pretrained(factors, "sgd") for factors in grid.factors],
    }
    found = {name: [run for run in runs if book.find(run)] for name, runs in candidates.items()}
    return {name: max(runs, key=lambda run: book.find(run).hr) for name, runs in found.items() if runs}


def best_cells(book: Book) -> TextTable:
    """Return the runs of figure 5, each with its command."""
    table = TextTable(("model", "factors", "HR@10", "NDCG@10", "command"), code=(4,))
    for name, run in best_runs(book).items():
        result = book.find(run)
        table.rows.append((name, run.factors or "", result.hr, result.ndcg, command_of(run)))
    return table


def tests_by_k(book: Book) -> TextTable:
    """Return by how much NeuMF is better than each other model at each K, with p-values."""
    table = TextTable(("than", "K", "HR@K +", "p of HR@K", "NDCG@K +", "p of NDCG@K"), signed=(2, 4))
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
