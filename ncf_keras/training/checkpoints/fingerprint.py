"""What a checkpoint and the run that goes on from it must have in common."""

import hashlib
import importlib.metadata
from collections.abc import Mapping
from typing import Any

import numpy as np

from ncf_keras.base.errors import InputError

# Of what a training writes into a checkpoint; one of another version is refused.
FORMAT = 2


def digest_of(arrays: Mapping[str, Any]) -> str:
    """Return the SHA-256, in hexadecimal, of the names, dtypes, shapes and contents of some arrays."""
    digest = hashlib.sha256()
    for name, array in arrays.items():
        array = np.ascontiguousarray(array)
        digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(array.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def require_format(metadata: Mapping[str, Any]) -> None:
    """Raise InputError unless the metadata of a checkpoint are of the format that trainings write now."""
    if metadata.get("format") != FORMAT:
        is_old = "rows" in metadata and "loop" in metadata
        raise not_of_a_training("format 1, of an earlier ncf_keras" if is_old else "other content")
    kinds = {"epochs": int, "options": dict, "progress": dict, "parts": dict}
    if any(type(metadata.get(name)) is not kind for name, kind in kinds.items()):
        raise not_of_a_training("other content")


def not_of_a_training(received: str) -> InputError:
    """Return the error about checkpoints that are not those of a training command of this version."""
    return InputError(
        f"`--checkpoint_dir` must have checkpoints of a training command in format {FORMAT}. "
        f"Received: {received}"
    )


def require_same_options(saved: Mapping[str, Any], now: Mapping[str, Any], where: object) -> None:
    """Refuse to go on with other options than those of the run that wrote a checkpoint.

    Args:
        saved: the options in the checkpoint, name to value.
        now: the options of this run, name to value, each as JSON would give it back.
        where: what the checkpoint is called in the error.

    Raises:
        InputError: an option differs; it is named.
    """
    for name in [*now, *(name for name in saved if name not in now)]:
        was, is_now = saved.get(name), now.get(name)
        if was != is_now:
            raise InputError(f"`{name}` must be {was!r} to go on from {where}. Received: {is_now!r}")


def versions() -> dict[str, str]:
    """Return the versions of what decides the last bits of a result."""
    return {name: importlib.metadata.version(name) for name in ("tensorflow", "keras", "numpy")}
