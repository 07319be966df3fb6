"""Results made by hand: the positions are given, nothing is trained."""

from pathlib import Path

import numpy as np
from reproduction.results import document_of, write_result
from reproduction.runs import BaselineRun, Run

from ncf_keras.data import Dataset


def dataset_of(users: int) -> Dataset:
    """Return a dataset with a test pair for each of some users, and 99 negatives each."""
    everyone, ones = np.arange(users), np.ones(users, int)
    negatives = np.tile(np.arange(2, 101), (users, 1))
    return Dataset.from_pairs(everyone, 0 * ones, everyone, ones, negatives, name="hand", num_items=101)


def put(directory: Path, run: Run, positions: list[int], best: int = 3, seconds: float = 2.0) -> None:
    """Write the result of a run whose test items have these positions."""
    directory.mkdir(parents=True, exist_ok=True)
    if isinstance(run, BaselineRun):
        tried = [{"settings": {}, "hr": 0.5, "ndcg": 0.4}] * 2
        outcome = {"chosen": {"neighbours": 50}, "tried": tried, "fit_seconds": 1.5}
    else:
        iterations = [[number, 0.5, 0.25, 1 / (number + 1), 1.0, 0.1] for number in range(best + 1)]
        figures = {"hr": 0.5, "ndcg": 0.25}
        outcome = {"initial": figures, "iterations": iterations, "best": {"iteration": best, **figures}}
    document = document_of(run, dataset_of(len(positions)), np.array(positions), outcome, seconds)
    write_result(directory / f"{run.name}.json", document)
