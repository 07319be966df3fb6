"""The lines that the authors' scripts print, to the letter: other programs parse them."""

import sys

from ncf_keras.training.callbacks.best_file import BestFile
from ncf_keras.training.callbacks.own import OwnCallback
from ncf_keras.training.trainer import Trainer


class AuthorsLines(OwnCallback):
    """Prints the evaluation before training, each iteration and the end; a resumed run prints all of them.

    Args:
        trainer: its iterations are printed.
        model_name: `GMF`, `MLP` or `NeuMF`.
        best_file: the callback that saves the best model; None if it is not saved.
        pretrained: whether the model before training has pre-trained weights.
    """

    def __init__(self, trainer: Trainer, model_name: str, best_file: BestFile | None, pretrained: bool = False):
        super().__init__()
        self._trainer, self._model_name = trainer, model_name
        self._best_file, self._pretrained = best_file, pretrained

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Print the line before training, and those of the iterations of an earlier process."""
        if logs:
            print(f"Init: HR = {logs['hr']:.4f}, NDCG = {logs['ndcg']:.4f}", flush=True)
        for iteration in self._trainer.iterations:
            print(iteration, flush=True)

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Print the line of the epoch if it was evaluated."""
        if logs and "hr" in logs:
            print(self._trainer.iterations[-1], flush=True)

    def on_train_end(self, logs: dict | None = None) -> None:
        """Print which iteration was the best and where it is saved."""
        best, evaluated = self._trainer.best, self._trainer.spec.select != "none"
        if evaluated:
            print(f"End. Best Iteration {best.number}:  HR = {best.hr:.4f}, NDCG = {best.ndcg:.4f}. ")
        else:
            print(f"End. {self._trainer.epochs_done} epochs done, none of them evaluated.")
        saved = self._best_file and self._best_file.path
        if saved:
            print(f"The {'best' if evaluated else 'last'} {self._model_name} model is saved to {saved}")
        if evaluated and best.number == -1:
            print(self._about_no_iteration(bool(saved)), file=sys.stderr)

    def _about_no_iteration(self, saved: bool) -> str:
        """Return what Best Iteration -1 means for the saved file."""
        meaning = "Best Iteration -1 is the model before training: no iteration had a higher hit ratio."
        if saved and self._pretrained:
            return f"{meaning} What is saved are the pre-trained weights, not trained further."
        if saved:
            return f"{meaning} What is saved is untrained: random weights."
        return f"{meaning} So none is saved." if self._best_file else meaning
