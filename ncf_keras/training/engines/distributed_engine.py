"""Synchronous data-parallel training on several replicas, with the same numbers as on one.

A worker is a process with one replica of the model per device. One worker, the chief, runs the loop over
epochs, evaluates and writes files. It sends each command to the other workers, which run `follow_chief`.
"""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ncf_keras.base.errors import InputError
from ncf_keras.sampling import NegativeSampler
from ncf_keras.training.adam_settings import DEFAULT_ADAM, AdamSettings
from ncf_keras.training.engines.compiled_engine import CompiledEngine
from ncf_keras.training.engines.workers import Workers
from ncf_keras.training.schedules import WarmUpAndDecay
from ncf_keras.training.steps.shared_steps import Part, SharedDeferredStep, SharedDenseStep, make_shared_step

# The chief's commands: copy my state, train on the next stack, finish the epoch, end.
TAKE_OVER, TRAIN, FINISH, STOP = range(4)


class DistributedEngine(CompiledEngine):
    """Trains as `CompiledEngine` does, each batch divided among the replicas.

    Every worker draws the whole epoch from the same seed and takes its part of each batch, so the batches,
    including the last, partial one, are the same as with one worker. `state` and `restore` are those of
    `CompiledEngine`, so a training can be resumed with any other number of workers.

    Args:
        model: as in `CompiledEngine`, without state besides its weights, such as that of BatchNormalization.
        sampler: with the same data and seed on all workers.
        learner, learning_rate: as in `CompiledEngine`.
        batch_size: examples per step, of all replicas together.
        workers: the replicas that train together.
        adam, precision: as in `CompiledEngine`.

    Raises:
        InputError: an unknown learner, or a model with other state.
    """

    def __init__(
        self,
        model: keras.Model,
        sampler: NegativeSampler,
        learner: str,
        learning_rate: float | WarmUpAndDecay,
        batch_size: int,
        workers: Workers,
        *,
        adam: AdamSettings = DEFAULT_ADAM,
        precision: str = "float32",
    ):
        if model.non_trainable_variables:
            name = model.non_trainable_variables[0].path
            raise InputError(f"`model` must have no state but weights to train with workers. Received: {name}")
        self._workers = workers
        super().__init__(model, sampler, learner, learning_rate, batch_size, adam=adam, precision=precision)
        self._padded_size = -(-batch_size // workers.count) * workers.count
        self._taken_over = False
        self._known_schedule: tuple[tuple[int, float], tf.Tensor] | None = None

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Continue from the state of an engine with any number of workers; see `CompiledEngine.restore`."""
        super().restore(state)
        self._taken_over = False

    def read_model(self) -> None:
        """Take over the weights of the model and the learning rate; see `CompiledEngine.read_model`."""
        super().read_model()
        self._taken_over = False

    def follow(self, command: list[int]) -> None:
        """Carry out a command of the chief, on another worker.

        Args:
            command: `TAKE_OVER`, `TRAIN` or `FINISH`, and the chief's counts.
        """
        if command[0] == TAKE_OVER:
            self._epochs, self._stacks_used, self._steps, self._examples = command[1:]
            self._feed.forget()
            self.learning_rate = float(self._workers.from_chief(tf.zeros([], tf.float64)))
            self._share_state()
        elif command[0] == TRAIN:
            super()._train_next(self._schedule())
        else:
            super()._finish_epoch(self._schedule())

    def _schedule(self) -> tf.Tensor:
        # The other workers call this for every stack.
        moment = (self._epochs, self.learning_rate)
        if self._known_schedule is None or self._known_schedule[0] != moment:
            self._known_schedule = (moment, super()._schedule())
        return self._known_schedule[1]

    def _make_step(self, model: keras.Model) -> SharedDeferredStep | SharedDenseStep:
        self._replicas = []
        for device in self._workers.devices:
            with tf.device(device):
                self._replicas.append(make_shared_step(model, self._rule, self._precision))
        return self._replicas[0]

    def _tell(self, command: int) -> None:
        _tell(self._workers, command, self._epochs, self._stacks_used, self._steps, self._examples)

    def _train_next(self, schedule: tf.Tensor) -> None:
        if not self._taken_over:
            self._tell(TAKE_OVER)
            if self._workers.several:
                self._workers.from_chief(tf.constant(self.learning_rate, tf.float64))
            self._share_state()
            self._taken_over = True
        self._tell(TRAIN)
        super()._train_next(schedule)

    def _finish_epoch(self, schedule: tf.Tensor) -> float:
        self._tell(FINISH)
        return super()._finish_epoch(schedule)

    def _finish_steps(self, schedule: tf.Tensor) -> None:
        for device, replica in zip(self._workers.devices, self._replicas, strict=True):
            with tf.device(device):
                replica.finish_epoch(self._steps, schedule)

    def _share_state(self) -> None:
        """Copy the state of the chief's first replica to all replicas."""
        for first, *others in zip(*(replica.variables for replica in self._replicas), strict=True):
            # Integer variables hold nothing between steps, so they need not be copied.
            if self._workers.several and first.dtype.is_floating:
                first.assign(self._workers.from_chief(first.read_value()))
            for other in others:
                other.assign(first)

    def train_stack(self, *arguments: Any) -> tuple[np.ndarray, np.ndarray]:
        """Train on a stack of batches; see `CompiledEngine.train_stack`.

        Raises:
            WorkerLost: another worker is gone.
        """
        with self._workers.in_words():
            return super().train_stack(*arguments)

    @tf.function(autograph=False)
    def _run(self, *arguments: tf.Tensor) -> tf.Tensor:
        users, items, labels, batches, sizes, first_step, schedule = arguments
        places = tf.range(self._padded_size)

        def train_one(number: tf.Tensor, losses: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            target = tf.cast(labels[number], self._step.dtype)
            mask = tf.cast(places < tf.gather(sizes, number), self._step.dtype)
            batch = (users[number], items[number], target, mask, first_step + number, schedule)
            loss = self._workers.run(self._train_replica, batch)
            return number + 1, tf.tensor_scatter_nd_update(losses, [[number]], [loss])

        # One step at a time: if several ran at once, workers could wait for ever for each other's other steps.
        start = (tf.constant(0), tf.zeros([self._stack_size], self._step.dtype))
        return tf.while_loop(lambda number, _: number < batches, train_one, start, parallel_iterations=1)[1]

    def _train_replica(self, number: int, *batch: tf.Tensor) -> tf.Tensor:
        users, items, labels, mask, step, schedule = batch
        part = Part(number, self._workers.count, self._workers.total)
        replica = self._replicas[number % len(self._replicas)]
        return replica.train([users, items], labels, mask, step, schedule, part)


def follow_chief(engine: DistributedEngine, workers: Workers) -> None:
    """Carry out the chief's commands until it ends the training.

    Args:
        engine: of the chief's model, data and flags.
        workers: the replicas that train together; this process is not the chief.

    Raises:
        WorkerLost: another worker is gone.
    """
    while True:
        command = [int(number) for number in workers.from_chief(tf.zeros([5], tf.int64)).numpy()]
        if command[0] == STOP:
            return
        engine.follow(command)


def release_workers(workers: Workers | None) -> None:
    """End the training on the other workers, if there are any; called on the chief.

    Raises:
        WorkerLost: another worker is gone.
    """
    if workers:
        _tell(workers, STOP, 0, 0, 0, 0)


def _tell(workers: Workers, command: int, *counts: int) -> None:
    if workers.several:
        workers.from_chief(tf.constant([command, *counts], tf.int64))
