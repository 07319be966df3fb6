"""The file of the best model of a run."""

import time
from pathlib import Path
from typing import Any

from ncf_keras.base.files import remove_leftovers
from ncf_keras.training.callbacks.own import OwnCallback
from ncf_keras.training.trainer import Trainer
from ncf_keras.weights import SUFFIXES, save_weights


class BestFile(OwnCallback):
    """Saves the best model as `<dataset>_<model>_<sizes>_<unix time>.h5`, the authors' name.

    A better model replaces the last one of this run. A file of another run is never replaced: the time in the
    name moves on until it is free. The name is taken at the first save, or before that by `reserve`.

    Args:
        trainer: whose model is saved.
        directory: where; it exists.
        stem: the name up to the time.
        layout: `h5`, `keras` or `weights`.
        save_initial: save the model before training, too, as the authors' NeuMF.py does.

    Attributes:
        path: the file, or None as long as nothing was saved.
    """

    def __init__(
        self, trainer: Trainer, directory: Path, stem: str, layout: str = "h5", save_initial: bool = False
    ):
        super().__init__()
        self._trainer = trainer
        self._directory, self._stem, self._layout = directory, stem, layout
        self._save_initial = save_initial
        self.path: Path | None = None
        self._reserved: Path | None = None
        self._claim: Path | None = None

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Save the model before training if that is asked for and this is the beginning."""
        if self._save_initial and not self._trainer.iterations and not self.path:
            self.save()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Save the model if it is the best so far."""
        if self._trainer.best.number == epoch:
            self.save()

    def reserve(self) -> None:
        """Take a name for all saves to come and keep other runs off it until `release`."""
        self._reserved, self._claim = self._claim_name()

    def state(self) -> dict[str, Any]:
        """Return the time in the reserved name, and whether the file was written."""
        name = self._reserved.name if self._reserved else ""
        moment = int(name[len(self._stem) + 1 :].split(".")[0]) if name else None
        return {"moment": moment, "saved": self.path is not None}

    def restore(self, state: dict[str, Any]) -> None:
        """Take the name that an earlier process of this run had."""
        moment, saved = state["moment"], state["saved"]
        if type(moment) is not int or type(saved) is not bool:
            raise TypeError
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
        path = self.path or self._reserved
        if path:
            save_weights(self._trainer.model, path, self._layout)
            self.path = path
            return
        path, claim = self._claim_name()
        try:
            save_weights(self._trainer.model, path, self._layout)
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
        return self._directory / f"{self._stem}_{moment}{SUFFIXES[self._layout]}"

    def _claim_of(self, path: Path) -> Path:
        return path.with_name(f".{path.name}.claim")
