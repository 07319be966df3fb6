"""An engine that checks each epoch for NaN and infinity, and then stops or halves the learning rate."""

from collections.abc import Callable, Mapping

import keras
import numpy as np
import tensorflow as tf

from ncf_keras.base.checks import require_one_of
from ncf_keras.base.errors import InputError
from ncf_keras.training.engines.engine import Engine, Progress
from ncf_keras.training.engines.learner_state import LearnerState
from ncf_keras.training.spec import ON_NAN

# Ten halvings divide the learning rate by 1,024. If that does not help, the rate is not the cause.
MOST_HALVINGS = 10
PENALTIES = "L2 penalties (`--regs`, `--reg_layers`, `--reg_mf`)"


class Diverged(InputError):
    """The loss or a weight became NaN or infinite."""


class GuardedEngine:
    """An engine around another one that checks the loss and the weights after each epoch.

    Args:
        engine: what trains.
        model: the model that is trained.
        on_nan: what to do if the loss or a weight is not finite after an epoch. `stop` raises `Diverged`;
            `reload` restores the state before the epoch, of which it keeps a copy in memory, halves the
            learning rate and trains the epoch again, at most 10 times in all.
        on_note: called with a sentence when the learning rate was halved.

    Raises:
        InputError: `on_nan` is something else.
    """

    def __init__(
        self,
        engine: Engine,
        model: keras.Model,
        on_nan: str = "stop",
        on_note: Callable[[str], None] | None = None,
    ):
        require_one_of(on_nan, ON_NAN, "on_nan")
        self._engine, self._model = engine, model
        # What the engine says of its rate may be rounded to float32.
        self._learning_rate = engine.learning_rate
        self._keeps_states = on_nan == "reload"
        self._on_note = on_note
        self._halvings = 0
        self._good = self._engine.state() if self._keeps_states else None

    @property
    def pauses_within_epochs(self) -> bool:
        """Whether `on_progress` may raise an exception: see `Engine`."""
        return self._engine.pauses_within_epochs

    def train_epoch(self, on_progress: Progress | None = None) -> float:
        """Train on every example of the next epoch once; see `CompiledEngine.train_epoch`.

        Raises:
            Diverged: the loss or a weight became NaN or infinite.
        """
        while True:
            loss = self._engine.train_epoch(on_progress)
            if np.isfinite(loss) and _all_finite(self._model):
                break
            self._reload_or_raise(loss)
        if self._keeps_states:
            self._good = self._engine.state()
        return loss

    @property
    def learning_rate(self) -> float:
        """The learning rate of the next epoch."""
        return self._learning_rate

    @learning_rate.setter
    def learning_rate(self, rate: float) -> None:
        """Set the learning rate of the next epoch."""
        self._learning_rate = self._engine.learning_rate = rate

    def read_model(self) -> None:
        """Take over the weights of the model; see `Engine`."""
        self._engine.read_model()
        if self._keeps_states and not self._engine.progress[1]:
            self._good = self._engine.state()

    @property
    def steps_before(self) -> int:
        """Steps of the learner in an earlier training; see `Engine`."""
        return self._engine.steps_before

    def learner_state(self) -> LearnerState:
        """Return the learner's state; see `Engine`."""
        return self._engine.learner_state()

    def set_learner_state(self, state: LearnerState) -> None:
        """Go on from the state of a learner, before the first epoch; see `Engine`."""
        self._engine.set_learner_state(state)
        if self._keeps_states:
            self._good = self._engine.state()

    @property
    def loss_so_far(self) -> float:
        """The mean loss of the examples done so far of an epoch, for `on_progress`."""
        return self._engine.loss_so_far

    @property
    def progress(self) -> tuple[int, int]:
        """Epochs done, and steps done of the next one."""
        return self._engine.progress

    def state(self) -> dict[str, np.ndarray]:
        """Return the engine's state and the learning rate."""
        return {**self._engine.state(), "learning_rate": np.array(self._learning_rate, np.float64)}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Continue from a `state` that an equal engine returned.

        Raises:
            InputError: the state is not that of such an engine.
        """
        rate = state.get("learning_rate")
        if rate is None or rate.shape != () or rate.dtype != np.float64 or not 0 < rate < np.inf:
            raise InputError(f"`state` must have a learning rate above 0. Received: {rate}")
        self.learning_rate = float(rate)
        rest = {name: array for name, array in state.items() if name != "learning_rate"}
        self._engine.restore(rest)
        # A state taken in the middle of an epoch has not been checked.
        self._good = rest if self._keeps_states and not rest["counts"][1:].any() else None

    def _reload_or_raise(self, loss: float) -> None:
        what = f"the loss is {loss}" if not np.isfinite(loss) else "a weight is no finite number"
        rate, penalty = self._learning_rate, largest_penalty(self._model)
        if self._good is None or self._halvings == MOST_HALVINGS:
            cause = "learning rate (`--lr`)"
            received = f"{rate:g}"
            if rate * penalty >= 1:
                cause, received = f"{cause} or the {PENALTIES}", f"{received} and {penalty:g}"
            raise Diverged(f"the {cause} must be smaller: {what} after the epoch. Received: {received}")
        self._halvings += 1
        self.learning_rate = rate / 2
        self._engine.restore(self._good)
        if self._on_note:
            self._on_note(
                f"{what} after iteration {self._good['counts'][0]}: back to the state before it, "
                f"with the learning rate halved to {self._learning_rate:g}"
            )


def largest_penalty(model: keras.Model) -> float:
    """Return the largest L2 penalty on a weight of a model; 0 if it has none."""
    kinds = ("embeddings_regularizer", "kernel_regularizer", "bias_regularizer")
    found = [getattr(layer, kind, None) for layer in model.layers for kind in kinds]
    return max((float(getattr(regularizer, "l2", 0)) for regularizer in found if regularizer), default=0.0)


def _all_finite(model: keras.Model) -> bool:
    return all(bool(tf.reduce_all(tf.math.is_finite(variable.value))) for variable in model.trainable_variables)
