"""Hyperparameters chosen on validation pairs, so that the test set is scored once."""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ncf_keras.base.errors import InputError
from ncf_keras.baselines.baseline import Baseline
from ncf_keras.data import Dataset, split_validation
from ncf_keras.evaluation import LeaveOneOut, RankingResult


@dataclass(frozen=True)
class Trial:
    """What a candidate, which has learnt nothing itself, gave on the validation pairs."""

    candidate: Baseline
    result: RankingResult


def choose(
    candidates: Sequence[Baseline],
    dataset: Dataset,
    seed: int = 0,
    top_k: int = 10,
    on_trial: Callable[[Trial], None] | None = None,
) -> tuple[Baseline, list[Trial]]:
    """Try candidates on one train interaction a user held out, and fit the best on all train interactions.

    The best has the highest HR, as the authors choose their best iteration; of equals, the highest NDCG. It is
    returned fitted, with the trials in the order of the candidates, which stay as they are. The test pairs of
    the dataset are not looked at; `seed` is that of `split_validation`.
    """
    if not candidates:
        raise InputError("`candidates` must have at least one baseline. Received: none")
    smaller = split_validation(dataset, seed)
    protocol = LeaveOneOut(smaller.test_users, smaller.test_items, smaller.test_negatives)
    trials = []
    for candidate in candidates:
        fitted = copy.copy(candidate).fit(smaller)
        trials.append(Trial(candidate, protocol.evaluate(fitted.score, top_k)))
        if on_trial:
            on_trial(trials[-1])
    best = max(trials, key=lambda trial: (trial.result.hr, trial.result.ndcg))
    return copy.copy(best.candidate).fit(dataset), trials
