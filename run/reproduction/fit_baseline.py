"""One baseline: its settings chosen on validation pairs, then fitted on all of train and tested once."""

import time

import numpy as np

from ncf_keras.baselines import BPR, EALS, EASE, IALS, Baseline, DotProduct, ItemKNN, ItemPop
from ncf_keras.baselines.selection import choose
from ncf_keras.data import Dataset
from ncf_keras.evaluation import LeaveOneOut
from reproduction.runs import BaselineRun

CLASSES = {
    "ItemPop": ItemPop,
    "ItemKNN": ItemKNN,
    "BPR": BPR,
    "eALS": EALS,
    "iALS": IALS,
    "EASE": EASE,
    "DotProduct": DotProduct,
}
SEEDED = ("BPR", "eALS", "iALS", "DotProduct")


def fit_baseline(run: BaselineRun, dataset: Dataset) -> tuple[np.ndarray, dict]:
    """Fit a baseline.

    Args:
        run: which, and the settings to try.
        dataset: what to learn and to test on.

    Returns:
        The rank of each test item, int64, shape (tests,), and for the JSON `chosen`, the settings, `tried`,
        what each setting gave on the validation pairs (empty where there was nothing to choose), and
        `fit_seconds`, of everything but the tests.
    """
    candidates = [_make(run, dict(setting)) for setting in run.settings]
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


def _make(run: BaselineRun, setting: dict[str, float]) -> Baseline:
    if run.factors:
        setting["factors"] = run.factors
    if run.model in SEEDED:
        setting["seed"] = run.seed
    return CLASSES[run.model](**setting)


def _settings_of(model: Baseline) -> dict[str, float]:
    """Return the hyperparameters of a baseline, defaults included."""
    return {name: getattr(model, name) for name in type(model).__dataclass_fields__}
