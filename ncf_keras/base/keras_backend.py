"""Which backend Keras runs on, found out without importing it."""

import json
import os
import sys
from pathlib import Path

from ncf_keras.base.errors import InputError


def require_tensorflow_backend() -> None:
    """Raise InputError if Keras is imported, or would be, with another backend than TensorFlow."""
    backend, source = _backend()
    if backend != "tensorflow":
        raise InputError(
            f"{source} must be tensorflow, the backend of Keras that all this needs. Received: {backend}"
        )


def _backend() -> tuple[str, str]:
    """Return the backend and what chose it: the variable, before the file, before Keras' default."""
    if "keras" in sys.modules:
        return sys.modules["keras"].config.backend(), "`KERAS_BACKEND`"
    if backend := os.environ.get("KERAS_BACKEND"):
        return backend, "`KERAS_BACKEND`"
    home = os.environ.get("KERAS_HOME") or Path.home() / ".keras"
    file = Path(home).expanduser() / "keras.json"
    try:
        settings = json.loads(file.read_text())
    except (OSError, ValueError):
        settings = {}
    backend = settings.get("backend") if isinstance(settings, dict) else None
    return str(backend or "tensorflow"), f"`backend` in {file}"
