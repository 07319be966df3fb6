"""The file of the best model of a run."""

import time
from pathlib import Path
from typing import TYPE_CHECKING

from ncf_keras.base.files import remove_leftovers

if TYPE_CHECKING:
    import keras


class BestModel:
    """Saves a model as `<dataset>_<model>_<sizes>_<unix time>.h5`, the authors' name, over its own last save.

    A file that another run wrote is never replaced: the time in the name moves on until it is free. The name is
    taken at the first save, or before that by `reserve`.

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
        self._reserved: Path | None = None
        self._claim: Path | None = None

    def reserve(self) -> int:
        """Take a name for all saves to come and keep other runs off it until `release`.

        Returns:
            The unix time in it.
        """
        self._reserved, self._claim = self._claim_name()
        return int(self._reserved.name[len(self._stem) + 1 :].split(".")[0])

    def go_on(self, moment: int, saved: bool) -> None:
        """Take the name that an earlier process of this run had; `saved` tells if it wrote the file."""
        self._reserved = self._path_of(moment)
        self._claim = self._claim_of(self._reserved)
        self._claim.touch()
        remove_leftovers(self._reserved)
        self.path = self._reserved if saved else None

    def release(self) -> None:
        """Give up the hold on a reserved name; a file that was saved under it stays."""
        if self._claim:
            self._claim.unlink(missing_ok=True)

    def save(self) -> None:
        """Save the model as it is now."""
        from ncf_keras.weights import save_weights

        if self.path or self._reserved:
            path = self.path or self._reserved
            save_weights(self._model, path, self._layout)
            self.path = path
            return
        path, claim = self._claim_name()
        try:
            save_weights(self._model, path, self._layout)
        finally:
            claim.unlink()
        self.path = path

    def _claim_name(self) -> tuple[Path, Path]:
        """Return a free name, and the file that keeps other runs off it until it is written."""
        moment = int(time.time())
        while True:
            path = self._path_of(moment)
            claim = self._claim_of(path)
            try:
                claim.touch(exist_ok=False)
            except FileExistsError:
                moment += 1
                continue
            if not path.exists():
                return path, claim
            claim.unlink()
            moment += 1

    def _path_of(self, moment: int) -> Path:
        from ncf_keras.weights import SUFFIXES

        return self._directory / f"{self._stem}_{moment}{SUFFIXES[self._layout]}"

    def _claim_of(self, path: Path) -> Path:
        return path.with_name(f".{path.name}.claim")
