"""The file of the best model of a run."""

import os
from pathlib import Path
from typing import Any

from ncf_keras.base.claims import claim_name, claim_of
from ncf_keras.base.files import remove_leftovers
from ncf_keras.base.locks import open_lock_file
from ncf_keras.training.callbacks.own import OwnCallback
from ncf_keras.training.trainer import Trainer
from ncf_keras.weights import SUFFIXES, save_weights


class BestFile(OwnCallback):
    """Saves the best model as `<dataset>_<model>_<sizes>_<unix time>.h5`, the authors' name.

    A better model replaces the last one of this run. A file of another run is never replaced: the time in the
    name is increased until the name is free. The name is chosen at the first save, or earlier by `reserve`.

    Args:
        trainer: its model is saved.
        directory: an existing directory.
        stem: the name up to the time.
        layout: `h5`, `keras` or `weights`.
        save_initial: save the model before training, too, as the authors' NeuMF.py does.
        owner: what tells this run from a copy of its checkpoints, which must not write over its file.

    Attributes:
        path: the file; None until the first save.
        left_alone: the file of another run, which this one would have written had it not changed its name.
    """

    def __init__(
        self,
        trainer: Trainer,
        directory: Path,
        stem: str,
        layout: str = "h5",
        save_initial: bool = False,
        owner: str = "",
    ):
        super().__init__()
        self._trainer = trainer
        self._directory, self._stem, self._layout = directory, stem, layout
        self._save_initial, self._owner = save_initial, owner
        self.path: Path | None = None
        self.left_alone: Path | None = None
        self._reserved: Path | None = None
        self._claim: Path | None = None

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Save the model before training if `save_initial` is set and the run is new."""
        if self._save_initial and not self._trainer.iterations and not self.path:
            self.save()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Save the model if it is the best so far; without evaluations, that of every epoch."""
        if self._trainer.best.number == epoch or self._trainer.spec.select == "none":
            self.save()

    def reserve(self) -> None:
        """Reserve a name for all later saves, so that no other run uses it until `release`."""
        self._reserved, self._claim = self._claim_name()

    def state(self) -> dict[str, Any]:
        """Return the time in the reserved name, whether the file was written, and by whom."""
        name = self._reserved.name if self._reserved else ""
        moment = int(name[len(self._stem) + 1 :].split(".")[0]) if name else None
        return {"moment": moment, "saved": self.path is not None, "owner": self._owner}

    def restore(self, state: dict[str, Any]) -> None:
        """Reserve the name that an earlier process of this run had; another one, if it was another run's."""
        moment, saved, owner = state["moment"], state["saved"], state.get("owner", self._owner)
        if type(moment) is not int or type(saved) is not bool:
            raise TypeError
        if owner != self._owner:
            self.left_alone = self._path_of(moment)
            self.reserve()
            return
        self._reserved = self._path_of(moment)
        self._claim = claim_of(self._reserved)
        os.close(open_lock_file(self._claim))
        remove_leftovers(self._reserved)
        self.path = self._reserved if saved else None

    def release(self) -> None:
        """Release the reserved name; a file that was saved under it stays."""
        if self._claim:
            self._claim.unlink(missing_ok=True)

    def save(self) -> None:
        """Save the model with its present weights."""
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
        return claim_name(self._directory, self._stem, SUFFIXES[self._layout])

    def _path_of(self, moment: int) -> Path:
        return self._directory / f"{self._stem}_{moment}{SUFFIXES[self._layout]}"
