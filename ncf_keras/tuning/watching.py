"""A training that is watched: its best epoch is kept in mind, and it ends when nothing better comes."""

from collections.abc import Callable

from ncf_keras.evaluation import RankingResult
from ncf_keras.training.callbacks.own import OwnCallback
from ncf_keras.tuning.candidate import Effort, Tell


class Watch(OwnCallback):
    """Measures the model after each epoch, tells the search, and stops the training when it is told to.

    Args:
        measure: ranks the held-out pairs with the model's weights of now.
        effort: says how long no better epoch is waited for.
        tell: as of `Candidate.measure`.

    Attributes:
        best: the result with the highest NDCG so far.
        best_epoch: its number, from 0.
        given_up: whether `tell` has said so.
    """

    def __init__(self, measure: Callable[[], RankingResult], effort: Effort, tell: Tell):
        super().__init__()
        self._measure, self._patience, self._tell = measure, effort.patience, tell
        self.best: RankingResult | None = None
        self.best_epoch = -1
        self.given_up = False

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Measure, tell, and decide whether to go on."""
        result = self._measure()
        if self.best is None or result.ndcg > self.best.ndcg:
            self.best, self.best_epoch = result, epoch
        self.given_up = self._tell(epoch, result.ndcg)
        if self.given_up or epoch - self.best_epoch >= self._patience:
            self.model.stop_training = True
