"""The weights of the best epoch, kept in memory until training ends."""

from collections.abc import Mapping

import keras
import numpy as np

from ncf_keras.base.errors import InputError
from ncf_keras.training.engines.engine_state import named


class BestWeights:
    """Remembers a model's weights as they were at the best epoch.

    Args:
        model: built; its weights at this moment are the best as long as none are kept.
    """

    def __init__(self, model: keras.Model):
        self._model = model
        self._kept: list[np.ndarray] | None = None

    def keep(self) -> None:
        """Remember the weights that the model has now."""
        self._kept = self._model.get_weights()

    def restore(self) -> None:
        """Give the model the weights that were kept last."""
        if self._kept is not None:
            self._model.set_weights(self._kept)

    def state(self) -> dict[str, np.ndarray]:
        """Return the weights that were kept last as `weight_000` and so on; nothing if none were."""
        return named("weight", self._kept or [])

    def put_back(self, state: Mapping[str, np.ndarray]) -> None:
        """Keep the weights of which `state` told.

        Raises:
            InputError: they are not those of such a model.
        """
        now = named("weight", self._model.get_weights())
        if not state:
            self._kept = None
            return
        same = set(state) == set(now)
        if not same or any(
            (array.shape, array.dtype) != (state[name].shape, state[name].dtype) for name, array in now.items()
        ):
            raise InputError(
                f"`state` must have the {len(now)} weights of the model. Received: {sorted(state)}"
            )
        self._kept = [state[name] for name in now]
