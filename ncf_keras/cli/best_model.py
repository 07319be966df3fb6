"""The file of the best model of a run."""

import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras

SUFFIXES = {"h5": ".h5", "keras": ".keras", "weights": ".weights.h5"}


class BestModel:
    """Saves a model as `<dataset>_<model>_<sizes>_<unix time>.h5`, the authors' name, over its own last save.

    A file that another run wrote is never replaced: the time in the name moves on until it is free.

    Args:
        model: what to save.
        directory: where; it exists.
        stem: the name up to the time.
        layout: `h5`, `keras` or `weights`.
    """

    def __init__(self, model: "keras.Model", directory: Path, stem: str, layout: str):
        self._model = model
        self._directory = directory
        self._stem = stem
        self._layout = layout
        self._moment = int(time.time())
        self.path: Path | None = None

    def save(self) -> None:
        """Save the model as it is now."""
        from ncf_keras.weights import save_weights

        if self.path is None:
            self.path = self._claim_name()
        save_weights(self._model, self.path, self._layout)

    def _claim_name(self) -> Path:
        """Return a name that no other run has, however close they start."""
        while True:
            path = self._directory / f"{self._stem}_{self._moment}{SUFFIXES[self._layout]}"
            claim = path.with_name(f".{path.name}.claim")
            try:
                claim.touch(exist_ok=False)
            except FileExistsError:
                self._moment += 1
                continue
            if not path.exists():
                return path
            claim.unlink()
            self._moment += 1
