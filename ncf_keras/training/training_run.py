"""One training put together: model, examples, the pairs that pick the best epoch, the pairs of the test."""

import contextlib
import math
from collections.abc import Callable, Iterator

import keras

from ncf_keras.base.checks import require_count, require_one_of
from ncf_keras.base.errors import InputError, WorkerLost
from ncf_keras.data import Dataset, split_validation
from ncf_keras.evaluation import LeaveOneOut, RankingResult
from ncf_keras.models import model_scores
from ncf_keras.sampling import NegativeSampler
from ncf_keras.training import CompiledEngine, GuardedEngine, KerasEngine
from ncf_keras.training.engines.distributed_engine import DistributedEngine, follow_chief, release_workers
from ncf_keras.training.engines.guard import explain_collapse, same_score_for_all
from ncf_keras.training.engines.workers import Workers
from ncf_keras.training.loop import Engine

SELECTIONS = ("test", "validation")
ENGINES = {"compiled": CompiledEngine, "keras": KerasEngine}
# A collapsed model hits nothing but the few test items that are among their own negatives.
COLLAPSED_HR = 0.05


class TrainingRun:
    """What the loop over epochs needs of one model and one dataset.

    Args:
        model: built for the dataset's numbers of users and items, not compiled.
        dataset: what to learn and what to test on.
        select: which pairs pick the best epoch. `test`: those of the test, as the authors do. `validation`: one
            train interaction of each user, which is not trained on then (`split_validation`).
        num_neg: negatives for each positive.
        learner: `adagrad`, `adam`, `rmsprop` or `sgd`.
        learning_rate: above 0.
        batch_size: examples a step.
        engine: `compiled` or `keras`.
        top_k: length of the ranked list.
        seed: of the sampling.
        on_nan: what to do when an epoch ends without finite numbers: `stop` or `reload`, see `GuardedEngine`.
        on_note: called with a sentence when the learning rate was halved for that.
        workers: the replicas that share each batch; None: this process alone. With worker processes, only the
            chief's `engine` can be used, and the others `follow`.

    Attributes:
        model: the model.
        engine: trains it, an epoch at a call.
        num_examples: examples an epoch.

    Raises:
        InputError: an argument breaks its rule.
    """

    def __init__(
        self,
        model: keras.Model,
        dataset: Dataset,
        *,
        select: str = "test",
        num_neg: int = 4,
        learner: str = "adam",
        learning_rate: float = 0.001,
        batch_size: int = 256,
        engine: str = "compiled",
        top_k: int = 10,
        seed: int = 0,
        on_nan: str = "stop",
        on_note: Callable[[str], None] | None = None,
        workers: Workers | None = None,
    ):
        require_one_of(select, SELECTIONS, "select")
        require_one_of(engine, tuple(ENGINES), "engine")
        require_count(batch_size, "batch_size")
        require_count(top_k, "top_k")
        if not isinstance(learning_rate, int | float) or not 0 < learning_rate < math.inf:
            raise InputError(f"`learning_rate` must be a number above 0. Received: {learning_rate!r}")
        examples = split_validation(dataset) if select == "validation" else dataset
        sampler = NegativeSampler(examples, num_neg, seed)
        self.model = model
        self._workers = workers

        def make_engine(rate: float) -> Engine:
            if workers:
                return DistributedEngine(model, sampler, learner, rate, batch_size, workers)
            return ENGINES[engine](model, sampler, learner, rate, batch_size)

        self._make_engine = make_engine
        self.engine = (
            None
            if workers and not workers.is_chief
            else GuardedEngine(make_engine, model, learning_rate, on_nan, on_note)
        )
        self.num_examples = sampler.num_examples
        self._score = model_scores(model)
        self._top_k = top_k
        self._learning_rate = learning_rate
        self._sizes = (dataset.num_users, dataset.num_items)
        self._selection = _protocol(examples)
        self._test = _protocol(dataset)

    def follow(self) -> None:
        """Train as the chief says until it says that training is over; on the other workers.

        Raises:
            WorkerLost: another worker is gone.
        """
        follow_chief(self._make_engine, self._workers)

    @contextlib.contextmanager
    def leading(self) -> Iterator[None]:
        """Let the other workers go when the block ends, in whatever way but by the loss of one of them."""
        try:
            yield
        except WorkerLost:
            raise
        except BaseException:
            release_workers(self._workers)
            raise
        release_workers(self._workers)

    def evaluate(self) -> RankingResult:
        """Return how the model as it is now ranks the pairs that pick the best epoch."""
        return self._selection.evaluate(self._score, self._top_k)

    def collapse(self, hr: float) -> str | None:
        """Return what likely made the model score all items the same; None if it does not.

        Args:
            hr: the last hit ratio; only a low one makes it worth a look.
        """
        if hr >= COLLAPSED_HR or not same_score_for_all(self._score, *self._sizes):
            return None
        return explain_collapse(self.model, self._learning_rate)

    def test(self) -> RankingResult:
        """Return how the model as it is now ranks the test pairs."""
        return self._test.evaluate(self._score, self._top_k)


def _protocol(dataset: Dataset) -> LeaveOneOut:
    return LeaveOneOut(dataset.test_users, dataset.test_items, dataset.test_negatives)
