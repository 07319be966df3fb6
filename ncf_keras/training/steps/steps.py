"""One training step on tensors, in two ways that give the same numbers.

`DenseStep` carries every variable and moves all of it at every step, as the authors' backend did.
`DeferredStep` reads and writes only the embedding rows of the batch; `rules.py` says why that is the same.
Penalties on embeddings need the dense step, because they give every row a gradient at every step.

Both keep their state in tf.Variables and hand it to the compiled loop as plain tensors. No variable is int32:
TensorFlow keeps those in the host's memory, and XLA refuses a program whose variables lie on two devices.
"""

import itertools
from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf
from tensorflow import Tensor

from ncf_keras.base.errors import InputError
from ncf_keras.training.losses import Loss, clipped_log_loss
from ncf_keras.training.precision import computing_in
from ncf_keras.training.steps.from_tables import TablesModel, can_compute_from_tables, prefers_halves
from ncf_keras.training.steps.head import Head, embeddings_of, splits_at_embeddings
from ncf_keras.training.steps.rules import Rule
from ncf_keras.training.steps.state import OtherState, Parameters, Slots, State

# From so many examples a step on, and up to so many rows for each of them, all rows are moved.
LEAST_DENSE_BATCH = 1024
ROWS_AN_EXAMPLE = 4


def make_step(
    model: keras.Model,
    rule: Rule,
    loss: Loss = clipped_log_loss,
    precision: str = "float32",
    kind: str = "auto",
    batch_size: int = 1,
) -> "DenseStep | DeferredStep":
    """Return the step of a kind.

    Args:
        model: functional, of one output.
        rule: the arithmetic of the learner.
        loss: of each example, from its label and prediction.
        precision: of the products, see `computing_in`.
        kind: `dense`, `deferred`, or `auto`: the deferred one where it is exact and not slower.
        batch_size: examples of a step.

    Raises:
        InputError: the model has or computes numbers of a type that the steps can't train, or rows that
            can't be deferred.
    """
    require_trainable_dtypes(model)
    exact = rule.sums_skipped_steps and can_defer_rows(model)
    if kind == "deferred" and not exact:
        raise InputError(
            "`step` must be dense or auto where embeddings have penalties, Adam's betas can't be summed up or "
            "inputs have other uses, as recent items have. Received: 'deferred'"
        )
    deferred = exact and kind != "dense" and (kind == "deferred" or not _prefers_dense(model, batch_size))
    if deferred:
        return DeferredStep(model, rule, loss, precision)
    return DenseStep(model, rule, loss, precision, batch_size)


def _prefers_dense(model: keras.Model, batch_size: int) -> bool:
    """Tell whether moving all rows takes less time than finding those of a batch (`docs/performance.md`)."""
    rows = sum(layers[0].input_dim for layers in embeddings_of(model))
    return batch_size >= LEAST_DENSE_BATCH and rows <= ROWS_AN_EXAMPLE * batch_size


def require_trainable_dtypes(model: keras.Model) -> None:
    """Raise InputError unless the weights are float32 or float64 and no layer computes in float16.

    Gradients of float16 vanish without Keras' scaling of the loss, which `KerasEngine` has.
    """
    for layer in (model, *model.layers):
        weights, numbers = layer.dtype_policy.variable_dtype, layer.dtype_policy.compute_dtype
        if weights in ("float16", "bfloat16") or numbers == "float16":
            raise InputError(
                "`model` must have weights of 32 or 64 bits and no layer of float16 for the compiled engine "
                f"(the keras engine takes them). Received: {layer.dtype_policy.name}"
            )


def can_defer_rows(model: keras.Model) -> bool:
    """Tell whether the model splits at its embeddings, and all of them are free of penalties."""
    embeddings = [layer for layer in model.layers if isinstance(layer, keras.layers.Embedding)]
    return splits_at_embeddings(model) and all(layer.embeddings_regularizer is None for layer in embeddings)


class DenseStep:
    """Every weight of the model moves at every step.

    Args:
        model: functional, of one output.
        rule, loss, precision: as in `make_step`.
        batch_size: examples of a step; it decides how MLP and NeuMF are computed on a CPU (`from_tables.py`).
    """

    def __init__(
        self,
        model: keras.Model,
        rule: Rule,
        loss: Loss = clipped_log_loss,
        precision: str = "float32",
        batch_size: int = 1,
    ):
        self._model = model
        rows = sum(layers[0].input_dim for layers in embeddings_of(model) if layers)
        self._from_tables: TablesModel | None = None
        if can_compute_from_tables(model, precision):
            self._from_tables = TablesModel(model, prefers_halves(rows, batch_size))
        self._loss, self._precision = loss, precision
        self._parameters = Parameters(model.trainable_variables, rule)
        self._others = OtherState(model.non_trainable_variables)
        self.dtype = tf.as_dtype(model.variable_dtype)

    @property
    def variables(self) -> list[tf.Variable]:
        """The state as variables: what `__call__` takes and returns, in this order."""
        return [*self._parameters.state, *self._others.state]

    def __call__(
        self, state: State, ids: State, labels: Tensor, mask: Tensor, step: Tensor, schedule: Tensor
    ) -> tuple[Tensor, State]:
        """Return the batch's loss and the state after one step.

        Args:
            state: tensors like `variables`.
            ids: int32, for each input of the model: of shape (batch,), of recent items (batch, recent).
            labels: shape (batch,).
            mask: 1 for an example, 0 for padding, shape (batch,).
            step: int32 scalar, steps taken before this one in the epoch.
            schedule: the rule's schedule of the epoch.
        """
        count = len(self._parameters.state)
        state, others = state[:count], state[count:]
        loss, others, gradients = self._gradients(self._parameters.weights(state), others, ids, labels, mask)
        return loss, [*self._parameters.update(state, gradients, tf.gather(schedule, step + 1)), *others]

    def _gradients(
        self, weights: State, others: State, ids: State, labels: Tensor, mask: Tensor
    ) -> tuple[Tensor, State, State]:
        """Return the loss of some examples, the model's other state after them, and the weights' gradients."""
        with tf.GradientTape() as tape, computing_in(self._model, self._precision):
            tape.watch(weights)
            if self._from_tables:
                predictions, penalties = self._from_tables(weights, ids)
            else:
                inputs = [index[:, None] if index.shape.rank == 1 else index for index in ids]
                predictions, others, penalties = self._model.stateless_call(
                    weights, self._others.given(others), inputs, training=True, return_losses=True
                )
                others = self._others.kept(others)
            loss = batch_loss(self._loss, labels, predictions, mask, penalties)
        return loss, others, tape.gradient(loss, weights)

    def finish_epoch(self, num_steps: int, schedule: Tensor) -> None:
        """Bring the weights of the Keras model up to date."""
        self.write_back()

    def write_back(self) -> None:
        """Write the weights, which are always up to date, to the Keras model."""
        self._parameters.write_back()
        self._others.write_back()

    def slots(self) -> Slots:
        """Return the learner's slots of each variable of the Keras model."""
        return self._parameters.slots()

    def set_slots(self, slots: Slots) -> None:
        """Take over the learner's slots of each variable of the Keras model."""
        self._parameters.set_slots(slots)

    def read_model(self) -> None:
        """Take the weights from the Keras model."""
        self._parameters.read_model()
        self._others.read_model()


class DeferredStep:
    """Only the rows of the batch are read and written.

    All tables lie in one array, so that a batch is one gather and one scatter: a row for each user and, behind
    them, for each item; its columns are the embeddings of all towers, their slots, and the number of steps of
    the epoch after which the row was last written.
    """

    def __init__(
        self, model: keras.Model, rule: Rule, loss: Loss = clipped_log_loss, precision: str = "float32"
    ):
        self._rule, self._loss = rule, loss
        self._tables = embeddings_of(model)
        self._widths = [[layer.output_dim for layer in layers] for layers in self._tables]
        self._width = sum(self._widths[0])
        counts = [layers[0].input_dim for layers in self._tables]
        self._offsets = np.cumsum([0, *counts])
        self._head = Head(model, precision)
        self._others = self._head.others
        self._parameters = Parameters(self._head.variables, rule)
        self.dtype = tf.as_dtype(self._tables[0][0].variable_dtype)
        self._catch_up: Callable | None = None
        self._make_rows()

    def _make_rows(self) -> None:
        weights = self._weights_of_rows()
        slots = tf.zeros([self._offsets[-1], self._rule.num_slots * self._width + 1], self.dtype)
        self._rows = tf.Variable(tf.concat([weights, slots], 1))
        # Which example of the batch stands for each row; only entries written in the same step are read.
        self._chosen = tf.Variable(tf.zeros([self._offsets[-1]], tf.int64))

    @property
    def variables(self) -> list[tf.Variable]:
        """The state as variables: what `__call__` takes and returns, in this order."""
        return [self._rows, self._chosen, *self._parameters.state, *self._others.state]

    def __call__(
        self, state: State, ids: State, labels: Tensor, mask: Tensor, step: Tensor, schedule: Tensor
    ) -> tuple[Tensor, State]:
        """Return the batch's loss and the state after one step; arguments as in `DenseStep`."""
        rows, chosen, *rest = state
        count = len(self._parameters.state)
        head_state, others = rest[:count], rest[count:]
        places = self._places(ids)
        weights, slots = self._read(tf.gather(rows, places), step, schedule)
        head = self._parameters.weights(head_state)
        features = self._head.features(ids)
        loss, others, gradient, head_gradients = self._gradients(weights, features, head, others, labels, mask)
        examples = tf.range(places.shape[0], dtype=chosen.dtype)
        chosen = tf.tensor_scatter_nd_update(chosen, places[:, None], examples)
        stands_for = tf.gather(chosen, places)
        # Not schedule[step + 1]: XLA would take the index for a constant and compile anew for each value.
        now = tf.gather(schedule, step + 1)
        written = self._written(weights, slots, sum_over_repeats(gradient, stands_for), step, now)
        rows = tf.tensor_scatter_nd_update(rows, places[:, None], written)
        return loss, [rows, chosen, *self._parameters.update(head_state, head_gradients, now), *others]

    def finish_epoch(self, num_steps: int, schedule: Tensor) -> None:
        """Catch all rows up, count their steps from 0 again, and write the weights to the Keras model."""
        arguments = (tf.constant(num_steps), schedule)
        self._catch_up = self._catch_up or self._catch_up_all.get_concrete_function(*arguments)
        self._catch_up(*arguments)
        self.write_back()

    def write_back(self) -> None:
        """Write the weights to the Keras model; between epochs they are up to date."""
        for layers, start, stop in zip(self._tables, self._offsets, self._offsets[1:], strict=False):
            column = 0
            for layer in layers:
                layer.embeddings.assign(self._rows[start:stop, column : column + layer.output_dim])
                column += layer.output_dim
        self._parameters.write_back()
        self._others.write_back()

    def read_model(self) -> None:
        """Take the weights from the Keras model; between epochs, when all rows are up to date."""
        self._head.require_same_features()
        self._rows[:, : self._width].assign(self._weights_of_rows())
        self._parameters.read_model()
        self._others.read_model()

    def slots(self) -> Slots:
        """Return the learner's slots of each variable of the Keras model, between epochs."""
        return self.slots_with([self._rows[start:stop] for start, stop in itertools.pairwise(self._offsets)])

    def set_slots(self, slots: Slots) -> None:
        """Take over the learner's slots of each variable of the Keras model, between epochs."""
        self._parameters.set_slots(slots)
        stop = (1 + self._rule.num_slots) * self._width
        self._rows[:, self._width : stop].assign(np.concatenate(self.rows_of_slots(slots)))

    def slots_with(self, sides: Sequence[np.ndarray | Tensor]) -> Slots:
        """Return the slots of each variable; `sides` are the rows of the users and those of the items."""
        found = self._parameters.slots()
        for layers, widths, rows in zip(self._tables, self._widths, sides, strict=True):
            for layer, start, width in zip(layers, np.cumsum([0, *widths]), widths, strict=False):
                starts = (start + number * self._width for number in range(1, 1 + self._rule.num_slots))
                found[layer.embeddings.path] = tuple(np.array(rows[:, at : at + width]) for at in starts)
        return found

    def rows_of_slots(self, slots: Slots) -> list[np.ndarray]:
        """Return the slots of the users' rows and those of the items': each of shape (rows, slots x width)."""
        sides = []
        for layers in self._tables:
            of_layers = [slots[layer.embeddings.path] for layer in layers]
            none = np.zeros((layers[0].input_dim, 0), self.dtype.as_numpy_dtype)
            columns = [of_layer[number] for number in range(self._rule.num_slots) for of_layer in of_layers]
            sides.append(np.concatenate([none, *columns], 1))
        return sides

    def _weights_of_rows(self) -> tf.Tensor:
        """Return the embeddings of the Keras model in the layout of the rows: shape (users + items, width)."""
        sides = [tf.concat([layer.embeddings.value for layer in layers], 1) for layers in self._tables]
        return tf.concat(sides, 0)

    @tf.function(jit_compile=True, autograph=False)
    def _catch_up_all(self, num_steps: Tensor, schedule: Tensor) -> None:
        weights, slots = self._read(self._rows, num_steps, schedule)
        written = tf.zeros([self._rows.shape[0], 1], self.dtype)
        self._rows.assign(tf.concat([weights, *slots, written], 1))

    def _places(self, ids: State) -> Tensor:
        """Return the row of each id: shape (examples of all inputs,)."""
        return tf.concat([index + offset for index, offset in zip(ids, self._offsets, strict=False)], 0)

    def _gradients(
        self, weights: Tensor, features: list[State], head: State, others: State, labels: Tensor, mask: Tensor
    ) -> tuple[Tensor, State, Tensor, State]:
        """Return the loss of some examples, the head's other state after them, and the gradients.

        Args:
            weights: of the rows of all users, then of all items: shape (examples of all inputs, width).
            features: what is known of the examples' users and items, see `Head`.
            head: the weights of the head.
            others: the other state of the head.
            labels: shape (examples,).
            mask: 1 for an example, 0 for padding, shape (examples,).

        Returns:
            The loss, the other state, the gradients of `weights` and those of `head`.
        """
        latent = [
            part
            for side, widths in zip(tf.split(weights, len(self._widths)), self._widths, strict=True)
            for part in tf.split(side, widths, 1)
        ]
        with tf.GradientTape() as tape:
            tape.watch([latent, head])
            predictions, others, penalties = self._head(head, others, latent, features)
            loss = batch_loss(self._loss, labels, predictions, mask, penalties)
        gradients, head_gradients = tape.gradient(loss, [latent, head])
        return loss, others, self._joined(gradients), head_gradients

    def _written(
        self, weights: Tensor, slots: list[Tensor], gradient: Tensor, step: Tensor, now: Tensor
    ) -> Tensor:
        """Return rows after one step, as they are kept."""
        weights, slots = self._rule.update(weights, slots, gradient, now)
        written = tf.fill([weights.shape[0], 1], tf.cast(step + 1, self.dtype))
        return tf.concat([weights, *slots, written], 1)

    def _read(self, rows: Tensor, step: Tensor, schedule: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return the weights and slots of `rows` as they are after `step` steps of the epoch."""
        sizes = [self._width] * (1 + self._rule.num_slots) + [1]
        weights, *slots, written = tf.split(rows, sizes, 1)
        then = tf.gather(schedule, tf.cast(written[:, 0], tf.int32))
        skipped = tf.cast(step, self.dtype) - written
        return self._rule.catch_up(weights, slots, then, tf.gather(schedule, step), skipped)

    def _joined(self, gradients: list[Tensor]) -> Tensor:
        """Return the gradients in the layout of the rows: shape (examples of all inputs, width)."""
        sides = []
        for widths in self._widths:
            sides.append(tf.concat(gradients[: len(widths)], 1))
            gradients = gradients[len(widths) :]
        return tf.concat(sides, 0)


def sum_over_repeats(gradient: Tensor, stands_for: Tensor) -> Tensor:
    """Give every example of a row the sum of that row's gradients; then all of them write the same row."""
    return tf.gather(tf.math.unsorted_segment_sum(gradient, stands_for, gradient.shape[0]), stands_for)


def batch_loss(
    loss: Loss, labels: Tensor, predictions: Tensor, mask: Tensor, penalties: list[Tensor]
) -> Tensor:
    """Return the mean loss of the examples plus the penalties, as Keras reports it, in the type of the mask."""
    losses = loss(labels[:, None], tf.cast(predictions, mask.dtype))
    return tf.reduce_sum(losses * mask) / tf.reduce_sum(mask) + sum(
        tf.cast(one, mask.dtype) for one in penalties
    )
