"""Other names for the layers of a weight file, and the command that gives a file those of our models."""

import os
import shlex
from collections.abc import Mapping

from ncf_keras.base.errors import InputError
from ncf_keras.weights.groups import Layers

_SUFFIXES = (".weights.h5", ".keras", ".h5", ".hdf5")


def renamed(layers: Layers, rename: Mapping[str, str], source: str) -> Layers:
    """Return the layers with new names, all given at once, so that two may change theirs.

    Args:
        layers: the arrays of each layer.
        rename: the new name of each layer that gets one.
        source: where the layers come from, for the error.

    Raises:
        InputError: it is no such mapping, names a layer that is not there, or gives two layers one name.
    """
    if not isinstance(rename, Mapping) or not all(
        isinstance(name, str) for pair in rename.items() for name in pair
    ):
        raise InputError(
            f"`rename` must give layers new names, such as {{'dense': 'prediction'}}. Received: {rename!r}"
        )
    for old, new in rename.items():
        if old not in layers:
            raise InputError(f"`rename` must name layers of {source}: {', '.join(layers)}. Received: {old!r}")
        if not new:
            raise InputError(f"`rename` must give {old!r} a name. Received: none")
    names = [rename.get(name, name) for name in layers]
    for name in names:
        if names.count(name) > 1:
            raise InputError(
                f"`rename` must give each layer a name of its own. Received: {name!r} for two layers"
            )
    return dict(zip(names, layers.values(), strict=True))


def rename_command(path: str | os.PathLike, names: Mapping[str, str]) -> str | None:
    """Return the line for a shell that gives a file's layers new names; None if they can't be typed."""
    path = str(path)
    pairs = ",".join(f"{old}={new}" for old, new in names.items())
    is_clear = pairs.count(",") == len(names) - 1 and pairs.count("=") == len(names)
    if not (is_clear and path.isprintable() and pairs.isprintable()):
        return None
    stem = next((path.removesuffix(suffix) for suffix in _SUFFIXES if path.endswith(suffix)), path)
    return shlex.join(["ncf", "convert", path, "--rename", pairs, "--to", f"{stem}.named.h5"])
