"""The authors' loop: evaluate, train an epoch, evaluate, keep the best. Source: the end of their GMF.py."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from ncf_keras.evaluation import RankingResult


class Engine(Protocol):
    """Trains one epoch at a call and returns its mean loss."""

    def train_epoch(self, on_progress: Callable[[int], None] | None = None) -> float:
        """Train on every example of the next epoch once."""


@dataclass(frozen=True)
class Iteration:
    """What one epoch gave.

    Attributes:
        number: from 0.
        hr: mean hit ratio.
        ndcg: mean NDCG.
        loss: mean loss of the epoch.
        train_seconds: sampling and training.
        evaluation_seconds: scoring and ranking.
    """

    number: int
    hr: float
    ndcg: float
    loss: float
    train_seconds: float
    evaluation_seconds: float


@dataclass(frozen=True)
class Best:
    """The best model so far: the first with the highest hit ratio.

    Attributes:
        number: its iteration; -1 is the model before training.
        hr: its mean hit ratio.
        ndcg: its mean NDCG.
    """

    number: int
    hr: float
    ndcg: float


def train_loop(
    engine: Engine,
    evaluate: Callable[[], RankingResult],
    epochs: int,
    *,
    verbose: int = 1,
    patience: int | None = None,
    on_init: Callable[[RankingResult], None] | None = None,
    on_iteration: Callable[[Iteration], None] | None = None,
    on_best: Callable[[Best], None] | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> Best:
    """Train for some epochs and tell what came of each.

    Args:
        engine: trains the model that `evaluate` evaluates.
        evaluate: evaluates the model as it is.
        epochs: how many at the most.
        verbose: evaluate after every `verbose`-th epoch, counted from the first.
        patience: stop after that many evaluations without a better hit ratio; None never stops early.
        on_init: called with the evaluation before training.
        on_iteration: called after each evaluated epoch.
        on_best: called, after `on_iteration`, when the hit ratio is strictly higher than all before.
        on_progress: handed to the engine.

    Returns:
        The best iteration.
    """
    result = evaluate()
    best = Best(-1, result.hr, result.ndcg)
    _tell(on_init, result)
    since_best = 0
    for number in range(epochs):
        started = time.perf_counter()
        loss = engine.train_epoch(on_progress)
        trained = time.perf_counter()
        if number % verbose:
            continue
        result = evaluate()
        evaluation_seconds = time.perf_counter() - trained
        _tell(
            on_iteration,
            Iteration(number, result.hr, result.ndcg, loss, trained - started, evaluation_seconds),
        )
        since_best += 1
        if result.hr > best.hr:
            best = Best(number, result.hr, result.ndcg)
            since_best = 0
            _tell(on_best, best)
        if patience is not None and since_best >= patience:
            break
    return best


def _tell(listener: Callable | None, news: object) -> None:
    if listener:
        listener(news)
