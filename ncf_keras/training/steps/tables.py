"""The rows of the users or of the items in a training step that several workers take together.

A `DenseTable` moves all rows at every step; a `DeferredTable` those of the batch, and catches the others up
when they are read: the same numbers. A step is compiled in two programs, with an exchange between workers in
between, so both tables have methods for outside of a program (`read`, `before`, `write`) and for inside.
"""

from collections.abc import Callable
from typing import Protocol

import tensorflow as tf
from tensorflow import Tensor

from ncf_keras.training.steps.rules import Rule
from ncf_keras.training.steps.state import State
from ncf_keras.training.steps.steps import sum_over_repeats

# The weights of some rows to the penalty on them.
Penalty = Callable[[Tensor], Tensor]


class Table(Protocol):
    """Rows of weights with their slots, in variables."""

    def read(self, places: Tensor) -> State:
        """Return what `weights` needs of the rows at `places`, int32 of shape (examples,)."""

    def weights(self, read: State, places: Tensor, step: Tensor, schedule: Tensor) -> Tensor:
        """Return the weights at `places` as they are after `step` steps: shape (examples, width)."""

    def penalty(self, read: State) -> Tensor:
        """Return the penalty on all rows."""

    def summed(self, gradient: Tensor, places: Tensor) -> Tensor:
        """Return what `after` needs of the gradients of examples, shape (rows, width)."""

    def before(self, places: Tensor) -> State:
        """Return what `after` needs of the state."""

    def after(self, before: State, summed: Tensor, step: Tensor, schedule: Tensor) -> State:
        """Return what `write` writes: the state after one step."""

    def write(self, places: Tensor, after: State) -> None:
        """Take over the state after a step."""

    def catch_up(self, num_steps: Tensor, schedule: Tensor) -> None:
        """Bring all rows up to date at the end of an epoch of `num_steps`."""

    def rows(self, start: int, stop: int) -> Tensor:
        """Return the state of some rows: shape (rows, columns), the weights first."""

    def assign(self, start: int, rows: Tensor) -> None:
        """Set the state of some rows, or the first columns of it."""


class DenseTable:
    """Rows that all move at every step.

    Args:
        size: number of rows.
        width: weights of a row.
        rule: the learner.
        dtype: of the weights.
        penalty: on the weights of all rows.
    """

    def __init__(self, size: int, width: int, rule: Rule, dtype: tf.DType, penalty: Penalty):
        self._size, self._width, self._rule, self.penalty_of = size, width, rule, penalty
        self.variables = [tf.Variable(tf.zeros([size, width], dtype)) for _ in range(1 + rule.num_slots)]

    def read(self, places: Tensor) -> State:
        """See `Table`: all weights."""
        return [self.variables[0].read_value()]

    def weights(self, read: State, places: Tensor, step: Tensor, schedule: Tensor) -> Tensor:
        """See `Table`."""
        return tf.gather(read[0], places)

    def penalty(self, read: State) -> Tensor:
        """See `Table`."""
        return self.penalty_of(read[0])

    def summed(self, gradient: Tensor, places: Tensor) -> Tensor:
        """See `Table`: the sum of the gradients of each row."""
        return tf.math.unsorted_segment_sum(gradient, places, self._size)

    def before(self, places: Tensor) -> State:
        """See `Table`: the whole state."""
        return [variable.read_value() for variable in self.variables]

    def after(self, before: State, summed: Tensor, step: Tensor, schedule: Tensor) -> State:
        """See `Table`."""
        weights, *slots = before
        with tf.GradientTape() as tape:
            tape.watch(weights)
            penalty = self.penalty_of(weights)
        of_penalty = tape.gradient(penalty, weights, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        weights, slots = self._rule.update(weights, slots, summed + of_penalty, tf.gather(schedule, step + 1))
        return [weights, *slots]

    def write(self, places: Tensor, after: State) -> None:
        """See `Table`."""
        for variable, value in zip(self.variables, after, strict=True):
            variable.assign(value)

    def catch_up(self, num_steps: Tensor, schedule: Tensor) -> None:
        """See `Table`: they are up to date."""

    def rows(self, start: int, stop: int) -> Tensor:
        """See `Table`."""
        return tf.concat([variable[start:stop] for variable in self.variables], 1)

    def assign(self, start: int, rows: Tensor) -> None:
        """See `Table`."""
        stop, parts = start + rows.shape[0], tf.split(rows, rows.shape[1] // self._width, 1)
        for variable, part in zip(self.variables, parts, strict=False):
            # After `variable[start:stop].assign(part)` every read and write of the variable would copy it.
            variable.assign(tf.concat([variable[:start], part, variable[stop:]], 0))


class DeferredTable:
    """Rows of which a step moves those of its batch: weights, slots, and the step they were last written at.

    Args:
        size: number of rows.
        columns: numbers of a row.
        dtype: of the weights.
        read: rows, step and schedule to the weights and slots of the rows as they are after that step.
        written: weights, slots, gradients, step and schedule's row to the rows after that step.
    """

    def __init__(self, size: int, columns: int, dtype: tf.DType, read: Callable, written: Callable):
        self._read, self._written, self._dtype = read, written, dtype
        self._rows = tf.Variable(tf.zeros([size, columns], dtype))
        # Which example of the batch stands for each row; only entries written in the same step are read.
        self._chosen = tf.Variable(tf.zeros([size], tf.int64))

    def read(self, places: Tensor) -> State:
        """See `Table`: the rows at `places`."""
        return [tf.gather(self._rows, places)]

    def weights(self, read: State, places: Tensor, step: Tensor, schedule: Tensor) -> Tensor:
        """See `Table`."""
        return self._read(read[0], step, schedule)[0]

    def penalty(self, read: State) -> Tensor:
        """See `Table`: rows with a penalty move at every step, so there is none."""
        return tf.zeros([], self._dtype)

    def summed(self, gradient: Tensor, places: Tensor) -> Tensor:
        """See `Table`: the gradients as they are."""
        return gradient

    def before(self, places: Tensor) -> State:
        """See `Table`: the rows, and the example that stands for each."""
        # `scatter_update` takes a sixth of the time of `scatter_nd_update`.
        examples = tf.range(places.shape[0], dtype=tf.int64)
        self._chosen.scatter_update(tf.IndexedSlices(examples, places))
        return [tf.gather(self._rows, places), tf.gather(self._chosen, places)]

    def after(self, before: State, summed: Tensor, step: Tensor, schedule: Tensor) -> State:
        """See `Table`."""
        rows, stands_for = before
        weights, slots = self._read(rows, step, schedule)
        gradient, now = sum_over_repeats(summed, stands_for), tf.gather(schedule, step + 1)
        return [self._written(weights, slots, gradient, step, now)]

    def write(self, places: Tensor, after: State) -> None:
        """See `Table`."""
        self._rows.scatter_update(tf.IndexedSlices(after[0], places))

    @tf.function(jit_compile=True, autograph=False)
    def catch_up(self, num_steps: Tensor, schedule: Tensor) -> None:
        """See `Table`; the steps are counted from 0 again."""
        weights, slots = self._read(self._rows, num_steps, schedule)
        written = tf.zeros([self._rows.shape[0], 1], self._dtype)
        self._rows.assign(tf.concat([weights, *slots, written], 1))

    def rows(self, start: int, stop: int) -> Tensor:
        """See `Table`."""
        return self._rows[start:stop]

    def assign(self, start: int, rows: Tensor) -> None:
        """See `Table`."""
        self._rows[start : start + rows.shape[0], : rows.shape[1]].assign(rows)
