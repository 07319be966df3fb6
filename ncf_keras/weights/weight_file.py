"""A weight file of any Keras, read into memory without TensorFlow and without trusting it."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ncf_keras.base.errors import InputError
from ncf_keras.weights.archive import ArchiveError, is_archive, read_archive
from ncf_keras.weights.hdf5_bytes import Hdf5Error
from ncf_keras.weights.keras_layouts import Layers, read_layers


@dataclass(frozen=True)
class WeightFile:
    """The weights in a file.

    Attributes:
        path: the file.
        layout: `keras1`, `keras2`, `keras3` or `archive`.
        layers: for each layer with weights, its name and its float32 arrays: (table,) or (kernel, bias).
    """

    path: Path
    layout: str
    layers: Layers


def read_weight_file(path: str | os.PathLike) -> WeightFile:
    """Read a weight file; its content tells the layout, its suffix does not matter.

    Reads Keras 1 HDF5, Keras 2 HDF5 weights and whole models, and `.weights.h5`, `.keras` and `.h5` of Keras 3.

    Args:
        path: the file. It may come from anyone: no code in it is run, no file it names is opened, no more
            memory than a small multiple of its size is used.

    Raises:
        InputError: it can't be read, is none of these, is damaged, compressed or out of proportion, or holds
            anything but finite floating-point numbers.
    """
    path = Path(path)
    data = _content(path)
    try:
        if is_archive(data):
            weights, names = read_archive(data)
            layout, layers = "archive", read_layers(weights, names)[1]
        else:
            layout, layers = read_layers(data)
    except (ArchiveError, Hdf5Error) as error:
        raise InputError(f"{path} must be a weight file of Keras. Received: a file that {error}") from None
    if not layers:
        raise InputError(f"{path} must be a weight file of Keras. Received: one without any weights")
    return WeightFile(
        path,
        layout,
        {name: tuple(_float32(path, name, array) for array in arrays) for name, arrays in layers.items()},
    )


def _content(path: Path) -> bytes:
    try:
        # A pipe or a device has no end to wait for.
        if path.exists() and not path.is_file():
            raise InputError(f"{path} must be a weight file. Received: a directory or device")
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} must be a weight file that can be read. Received: {error.strerror}") from None


def _float32(path: Path, layer: str, array: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        values = array.astype(np.float32, copy=False)
    if not np.isfinite(values).all():
        raise InputError(f"{path} must hold finite numbers. Received: NaN or infinity in layer {layer!r}")
    return values
