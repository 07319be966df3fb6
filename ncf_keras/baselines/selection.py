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
    """What a candidate gave on the validation pairs.

    Attributes:
        candidate: its hyperparameters; it has learnt nothing.
        result: HR and NDCG of each validation pair.
    """

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

    The best has the highest HR, as the authors choose their best iteration; of equals, the highest NDCG.

    Args:
        candidates: baselines with different hyperparameters; they stay as they are.
        dataset: its test pairs are not looked at.
        seed: of the validation pairs; see `split_validation`.
        top_k: length of the ranked list.
        on_trial: called after each trial.

    Returns:
        The best candidate, fitted, and the trials in the order of the candidates.

    Raises:
        InputError: there is no candidate, or the dataset can't be split.
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
