"""Training in shards of users by any number of replicas, which changes none of the numbers.

A worker is a process with one replica for each of its devices. One worker, the chief, runs the loop over
epochs, evaluates and writes files. It sends each command to the other workers, which run `follow_chief`.
"""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ncf_keras.base.errors import InputError
from ncf_keras.base.float32 import tensor_float_32
from ncf_keras.sampling import ShardedSampler
from ncf_keras.sampling.samplers import usual_batches_a_stack
from ncf_keras.training.adam_settings import DEFAULT_ADAM, AdamSettings
from ncf_keras.training.engines.compiled_engine import CompiledEngine
from ncf_keras.training.engines.divided_rows import DividedRows
from ncf_keras.training.engines.engine_state import (
    STEPS_BEFORE,
    checked_counts,
    checked_steps_before,
    named,
    named_steps_before,
    require_array,
    values_of,
)
from ncf_keras.training.engines.feeds import ShardsFeed
from ncf_keras.training.engines.workers import Alone, Workers
from ncf_keras.training.losses import Loss, clipped_log_loss
from ncf_keras.training.schedules import WarmUpAndDecay
from ncf_keras.training.steps.sharded_step import ShardedStep, require_shardable
from ncf_keras.training.steps.state import Slots

# The chief's commands: take over my state, take over my model's weights, train on the next stack, finish the
# epoch, send me your users' rows, end.
TAKE_OVER, READ_MODEL, TRAIN, FINISH, SEND_ROWS, STOP = range(6)
# The numbers of a command: which, the chief's counts, the bits of the learning rate, and the steps before.
LENGTH_OF_COMMAND = 7
SIDES = ("users", "items")


class ShardedEngine(CompiledEngine):
    """Trains as `CompiledEngine` does, in shards of users that are divided among the replicas.

    A replica draws the examples of its shards alone and holds the rows of their users alone. Each batch takes
    the same share of every shard, so the batches do not depend on the number of replicas; and neither does
    `state`, so a training can be resumed with another.

    Args:
        model: as in `CompiledEngine`; see `require_shardable`. That of another worker than the chief gives
            only the layers; so it may be of fewer users.
        sampler: with the same data and seed on all workers.
        learner, learning_rate, loss: as in `CompiledEngine`.
        batch_size: examples per step, of all replicas together; a few more or less in a batch.
        workers: the replicas that train together; left out, this process trains alone.

    Raises:
        InputError: an unknown learner, a model that can't be trained in shards, or fewer shards than replicas.
    """

    def __init__(
        self,
        model: keras.Model,
        sampler: ShardedSampler,
        learner: str,
        learning_rate: float | WarmUpAndDecay,
        batch_size: int,
        workers: Workers | None = None,
        loss: Loss = clipped_log_loss,
        *,
        adam: AdamSettings = DEFAULT_ADAM,
        precision: str = "float32",
    ):
        require_shardable(model)
        self._workers = workers or Alone()
        self._shards = sampler
        count = len(sampler.users)
        if count < self._workers.count:
            raise InputError(
                f"`shards` must be at least {self._workers.count}, the number of workers. Received: {count}"
            )
        # Shard s belongs to replica s x replicas // shards.
        self._owners = np.arange(count) * self._workers.count // count
        self._parts = [np.flatnonzero(self._owners == number).tolist() for number in self._workers.numbers]
        batches = usual_batches_a_stack(batch_size)
        self._whole_batch = batch_size
        super().__init__(
            model,
            sampler,  # type: ignore[arg-type]
            learner,
            learning_rate,
            batch_size,
            loss,
            batches,
            adam=adam,
            precision=precision,
        )
        parts = [np.flatnonzero(self._owners == number) for number in range(self._workers.count)]
        self._padded_size = max(sampler.width(self._steps_an_epoch, part) for part in parts)
        shape = self._stack_size, self._padded_size
        self._feed = ShardsFeed(
            sampler, batch_size, self._steps_an_epoch, self._parts, shape, gives_way=self._workers.several
        )
        # The state that the replicas have to take over at the next step; None is that of the Keras model.
        self._restored: dict[str, np.ndarray] | None = None
        self._taken_over = False
        self._known_schedule: tuple[tuple[int, float, int], tf.Tensor] | None = None

    def state(self) -> dict[str, np.ndarray]:
        """Return everything that is needed to continue, whatever the number of replicas; called on the chief.

        Returns:
            `counts`, `loss`, `steps_before`: as `CompiledEngine.state`; `users`, `items`: a row for each, by
            its number, of weights, slots and perhaps the step it was last written at; and `head_…`, the head's
            state.

        Raises:
            WorkerLost: another worker is gone.
        """
        counts = [self._epochs, self._stacks_used, self._steps, self._examples]
        return {
            **(self._whole_state() if self._taken_over else self._state_to_take_over()),
            **named_steps_before(self.steps_before),
            "counts": np.array(counts, np.int64),
            "loss": np.array(self._total),
        }

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Continue from the state of an engine with any number of replicas; see `CompiledEngine.restore`."""
        counts, steps_before = checked_counts(state, 4), checked_steps_before(state)
        wanted: dict[str, tuple[int, ...]] = {name: self._rows.shape(name) for name in SIDES}
        for name, variable in zip(named("head", self._first.head), self._first.head, strict=True):
            wanted[name] = tuple(variable.shape)
        differing = sorted((set(state) ^ {*wanted, "counts", "loss"}) - {STEPS_BEFORE})
        if differing:
            raise InputError(f"`state` must be that of a training in shards. Received: {differing}")
        for name, shape in wanted.items():
            require_array(state, name, shape, np.dtype(self._first.dtype.as_numpy_dtype))
        self._epochs, self._stacks_used, self._steps, self._examples = counts
        self._total = float(state["loss"])
        self._feed.forget()
        self._rule.steps_before = steps_before
        self._restored, self._taken_over = {name: state[name] for name in wanted}, False
        if not self._steps:
            for name, variable in zip(named("head", self._first.head), self._first.head, strict=True):
                variable.assign(state[name])
            width = self._first.width
            self._first.write_model((state["users"][:, :width], state["items"][:, :width]))

    def read_model(self) -> None:
        """Take over the weights of the model; see `CompiledEngine.read_model`."""
        if self._steps:
            return
        if self._taken_over:
            self._tell(READ_MODEL)
            self._share_weights()
        elif self._restored:
            self._restored = self._with_weights_of_model(self._restored)

    def follow(self, command: list[int]) -> None:
        """Carry out a command of the chief, on another worker.

        Args:
            command: any but `STOP`, with the chief's counts, the bits of its rate, and its steps before.
        """
        which, self._epochs, self._stacks_used, self._steps, self._examples, rate, before = command
        self._rule.steps_before = before
        self.learning_rate = float(np.int64(rate).view(np.float64))
        if which == TAKE_OVER:
            self._feed.forget()
            self._share_state()
        elif which == READ_MODEL:
            self._share_weights()
        elif which == TRAIN:
            super()._train_next(self._schedule())
        elif which == SEND_ROWS:
            self._rows.users_rows(self._rows.shape("users")[1])
        else:
            if self._steps < self._steps_an_epoch:
                self._feed.forget()
            super()._finish_epoch(self._schedule())

    def train_stack(self, *arguments: Any) -> tuple[np.ndarray, np.ndarray]:
        """Train on a stack of batches.

        Args:
            arguments: users, items and labels as `ShardedSampler.stacks` yields them for the replicas of this
                process; then the number of steps done before, and the schedule.

        Returns:
            The loss of each whole batch and its number of examples, float64, shape (batches,).

        Raises:
            WorkerLost: another worker is gone.
        """
        *examples, first_step, schedule = arguments
        batches = examples[0].shape[0]
        sizes = self._shards.sizes(self._steps_an_epoch, first_step, first_step + batches)
        outside = self._stack_size - batches
        shape = (self._stack_size, len(self._parts), self._padded_size)
        stack = [tf.reshape(tf.pad(tensor, [[0, outside], [0, 0]]), shape) for tensor in examples]
        totals = tf.constant(np.pad(sizes, [0, outside]), self._first.dtype)
        inputs = (*stack, totals, tf.constant(batches), tf.constant(first_step), schedule)
        with self._workers.in_words(), tensor_float_32(self._precision == "tf32"):
            self._program = self._program or self._run.get_concrete_function(*inputs)
            losses = self._program(*inputs).numpy()
        return losses[:batches].astype(np.float64), sizes.astype(np.float64)

    @tf.function(autograph=False)
    def _run(self, *arguments: tf.Tensor) -> tf.Tensor:
        users, items, labels, totals, batches, first_step, schedule = arguments

        def train_one(number: tf.Tensor, losses: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            batch = (
                users[number],
                items[number],
                labels[number],
                totals[number],
                first_step + number,
                schedule,
            )
            loss = self._workers.run(self._train_replica, batch)
            return number + 1, tf.tensor_scatter_nd_update(losses, [[number]], [loss])

        # One step at a time: if several ran at once, workers could wait for ever for each other's other steps.
        start = (tf.constant(0), tf.zeros([self._stack_size], self._first.dtype))
        return tf.while_loop(lambda number, _: number < batches, train_one, start, parallel_iterations=1)[1]

    def _train_replica(self, number: int, *batch: tf.Tensor) -> tf.Tensor:
        users, items, labels, total, step, schedule = batch
        place = self._workers.numbers.index(number)
        mine = (users[place], items[place], tf.cast(labels[place], self._first.dtype))
        return self._replicas[place].train(*mine, total, step, schedule, self._workers)

    @property
    def _first(self) -> ShardedStep:
        """The first replica of this process."""
        return self._replicas[0]

    def _make_step(self, model: keras.Model) -> ShardedStep:
        self._replicas: list[ShardedStep] = []
        for device, part in zip(self._workers.devices, self._parts, strict=True):
            num_users = sum(len(self._shards.users[shard]) for shard in part)
            of_all = self._shards.num_users, self._shards.num_items
            with tf.device(device):
                step = ShardedStep(
                    model, self._rule, num_users, of_all, self._whole_batch, self._loss, self._precision
                )
            self._replicas.append(step)
        self._rows = DividedRows(self._workers, self._shards, self._parts, self._replicas)
        return self._replicas[0]

    def _schedule(self) -> tf.Tensor:
        # The other workers call this for every stack.
        moment = (self._epochs, self.learning_rate, self.steps_before)
        if self._known_schedule is None or self._known_schedule[0] != moment:
            self._known_schedule = (moment, super()._schedule())
        return self._known_schedule[1]

    def _tell(self, which: int) -> None:
        rate = int(np.float64(self.learning_rate).view(np.int64))
        counts = self._epochs, self._stacks_used, self._steps, self._examples
        _tell(self._workers, which, *counts, rate, self.steps_before)

    def _train_next(self, schedule: tf.Tensor) -> None:
        self._have_taken_over()
        self._tell(TRAIN)
        super()._train_next(schedule)

    def _have_taken_over(self) -> None:
        if not self._taken_over:
            self._tell(TAKE_OVER)
            self._share_state()
            self._restored, self._taken_over = None, True

    def _finish_epoch(self, schedule: tf.Tensor) -> float:
        # A state may have been taken after the last step of an epoch that was not ended yet.
        self._have_taken_over()
        self._tell(FINISH)
        return super()._finish_epoch(schedule)

    def _finish_steps(self, schedule: tf.Tensor) -> None:
        for device, replica in zip(self._workers.devices, self._replicas, strict=True):
            with tf.device(device):
                replica.catch_up(self._steps, schedule)
        users = self._rows.users_rows(self._first.width)
        if self._workers.is_chief:
            items = self._first.items.rows(0, self._shards.num_items)[:, : self._first.width]
            self._first.write_model((users, items.numpy()))

    def _whole_state(self) -> dict[str, np.ndarray]:
        """Return the rows and the head's state of all replicas, on the chief."""
        self._tell(SEND_ROWS)
        return {
            "users": self._rows.users_rows(self._rows.shape("users")[1]),
            "items": self._first.items.rows(0, self._shards.num_items).numpy(),
            **named("head", values_of(self._first.head)),
        }

    def _slots(self) -> Slots:
        state = self.state()
        return self._first.slots_with([state[name] for name in SIDES])

    def _set_slots(self, slots: Slots) -> None:
        self._first.set_head_slots(slots)
        state, width = self._with_weights_of_model(self.state()), self._first.width
        for name, rows in zip(SIDES, self._first.rows_of_slots(slots), strict=True):
            state[name][:, width : width + rows.shape[1]] = rows
        self._restored, self._taken_over = state, False

    def _state_to_take_over(self) -> dict[str, np.ndarray]:
        return self._restored or self._with_weights_of_model(
            {name: np.zeros(self._rows.shape(name), self._first.dtype.as_numpy_dtype) for name in SIDES}
        )

    def _with_weights_of_model(self, state: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return a state, the head's being that of the first replica, with the weights of the Keras model."""
        rows = {name: np.array(state[name]) for name in SIDES}
        for side, name in enumerate(SIDES):
            rows[name][:, : self._first.width] = self._first.weights_of(side)
        self._first.read_head()
        return {**rows, **named("head", values_of(self._first.head))}

    def _share_state(self) -> None:
        """Have all replicas take over the state that the chief was given."""
        users, same = None, None
        if self._workers.is_chief:
            state = self._state_to_take_over()
            users = state["users"]
            same = [state["items"], *(state[name] for name in named("head", self._first.head))]
        self._rows.place_users(users, self._rows.shape("users")[1])
        shapes = [self._rows.shape("items"), *(tuple(variable.shape) for variable in self._first.head)]
        items, *head = self._rows.arrays_of_chief(same, shapes)
        self._rows.place_same(items, head)

    def _share_weights(self) -> None:
        """Have all replicas take over the weights of the chief's model; slots stay as they are."""
        step, is_chief = self._first, self._workers.is_chief
        self._rows.place_users(step.weights_of(0) if is_chief else None, step.width)
        if is_chief:
            step.read_head()
        shapes = [(self._shards.num_items, step.width), *(tuple(variable.shape) for variable in step.head)]
        items, *head = self._rows.arrays_of_chief(
            [step.weights_of(1), *values_of(step.head)] if is_chief else None, shapes
        )
        self._rows.place_same(items, head)


def follow_chief(engine: ShardedEngine, workers: Workers) -> None:
    """Carry out the chief's commands until it ends the training.

    Args:
        engine: of the chief's model, data and flags.
        workers: the replicas that train together; this process is not the chief.

    Raises:
        WorkerLost: another worker is gone.
    """
    while True:
        command = [
            int(number) for number in workers.from_chief(tf.zeros([LENGTH_OF_COMMAND], tf.int64)).numpy()
        ]
        if command[0] == STOP:
            return
        engine.follow(command)


def release_workers(workers: Workers | None) -> None:
    """End the training on the other workers, if there are any; called on the chief.

    Raises:
        WorkerLost: another worker is gone.
    """
    if workers:
        _tell(workers, STOP)


def _tell(workers: Workers, *command: int) -> None:
    if workers.several:
        padding = [0] * (LENGTH_OF_COMMAND - len(command))
        workers.from_chief(tf.constant([*command, *padding], tf.int64))
