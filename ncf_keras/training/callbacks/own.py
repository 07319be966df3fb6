"""The base of this package's callbacks."""

from typing import Any, Protocol

import keras


class OwnCallback(keras.callbacks.Callback):
    """A callback that leaves the weights and the learning rate alone while training goes on."""

    changes_model = False


class Remembers(Protocol):
    """A callback with something to remember when a training goes on in another process."""

    def state(self) -> dict[str, Any]:
        """Return arrays, and values that JSON can hold, by name."""

    def restore(self, state: dict[str, Any]) -> None:
        """Take back what `state` returned.

        Raises:
            KeyError, TypeError, ValueError, InputError: it is something else.
        """
