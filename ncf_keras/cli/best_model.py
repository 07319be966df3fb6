"""The file of the best model of a run."""

import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras


class BestModel:
    """Saves a model as `<dataset>_<model>_<sizes>_<unix time>.h5`, the authors' name, over its own last save.

    A file that another run wrote is never replaced: the time in the name moves on until it is free.

    Args:
        model: what to save.
        directory: where; it exists.
        stem: the name up to the time.
        layout: `h5`, `keras` or `weights`.

    Attributes:
        path: the file, or None as long as nothing was saved.
    """

    def __init__(self, model: "keras.Model", directory: Path, stem: str, layout: str):
        self._model = model
        self._directory = directory
        self._stem = stem
        self._layout = layout
        self.path: Path | None = None

    def save(self) -> None:
        """Save the model as it is now."""
        from ncf_keras.weights import save_weights

        if self.path:
            save_weights(self._model, self.path, self._layout)
            return
        path, claim = self._claim_name()
        try:
            save_weights(self._model, path, self._layout)
        finally:
            claim.unlink()
        self.path = path

    def _claim_name(self) -> tuple[Path, Path]:
        """Return a free name, and the file that keeps other runs off it until it is written."""
        from ncf_keras.weights import SUFFIXES

        moment = int(time.time())
        while True:
            path = self._directory / f"{self._stem}_{moment}{SUFFIXES[self._layout]}"
            claim = path.with_name(f".{path.name}.claim")
            try:
                claim.touch(exist_ok=False)
            except FileExistsError:
                moment += 1
                continue
            if not path.exists():
                return path, claim
            claim.unlink()
            moment += 1
