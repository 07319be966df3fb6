"""An MLP or NeuMF whose first hidden layer is computed once for each row of the tables, not for each example.

That layer is linear in [p_u, q_i] before its activation: W [p_u, q_i] + b = (W_u p_u + b) + W_i q_i
(`models/factored.py`). Where a batch has as many examples as the tables have rows, the halves of all rows take
fewer multiplications than the layer does, forward and backward, and with [64,32,16,8] three of four
multiplications of the tower are in that layer.
"""

from collections.abc import Mapping, Sequence
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
    """

    def __init__(self, model: keras.Model, variables: list[keras.Variable]):
        factored = FactoredModel(model)
        self._sides = [[id(table.identity) for table in side] for side in (factored.users, factored.items)]
        self._dense = dense_layers(factored, variables)
        self._mf_width = factored.mf_width

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
        variables = model.trainable_variables
        place_of = {id(variable): place for place, variable in enumerate(variables)}
        layers: list[Any] = model.layers
        embeddings = [layer for layer in layers if isinstance(layer, keras.layers.Embedding)]
        self._places = [(layer, place_of[id(layer.embeddings)]) for layer in embeddings]
        self._head = HalvesHead(model, variables)

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
