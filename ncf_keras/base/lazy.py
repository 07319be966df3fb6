"""Names of a package that are imported at first use, so that `--help` need not wait for TensorFlow."""

import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ncf_keras.base.keras_backend import require_tensorflow_backend
from ncf_keras.base.quiet import import_tensorflow_quietly


def lazy_names(
    package: str, homes: Mapping[str, Sequence[str]], light: Sequence[str] = ()
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Return `__getattr__`, `__dir__` and `__all__` of a package whose modules are slow to import.

    Args:
        package: its `__name__`.
        homes: for each module of the package, the names that it defines; those of "" are modules themselves.
        light: the modules that do not import TensorFlow.
    """
    home_of = {name: module for module, names in homes.items() for name in names}

    def get(name: str) -> Any:
        if name not in home_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        if "tensorflow" not in sys.modules and home_of[name] not in light and name not in light:
            require_tensorflow_backend()
            import_tensorflow_quietly(log_level="WARNING")
        if not home_of[name]:
            return importlib.import_module(f"{package}.{name}")
        return getattr(importlib.import_module(f"{package}.{home_of[name]}"), name)

    names = sorted(home_of)
    return get, lambda: names, names
