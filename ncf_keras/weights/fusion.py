"""Pre-training of NeuMF: its start from a trained GMF and a trained MLP, section 3.4.1 of the paper."""

from dataclasses import replace

import keras
import numpy as np

from ncf_keras.base.checks import is_number
from ncf_keras.base.errors import InputError
from ncf_keras.models.checks import SIDES
from ncf_keras.models.layer_names import feature_name, session_name
from ncf_keras.models.recent import RECENT_ITEMS
from ncf_keras.models.spec import ModelSpec
from ncf_keras.weights.groups import Layers
from ncf_keras.weights.loading import (
    assign_layers,
    expected_shapes,
    layers_of,
    model_sizes,
    shapes_in_words,
    shapes_of,
)


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
    `concat(alpha * h_GMF, (1 - alpha) * h_MLP)`, and its bias `alpha * b_GMF + (1 - alpha) * b_MLP`.

    Args:
        neumf: gets the weights, all of them or none.
        gmf: with the factors of the NeuMF's GMF part.
        mlp: with the layers of the NeuMF's MLP part.
        alpha: share of the GMF in the output, from 0 to 1; the authors have 0.5.
        gmf_name, mlp_name: what messages call the two, such as their files.

    Source: `load_pretrain_model` in the authors' NeuMF.py.
    """
    if not (is_number(alpha) and 0 <= alpha <= 1):
        raise InputError(f"`alpha` must be a number from 0 to 1. Received: {alpha!r}")
    spec = model_sizes(layers_of(neumf), "`neumf`")
    if spec.kind != "NeuMF":
        raise InputError(f"`neumf` must be a NeuMF. Received: {spec.kind}")
    factors = _fitting(gmf, gmf_name, replace(spec, kind="GMF"))
    tower = _fitting(mlp, mlp_name, replace(spec, kind="MLP"))
    own = layers_of(neumf)
    for name, layers in ((gmf_name, factors), (mlp_name, tower)):
        for codes in ("user_features", "item_features"):
            if codes in own and not np.array_equal(np.sort(layers[codes][0]), np.sort(own[codes][0])):
                raise InputError(
                    f"{name} must have been trained with the features of {codes[:4]}s that the NeuMF has. "
                    "Received: other ones"
                )
    assign_layers(neumf, _fused(factors, tower, float(alpha)), f"{gmf_name} and {mlp_name}")


def _fused(gmf: Layers, mlp: Layers, alpha: float) -> Layers:
    (gmf_kernel, gmf_bias), (mlp_kernel, mlp_bias) = gmf["prediction"], mlp["prediction"]
    hidden = {name: arrays for name, arrays in mlp.items() if name.startswith("layer")}
    return {
        **_tables(gmf, "mf_"),
        **_tables(mlp, "mlp_"),
        **hidden,
        "prediction": (
            np.concatenate([alpha * gmf_kernel, (1 - alpha) * mlp_kernel]),
            alpha * gmf_bias + (1 - alpha) * mlp_bias,
        ),
    }


def _tables(layers: Layers, tower: str) -> Layers:
    """Return the tables of a GMF or MLP as the NeuMF calls those of the tower: `mf_` or `mlp_`."""
    named: dict[str, tuple[np.ndarray, ...]] = {}
    for side in SIDES:
        plain, own = f"{side}_embedding", f"{tower}embedding_{side}"
        names = {plain: own, feature_name(plain): feature_name(own), f"{side}_features": f"{side}_features"}
        names |= {session_name(plain): session_name(own), RECENT_ITEMS: RECENT_ITEMS}
        named |= {names[name]: arrays for name, arrays in layers.items() if name in names}
    return named


def _fitting(model: keras.Model, name: str, spec: ModelSpec) -> Layers:
    """Return the layers of `model`; InputError in a sentence unless it has the kind and the sizes of `spec`."""
    layers = layers_of(model)
    kind = model_sizes(layers, name).kind
    if kind != spec.kind:
        raise InputError(f"{name} must be a trained {spec.kind}. Received: {kind}")
    expected, found = expected_shapes(spec), shapes_of(layers)
    differences = [
        f"{layer} must be {shapes_in_words(expected.get(layer))}. Received: {shapes_in_words(found.get(layer))}"
        for layer in {**expected, **found}
        if expected.get(layer) != found.get(layer)
    ]
    if differences:
        raise InputError(f"{name} must fit the NeuMF: {'; '.join(differences)}")
    return layers
