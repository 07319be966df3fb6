"""A weight file of Keras 1, 2 or 3, read into memory without TensorFlow and without trusting it.

Layers are found by name, never by order. Where each Keras keeps their arrays:

- Keras 1 and 2 (and the `.h5` of Keras 3): a group for each layer, at the root or under `model_weights`, whose
  attribute `weight_names` lists its arrays: `user_embedding_W`, `layer1_b` in Keras 1,
  `user_embedding/embeddings:0`, `layer1/bias:0` in Keras 2.
- Keras since 2.12, `.weights.h5`, also inside `.keras`: groups called after classes (`groups.py`).
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ncf_keras.base.errors import InputError
from ncf_keras.base.inputs import open_input, unreadable
from ncf_keras.base.memory import require_memory
from ncf_keras.weights.archive import ArchiveError, is_archive, read_archive
from ncf_keras.weights.configuration import (
    LARGEST_CONFIGURATION,
    Configuration,
    ConfigurationError,
    read_configuration,
)
from ncf_keras.weights.groups import Layers, has_groups, read_groups
from ncf_keras.weights.hdf5 import Hdf5Error, Hdf5Node, read_hdf5
from ncf_keras.weights.renaming import renamed
from ncf_keras.weights.wiring import OurNames, names_by_wiring

_FIRST = ("W", "embeddings", "kernel", "codes")
_SECOND = ("b", "bias")


@dataclass(frozen=True)
class WeightFile:
    """The weights in a file.

    Attributes:
        path: the file.
        layout: `keras1`, `keras2`, `keras3` or `archive`.
        layers: for each layer with weights, its name and its float32 arrays: (table,) or (kernel, bias).
        our_names: what GMF, MLP or NeuMF call the layers, if the file says how they are wired, as one of these.
    """

    path: Path
    layout: str
    layers: Layers
    our_names: OurNames | None = None


def read_weight_file(path: str | os.PathLike, *, rename: Mapping[str, str] | None = None) -> WeightFile:
    """Read a weight file; its content tells the layout, its suffix does not matter.

    Reads HDF5 weights and whole models of Keras 1 to 3, `.keras` of every Keras that writes it, and the
    `.weights.h5` of Keras 3.6 and newer; those of Keras 2.12 to 3.5 do not say which layer is which.

    Args:
        path: the file. It may come from anyone: no code in it is run, no file it names is opened, no more
            memory than a small multiple of its size is used.
        rename: new names of layers, such as `{"embedding": "user_embedding"}`; the others keep theirs.

    Raises:
        InputError: it can't be read, is none of these, is damaged, compressed or out of proportion, or holds
            anything but finite floating-point numbers; or `rename` names a layer that it has not, or gives two
            layers one name.
    """
    path = Path(path)
    with open_input(path) as file:
        # The bytes, those of an archive unpacked, the arrays, and the model that is made of them.
        require_memory(4 * os.fstat(file.fileno()).st_size, f"{path}, a weight file,")
        data = _content(path, file)
    try:
        if is_archive(data):
            weights, beside = read_archive(data)
            layout, (_, layers) = "archive", _layers(read_hdf5(weights), beside)
            configuration: Configuration | None = beside
        else:
            root = read_hdf5(data)
            layout, layers = _layers(root, None)
            configuration = _configuration(root)
    except (ArchiveError, Hdf5Error) as error:
        raise InputError(f"{path} must be a weight file of Keras. Received: a file that {error}") from None
    if not layers:
        raise InputError(f"{path} must be a weight file of Keras. Received: one without any weights")
    checked = {name: tuple(_float32(path, name, array) for array in arrays) for name, arrays in layers.items()}
    if rename is not None:
        return WeightFile(path, layout, renamed(checked, rename, str(path)))
    our_names = names_by_wiring(configuration) if configuration else None
    return WeightFile(path, layout, checked, our_names)


def _content(path: Path, file: BinaryIO) -> bytes:
    try:
        return file.read()
    except OSError as error:
        raise unreadable(path, error) from None


def _float32(path: Path, layer: str, array: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        values = array.astype(np.float32, copy=False)
    if not np.isfinite(values).all():
        raise InputError(f"{path} must hold finite numbers. Received: NaN or infinity in layer {layer!r}")
    return values


def _configuration(root: Hdf5Node) -> Configuration | None:
    """Return the configuration in a whole model, which is only good for advice: None if anything is amiss."""
    try:
        text = root.text("model_config", LARGEST_CONFIGURATION)
        return read_configuration(text[0]) if text else None
    except (Hdf5Error, ConfigurationError):
        return None


def _layers(root: Hdf5Node, configuration: Configuration | None) -> tuple[str, Layers]:
    """Return the layout (`keras1`, `keras2` or `keras3`) and the arrays of each layer, as they are stored.

    The configuration, if there is one beside the file, names the layers where the file does not.
    """
    if root.text("layer_names") is not None:
        return _legacy(root)
    if "model_weights" in root.names():
        return _legacy(root.group("model_weights"))
    if has_groups(root):
        return "keras3", read_groups(root, configuration.layers if configuration else None)
    raise Hdf5Error("is HDF5 without the weights of a Keras model")


def _legacy(weights: Hdf5Node) -> tuple[str, Layers]:
    listed = weights.text("layer_names")
    if listed is None or len(set(listed)) != len(listed):
        raise Hdf5Error("is damaged: its list `layer_names` is missing or repeats a layer")
    # A group that is not listed is read too: whatever it holds is then surplus rather than overlooked.
    unlisted = [name for name in weights.names() if name not in listed]
    found = {layer: _legacy_layer(weights.group(layer), layer) for layer in listed + unlisted}
    layers = {
        layer: tuple(arrays[role] for role in _FIRST + _SECOND if role in arrays)
        for layer, arrays in found.items()
        if arrays
    }
    is_keras1 = any({"W", "b"} & arrays.keys() for arrays in found.values())
    return ("keras1" if is_keras1 else "keras2"), layers


def _legacy_layer(group: Hdf5Node, layer: str) -> dict[str, np.ndarray]:
    """Return the arrays of a layer by role: W and b, or kernel, bias and embeddings."""
    paths = group.text("weight_names")
    if paths is None:
        raise Hdf5Error(f"is damaged: {group.path} has no proper list `weight_names`")
    arrays: dict[str, np.ndarray] = {}
    for path in paths:
        *parents, name = path.split("/")
        inner = group
        for parent in parents:
            inner = inner.group(parent)
        role = name.removesuffix(":0").removeprefix(f"{layer}_")
        same_kind = _FIRST if role in _FIRST else _SECOND
        if role not in _FIRST + _SECOND or any(other in same_kind for other in arrays):
            raise Hdf5Error(
                f"holds {path!r} in layer {layer!r}, which is no kernel, bias or embedding table of it"
            )
        arrays[role] = inner.array(name)
    return arrays
