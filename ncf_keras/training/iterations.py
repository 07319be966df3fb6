"""The results of each evaluated epoch, and which of them is the best so far."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Iteration:
    """The results of one evaluated epoch; `str` gives the authors' line.

    Attributes:
        number: of the epoch, from 0.
        hr: mean hit ratio.
        ndcg: mean NDCG.
        loss: mean loss of the epoch.
        train_seconds: of sampling and training.
        evaluation_seconds: of scoring and ranking.
    """

    number: int
    hr: float
    ndcg: float
    loss: float
    train_seconds: float
    evaluation_seconds: float

    def __str__(self) -> str:
        return (
            f"Iteration {self.number} [{self.train_seconds:.1f} s]: HR = {self.hr:.4f}, "
            f"NDCG = {self.ndcg:.4f}, loss = {self.loss:.4f} [{self.evaluation_seconds:.1f} s]"
        )


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


def best_of(initial: tuple[float, float], iterations: Sequence[Iteration]) -> Best:
    """Return the best iteration; of equal hit ratios the first counts, as in the authors' code.

    Args:
        initial: HR and NDCG before training.
        iterations: in their order.
    """
    best = Best(-1, *initial)
    for one in iterations:
        if one.hr > best.hr:
            best = Best(one.number, one.hr, one.ndcg)
    return best
