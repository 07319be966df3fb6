"""The layers behind the embeddings of an MLP or NeuMF, computed with a row a feature and a column an example.

The numbers are those of the Keras layers to rounding. On a CPU it is faster: a layer has at most a few hundred
features, and XLA multiplies and adds along the examples, of which there are more (`docs/performance.md`).
"""

from typing import Any, NamedTuple

import keras
import tensorflow as tf
from tensorflow import Tensor

from ncf_keras.models.factored import FactoredModel, can_factor
from ncf_keras.models.features import FeatureCodes, IdentityDropout

# Activations that take each number by itself, so that they are the same in any layout.
ELEMENTWISE = (
    keras.activations.linear,
    keras.activations.relu,
    keras.activations.sigmoid,
    keras.activations.tanh,
)


class DenseLayer(NamedTuple):
    """A dense layer and the places of its kernel and bias among the weights."""

    layer: Any
    kernel: int
    bias: int


def dense_layers(factored: FactoredModel, variables: list[keras.Variable]) -> list[DenseLayer]:
    """Return the hidden layers and the output layer, with their places among `variables`."""
    place_of = {id(variable): place for place, variable in enumerate(variables)}
    layers = [*factored.hidden, factored.output]
    return [DenseLayer(layer, place_of[id(layer.kernel)], place_of[id(layer.bias)]) for layer in layers]


def penalties_on_kernels(layers: list[DenseLayer], weights: list[Tensor]) -> list[Tensor]:
    """Return the penalties on the kernels of some layers, those that have one."""
    return [
        each.layer.kernel_regularizer(weights[each.kernel])
        for each in layers
        if each.layer.kernel_regularizer is not None
    ]


class ColumnsHead:
    """Computes predictions from the vectors of users and items.

    Args:
        model: one for which `can_use_columns` is true.
        variables: those of the layers behind the vectors, in the order of the weights that `__call__` is given.
    """

    def __init__(self, model: keras.Model, variables: list[keras.Variable]):
        factored = FactoredModel(model)
        self._dense = dense_layers(factored, variables)
        self._mf_width = factored.mf_width

    def __call__(self, weights: list[Tensor], vectors: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Return the predictions, shape (batch, 1), and the penalties on the kernels.

        Args:
            weights: of the layers behind the vectors.
            vectors: of the users, GMF tower's before MLP tower's, then of the items: shape (batch, latent
                factors).
        """
        *hidden, output = self._dense
        kernel = weights[output.kernel][:, 0]
        mf_logits = 0.0
        sides = vectors[: len(vectors) // 2], vectors[len(vectors) // 2 :]
        if self._mf_width:
            mf_user, mf_item = (side[0] for side in sides)
            mf_logits = tf.linalg.matvec(mf_user * mf_item, kernel[: self._mf_width])
        tower = tf.concat([tf.transpose(side[-1]) for side in sides], 0)
        for layer in hidden:
            tower = layer.layer.activation(_affine(weights, layer, tower))
        logits = tf.linalg.matvec(tower, kernel[self._mf_width :], transpose_a=True)
        logits += mf_logits + weights[output.bias]
        return output.layer.activation(logits)[:, None], penalties_on_kernels(self._dense, weights)


def can_use_columns(model: keras.Model) -> bool:
    """Tell whether `ColumnsHead` computes what the model's layers would.

    The model must be an MLP or NeuMF with hidden layers (GMF has no product of matrices that could gain), all
    of whose weights are trained, in float32 or float64 throughout, with activations that take each number by
    itself and no penalties but on embeddings and kernels.
    """
    if not can_factor(model) or not all(_is_trained(layer) for layer in model.layers):
        return False
    factored = FactoredModel(model)
    dense = [*factored.hidden, factored.output]
    return (
        len(factored.hidden) > 0
        and all(layer.dtype_policy.compute_dtype == layer.variable_dtype for layer in model.layers)
        and all(layer.activation in ELEMENTWISE for layer in dense)
        and not any(layer.bias_regularizer or layer.activity_regularizer for layer in dense)
    )


def _is_trained(layer: keras.layers.Layer) -> bool:
    """Tell whether a layer has no state but weights that are trained, or is one of features."""
    return isinstance(layer, (FeatureCodes, IdentityDropout)) or not layer.non_trainable_variables


def _affine(weights: list[Tensor], layer: DenseLayer, columns: Tensor) -> Tensor:
    """Return kernel^T columns + bias, shape (units, batch)."""
    return _with_bias(tf.matmul(weights[layer.kernel], columns, transpose_a=True), weights[layer.bias])


@tf.custom_gradient
def _with_bias(columns: Tensor, bias: Tensor) -> tuple[Tensor, Any]:
    """Return columns + bias, shape (units, batch).

    The gradient of the bias is a product with ones, because XLA adds up the numbers of a row one after
    another, which takes as long as a layer.
    """

    def gradient(upstream: Tensor) -> tuple[Tensor, Tensor]:
        return upstream, tf.linalg.matvec(upstream, tf.ones_like(upstream[0]))

    return columns + bias[:, None], gradient
