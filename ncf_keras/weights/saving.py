"""Weights out of a model, in the layout of Keras 1 or in the formats of Keras 3."""

import errno
import io
import math
import os
import shutil
from pathlib import Path

import h5py
import keras
import numpy as np

from ncf_keras.base.checks import require_one_of
from ncf_keras.base.errors import InputError
from ncf_keras.base.files import written_beside
from ncf_keras.models.factored import FactoredModel
from ncf_keras.models.features import IdentityDropout
from ncf_keras.models.spec import ModelSpec
from ncf_keras.weights.groups import Layers
from ncf_keras.weights.loading import assign_layers, expected_shapes, layers_of, model_sizes

# Groups, attributes and rounding, for models of some dozens of layers.
HDF5_OVERHEAD = 2**17
SUFFIXES = {"weights": ".weights.h5", "keras": ".keras", "h5": ".h5"}


def save_weights(model: keras.Model, path: str | os.PathLike, format: str = "h5") -> None:
    """Write the weights of a model; the file is complete when it appears. The model stays as it is.

    Args:
        model: functional; for `h5`, a GMF, MLP or NeuMF.
        path: the file, with the suffix of the format. An existing one is replaced.
        format: `h5`, the weights as Keras 1.0.7 wrote them, which the authors' code loads; `keras`, a `.keras`
            archive for `keras.saving.load_model`, without optimizer and loss; or `weights`, a `.weights.h5`
            for `model.load_weights` of Keras 3.
    """
    path = Path(path)
    require_one_of(format, SUFFIXES, "format")
    if not path.name.endswith(SUFFIXES[format]) or format_of(path) != format:
        raise InputError(f"{path} must end with {SUFFIXES[format]} alone, the suffix of the format {format!r}")
    if not isinstance(model, keras.Model) or not getattr(model, "inputs", None):
        raise InputError(f"`model` must be a functional Keras model. Received: {model!r}")
    layers = layers_of(model)
    spec = model_sizes(layers, "the model to save") if format == "h5" else None
    if spec is None and any(isinstance(layer, IdentityDropout) for layer in model.layers):
        model = _without_dropout(model, layers)
    try:
        with written_beside(path, keep_suffix=True) as temporary:
            if spec is not None:
                temporary.write_bytes(_keras1_file(spec, layers))
            elif format == "keras":
                _plain(model).save(temporary)
            else:
                _require_space(path.parent, model)
                _plain(model).save_weights(temporary)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error).partition("\n")[0]
        raise InputError(f"{path} must be a file that can be written. Received: {reason}") from None


def format_of(path: str | os.PathLike) -> str:
    """Return the format that the suffix of a path stands for."""
    for name, suffix in SUFFIXES.items():
        if str(path).endswith(suffix):
            return name
    raise InputError(f"{path} must end with .h5, .keras or .weights.h5")


def _plain(model: keras.Model) -> keras.Model:
    """Return a model of the same layers without the optimizer, loss and class that came with training."""
    return keras.Model(model.inputs, model.outputs, name=model.name)


def _without_dropout(model: keras.Model, layers: Layers) -> keras.Model:
    """Return the same model without the layer that leaves identities out in training."""
    spec = model_sizes(layers, "the model to save")
    hidden = FactoredModel(model).hidden
    copy = spec.build()
    assign_layers(copy, layers, "the model to save")
    for layer, source in zip(FactoredModel(copy).hidden, hidden, strict=True):
        layer.activation = source.activation
    return copy


def _require_space(directory: Path, model: keras.Model) -> None:
    """Raise OSError if the weights do not fit on the disk: HDF5 crashes the process when it fills up."""
    needed = sum(math.prod(weight.shape) * 4 for weight in model.weights) + HDF5_OVERHEAD
    if shutil.disk_usage(directory).free < needed:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _keras1_file(spec: ModelSpec, layers: Layers) -> memoryview:
    """Return a file that equals one of Keras 1.0.7 in groups, attributes, order and dtypes.

    It is made in memory, because HDF5 crashes the process when the disk is full.
    """
    names = keras1_layer_names(spec)
    content = io.BytesIO()
    with h5py.File(content, "w", libver="earliest") as file:
        file.attrs["layer_names"] = np.array(names, dtype="S")
        for name in names:
            group = file.create_group(name)
            arrays = dict(zip((f"{name}_W", f"{name}_b"), layers.get(name, ()), strict=False))
            # The attribute of a layer without weights is an empty array of float64, as NumPy made of [].
            group.attrs["weight_names"] = np.array(list(arrays), dtype="S" if arrays else np.float64)
            for role, array in arrays.items():
                group.create_dataset(role, data=array.astype(np.float32, copy=False))
    return content.getbuffer()


def keras1_layer_names(spec: ModelSpec) -> list[str]:
    """Return the layers in the order of Keras 1.0.7, numbered as in a process that built no other model.

    Keras 1 loads by position, so the order is part of the format. It sorts the layers by their distance from
    the output, the farthest first, and by name among equals, which puts items before users. Source:
    `Container.__init__` and `save_weights` in `keras/engine/topology.py` of Keras 1.0.7.
    """
    distances = {"prediction": 0}

    def joined_pair(number: int, user: str, item: str, distance: int) -> None:
        """Note two embeddings, the layers that flatten them, and the one that merges them, `distance` away."""
        distances[f"merge_{number}"] = distance
        distances[f"flatten_{2 * number - 1}"] = distances[f"flatten_{2 * number}"] = distance + 1
        distances[user] = distances[item] = distance + 2
        for name in ("user_input", "item_input"):
            distances[name] = max(distance + 3, distances.get(name, 0))

    top = 1
    if spec.kind == "NeuMF":
        distances["merge_3"] = 1
        joined_pair(1, "mf_embedding_user", "mf_embedding_item", 2)
        top = 2
    hidden = len(spec.layers) - 1 if spec.kind != "GMF" else 0
    distances |= {f"layer{number}": top + hidden - number for number in range(1, hidden + 1)}
    if spec.kind == "NeuMF":
        joined_pair(2, "mlp_embedding_user", "mlp_embedding_item", top + hidden)
    else:
        joined_pair(1, "user_embedding", "item_embedding", top + hidden)
    if spec.user_features or spec.item_features or spec.recent:
        # Keras 1 knows no such model: any order will do, and layers without weights are not needed.
        return sorted(expected_shapes(spec))
    return sorted(distances, key=lambda name: (-distances[name], name))
