"""One run of a training command: what is printed, saved, logged and kept, epoch by epoch."""

import argparse
import sys
from typing import TYPE_CHECKING

from ncf_keras.cli.best_model import BestModel
from ncf_keras.cli.console import progress_bar
from ncf_keras.cli.interrupts import Interrupted, Interrupts
from ncf_keras.cli.run_keeper import RunKeeper
from ncf_keras.cli.run_log import RunLog

if TYPE_CHECKING:
    from ncf_keras.evaluation import RankingResult
    from ncf_keras.training import Best, Iteration, LoopState
    from ncf_keras.training.training_run import TrainingRun


class TrainingSession:
    """Trains, prints the authors' lines, and leaves the model as it was at its best where somebody asks for it.

    Args:
        model_name: `GMF`, `MLP` or `NeuMF`.
        run: what trains and evaluates.
        flags: of the command.
        saver: writes the best model; None if it is not saved.
        log: writes a row an iteration.
        keeper: writes checkpoints, and knows what an earlier process had come to.
    """

    def __init__(
        self,
        model_name: str,
        run: "TrainingRun",
        flags: argparse.Namespace,
        saver: BestModel | None,
        log: RunLog,
        keeper: RunKeeper,
    ):
        from ncf_keras.training import BestWeights

        self._model_name = model_name
        self._training = run
        self._flags = flags
        self._saver = saver
        self._log = log
        self._keeper = keeper
        needs_best = flags.select == "validation" or flags.export
        self._best_weights = BestWeights(run.model) if needs_best else None
        self._told_of_collapse = False

    def train(self) -> None:
        """Train to the end, or until a signal comes.

        Raises:
            Interrupted: a signal came; what there is to go on from is saved.
        """
        from ncf_keras.training import train_loop

        self._keeper.attach(self._training.engine, self._saver, self._best_weights)
        self._print_earlier()
        with (
            progress_bar(self._training.num_examples, "examples") as self._show,
            Interrupts() as self._interrupts,
        ):
            best = train_loop(
                self._training.engine,
                self._training.evaluate,
                self._flags.epochs,
                verbose=self._flags.verbose,
                patience=self._flags.patience,
                start=self._keeper.earlier.loop_state() if self._keeper.earlier else None,
                on_init=self._on_init,
                on_iteration=self._on_iteration,
                on_best=self._on_best,
                on_epoch=self._on_epoch,
                on_progress=self._on_progress,
            )
        self._print_end(best)
        if self._best_weights:
            self._best_weights.restore()
        if self._flags.select == "validation":
            self._print_test()

    def _print_earlier(self) -> None:
        earlier = self._keeper.earlier
        if earlier and earlier.init:
            _print_init(*earlier.init)
        if earlier and earlier.rows:
            print(*earlier.iterations(), sep="\n", flush=True)

    def _on_init(self, result: "RankingResult") -> None:
        _print_init(result.hr, result.ndcg)
        self._keeper.on_init(result)
        if self._best_weights:
            self._best_weights.keep()
        if self._saver and self._model_name == "NeuMF":
            self._saver.save()

    def _on_iteration(self, iteration: "Iteration") -> None:
        print(iteration, flush=True)
        self._log.write(iteration)
        self._keeper.on_iteration(iteration)
        cause = None if self._told_of_collapse else self._training.collapse(iteration.hr)
        if cause:
            self._told_of_collapse = True
            print(f"Note: the model gives all items the same score: {cause}.", file=sys.stderr)

    def _on_best(self, best: "Best") -> None:
        if self._best_weights:
            self._best_weights.keep()
        if self._saver:
            self._saver.save()

    def _on_epoch(self, state: "LoopState") -> None:
        self._keeper.on_epoch(state)
        if state.epochs_done < self._flags.epochs:
            self._stop_if_asked()

    def _on_progress(self, done: int) -> None:
        self._show("training", done)
        if self._training.engine.pauses_within_epochs:
            self._stop_if_asked()

    def _stop_if_asked(self) -> None:
        if self._interrupts.received:
            raise Interrupted(self._interrupts.received, self._keeper.pause())

    def _print_end(self, best: "Best") -> None:
        print(f"End. Best Iteration {best.number}:  HR = {best.hr:.4f}, NDCG = {best.ndcg:.4f}. ")
        if self._saver and self._saver.path:
            print(f"The best {self._model_name} model is saved to {self._saver.path}")
        elif self._saver:
            print("No iteration was better than the model before training, so none is saved.", file=sys.stderr)

    def _print_test(self) -> None:
        result = self._training.test()
        print(
            f"Test of the best iteration, picked on validation pairs as all lines above: "
            f"HR = {result.hr:.4f}, NDCG = {result.ndcg:.4f}"
        )


def _print_init(hr: float, ndcg: float) -> None:
    print(f"Init: HR = {hr:.4f}, NDCG = {ndcg:.4f}", flush=True)
