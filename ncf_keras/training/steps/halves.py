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


class HalvesHead:
    """Computes predictions from the indices of users and items, and the weights of the whole model.

    The numbers are those of the Keras layers to rounding.

    Args:
        model: one for which `can_use_halves`.
    """

    def __init__(self, model: keras.Model):
        factored, variables = FactoredModel(model), model.trainable_variables
        place_of = {id(variable): place for place, variable in enumerate(variables)}
        self._embeddings: list[Any] = [table.identity for table in (*factored.users, *factored.items)]
        self._tables = [place_of[id(layer.embeddings)] for layer in self._embeddings]
        self._dense = dense_layers(factored, variables)
        self._mf_width = factored.mf_width

    def __call__(self, weights: list[Tensor], ids: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Return the predictions, shape (batch, 1), and all penalties.

        Args:
            weights: of the model, as its `trainable_variables`.
            ids: int32, of the users and of the items, shape (batch,).
        """
        first, *hidden, output = self._dense
        tables = [weights[place] for place in self._tables]
        sides = tables[: len(tables) // 2], tables[len(tables) // 2 :]
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
        on_tables = [
            layer.embeddings_regularizer(table)
            for layer, table in zip(self._embeddings, tables, strict=True)
            if layer.embeddings_regularizer is not None
        ]
        penalties = [*on_tables, *penalties_on_kernels(self._dense, weights)]
        return output.layer.activation(logits)[:, None], penalties


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
