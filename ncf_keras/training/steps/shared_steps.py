"""One training step done together by several replicas, each with a part of the batch.

Every replica has the whole state. Of a step it computes the gradients of its part of the batch, weighted by the
part's share of the examples; these are laid into one vector, with zeros where the other parts belong, and that
vector is summed over the replicas. From the sum all replicas take the same step, so their states stay equal,
and equal to what one replica alone would have: the sum is the gradient of the mean loss of the whole batch.

So a step exchanges 2 x batch x width numbers for the rows of the batch and one for each weight behind the
embeddings, whatever the size of the tables (`SharedDeferredStep`); with penalties on embeddings, all weights
(`SharedDenseStep`).
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf
from tensorflow import Tensor

from ncf_keras.training.losses import clipped_log_loss
from ncf_keras.training.steps.rules import Rule
from ncf_keras.training.steps.steps import (
    DeferredStep,
    DenseStep,
    State,
    can_defer_rows,
    require_trainable_dtypes,
    sum_over_repeats,
)


@dataclass(frozen=True)
class Part:
    """A replica's part of a batch.

    Attributes:
        number: of the part, from 0.
        count: of parts; it divides the size of the padded batch.
        total: sums a vector over the replicas.
    """

    number: int
    count: int
    total: Callable[[Tensor], Tensor]


def make_shared_step(
    model: keras.Model, rule: Rule, precision: str = "float32"
) -> "SharedDeferredStep | SharedDenseStep":
    """Return the deferred step where it is exact, else the dense one; as `make_step`."""
    require_trainable_dtypes(model)
    kind = SharedDeferredStep if rule.sums_skipped_steps and can_defer_rows(model) else SharedDenseStep
    return kind(model, rule, clipped_log_loss, precision)


class SharedDeferredStep(DeferredStep):
    """Reads and writes only the rows of the batch, in place."""

    def train(
        self, ids: State, labels: Tensor, mask: Tensor, step: Tensor, schedule: Tensor, part: Part
    ) -> Tensor:
        """Take one step and return the loss of the whole batch.

        Args:
            ids: int32, shape (batch,), for each input of the model: of the whole batch.
            labels: shape (batch,).
            mask: 1 for an example, 0 for padding, shape (batch,).
            step: int32 scalar, steps taken before this one in the epoch.
            schedule: the rule's schedule of the epoch.
            part: the part of the batch whose gradients this replica computes.
        """
        places = self._places(ids)
        rows = tf.gather(self._rows, places)
        head = [variable.read_value() for variable in self._parameters.state]
        vector = self._my_gradients(rows, head, labels, mask, step, schedule, part.number, part.count)
        vector = part.total(vector)
        examples = tf.range(places.shape[0], dtype=self._chosen.dtype)
        self._chosen.scatter_nd_update(places[:, None], examples)
        stands_for = tf.gather(self._chosen, places)
        written, head = self._after(rows, head, vector, stands_for, step, schedule)
        self._rows.scatter_nd_update(places[:, None], written)
        for variable, value in zip(self._parameters.state, head, strict=True):
            variable.assign(value)
        return vector[-1]

    @tf.function(jit_compile=True, autograph=False)
    def _my_gradients(
        self,
        rows: Tensor,
        head: State,
        labels: Tensor,
        mask: Tensor,
        step: Tensor,
        schedule: Tensor,
        number: int,
        count: int,
    ) -> Tensor:
        """Return the gradients of one part of the batch, zeros for the rows of the others, and its loss."""
        start, stop = _bounds(labels.shape[0], number, count)
        sides = [side[start:stop] for side in tf.split(rows, len(self._widths))]
        weights, _ = self._read(tf.concat(sides, 0), step, schedule)
        mine, share = _mine(mask, start, stop)
        weights_of_head = self._parameters.weights(head)
        loss, _, gradient, head_gradients = self._gradients(
            weights, weights_of_head, [], labels[start:stop], mine
        )
        outside = [[start, labels.shape[0] - stop], [0, 0]]
        sides = [tf.pad(side, outside) for side in tf.split(gradient, len(self._widths))]
        return share * _flat([*sides, *head_gradients, loss])

    @tf.function(jit_compile=True, autograph=False)
    def _after(
        self, rows: Tensor, head: State, vector: Tensor, stands_for: Tensor, step: Tensor, schedule: Tensor
    ) -> tuple[Tensor, State]:
        """Return the rows and the state of the head after the step that the summed vector asks for."""
        shapes = [weights.shape for weights in self._parameters.weights(head)]
        gradient, *head_gradients = _parts(vector, [[rows.shape[0], self._width], *shapes])
        weights, slots = self._read(rows, step, schedule)
        now = tf.gather(schedule, step + 1)
        written = self._written(weights, slots, sum_over_repeats(gradient, stands_for), step, now)
        return written, self._parameters.update(head, head_gradients, now)


class SharedDenseStep(DenseStep):
    """Every weight of the model moves at every step."""

    def train(
        self, ids: State, labels: Tensor, mask: Tensor, step: Tensor, schedule: Tensor, part: Part
    ) -> Tensor:
        """Take one step and return the loss of the whole batch; arguments as in `SharedDeferredStep`."""
        state = [variable.read_value() for variable in self._parameters.state]
        vector = part.total(self._my_gradients(state, ids, labels, mask, part.number, part.count))
        after = self._after(state, vector, step, schedule)
        for variable, value in zip(self._parameters.state, after, strict=True):
            variable.assign(value)
        return vector[-1]

    @tf.function(jit_compile=True, autograph=False)
    def _my_gradients(
        self, state: State, ids: State, labels: Tensor, mask: Tensor, number: int, count: int
    ) -> Tensor:
        """Return the gradients of one part of the batch, and its loss."""
        start, stop = _bounds(labels.shape[0], number, count)
        mine, share = _mine(mask, start, stop)
        loss, _, gradients = self._gradients(
            self._parameters.weights(state), [], [index[start:stop] for index in ids], labels[start:stop], mine
        )
        return share * _flat([*map(tf.convert_to_tensor, gradients), loss])

    @tf.function(jit_compile=True, autograph=False)
    def _after(self, state: State, vector: Tensor, step: Tensor, schedule: Tensor) -> State:
        """Return the state after the step that the summed vector asks for."""
        gradients = _parts(vector, [weights.shape for weights in self._parameters.weights(state)])
        return self._parameters.update(state, gradients, tf.gather(schedule, step + 1))


def _bounds(size: int, number: int, count: int) -> tuple[int, int]:
    """Return where a part of a batch starts and stops."""
    return number * (size // count), (number + 1) * (size // count)


def _mine(mask: Tensor, start: int, stop: int) -> tuple[Tensor, Tensor]:
    """Return the mask of a part of the batch, and the part's share of the examples."""
    mine = mask[start:stop]
    share = tf.reduce_sum(mine) / tf.reduce_sum(mask)
    # A part without examples takes the padding for some: a mean of nothing would be no number, even 0 times.
    return tf.where(share > 0, mine, tf.ones_like(mine)), share


def _flat(tensors: list[Tensor]) -> Tensor:
    return tf.concat([tf.reshape(tensor, [-1]) for tensor in tensors], 0)


def _parts(vector: Tensor, shapes: list) -> list[Tensor]:
    """Return the tensors that were laid into a vector one after another; what is behind them is left out."""
    ends = np.cumsum([0, *(np.prod(shape, dtype=int) for shape in shapes)])
    bounds = zip(itertools.pairwise(ends), shapes, strict=True)
    return [tf.reshape(vector[start:stop], shape) for (start, stop), shape in bounds]
