"""One baseline: its settings chosen on validation pairs, then fitted on all of train and tested once."""

import dataclasses
import time

import numpy as np

from ncf_keras.baselines import BPR, EALS, EASE, IALS, DotProduct, ItemKNN, ItemPop
from ncf_keras.baselines.selection import choose
from ncf_keras.data import Dataset
from ncf_keras.evaluation import LeaveOneOut
from reproduction.runs import BaselineRun

CLASSES = {"ItemPop": ItemPop, "ItemKNN": ItemKNN, "BPR": BPR, "eALS": EALS, "iALS": IALS, "EASE": EASE,
           "DotProduct": DotProduct}  # fmt: skip
SEEDED = ("BPR", "eALS", "iALS", "DotProduct")


def fit_baseline(run: BaselineRun, dataset: Dataset) -> tuple[np.ndarray, dict]:
    """Fit a baseline; return the rank of each test item, int64, shape (tests,), and for the JSON more.

    That is `chosen`, the settings, `tried`, what each setting gave on the validation pairs (empty where there
    was nothing to choose), and `fit_seconds`, of everything but the tests.
    """
    fixed = {"factors": run.factors} if run.factors else {}
    fixed |= {"seed": run.seed} if run.model in SEEDED else {}
    candidates = [CLASSES[run.model](**setting, **fixed) for setting in run.settings]
    started = time.perf_counter()
    trials = []
    if len(candidates) > 1:
        model, trials = choose(candidates, dataset, seed=run.seed)
    else:
        model = candidates[0].fit(dataset)
    seconds = time.perf_counter() - started
    protocol = LeaveOneOut(dataset.test_users, dataset.test_items, dataset.test_negatives)
    return protocol.positions(model.score), {
        "chosen": _settings_of(model),
        "tried": [
            {"settings": _settings_of(trial.candidate), "hr": trial.result.hr, "ndcg": trial.result.ndcg}
            for trial in trials
        ],
        "fit_seconds": round(seconds, 2),
    }


def _settings_of(model: object) -> dict[str, float]:
    """Return the hyperparameters of a baseline, defaults included."""
    return {field.name: getattr(model, field.name) for field in dataclasses.fields(model)}
