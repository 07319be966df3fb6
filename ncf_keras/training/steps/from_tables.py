"""An MLP or NeuMF computed from whole tables, for a step that moves all rows of them.

The first hidden layer is linear in [p_u, q_i] before its activation: W [p_u, q_i] + b = (W_u p_u + b) + W_i q_i
(`models/factored.py`). Where a batch has nearly as many examples as the tables have rows, these two halves are
computed once for each row, and not for each example: they take fewer multiplications, forward and backward, and
with [64,32,16,8] three of four multiplications of the tower are in that layer.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf
from tensorflow import Tensor

from ncf_keras.models.factored import FactoredModel
from ncf_keras.training.steps.columns import can_use_columns, dense_layers, penalties_on_kernels
from ncf_keras.training.steps.head import on_gpu

# Up to so many rows of the tables for each example of a batch, halves are faster (`docs/performance.md`).
ROWS_AN_EXAMPLE_BY_HALVES = 2


class TablesHead:
    """Computes predictions from whole tables and the indices of users and items.

    The numbers are those of the Keras layers to rounding.

    Args:
        model: one for which `can_compute_from_tables`.
        variables: those of the layers behind the embeddings, in the order of the weights that `__call__` takes.
        by_halves: whether the first hidden layer is computed for each row, and not for each example.
    """

    def __init__(self, model: keras.Model, variables: list[keras.Variable], by_halves: bool):
        factored = FactoredModel(model)
        self._sides = [[id(table.identity) for table in side] for side in (factored.users, factored.items)]
        self._dense = dense_layers(factored, variables)
        self._mf_width = factored.mf_width
        self._by_halves = by_halves

    def __call__(
        self, weights: list[Tensor], tables: Mapping[int, Tensor], ids: Sequence[Tensor]
    ) -> tuple[Tensor, list[Tensor]]:
        """Return the predictions, shape (batch, 1), and the penalties on the kernels.

        Args:
            weights: of the layers behind the embeddings.
            tables: all rows of each embedding, by the `id` of its layer.
            ids: int32, of the users and of the items, shape (batch,).
        """
        first, *hidden, output = self._dense
        sides = [[tables[layer] for layer in side] for side in self._sides]
        kernel, bias = weights[first.kernel], weights[first.bias]
        before = self._halves if self._by_halves else self._rows
        tower = first.layer.activation(before([side[-1] for side in sides], ids, kernel, bias))
        for layer in hidden:
            tower = layer.layer.activation(_product(tower, weights[layer.kernel]) + weights[layer.bias])
        kernel = weights[output.kernel][:, 0]
        logits = tf.linalg.matvec(tower, kernel[self._mf_width :]) + weights[output.bias]
        if self._mf_width:
            # Apart from the tower's vectors: cutting rows in two, and padding their gradients, would take
            # longer than looking a batch up twice.
            mf_user, mf_item = _look_up([side[0] for side in sides], ids)
            logits += tf.linalg.matvec(mf_user * mf_item, kernel[: self._mf_width])
        return output.layer.activation(logits)[:, None], penalties_on_kernels(self._dense, weights)

    @staticmethod
    def _halves(tables: list[Tensor], ids: Sequence[Tensor], kernel: Tensor, bias: Tensor) -> Tensor:
        """Return the first hidden layer of a batch before its activation, from the halves of all rows."""
        parts = tf.split(kernel, [table.shape[1] for table in tables])
        of_users, of_items = (tf.matmul(table, part) for table, part in zip(tables, parts, strict=True))
        user, item = _look_up([of_users + bias, of_items], ids)
        return user + item

    @staticmethod
    def _rows(tables: list[Tensor], ids: Sequence[Tensor], kernel: Tensor, bias: Tensor) -> Tensor:
        """Return the same, from the vectors of the batch."""
        return _product(tf.concat(_look_up(tables, ids), 1), kernel) + bias


class TablesModel:
    """Computes the predictions and penalties of a whole model by a `TablesHead`.

    Args:
        model: one for which `can_compute_from_tables`.
        by_halves: as in `TablesHead`.
    """

    def __init__(self, model: keras.Model, by_halves: bool):
        variables = model.trainable_variables
        place_of = {id(variable): place for place, variable in enumerate(variables)}
        layers: list[Any] = model.layers
        embeddings = [layer for layer in layers if isinstance(layer, keras.layers.Embedding)]
        self._places = [(layer, place_of[id(layer.embeddings)]) for layer in embeddings]
        self._head = TablesHead(model, variables, by_halves)

    def __call__(self, weights: list[Tensor], ids: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Return the predictions, shape (batch, 1), and all penalties.

        Args:
            weights: of the model, as its `trainable_variables`.
            ids: int32, of the users and of the items, shape (batch,).
        """
        tables = {id(layer): weights[place] for layer, place in self._places}
        predictions, penalties = self._head(weights, tables, ids)
        penalties += [
            layer.embeddings_regularizer(weights[place])
            for layer, place in self._places
            if layer.embeddings_regularizer is not None
        ]
        return predictions, penalties


def prefers_halves(rows: int, batch_size: int) -> bool:
    """Tell whether the first hidden layer takes less time by halves.

    Args:
        rows: of the tables of both sides together.
        batch_size: examples of a step.
    """
    return rows <= ROWS_AN_EXAMPLE_BY_HALVES * batch_size


def can_compute_from_tables(model: keras.Model, precision: str = "float32") -> bool:
    """Tell whether `TablesHead` computes what the model's layers would, and on a processor, where it is faster.

    The model must be one that `can_use_columns`, whose vectors are those of its embeddings alone, without
    penalties on the rows that a batch looks up.

    Args:
        model: to be trained.
        precision: of the products.
    """
    if precision == "bfloat16" or on_gpu() or not can_use_columns(model):
        return False
    factored = FactoredModel(model)
    return all(
        table.identity is not None
        and table.features is None
        and table.session is None
        and table.identity.activity_regularizer is None
        for table in (*factored.users, *factored.items)
    )


def _look_up(tables: Sequence[Tensor], ids: Sequence[Tensor]) -> list[Tensor]:
    """Return the rows of users and of items, each of shape (batch, width)."""
    return [tf.gather(table, index) for table, index in zip(tables, ids, strict=True)]


@tf.custom_gradient
def _product(rows: Tensor, kernel: Tensor) -> tuple[Tensor, Any]:
    """Return rows kernel, shape (batch, units).

    The gradient of the kernel is computed transposed, (units, features), which takes up to half the time where
    a layer has fewer units than features. XLA would turn a transposed product into the product of the other
    order, were there not a sum in between.
    """

    def gradient(upstream: Tensor) -> tuple[Tensor, Tensor]:
        of_kernel = tf.matmul(upstream, rows, transpose_a=True) + 0 * upstream[0, 0]
        return tf.matmul(upstream, kernel, transpose_b=True), tf.transpose(of_kernel)

    return tf.matmul(rows, kernel), gradient
