"""Names of a package that are imported at first use, so that `--help` need not wait for TensorFlow."""

import importlib
from collections.abc import Callable, Mapping
from typing import Any


def lazy_names(
    package: str, home_of: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return the `__getattr__` and `__dir__` of a package whose names live in modules that are slow to import.

    Args:
        package: its `__name__`.
        home_of: the module that each name is defined in; an empty text for a module of the package itself.
    """

    def get(name: str) -> Any:
        if name not in home_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        if not home_of[name]:
            return importlib.import_module(f"{package}.{name}")
        return getattr(importlib.import_module(home_of[name]), name)

    return get, lambda: sorted(home_of)
