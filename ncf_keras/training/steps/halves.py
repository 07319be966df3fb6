"""An MLP or NeuMF whose first hidden layer is computed once for each row of the tables, not for each example.

That layer is linear in [p_u, q_i] before its activation: W [p_u, q_i] + b = (W_u p_u + b) + W_i q_i
(`models/factored.py`). Where a batch has as many examples as the tables have rows, the halves of all rows take
fewer multiplications than the layer does, forward and backward, and with [64,32,16,8] three of four
multiplications of the tower are in that layer.
"""

from typing import Any

import keras
import tensorflow as tf
from tensorflow import Tensor

from ncf_keras.models.factored import FactoredModel
from ncf_keras.training.steps.columns import can_use_columns, dense_layers, penalties_on_kernels
from ncf_keras.training.steps.head import on_gpu


class HalvesHead:
    """Computes predictions from whole tables and the indices of users and items.

    The numbers are those of the Keras layers to rounding.

    Args:
        model: one for which `can_use_halves`.
        variables: those of the layers behind the embeddings, in the order of the weights that `__call__` takes.

    Attributes:
        embeddings: those of the users, the GMF tower's before the MLP tower's, and those of the items.
    """

    def __init__(self, model: keras.Model, variables: list[keras.Variable]):
        factored = FactoredModel(model)
        self.embeddings: tuple[list[Any], list[Any]] = (
            [table.identity for table in factored.users],
            [table.identity for table in factored.items],
        )
        self._dense = dense_layers(factored, variables)
        self._mf_width = factored.mf_width

    def __call__(
        self, weights: list[Tensor], sides: tuple[list[Tensor], list[Tensor]], ids: list[Tensor]
    ) -> tuple[Tensor, list[Tensor]]:
        """Return the predictions, shape (batch, 1), and the penalties on the kernels.

        Args:
            weights: of the layers behind the embeddings.
            sides: the tables of the users and those of the items, as `embeddings`.
            ids: int32, of the users and of the items, shape (batch,).
        """
        first, *hidden, output = self._dense
        width = sides[0][-1].shape[1]
        kernels = weights[first.kernel][:width], weights[first.kernel][width:]
        halves = [tf.matmul(side[-1], kernel) for side, kernel in zip(sides, kernels, strict=True)]
        halves[0] += weights[first.bias]
        # Side by side with GMF's vectors, so that a batch is looked up once for each side.
        rows = [tf.concat([half, *side[:-1]], 1) for half, side in zip(halves, sides, strict=True)]
        users, items = (tf.gather(table, index) for table, index in zip(rows, ids, strict=True))
        units = halves[0].shape[1]
        tower = first.layer.activation(users[:, :units] + items[:, :units])
        for layer in hidden:
            tower = layer.layer.activation(tf.matmul(tower, weights[layer.kernel]) + weights[layer.bias])
        kernel = weights[output.kernel][:, 0]
        logits = tf.linalg.matvec(tower, kernel[self._mf_width :]) + weights[output.bias]
        if self._mf_width:
            logits += tf.linalg.matvec(users[:, units:] * items[:, units:], kernel[: self._mf_width])
        return output.layer.activation(logits)[:, None], penalties_on_kernels(self._dense, weights)


class HalvesModel:
    """Computes the predictions and penalties of a whole model by a `HalvesHead`.

    Args:
        model: one for which `can_use_halves`.
    """

    def __init__(self, model: keras.Model):
        self._head = HalvesHead(model, model.trainable_variables)
        self._place_of = {id(each): place for place, each in enumerate(model.trainable_variables)}

    def __call__(self, weights: list[Tensor], ids: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Return the predictions, shape (batch, 1), and all penalties.

        Args:
            weights: of the model, as its `trainable_variables`.
            ids: int32, of the users and of the items, shape (batch,).
        """
        users, items = (
            [weights[self._place_of[id(layer.embeddings)]] for layer in layers]
            for layers in self._head.embeddings
        )
        predictions, penalties = self._head(weights, (users, items), ids)
        layers = [*self._head.embeddings[0], *self._head.embeddings[1]]
        penalties += [
            layer.embeddings_regularizer(table)
            for layer, table in zip(layers, [*users, *items], strict=True)
            if layer.embeddings_regularizer is not None
        ]
        return predictions, penalties


def uses_halves(model: keras.Model, rows: int, batch_size: int, precision: str) -> bool:
    """Tell whether a step that moves all rows computes halves: where that is the same and faster.

    Args:
        model: to be trained.
        rows: of the tables of both sides together.
        batch_size: examples of a step.
        precision: of the products.
    """
    return batch_size >= rows and precision != "bfloat16" and not on_gpu() and can_use_halves(model)


def can_use_halves(model: keras.Model) -> bool:
    """Tell whether `HalvesHead` computes what the model's layers would.

    It must be one that `can_use_columns`, whose vectors are those of its embeddings alone, without penalties on
    the rows that a batch looks up.
    """
    if not can_use_columns(model):
        return False
    factored = FactoredModel(model)
    return all(
        table.identity is not None
        and table.features is None
        and table.session is None
        and table.identity.activity_regularizer is None
        for table in (*factored.users, *factored.items)
    )
