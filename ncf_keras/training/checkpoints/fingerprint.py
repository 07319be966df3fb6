"""Checks that a run can resume from a checkpoint: its format, its options and the versions of libraries."""

import hashlib
import importlib.metadata
from collections.abc import Mapping
from typing import Any

import numpy as np

from ncf_keras.base.errors import InputError

# The version of what a training writes into a checkpoint; other versions are refused.
FORMAT = 2
# What an error about the format begins with.
KEPT = "`--checkpoint_dir` must have checkpoints"


def digest_of(arrays: Mapping[str, Any]) -> str:
    """Return the SHA-256, in hexadecimal, of the names, dtypes, shapes and contents of some arrays."""
    digest = hashlib.sha256()
    for name, array in arrays.items():
        array = np.ascontiguousarray(array)
        digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(array.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def require_format(metadata: Mapping[str, Any], what: str = KEPT) -> None:
    """Raise InputError, which says what must be, unless metadata are of the format that trainings write now."""
    if metadata.get("format") != FORMAT:
        is_old = "rows" in metadata and "loop" in metadata
        raise not_of_a_training("format 1, of an earlier ncf_keras" if is_old else "other content", what)
    kinds = {"epochs": int, "options": dict, "progress": dict, "parts": dict}
    if any(type(metadata.get(name)) is not kind for name, kind in kinds.items()):
        raise not_of_a_training("other content", what)


def not_of_a_training(received: str, what: str = KEPT) -> InputError:
    """Return the error about a checkpoint that no training command of this version wrote."""
    return InputError(f"{what} of a training command in format {FORMAT}. Received: {received}")


def require_same_options(saved: Mapping[str, Any], now: Mapping[str, Any], where: object) -> None:
    """Raise InputError, which names the option, if one differs from that of the run that wrote a checkpoint.

    Args:
        saved: the options in the checkpoint, by name.
        now: the options of this run, by name, as JSON values.
        where: the name of the checkpoint in the error.
    """
    for name in [*now, *(name for name in saved if name not in now)]:
        was, is_now = saved.get(name), now.get(name)
        if was != is_now:
            raise InputError(f"`{name}` must be {was!r} to go on from {where}. Received: {is_now!r}")


def versions() -> dict[str, str]:
    """Return the versions of the libraries that affect the last bits of a result."""
    return {name: importlib.metadata.version(name) for name in ("tensorflow", "keras", "numpy")}
