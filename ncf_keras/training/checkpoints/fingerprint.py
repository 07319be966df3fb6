"""What two runs must have in common for one to go on where the other stopped."""

import hashlib
from collections.abc import Mapping

import numpy as np

from ncf_keras.base.errors import InputError


def digest_of(arrays: Mapping[str, np.ndarray]) -> str:
    """Return the SHA-256, in hexadecimal, of the names, dtypes, shapes and contents of some arrays."""
    digest = hashlib.sha256()
    for name, array in arrays.items():
        array = np.ascontiguousarray(array)
        digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(array.reshape(-1).view(np.uint8))
    return digest.hexdigest()


def require_same_options(saved: object, now: Mapping[str, object], where: object) -> None:
    """Refuse to go on with other options than those of the run that wrote a checkpoint.

    Args:
        saved: the options in the checkpoint, name to value.
        now: the options of this run, name to value, each as JSON would give it back.
        where: what the checkpoint is called in the error.

    Raises:
        InputError: an option differs; it is named. Or `saved` is no mapping.
    """
    if not isinstance(saved, Mapping):
        raise InputError(f"{where} must have the options of its run. Received: {type(saved).__name__}")
    for name in [*now, *(name for name in saved if name not in now)]:
        was, is_now = saved.get(name), now.get(name)
        if was != is_now:
            raise InputError(f"`{name}` must be {was!r} to go on from {where}. Received: {is_now!r}")
