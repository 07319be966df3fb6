"""One training step taken together by several replicas, each with the users of some shards.

A replica holds the rows of its own users; the rows of all items and the layers behind them (the *head*) are
the same in all replicas. Of a step it computes the gradients of its part of the batch, weighted by the part's
share of the examples. Those of its users' rows stay. Those of items and head are exchanged, in one piece:

- where the catalogue is no larger than four batches, as one vector that is summed over the replicas: a row
  for each item, a number for each weight of the head, the loss. Then all items move at every step.
- else the items of the batch and the gradients of their rows, gathered from all replicas. Then only these move.

So what is exchanged does not grow with the users, and all replicas take the same step on items and head. The
sum is the gradient of the mean loss of the whole batch, so the numbers are those of one replica alone.

A penalty on users' embeddings is the owner's alone; one on items' is the same for all, added after the sum.
"""

import itertools
from typing import Protocol

import keras
import numpy as np
import tensorflow as tf
from tensorflow import Tensor

from ncf_keras.base.errors import InputError
from ncf_keras.training.losses import Loss, clipped_log_loss
from ncf_keras.training.steps.from_tables import TablesHead, can_compute_from_tables, prefers_halves
from ncf_keras.training.steps.head import splits_at_embeddings
from ncf_keras.training.steps.rules import Rule
from ncf_keras.training.steps.state import Slots, State
from ncf_keras.training.steps.steps import (
    ROWS_AN_EXAMPLE,
    DeferredStep,
    batch_loss,
    require_trainable_dtypes,
)
from ncf_keras.training.steps.tables import DeferredTable, DenseTable, Table

# The penalties on a table that are the sum of those on its rows, which their owners compute.
SEPARABLE = (keras.regularizers.L1, keras.regularizers.L2, keras.regularizers.L1L2)


class Exchange(Protocol):
    """How replicas exchange vectors; each method is called by all of them."""

    def total(self, value: Tensor) -> Tensor:
        """Return the sum of the values of all replicas."""

    def gathered(self, value: Tensor) -> Tensor:
        """Return the values of all replicas, of shape (1, n), as one of shape (replicas, n)."""


def require_shardable(model: keras.Model) -> None:
    """Raise InputError unless a `ShardedStep` can train the model."""
    require_trainable_dtypes(model)
    if model.non_trainable_variables:
        received = f"{model.non_trainable_variables[0].path}"
        raise InputError(f"`model` must have no state but weights to train in shards. Received: {received}")
    if not splits_at_embeddings(model):
        raise InputError(
            "`model` must look its embeddings up by its inputs themselves, with as many numbers for a user as "
            f"for an item, to train in shards. Received: {model.name}"
        )
    for layer in model.layers:
        penalty = getattr(layer, "embeddings_regularizer", None)
        if penalty is not None and type(penalty) not in SEPARABLE:
            raise InputError(
                "`model` must have no penalties on embeddings but L1 and L2 to train in shards. "
                f"Received: {type(penalty).__name__}"
            )


class ShardedStep(DeferredStep):
    """The state and the step of one replica.

    Args:
        model: see `require_shardable`; its embeddings are not taken over, nor is their number of users.
        rule: the learner.
        num_users: in the shards of this replica.
        of_all: number of users and of items in all shards.
        batch_size: of all replicas together; it decides how rows are kept.
        loss: of each example, from its label and prediction.
        precision: of the products, see `computing_in`.

    Attributes:
        users, items: the tables.
        gathers: whether items' gradients are gathered, instead of summed.
    """

    users: Table
    items: Table

    def __init__(
        self,
        model: keras.Model,
        rule: Rule,
        num_users: int,
        of_all: tuple[int, int],
        batch_size: int,
        loss: Loss = clipped_log_loss,
        precision: str = "float32",
    ):
        self._num_users, self._of_all, self._batch_size = num_users, of_all, batch_size
        super().__init__(model, rule, loss, precision)
        self._from_tables: TablesHead | None = None
        all_move = isinstance(self.users, DenseTable) and isinstance(self.items, DenseTable)
        if all_move and can_compute_from_tables(model, precision):
            # As with any other number of replicas.
            by_halves = prefers_halves(sum(of_all), batch_size)
            self._from_tables = TablesHead(model, self._head.variables, by_halves)

    def _make_rows(self) -> None:
        (of_users, of_items), (all_users, all_items) = self._tables, self._of_all
        self.users = self._table(of_users, self._num_users, all_users)
        self.items = self._table(of_items, all_items, all_items)
        self.gathers = isinstance(self.items, DeferredTable)

    def _table(self, layers: list[keras.layers.Embedding], size: int, of_all: int) -> Table:
        """Return the table of some rows: dense where there are few for a batch, or it must be."""
        penalised = any(layer.embeddings_regularizer is not None for layer in layers)
        all_move = penalised or not self._rule.sums_skipped_steps
        if all_move or of_all <= ROWS_AN_EXAMPLE * self._batch_size:
            return DenseTable(
                size, self._width, self._rule, self.dtype, lambda weights: self._penalty(layers, weights)
            )
        columns = (1 + self._rule.num_slots) * self._width + 1
        return DeferredTable(size, columns, self.dtype, self._read, self._written)

    def _penalty(self, layers: list[keras.layers.Embedding], weights: Tensor) -> Tensor:
        parts = tf.split(weights, [layer.output_dim for layer in layers], 1)
        penalties = [
            layer.embeddings_regularizer(part)
            for layer, part in zip(layers, parts, strict=True)
            if layer.embeddings_regularizer is not None
        ]
        return tf.add_n([tf.zeros([], self.dtype), *penalties])

    @property
    def width(self) -> int:
        """Weights of a row."""
        return self._width

    @property
    def head(self) -> list[tf.Variable]:
        """The state of the head."""
        return self._parameters.state

    def train(
        self,
        users: Tensor,
        items: Tensor,
        labels: Tensor,
        total: Tensor,
        step: Tensor,
        schedule: Tensor,
        exchange: Exchange,
    ) -> Tensor:
        """Take one step and return the loss of the whole batch.

        Args:
            users: of this replica's part of the batch: int32, shape (examples,), places among its users.
            items: int32, as `users`.
            labels: as `users`; -1 for padding.
            total: examples of the whole batch.
            step: int32 scalar, steps taken before this one in the epoch.
            schedule: the rule's schedule of the epoch.
            exchange: between all replicas.
        """
        read = self.users.read(users), self.items.read(items)
        head = [variable.read_value() for variable in self.head]
        own, vector = self._contribution(*read, head, users, items, labels, total, step, schedule)
        if self.gathers:
            together = exchange.gathered(tf.concat([self._as_numbers(items), vector], 0)[None])
            count = items.shape[0]
            items = tf.reshape(self._as_ids(together[:, :count]), [-1])
            together = together[:, count:]
        else:
            together = exchange.total(vector)[None]
        before = self.users.before(users), self.items.before(items)
        users_after, items_after, head, loss = self._after(*before, head, own, together, step, schedule)
        self.users.write(users, users_after)
        self.items.write(items, items_after)
        for variable, value in zip(self.head, head, strict=True):
            variable.assign(value)
        return loss

    @tf.function(jit_compile=True, autograph=False)
    def _contribution(
        self,
        users_read: State,
        items_read: State,
        head: State,
        users: Tensor,
        items: Tensor,
        labels: Tensor,
        total: Tensor,
        step: Tensor,
        schedule: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Return this part's gradients of users' rows, and the vector that is exchanged."""
        is_example = tf.cast(labels >= 0, self.dtype)
        count = tf.reduce_sum(is_example)
        share = count / tf.maximum(total, 1)
        # A part without examples takes the padding for some: a mean of nothing is no number, even 0 times.
        mask = tf.where(count > 0, is_example, tf.ones_like(is_example))
        weights, labels = self._parameters.weights(head), tf.maximum(labels, 0)
        if self._from_tables:
            tables = users_read[0], items_read[0]
            loss, of_users, of_items, of_head = self._of_tables(tables, weights, (users, items), labels, mask)
            of_users *= share
            of_items *= share
        else:
            rows = [
                self.users.weights(users_read, users, step, schedule),
                self.items.weights(items_read, items, step, schedule),
            ]
            loss, _, gradient, of_head = self._gradients(tf.concat(rows, 0), [], weights, [], labels, mask)
            of_users, of_items = tf.split(share * gradient, 2)
            of_users, of_items = self.users.summed(of_users, users), self.items.summed(of_items, items)
        loss = share * (loss + self.items.penalty(items_read)) + self.users.penalty(users_read)
        exchanged = [loss, *(share * each for each in of_head), of_items]
        return of_users, tf.concat([tf.reshape(each, [-1]) for each in exchanged], 0)

    def _of_tables(
        self,
        tables: tuple[Tensor, Tensor],
        head: State,
        ids: tuple[Tensor, Tensor],
        labels: Tensor,
        mask: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor, State]:
        """Return the loss of some examples, and the gradients of whole tables and of the head."""
        assert self._from_tables is not None
        with tf.GradientTape() as tape:
            tape.watch([*tables, head])
            parts = {
                id(layer): part
                for layers, table, widths in zip(self._tables, tables, self._widths, strict=True)
                for layer, part in zip(layers, tf.split(table, widths, 1), strict=True)
            }
            predictions, penalties = self._from_tables(head, parts, ids)
            loss = batch_loss(self._loss, labels, predictions, mask, penalties)
        of_users, of_items, of_head = tape.gradient(loss, [*tables, head])
        return loss, tf.convert_to_tensor(of_users), tf.convert_to_tensor(of_items), of_head

    @tf.function(jit_compile=True, autograph=False)
    def _after(
        self,
        users_before: State,
        items_before: State,
        head: State,
        own: Tensor,
        together: Tensor,
        step: Tensor,
        schedule: Tensor,
    ) -> tuple[State, State, State, Tensor]:
        """Return the state of users' rows, items' rows and head after the step, and the loss.

        Args:
            own: what `_contribution` returned for users' rows.
            together: the vectors of all replicas, or, of one row, their sum.
        """
        shapes = [[], *(weights.shape for weights in self._parameters.weights(head))]
        ends = np.cumsum([0, *(np.prod(shape, dtype=int) for shape in shapes)])
        summed = tf.reduce_sum(together[:, : ends[-1]], 0)
        loss, *of_head = (
            tf.reshape(summed[start:stop], shape)
            for (start, stop), shape in zip(itertools.pairwise(ends), shapes, strict=True)
        )
        of_items = tf.reshape(together[:, ends[-1] :], [-1, self._width])
        return (
            self.users.after(users_before, own, step, schedule),
            self.items.after(items_before, of_items, step, schedule),
            self._parameters.update(head, of_head, tf.gather(schedule, step + 1)),
            loss,
        )

    def _as_numbers(self, ids: Tensor) -> Tensor:
        """Return ids as numbers of the vector: float64 holds them, of float32 the bits are taken."""
        return tf.bitcast(ids, tf.float32) if self.dtype == tf.float32 else tf.cast(ids, self.dtype)

    def _as_ids(self, numbers: Tensor) -> Tensor:
        return tf.bitcast(numbers, tf.int32) if self.dtype == tf.float32 else tf.cast(numbers, tf.int32)

    def catch_up(self, num_steps: int, schedule: Tensor) -> None:
        """Bring all rows up to date at the end of an epoch; see `DeferredStep.finish_epoch`."""
        for table in (self.users, self.items):
            table.catch_up(tf.constant(num_steps), schedule)

    def weights_of(self, side: int) -> np.ndarray:
        """Return the embeddings of the Keras model, of users (0) or items (1): shape (rows, width)."""
        return np.concatenate([layer.embeddings.numpy() for layer in self._tables[side]], 1)

    def write_model(self, weights: tuple[np.ndarray, np.ndarray]) -> None:
        """Give the Keras model the embeddings of users and of items, and the head's weights."""
        for layers, widths, rows in zip(self._tables, self._widths, weights, strict=True):
            for layer, part in zip(layers, np.split(rows, np.cumsum(widths)[:-1], 1), strict=True):
                layer.embeddings.assign(part)
        self._parameters.write_back()

    def set_head_slots(self, slots: Slots) -> None:
        """Take over the learner's slots of the head."""
        self._parameters.set_slots(slots)

    def read_head(self) -> None:
        """Take the head's weights from the Keras model."""
        self._parameters.read_model()
