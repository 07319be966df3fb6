"""Pre-training of NeuMF: its start from a trained GMF and a trained MLP, section 3.4.1 of the paper."""

import math
from numbers import Real

import keras
import numpy as np

from ncf_keras.base.errors import InputError
from ncf_keras.weights.loading import Shapes, assign_layers, layers_of, shapes_of, sizes_in_words
from ncf_keras.weights.model_sizes import ModelSizes, model_sizes
from ncf_keras.weights.weight_file import Layers


def fuse_pretrained(
    neumf: keras.Model,
    gmf: keras.Model,
    mlp: keras.Model,
    alpha: float = 0.5,
    *,
    gmf_name: str = "gmf",
    mlp_name: str = "mlp",
) -> None:
    """Start a NeuMF from a trained GMF and MLP.

    Embeddings and hidden layers are copied; the output layer is equation 13 of the paper, its kernel
    `concat(alpha * h_GMF, (1 - alpha) * h_MLP)`, and its bias likewise `alpha * b_GMF + (1 - alpha) * b_MLP`.

    Args:
        neumf: gets the weights, all of them or none.
        gmf: with the factors of the NeuMF's GMF part.
        mlp: with the layers of the NeuMF's MLP part.
        alpha: share of the GMF in the output, from 0 to 1; the authors have 0.5.
        gmf_name: what messages call `gmf`, such as its file.
        mlp_name: what messages call `mlp`.

    Raises:
        InputError: alpha is outside of its range, or a model has other users, items, factors or layers than
            the NeuMF; the sentence says which model, which layer and which sizes.

    Source: `load_pretrain_model` in the authors' NeuMF.py.
    """
    if isinstance(alpha, bool) or not isinstance(alpha, Real) or not 0 <= alpha <= 1 or math.isnan(alpha):
        raise InputError(f"`alpha` must be a number from 0 to 1. Received: {alpha!r}")
    sizes = model_sizes(layers_of(neumf), "`neumf`")
    if sizes.model != "NeuMF":
        raise InputError(f"`neumf` must be a NeuMF. Received: {sizes.model}")
    users_items = (sizes.num_users, sizes.num_items)
    factors = _fitting(gmf, gmf_name, ModelSizes("GMF", *users_items, sizes.num_factors, None))
    tower = _fitting(mlp, mlp_name, ModelSizes("MLP", *users_items, None, sizes.layers))
    assign_layers(neumf, _fused(factors, tower, float(alpha)), f"{gmf_name} and {mlp_name}")


def _fused(gmf: Layers, mlp: Layers, alpha: float) -> Layers:
    (gmf_kernel, gmf_bias), (mlp_kernel, mlp_bias) = gmf["prediction"], mlp["prediction"]
    hidden = {name: arrays for name, arrays in mlp.items() if name.startswith("layer")}
    return {
        "mf_embedding_user": gmf["user_embedding"],
        "mf_embedding_item": gmf["item_embedding"],
        "mlp_embedding_user": mlp["user_embedding"],
        "mlp_embedding_item": mlp["item_embedding"],
        **hidden,
        "prediction": (
            np.concatenate([alpha * gmf_kernel, (1 - alpha) * mlp_kernel]),
            alpha * gmf_bias + (1 - alpha) * mlp_bias,
        ),
    }


def _fitting(model: keras.Model, name: str, expected: ModelSizes) -> Layers:
    """Return the layers of `model`; InputError in a sentence unless it has the expected sizes."""
    layers = layers_of(model)
    found = model_sizes(layers, name)
    if found.model != expected.model:
        raise InputError(f"{name} must be a trained {expected.model}. Received: {found.model}")
    if found != expected:
        raise InputError(f"{name} must fit the NeuMF: {_difference(expected.shapes(), shapes_of(layers))}")
    return layers


def _difference(expected: Shapes, found: Shapes) -> str:
    return "; ".join(
        f"{name} must be {sizes_in_words(expected.get(name))}. Received: {sizes_in_words(found.get(name))}"
        for name in {**expected, **found}
        if expected.get(name) != found.get(name)
    )
