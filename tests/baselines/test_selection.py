from dataclasses import dataclass

import numpy as np
import pytest

from ncf_keras.base.errors import InputError
from ncf_keras.baselines import ItemPop, choose
from ncf_keras.baselines.baseline import Baseline
from ncf_keras.data import split_validation
from ncf_keras.evaluation import LeaveOneOut


@dataclass
class Oracle(Baseline):
    """Knows the test pairs of what it learns from and puts the first `known` of them at a rank."""

    known: int
    rank: int = 0

    def _learn(self, dataset):
        self.dataset = dataset
        self._own = dict(zip(dataset.test_users.tolist(), dataset.test_items.tolist(), strict=True))
        self._rivals = dict(zip(dataset.test_users.tolist(), dataset.test_negatives.tolist(), strict=True))

    def _score(self, users, items):
        return np.array([self._of(*pair) for pair in zip(users.tolist(), items.tolist(), strict=True)])

    def _of(self, user, item):
        if item == self._own[user]:
            return 1.0 if user < self.known else -1.0
        return 2.0 if item in self._rivals[user][: self.rank] else 0.0


def test_the_highest_hit_ratio_wins_and_ndcg_decides_between_equals(sample):
    candidates = [Oracle(100), Oracle(300, rank=2), Oracle(300), Oracle(299)]
    best, trials = choose(candidates, sample)
    assert (best.known, best.rank) == (300, 0)
    assert [trial.candidate for trial in trials] == candidates
    assert [round(trial.result.hr * len(trial.result.hits)) for trial in trials] == [100, 300, 300, 299]
    assert best.dataset is sample
    assert not any(hasattr(candidate, "dataset") for candidate in candidates)


def test_trials_are_on_the_validation_pairs_of_the_seed(sample):
    seen = []
    _, trials = choose([ItemPop()], sample, seed=3, top_k=5, on_trial=seen.append)
    split = split_validation(sample, 3)
    protocol = LeaveOneOut(split.test_users, split.test_items, split.test_negatives)
    expected = protocol.evaluate(ItemPop().fit(split).score, 5)
    np.testing.assert_array_equal(trials[0].result.ndcgs, expected.ndcgs)
    assert seen == trials
    with pytest.raises(InputError, match=r"`candidates` must have at least one baseline\. Received: none"):
        choose([], sample)
