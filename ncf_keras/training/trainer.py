"""Everything that one training needs: model, examples, engine, selection pairs and test pairs.

Commands, notebooks, workers and the paper's runs all train with this class. Printing, saving, logging and
checkpoints are callbacks of Keras. The order of events is that at the end of the authors' GMF.py.
"""

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ncf_keras.base.errors import InputError, WorkerLost
from ncf_keras.base.memory import require_memory
from ncf_keras.data import Dataset, split_validation
from ncf_keras.evaluation import LeaveOneOut, RankingResult
from ncf_keras.models import model_scores
from ncf_keras.models.factored import require_sizes
from ncf_keras.models.recent import recent_length, tell_recent_items
from ncf_keras.models.spec import FLOAT32
from ncf_keras.sampling import DeviceSampler
from ncf_keras.sampling.example_numbers import has_every_item
from ncf_keras.training.engines.engine import Engine
from ncf_keras.training.engines.guard import GuardedEngine
from ncf_keras.training.engines.learner_state import LearnerState
from ncf_keras.training.engines.make_engine import make_engine
from ncf_keras.training.engines.sharded_engine import follow_chief, release_workers
from ncf_keras.training.engines.workers import Workers
from ncf_keras.training.explained_rows import can_explain_rows, explain_rows_by_features
from ncf_keras.training.iterations import Best, Iteration, best_of
from ncf_keras.training.make_sampler import make_sampler
from ncf_keras.training.spec import TrainingSpec
from ncf_keras.training.steps.rules import sums_skipped_steps
from ncf_keras.training.steps.steps import can_defer_rows
from ncf_keras.training.unknown_rows import draws_known_items, forget_unknown_rows

Logs = dict[str, float]


class Trainer:
    """Trains a model on a dataset with the settings of a spec and any callbacks of Keras.

    A model with features begins without the identities of users and items that have no train interactions, and
    learns nothing of such items (`unknown_rows.py`). A model that takes recent items learns from each
    example with those before it, and is told the last train items of all users; validation pairs are ranked as
    if it knew those before them alone.

    Args:
        model: functional, from `user_input` and `item_input`, int32 of shape (batch, 1), to one prediction, for
            the dataset's numbers of users and items. It is compiled here and trained in place.
        dataset: the train interactions and the test pairs.
        spec: the settings; those of `TrainingSpec()` if left out.
        positives: the places in `train_items` of the positives to train on, each once; None: all. The others
            are no negatives all the same. With `select="validation"`, which splits the interactions, None.
        workers: the replicas among which the shards of the spec are divided; None trains in this process alone.
            With several worker processes, the chief (worker 0) calls `fit`, and the others call `follow`.
        on_note: called with a sentence when the learning rate was halved because of `on_nan="reload"`, when
            all rows move at every step without being asked to, when users have no negatives, and by `fit` if
            the device draws the examples.

    Attributes:
        model: as given.
        dataset: as given.
        spec: as given.
        engine: trains one epoch per call.
        num_examples: examples per epoch.
        epochs_done: whole epochs trained.
        initial: HR and NDCG before training; None until they are evaluated.
        iterations: the results of each evaluated epoch.

    Raises:
        InputError: the model or the dataset does not fit the spec.

    Example:
        >>> spec = TrainingSpec(epochs=10, seed=1)
        >>> history = Trainer(model, dataset, spec).fit([keras.callbacks.CSVLogger("log.csv")])
        >>> history.history["hr"]
    """

    def __init__(
        self,
        model: keras.Model,
        dataset: Dataset,
        spec: TrainingSpec | None = None,
        *,
        positives: np.ndarray | None = None,
        workers: Workers | None = None,
        on_note: Callable[[str], None] | None = None,
    ):
        require_dataset(dataset)
        if not isinstance(model, keras.Model):
            raise InputError(f"`model` must be a Keras model. Received: {model!r}")
        if workers is None or workers.is_chief:
            require_sizes(model, dataset.num_users, dataset.num_items, dataset.name)
        self.model, self.dataset, self.spec = model, dataset, spec or TrainingSpec()
        _require_memory(model, self.spec)
        if self.spec.deterministic:
            tf.config.experimental.enable_op_determinism()
        self._workers = workers
        selects = self.spec.select == "validation"
        if selects and positives is not None:
            rule = "`select` must be test or none with `positives`"
            raise InputError(f"{rule}, whose places a split would change. Received: 'validation'")
        examples = split_validation(dataset) if selects else dataset
        self._examples = examples
        forget_unknown_rows(model, examples)
        self._explains = can_explain_rows(model)
        recent = recent_length(model)
        if recent:
            tell_recent_items(model, dataset.recent_items)
        known_items = draws_known_items(model, examples)
        self._sampler: Any = make_sampler(
            examples, self.spec, workers is not None, positives, known_items, recent
        )
        self._on_note = on_note
        self.num_examples = self._sampler.num_examples
        self._selection = None if self.spec.select == "none" else _protocol(examples)
        self._test = self._selection if not selects else _protocol(dataset)
        self.score = model_scores(model)
        self.epochs_done = 0
        self.initial: tuple[float, float] | None = None
        self.iterations: list[Iteration] = []
        if workers is None or workers.is_chief:
            engine = self._make_engine()
            all_move = can_defer_rows(model) and getattr(engine, "moves_all_rows", False)
            if on_note and self.spec.step == "auto" and all_move:
                on_note(_why_all_rows_move(self.spec))
            if on_note and recent and getattr(engine, "moves_all_rows", False):
                on_note(_ROWS_OF_RECENT)
            without_negatives = int(has_every_item(examples, known_items).sum()) if self.spec.num_neg else 0
            if on_note and without_negatives:
                on_note(_who_has_no_negatives(without_negatives))
            self.engine: Engine = GuardedEngine(engine, model, self.spec.on_nan, on_note)

    def __repr__(self) -> str:
        return f"Trainer({self.model.name} on {self.dataset.name}, {self.epochs_done} epochs done)\n{self.spec}"

    @property
    def best(self) -> Best:
        """The best iteration so far; the model before training if there is none yet."""
        return best_of(self.initial or (0.0, 0.0), self.iterations)

    @property
    def steps_per_epoch(self) -> int:
        """Steps per epoch, including a last one with fewer examples."""
        return -(-self.num_examples // self.spec.batch_size)

    def fit(
        self, callbacks: Sequence[keras.callbacks.Callback] = (), verbose: int = 0
    ) -> keras.callbacks.History:
        """Train until the epochs of the spec are done, its patience runs out or a callback stops the training.

        Args:
            callbacks: called as in `model.fit`, with `logs` of `loss`, `train_seconds` and, after an
                evaluation, `hr`, `ndcg` and `evaluation_seconds`; `on_train_begin` gets `hr` and `ndcg` before
                training. The compiled engine runs up to 2,048 batches in one program, and calls the methods of
                a batch only for the last of them, with the `loss` of the epoch so far. The model's weights are
                up to date between epochs; they and the learning rate may be changed there, and
                `model.stop_training` set at any time.
            verbose: 1 shows the progress bar of Keras, 0 nothing.

        Returns:
            The history: a list for each of the logs, such as `history.history["hr"]`, and `history.epoch`.

        Raises:
            Diverged: the loss or a weight became NaN or infinite.
            WorkerLost: another worker is gone.
        """
        require_callbacks(callbacks)
        every = keras.callbacks.CallbackList(
            [*callbacks],
            add_history=True,
            add_progbar=verbose != 0,
            model=self.model,
            verbose=verbose,
            epochs=self.spec.epochs,
            steps=self.steps_per_epoch,
        )
        history = self.model.history
        changing = any(getattr(each, "changes_model", True) for each in callbacks)
        logs: Logs = {}
        if self._on_note and isinstance(self._sampler, DeviceSampler):
            self._on_note("the device draws the examples; `--sampler host` has the processor draw them")
        with self._leading():
            if self.initial is None and self._selection:
                result = self.evaluate()
                self.initial = (result.hr, result.ndcg)
            self.model.stop_training = False
            every.on_train_begin(dict(zip(("hr", "ndcg"), self.initial or (), strict=False)))
            for earlier in self.iterations:
                history.on_epoch_end(earlier.number, _logs_of(earlier))
            while self.epochs_done < self.spec.epochs and not self._is_out_of_patience():
                logs = self._train_epoch(every, changing)
                if self.model.stop_training:
                    break
            every.on_train_end(logs)
        self.model.history = history
        return history

    def follow(self) -> None:
        """Carry out the chief's commands until it ends the training; called on the other workers.

        Raises:
            WorkerLost: another worker is gone.
        """
        assert self._workers is not None
        follow_chief(self._make_engine(), self._workers)

    def evaluate(self) -> RankingResult:
        """Return how the model, with its present weights, ranks the pairs that select the best epoch."""
        # What is held out for validation is not known yet.
        tell_recent_items(self.model, self._examples.recent_items)
        try:
            return (self._selection or _protocol(self.dataset)).evaluate(self.score, self.spec.top_k)
        finally:
            tell_recent_items(self.model, self.dataset.recent_items)

    def test(self) -> RankingResult:
        """Return how the model, with its present weights, ranks the test pairs."""
        return (self._test or _protocol(self.dataset)).evaluate(self.score, self.spec.top_k)

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Return everything that resuming needs: the engine's arrays, and the results of the epochs so far."""
        return self.engine.state(), {
            "epochs_done": self.epochs_done,
            "initial": self.initial,
            "iterations": [list(vars(iteration).values()) for iteration in self.iterations],
        }

    def restore(self, arrays: Mapping[str, np.ndarray], progress: Mapping[str, Any]) -> None:
        """Continue from the `state` of a training with the same model, dataset and spec.

        Raises:
            InputError: the arrays are not those of such a training.
            KeyError, TypeError, ValueError: the progress is not that of such a training.
        """
        initial = progress["initial"]
        done = _of_type(int, progress["epochs_done"])
        rows = [
            Iteration(_of_type(int, number), *(_of_type(float, value) for value in rest))
            for number, *rest in progress["iterations"]
        ]
        if initial is not None:
            hr, ndcg = (_of_type(float, value) for value in initial)
            initial = (hr, ndcg)
        self.engine.restore(arrays)
        self.epochs_done, self.initial, self.iterations = done, initial, rows

    def set_learner_state(self, state: LearnerState) -> None:
        """Go on from the state of an earlier learner, such as `warm_start` returns; before the first epoch.

        Its steps count for Adam's correction of its moments; epochs, iterations and a schedule of the learning
        rate begin anew.

        Raises:
            InputError: it is one of another learner or of another model, or epochs have been trained.
        """
        if self.engine.progress != (0, 0):
            raise InputError(f"`state` must be set before the first epoch. Received: {self}")
        self.engine.set_learner_state(state)
        self._count_steps(0)

    def _make_engine(self) -> Any:
        """Return an engine for the spec."""
        return make_engine(self.model, self._sampler, self.spec, self._workers)

    def _train_epoch(self, every: keras.callbacks.CallbackList, changing: bool) -> Logs:
        """Train and evaluate one epoch with the callbacks `every`, and return the logs.

        `changing` is whether one of them may have changed weights or learning rate.
        """
        number = self.epochs_done
        every.on_epoch_begin(number)
        if changing:
            self._take_what_callbacks_changed()
        started = time.perf_counter()
        logs = {"loss": self.engine.train_epoch(self._progress_for(every))}
        if self._explains:
            explain_rows_by_features(self.model, self._examples)
            self.engine.read_model()
        logs["train_seconds"] = time.perf_counter() - started
        if self._selection and number % self.spec.evaluate_every == 0:
            started = time.perf_counter()
            result = self.evaluate()
            logs |= {"hr": result.hr, "ndcg": result.ndcg}
            logs["evaluation_seconds"] = time.perf_counter() - started
            self.iterations.append(Iteration(number, **logs))
        self.epochs_done += 1
        self._count_steps(0)
        every.on_epoch_end(number, logs)
        return logs

    def _progress_for(self, every: keras.callbacks.CallbackList) -> Callable[[int], bool]:
        """Return what the engine calls after a program: it calls the callbacks and returns whether to stop."""
        size, total = self.spec.batch_size, self.num_examples
        every.on_train_batch_begin(self.engine.progress[1])

        def tell(done: int) -> bool:
            batch = -(-done // size)
            self._count_steps(batch)
            every.on_train_batch_end(batch - 1, {"loss": self.engine.loss_so_far})
            if done < total and not self.model.stop_training:
                every.on_train_batch_begin(batch)
            return bool(self.model.stop_training)

        return tell

    def _count_steps(self, of_epoch: int) -> None:
        """Let the optimizer, which the compiled engine leaves alone, say how many steps were taken."""
        done = self.epochs_done * self.steps_per_epoch + of_epoch
        self.model.optimizer.iterations.assign(self.engine.steps_before + done)

    def _take_what_callbacks_changed(self) -> None:
        # Keras lets nobody set the rate of an optimizer with a schedule.
        if not self.spec.has_schedule:
            rate = float(self.model.optimizer.learning_rate)
            if rate != float(np.float32(self.engine.learning_rate)):
                self.engine.learning_rate = rate
        self.engine.read_model()

    def _is_out_of_patience(self) -> bool:
        best, patience = self.best.number, self.spec.patience
        return patience is not None and sum(one.number > best for one in self.iterations) >= patience

    @contextlib.contextmanager
    def _leading(self) -> Iterator[None]:
        """End the other workers when the block ends, unless one of them was lost."""
        try:
            yield
        except WorkerLost:
            raise
        except BaseException:
            release_workers(self._workers)
            raise
        release_workers(self._workers)


def require_dataset(dataset: object) -> None:
    """Raise InputError, with advice, unless `dataset` is a Dataset."""
    if isinstance(dataset, Dataset):
        return
    advice, received = "`ncf_keras.read_dataset` or `ncf_keras.sample_dataset` gives one", repr(dataset)[:80]
    if type(dataset).__name__ == "DataFrame":
        advice, received = "`ncf_keras.Dataset.from_dataframe` makes one of a log", "a DataFrame"
    raise InputError(f"`dataset` must be a Dataset ({advice}). Received: {received}")


def require_callbacks(callbacks: object) -> None:
    """Raise InputError unless `callbacks` is a list of callbacks of Keras."""
    listed = isinstance(callbacks, list | tuple)
    if not listed or not all(isinstance(each, keras.callbacks.Callback) for each in callbacks):  # type: ignore[attr-defined]
        raise InputError(f"`callbacks` must be a list of Keras callbacks. Received: {callbacks!r}")


def _protocol(dataset: Dataset) -> LeaveOneOut:
    return LeaveOneOut(dataset.test_users, dataset.test_items, dataset.test_negatives)


def _logs_of(iteration: Iteration) -> Logs:
    return {name: value for name, value in vars(iteration).items() if name != "number"}


def _of_type(kind: type, value: Any) -> Any:
    if type(value) is not kind:
        raise TypeError
    return value


def _why_all_rows_move(spec: TrainingSpec) -> str:
    moves = "every row of the embeddings moves at every step"
    if not sums_skipped_steps(spec.adam):
        return f"{moves}, because skipped steps can't be summed up with this `beta_1` and `beta_2`: slower"
    return (
        f"{moves}, because a batch is large beside the tables; `--step deferred` moves those of a batch alone"
    )


_ROWS_OF_RECENT = (
    "every row of the embeddings moves at every step, because recent items are looked up in those of items"
)


def _who_has_no_negatives(users: int) -> str:
    return (
        f"{users:,} user(s) have interacted with every item: their positives are trained on without negatives"
    )


def _require_memory(model: keras.Model, spec: TrainingSpec) -> None:
    """Raise InputError unless the weights with their slots, and what one batch takes, fit into the memory."""
    weights = sum(math.prod(weight.shape) for weight in model.weights)
    # Those of the model, those of the engine, and the two slots of Adam.
    require_memory(4 * FLOAT32 * weights, f"`model`, of {weights:,} weights, in training")
    outputs = keras.tree.flatten([layer.output for layer in model.layers])
    width = sum(math.prod(size or 1 for size in output.shape[1:]) for output in outputs)
    # The outputs of the layers and their gradients.
    require_memory(2 * FLOAT32 * width * spec.batch_size, "a batch of `batch_size` examples")
