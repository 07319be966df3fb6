"""The base of this package's callbacks."""

from typing import Any, Protocol

import keras


class OwnCallback(keras.callbacks.Callback):
    """A callback that changes neither weights nor learning rate during training."""

    changes_model = False


class Remembers(Protocol):
    """A callback with state that a resumed training needs."""

    def state(self) -> dict[str, Any]:
        """Return arrays, and values that JSON can hold, by name."""

    def restore(self, state: dict[str, Any]) -> None:
        """Restore what `state` returned.

        Raises:
            KeyError, TypeError, ValueError, InputError: it is not what `state` returns.
        """
