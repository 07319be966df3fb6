"""Training with plain `model.fit`: the reference that the compiled engine is tested against."""

import itertools
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ncf_keras.base.errors import InputError
from ncf_keras.base.float32 import tensor_float_32
from ncf_keras.sampling import Sampler, batch_dataset
from ncf_keras.training.adam_settings import DEFAULT_ADAM, AdamSettings
from ncf_keras.training.engines.engine import Progress
from ncf_keras.training.engines.engine_state import (
    STEPS_BEFORE,
    assign_all,
    checked_counts,
    checked_steps_before,
    named,
    named_steps_before,
    values_of,
)
from ncf_keras.training.engines.learner_state import LearnerState
from ncf_keras.training.learners import known_learner, make_optimizer
from ncf_keras.training.losses import Loss, clipped_log_loss
from ncf_keras.training.precision import computing_in
from ncf_keras.training.schedules import WarmUpAndDecay


class KerasEngine:
    """Trains with `model.fit`, one epoch per call; arguments as in `CompiledEngine`.

    It compiles the model with the learner and a loss, the clipped log loss if none is given. With
    `precision="bfloat16"` some layers have a mixed policy while an epoch runs, also in a file that a callback
    saves in the middle of it.

    Attributes:
        pauses_within_epochs: False: `state` can be taken between epochs only, and `on_progress` must not raise.
        loss_so_far: as in `CompiledEngine`.
        steps_before: steps of the learner in an earlier training; see `Engine`.
    """

    pauses_within_epochs = False

    def __init__(
        self,
        model: keras.Model,
        sampler: Sampler,
        learner: str,
        learning_rate: float | WarmUpAndDecay,
        batch_size: int,
        loss: Loss = clipped_log_loss,
        *,
        adam: AdamSettings = DEFAULT_ADAM,
        precision: str = "float32",
    ):
        model.compile(make_optimizer(learner, learning_rate, adam), loss)
        model.optimizer.build(model.trainable_variables)
        self._model, self._learner = model, known_learner(learner)
        self._schedule = learning_rate if isinstance(learning_rate, WarmUpAndDecay) else None
        self._precision = precision
        self._sampler = sampler
        self._batch_size = batch_size
        self._batches = self._batches_of(sampler)
        self._epochs = self.steps_before = 0
        self.loss_so_far = 0.0

    @property
    def learning_rate(self) -> float:
        """The learning rate of the optimizer; with a schedule its highest one."""
        return self._schedule.learning_rate if self._schedule else float(self._model.optimizer.learning_rate)

    @learning_rate.setter
    def learning_rate(self, rate: float) -> None:
        """Set the learning rate of the optimizer, or scale the schedule to another highest one."""
        if self._schedule:
            self._schedule.learning_rate = rate
        else:
            self._model.optimizer.learning_rate = rate

    def read_model(self) -> None:
        """Do nothing, because the model's own weights are trained."""

    def train_epoch(self, on_progress: Progress | None = None) -> float:
        """Train on every example of the next epoch once; see `CompiledEngine.train_epoch`."""
        batches = self._batches(self._epochs)
        callbacks = []
        if on_progress:
            callbacks.append(keras.callbacks.LambdaCallback(on_train_batch_end=self._reporter(on_progress)))
        whole_history = getattr(self._model, "history", None)
        with computing_in(self._model, self._precision), tensor_float_32(self._precision == "tf32"):
            history = self._model.fit(batches, epochs=1, verbose=0, callbacks=callbacks, shuffle=False)
        self._model.history = whole_history
        self._epochs += 1
        return float(history.history["loss"][0])

    def _batches_of(self, sampler: Any) -> Callable[[int], tf.data.Dataset]:
        """Return a function from an epoch to its batches as `model.fit` takes them."""
        return lambda epoch: batch_dataset(sampler, self._batch_size, itertools.repeat(epoch))

    @property
    def progress(self) -> tuple[int, int]:
        """Epochs done, and steps done of the next one."""
        return self._epochs, 0

    def state(self) -> dict[str, np.ndarray]:
        """Return everything that is needed to continue bit for bit: weights, optimizer and epochs done."""
        return {
            "counts": np.array([self._epochs], np.int64),
            **named_steps_before(self.steps_before),
            **named("variable", values_of(self._variables())),
        }

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Continue from the `state` of an engine with the same model, examples and arguments.

        Raises:
            InputError: the state is not that of such an engine; nothing was changed.
        """
        (epochs,), steps_before = checked_counts(state, 1), checked_steps_before(state)
        others = ["counts", STEPS_BEFORE] if STEPS_BEFORE in state else ["counts"]
        assign_all(self._variables(), "variable", state, others)
        self._epochs, self.steps_before = epochs, steps_before

    def learner_state(self) -> LearnerState:
        """Return the learner's state; see `Engine`."""
        slots = {path: tuple(values_of(slots)) for path, slots in self._slots().items()}
        return LearnerState(self._learner, int(self._model.optimizer.iterations), slots)

    def set_learner_state(self, state: LearnerState) -> None:
        """Go on from the state of a learner, before the first epoch; see `Engine`.

        Raises:
            InputError: as there, or the learning rate has a schedule, which Keras would take for as far.
        """
        if self._schedule:
            rule = "compiled to go on with a learner's steps and begin a schedule of the learning rate"
            raise InputError(f"`engine` must be {rule}. Received: 'keras'")
        slots = self._slots()
        state.require_fit(self._learner, self._model, max(map(len, slots.values())))
        self._model.optimizer.iterations.assign(state.steps)
        self.steps_before = state.steps
        for path, variables in slots.items():
            for variable, value in zip(variables, state.slots[path], strict=True):
                variable.assign(value)

    def _slots(self) -> dict[str, list[keras.Variable]]:
        """Return the slots of each trainable variable, which an optimizer has one variable after another."""
        optimizer, trained = self._model.optimizer, self._model.trainable_variables
        settings = (optimizer.iterations, optimizer.learning_rate)
        slots = [each for each in optimizer.variables if not any(each is setting for setting in settings)]
        count = len(slots) // len(trained)
        return {each.path: slots[n * count : (n + 1) * count] for n, each in enumerate(trained)}

    def _variables(self) -> list[keras.Variable]:
        model, optimizer = self._model, self._model.optimizer
        # The learning rate comes from the arguments and not from the state.
        slots = [variable for variable in optimizer.variables if variable is not optimizer.learning_rate]
        return [*model.trainable_variables, *model.non_trainable_variables, *slots]

    def _reporter(self, on_progress: Progress) -> Callable[[int, dict], None]:
        total = self._sampler.num_examples
        # `fit` begins with `stop_training = False`, whoever set it before.
        asked_before = getattr(self._model, "stop_training", False)

        def report(batch: int, logs: dict) -> None:
            self.loss_so_far = float(logs["loss"])
            if on_progress(min((batch + 1) * self._batch_size, total)) or asked_before:
                self._model.stop_training = True

        return report
