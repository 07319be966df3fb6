"""Importing a module as soon as another one is there."""

import importlib
import importlib.abc
import importlib.util
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType


def import_after(first: str, then: str) -> None:
    """Import the module `then` right after `first`: at once if `first` is there already, else when it comes.

    So `import ncf_keras` tells Keras the names of our learners and losses, and still does not import Keras.
    """
    if sys.modules.get(first):
        importlib.import_module(then)
    else:
        sys.meta_path.insert(0, _Watcher(first, then))


class _Watcher(importlib.abc.MetaPathFinder):
    """Waits for the import of one module, leaves it to the usual finders, and goes."""

    def __init__(self, first: str, then: str):
        self._first, self._then = first, then

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return nothing but for the awaited module, whose loader is told what comes after it."""
        if fullname != self._first:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            load = spec.loader.exec_module

            def load_both(module: ModuleType) -> None:
                load(module)
                importlib.import_module(self._then)

            spec.loader.exec_module = load_both  # type: ignore[method-assign]
        return spec
