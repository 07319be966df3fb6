"""Training in compiled programs of many steps: neither Python nor the size of the tables slows a step down."""

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ncf_keras.base.errors import InputError
from ncf_keras.base.float32 import tensor_float_32
from ncf_keras.sampling import DeviceSampler, NegativeSampler
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
from ncf_keras.training.engines.feeds import make_feed
from ncf_keras.training.engines.learner_state import LearnerState
from ncf_keras.training.learners import known_learner
from ncf_keras.training.losses import Loss, clipped_log_loss
from ncf_keras.training.schedules import WarmUpAndDecay
from ncf_keras.training.steps.rules import make_rule
from ncf_keras.training.steps.state import Slots
from ncf_keras.training.steps.steps import DeferredStep, DenseStep, make_step

# The steps of an epoch are counted in float32, which holds every whole number up to here.
MOST_STEPS = 2**24
# Of a state: the other sampler would go on with other examples.
DRAWN_ON_DEVICE = "drawn_on_device"


class CompiledEngine:
    """Trains a functional model of `user_input`, `item_input` and any `recent_input`, one epoch per call.

    Numerically the same as `KerasEngine`, from the same batches. The model's own weights are up to date
    between epochs; changes that other code makes to them are ignored until `read_model`.

    `on_progress` may raise an exception between two programs: `state` can be taken there, and the next call of
    `train_epoch` finishes the epoch.

    Attributes:
        pauses_within_epochs: True, see above.
        learning_rate: of the learner, the highest one of a schedule; a new one applies from the next epoch on.

    Args:
        model: built, not compiled; its inputs are in the order users, items, recent items.
        sampler: draws the examples: one of the host those of the next program while this one runs, one of the
            device in the program itself.
        learner: `adagrad`, `adam`, `rmsprop` or `sgd`.
        learning_rate: a positive number, or a schedule.
        batch_size: examples per step.
        loss: of each example, from its label and prediction.
        batches_a_stack: batches that one program trains on, at the most; if left out, 2,048 or fewer large
            ones.
        adam: the betas and epsilon, for `adam`.
        precision: of the products: `float32`, `tf32` or `bfloat16`.
        step: `dense`, `deferred` or `auto`, see `make_step`.

    Raises:
        InputError: an unknown learner, more than 2^24 steps per epoch, or rows that can't be deferred.
    """

    pauses_within_epochs = True

    def __init__(
        self,
        model: keras.Model,
        sampler: NegativeSampler | DeviceSampler,
        learner: str,
        learning_rate: float | WarmUpAndDecay,
        batch_size: int,
        loss: Loss = clipped_log_loss,
        batches_a_stack: int | None = None,
        *,
        adam: AdamSettings = DEFAULT_ADAM,
        precision: str = "float32",
        step: str = "auto",
    ):
        self._model, self._learner = model, known_learner(learner)
        self._rule = make_rule(learner, learning_rate, adam)
        self._loss, self._precision = loss, precision
        self._step_kind, self._padded_size = step, batch_size
        self._step = self._make_step(model)
        self._steps_an_epoch = -(-sampler.num_examples // batch_size)
        if self._steps_an_epoch > MOST_STEPS:
            least = -(-sampler.num_examples // MOST_STEPS)
            raise InputError(
                f"`batch_size` must be at least {least} for so many examples. Received: {batch_size}"
            )
        self._feed = make_feed(sampler, batch_size, batches_a_stack)
        self._stack_size = self._feed.batches_a_stack
        self._program: Callable | None = None
        self._epochs = 0
        self._begin_epoch()

    def train_epoch(self, on_progress: Progress | None = None) -> float:
        """Train on every example of the next epoch once.

        Args:
            on_progress: called with the number of examples done so far, after each program; the epoch ends
                there if it returns True.

        Returns:
            The mean over the examples of the loss of their batch, penalties included.
        """
        schedule = self._schedule()
        while self._steps < self._steps_an_epoch:
            self._train_next(schedule)
            if on_progress and on_progress(self._examples):
                self._feed.forget()
                break
        return self._finish_epoch(schedule)

    @property
    def learning_rate(self) -> float:
        """The learning rate; with a schedule its highest one."""
        rate = self._rule.learning_rate
        return rate.learning_rate if isinstance(rate, WarmUpAndDecay) else rate

    @learning_rate.setter
    def learning_rate(self, rate: float) -> None:
        """Set the learning rate, or scale the schedule to another highest one, from the next epoch on."""
        if isinstance(self._rule.learning_rate, WarmUpAndDecay):
            self._rule.learning_rate.learning_rate = rate
        else:
            self._rule.learning_rate = rate

    @property
    def loss_so_far(self) -> float:
        """The mean loss of the examples done so far of an epoch, for `on_progress`."""
        return self._total / self._examples

    @property
    def moves_all_rows(self) -> bool:
        """Whether a step moves every row of the embeddings, not those of its batch alone."""
        return isinstance(self._step, DenseStep)

    @property
    def progress(self) -> tuple[int, int]:
        """Epochs done, and steps done of the next one."""
        return self._epochs, self._steps

    def state(self) -> dict[str, np.ndarray]:
        """Return everything that is needed to continue bit for bit: weights, slots and progress.

        Returns:
            `counts`, int64: epochs done, and of the next one the stacks, steps and examples done; `loss`,
            float64: the sum of the losses of those examples; a `variable_…` for each variable of the step;
            `drawn_on_device`, true, if a sampler of the device draws the examples; and `steps_before`, int64,
            if the learner goes on from an earlier training.
        """
        counts = [self._epochs, self._stacks_used, self._steps, self._examples]
        return {
            "counts": np.array(counts, np.int64),
            "loss": np.array(self._total),
            **({DRAWN_ON_DEVICE: np.array(True)} if self._feed.on_device else {}),
            **named_steps_before(self.steps_before),
            **named("variable", values_of(self._step.variables)),
        }

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Continue from the `state` of an engine with the same model, examples and arguments.

        Raises:
            InputError: the state is not that of such an engine; nothing was changed.
        """
        counts, steps_before = checked_counts(state, 4), checked_steps_before(state)
        kinds = ("host", "device")
        was, is_now = kinds[DRAWN_ON_DEVICE in state], kinds[self._feed.on_device]
        if was != is_now:
            raise InputError(f"`sampler` must be {was}, as in the training to go on with. Received: {is_now}")
        others = [name for name in (DRAWN_ON_DEVICE, STEPS_BEFORE) if name in state]
        assign_all(self._step.variables, "variable", state, ["counts", "loss", *others])
        self._rule.steps_before = steps_before
        self._epochs, self._stacks_used, self._steps, self._examples = counts
        self._total = float(state["loss"])
        self._feed.forget()
        if not self._steps:
            self._step.write_back()

    def read_model(self) -> None:
        """Take over the weights of the model, which a callback may have changed between two epochs."""
        if not self._steps:
            self._step.read_model()

    @property
    def steps_before(self) -> int:
        """Steps of the learner in an earlier training; see `Engine`."""
        return self._rule.steps_before

    def learner_state(self) -> LearnerState:
        """Return the learner's state; an epoch that has begun ends; see `Engine`."""
        steps = self.steps_before + self._epochs * self._steps_an_epoch + self._steps
        if self._steps:
            self._feed.forget()
            self._finish_epoch(self._schedule())
        return LearnerState(self._learner, steps, self._slots())

    def set_learner_state(self, state: LearnerState) -> None:
        """Go on from the state of a learner, before the first epoch; see `Engine`."""
        state.require_fit(self._learner, self._model, self._rule.num_slots)
        self._rule.steps_before = state.steps
        self._set_slots(state.slots)

    def _slots(self) -> Slots:
        return self._step.slots()

    def _set_slots(self, slots: Slots) -> None:
        self._step.set_slots(slots)

    def _make_step(self, model: keras.Model) -> DenseStep | DeferredStep:
        return make_step(model, self._rule, self._loss, self._precision, self._step_kind, self._padded_size)

    def _schedule(self) -> tf.Tensor:
        """Return the rule's schedule of the next epoch."""
        first_step = self._epochs * self._steps_an_epoch
        return tf.constant(self._rule.schedule(first_step, self._steps_an_epoch), self._step.dtype)

    def _train_next(self, schedule: tf.Tensor) -> None:
        """Train on the next stack of the epoch."""
        stack = self._feed.next_stack(self._epochs, self._stacks_used, self._steps)
        losses, sizes = self.train_stack(*stack, self._steps, schedule)
        self._total += float(losses @ sizes)
        self._examples += int(sizes.sum())
        self._steps += len(sizes)
        self._stacks_used += 1

    def _finish_epoch(self, schedule: tf.Tensor) -> float:
        """End the epoch: update the Keras model, and return the epoch's mean loss."""
        self._finish_steps(schedule)
        mean = self._total / self._examples
        self._epochs += 1
        self._begin_epoch()
        return mean

    def _finish_steps(self, schedule: tf.Tensor) -> None:
        self._step.finish_epoch(self._steps, schedule)

    def _begin_epoch(self) -> None:
        self._stacks_used = self._steps = self._examples = 0
        self._total = 0.0

    def train_stack(self, *arguments: Any) -> tuple[np.ndarray, np.ndarray]:
        """Train on a stack: the batches of one program.

        Args:
            arguments: the tensors of the stack, which for a sampler of the host are users int32, items int32
                and labels float32, each of shape (batches, examples in a batch), and any recent items; then the
                number of steps of this epoch done before; and last the rule's schedule of the epoch.

        Returns:
            The loss of each batch and its number of examples, float64, shape (batches,).
        """
        *stack, first_step, schedule = arguments
        inputs, sizes = self._feed.inputs(tuple(stack), self._shape_of_stack)
        padded = np.pad(sizes, (0, self._stack_size - len(sizes))).astype(np.int32)
        numbers = (tf.constant(len(sizes)), tf.constant(padded), tf.constant(first_step))
        arguments = (*inputs, *numbers, schedule)
        with tensor_float_32(self._precision == "tf32"):
            # Otherwise TensorFlow takes the functions of several engines for one that is retraced, and warns.
            self._program = self._program or self._run.get_concrete_function(*arguments)
            # XLA compiles when the program first runs.
            losses = self._program(*arguments)
        return losses.numpy()[: len(sizes)].astype(np.float64), sizes.astype(np.float64)

    @property
    def _shape_of_stack(self) -> tuple[int, int]:
        """Batches and examples in a batch that every program has, some of which may be padding."""
        return self._stack_size, self._padded_size

    @tf.function(jit_compile=True, autograph=False)
    def _run(self, *arguments: tf.Tensor) -> tf.Tensor:
        *inputs, batches, sizes, first_step, schedule = arguments
        users, items, labels, *recent = self._feed.batches(tuple(inputs), first_step, self._shape_of_stack)
        variables = self._step.variables
        places = tf.range(self._padded_size)

        def train_one(number: tf.Tensor, losses: tf.Tensor, *state: tf.Tensor) -> tuple:
            target = tf.cast(labels[number], self._step.dtype)
            mask = tf.cast(places < tf.gather(sizes, number), self._step.dtype)
            loss, after = self._step(
                list(state),
                [each[number] for each in (users, items, *recent)],
                target,
                mask,
                first_step + number,
                schedule,
            )
            losses = tf.tensor_scatter_nd_update(losses, [[number]], [loss])
            return (number + 1, losses, *after)

        losses = tf.zeros([self._stack_size], self._step.dtype)
        start = (tf.constant(0), losses, *[variable.value() for variable in variables])
        _, losses, *after = tf.while_loop(lambda number, *_: number < batches, train_one, start)
        for variable, value in zip(variables, after, strict=True):
            variable.assign(value)
        return losses
