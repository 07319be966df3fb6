"""Weights out of a model, in the layout of Keras 1 or in the formats of Keras 3."""

import errno
import math
import os
import shutil
from pathlib import Path

import keras

from ncf_keras.base.errors import InputError
from ncf_keras.base.files import written_beside
from ncf_keras.weights.keras1_file import write_keras1_file
from ncf_keras.weights.loading import layers_of
from ncf_keras.weights.model_sizes import model_sizes

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

    Raises:
        InputError: the format is none of these, the suffix is not that of the format, the model is of another
            kind, or the file can't be written.
    """
    path = Path(path)
    _require_format(format, path)
    if not isinstance(model, keras.Model) or not getattr(model, "inputs", None):
        raise InputError(f"`model` must be a functional Keras model. Received: {model!r}")
    layers = layers_of(model)
    sizes = model_sizes(layers, "the model to save") if format == "h5" else None
    try:
        with written_beside(path, keep_suffix=True) as temporary:
            if format == "h5":
                write_keras1_file(temporary, sizes, layers)
            elif format == "keras":
                _plain(model).save(temporary)
            else:
                _require_space(path.parent, model)
                _plain(model).save_weights(temporary)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error).partition("\n")[0]
        raise InputError(f"{path} must be a file that can be written. Received: {reason}") from None


def _require_space(directory: Path, model: keras.Model) -> None:
    """Raise OSError if the weights do not fit on the disk: HDF5 crashes the process when it fills up."""
    needed = sum(math.prod(weight.shape) * 4 for weight in model.weights) + HDF5_OVERHEAD
    if shutil.disk_usage(directory).free < needed:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _plain(model: keras.Model) -> keras.Model:
    """Return a model of the same layers without the optimizer, loss and class that came with training."""
    return keras.Model(model.inputs, model.outputs, name=model.name)


def format_of(path: str | os.PathLike) -> str:
    """Return the format that the suffix of a path stands for.

    Raises:
        InputError: it stands for none.
    """
    for name, suffix in SUFFIXES.items():
        if str(path).endswith(suffix):
            return name
    raise InputError(f"{path} must end with .h5, .keras or .weights.h5")


def _require_format(format: str, path: Path) -> None:
    if format not in SUFFIXES:
        raise InputError(f"`format` must be one of h5, keras and weights. Received: {format!r}")
    if not path.name.endswith(SUFFIXES[format]) or format_of(path) != format:
        raise InputError(f"{path} must end with {SUFFIXES[format]} alone, the suffix of the format {format!r}")
