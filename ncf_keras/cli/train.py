"""`ncf gmf`, `ncf mlp` and `ncf neumf`: they print and save what the authors' scripts do."""

import argparse
import contextlib
import dataclasses
import os
import secrets
import sys
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ncf_keras.base.errors import InputError, WorkerLost
from ncf_keras.base.files import OutputStream, tensorflow_directory, writable_directory
from ncf_keras.base.inputs import kind_of
from ncf_keras.base.interrupts import Interrupted, Interrupts
from ncf_keras.base.locks import directory_lock
from ncf_keras.cli.cluster import Cluster, read_cluster
from ncf_keras.cli.console import import_tensorflow_quietly, progress_bar, run_with_flags
from ncf_keras.cli.dataset import load_dataset
from ncf_keras.cli.flag_names import flag_names
from ncf_keras.cli.flags import parse_training_flags, training_parser
from ncf_keras.cli.kept_run import KeptRun
from ncf_keras.cli.training_options import (
    check_features,
    check_pretraining,
    check_recent,
    is_pretrained,
    model_options,
    names_of_settings,
    pretrain,
    pretrain_by_preset,
    require_order,
    run_options,
    saved_name,
    shared_options,
    training_spec,
)
from ncf_keras.cli.warm_start import check_warm_start, start_warm
from ncf_keras.models.spec import ModelSpec
from ncf_keras.training.known_features import KnownFeatures
from ncf_keras.training.spec import TrainingSpec

if TYPE_CHECKING:
    import keras

    from ncf_keras.data import Dataset
    from ncf_keras.training import Trainer
    from ncf_keras.training.callbacks.best_file import BestFile
    from ncf_keras.training.callbacks.checkpoints import Checkpoints
    from ncf_keras.training.callbacks.own import Remembers
    from ncf_keras.training.engines.workers import Workers

# Above this batch size, two threads train faster than one. Dense steps gain from two at any size.
SMALL_BATCH = 512
KNOWS_THE_ORDER = (
    "Note: the model knows the order (--recent): its figures are not to be held against the paper's, whose "
    "models do not"
)


def main(model_name: str, arguments: Sequence[str] | None = None) -> int:
    """Run the training command of `GMF`, `MLP` or `NeuMF` and return its exit status: see `run_command`."""
    return run_with_flags(partial(parse_training_flags, model_name), partial(_train, model_name), arguments)


def make_parser(model_name: str) -> argparse.ArgumentParser:
    """Return the parser of the command of `GMF`, `MLP` or `NeuMF`."""
    return training_parser(model_name)


def _train(kind: str, flags: argparse.Namespace) -> None:
    options, training = model_options(flags), training_spec(flags)
    check_pretraining(flags)
    check_recent(flags)
    check_warm_start(flags)
    check_features(flags)
    cluster = read_cluster(flags)
    if cluster.is_chief:
        directory = writable_directory(flags.save_dir, "--save_dir") if flags.out else None
        if flags.export:
            tensorflow_directory(flags.export, "--export")
    # Only the chief prints.
    with contextlib.nullcontext() if cluster.is_chief else contextlib.redirect_stdout(None):
        dataset = load_dataset(flags)
    require_order(flags, dataset)
    model = ModelSpec(kind, dataset.num_users, dataset.num_items, **options)
    if flags.features != "none":
        model = _with_features(model, dataset, flags)
    if flags.recent:
        with flag_names({"recent": "`--recent`", "identity": "`--identity`"}):
            model = dataclasses.replace(model, recent=flags.recent)
    if not cluster.is_chief:
        _follow(dataset, flags, model, training, cluster)
        return
    if directory:
        # The longest name that a save will need: what is too long would be noticed at the first one.
        kind_of(directory / f".{saved_name(kind, flags)}_{int(time.time())}.weights.h5.claim", "`--save_dir`")
    with KeptRun(flags) as kept, _csv_log(flags) as csv_log, _tensorboard(flags):
        seed = kept.seed if flags.seed is None else flags.seed
        if seed is None:
            seed = secrets.randbits(31)
            print(f"--seed {seed} (drawn, because none was given)", file=sys.stderr)
        shards = training.shards
        if flags.shards is None and kept.shards:
            shards = kept.shards
        elif flags.shards is None and flags.strategy != "none":
            print(f"--shards {shards} (the most workers that can share this run)", file=sys.stderr)
        training = dataclasses.replace(training, seed=seed, shards=shards)
        try:
            _Run(dataset, flags, model, training, kept, csv_log).train(directory, cluster)
        except BrokenPipeError:
            rule = "standard output must be read to the end of the training"
            raise InputError(f"{rule}. Received: a reader that has gone") from None


def _csv_log(flags: argparse.Namespace) -> "contextlib.AbstractContextManager[OutputStream | None]":
    """Open the file of `--log_csv`, which no other command can write then; before any of the work."""
    return OutputStream(flags.log_csv, "--log_csv") if flags.log_csv else contextlib.nullcontext()


@contextlib.contextmanager
def _tensorboard(flags: argparse.Namespace) -> Iterator[None]:
    """Keep the directory of `--tensorboard`, made if it is missing, from other runs while the block runs."""
    if not flags.tensorboard:
        yield
        return
    with directory_lock(tensorflow_directory(flags.tensorboard, "--tensorboard"), patience=0) as locked:
        if not locked:
            rule = "a directory that no other run is using"
            raise InputError(f"`--tensorboard` must be {rule}. Received: {flags.tensorboard}")
        yield


def _follow(
    dataset: "Dataset", flags: argparse.Namespace, model: ModelSpec, training: TrainingSpec, cluster: Cluster
) -> None:
    """Run a worker that is not the chief: carry out the chief's commands, and print nothing."""
    workers = _start(flags, model, cluster)
    assert workers is not None
    # A signal goes to all workers at once. The chief needs the others until it has saved.
    with Interrupts() as interrupts:
        workers.require_same(shared_options(run_options(flags, model, training, dataset)))
        from ncf_keras.training import Trainer

        # The chief sends the weights of this worker's own users; a model of all users would be one of too many.
        small = dataclasses.replace(model, num_users=1)
        Trainer(small.build(training.seed), dataset, training, workers=workers).follow()
    if interrupts.received:
        raise Interrupted(interrupts.received, "The chief has ended the training.")


class _Run:
    """One run of a training command: its specs and flags, and the checkpoint that it resumes from."""

    def __init__(
        self,
        dataset: "Dataset",
        flags: argparse.Namespace,
        model: ModelSpec,
        training: TrainingSpec,
        kept: KeptRun,
        csv_log: OutputStream | None,
    ):
        self._dataset, self._flags, self._model, self._training = dataset, flags, model, training
        self._kept, self._csv_log = kept, csv_log
        self._options = run_options(flags, model, training, dataset)
        kept.check(self._options)

    def train(self, directory: Path | None, cluster: Cluster) -> None:
        """Train to the end, or until a signal comes; save the best model to `directory` unless it is None."""
        workers = _start(self._flags, self._model, cluster)
        if workers and workers.several:
            workers.require_same(shared_options(self._options))
        trainer = self._trainer(workers)
        if self._model.recent:
            print(KNOWS_THE_ORDER, file=sys.stderr)
        try:
            self._fit(trainer, directory)
        except WorkerLost as error:
            raise WorkerLost(f"{error}. {self._kept.how_to_go_on()}") from error
        if self._training.select != "test":
            result = trainer.test()
            picked = "the best iteration, picked on validation pairs as all lines above"
            which = picked if self._training.select == "validation" else "the last iteration"
            which += ", of a model that knows the order" if self._model.recent else ""
            print(f"Test of {which}: HR = {result.hr:.4f}, NDCG = {result.ndcg:.4f}")
        if self._flags.export:
            from ncf_keras.serving.export import export_model

            with flag_names({"directory": "`--export`"}):
                exported = export_model(trainer.model, self._dataset, self._flags.export)
            which = "last" if self._training.select == "none" else "best"
            print(f"The {which} {self._model.kind} model is exported to {exported}")

    def _trainer(self, workers: "Workers | None") -> "Trainer":
        from ncf_keras.training import Trainer

        model = self._model.build(self._training.seed, **_matrices(self._dataset, self._flags.features))
        pretrain(model, self._flags)
        learner = None
        if not self._kept.checkpoint:
            pretrain_by_preset(model, self._model, self._flags, self._training.seed, self._dataset)
            learner = start_warm(model, self._flags, self._dataset)
        with flag_names(names_of_settings()):
            trainer = Trainer(
                model,
                self._dataset,
                self._training,
                workers=workers,
                on_note=lambda note: print(f"Note: {note}", file=sys.stderr),
            )
            if learner:
                trainer.set_learner_state(learner)
        return trainer

    def _fit(self, trainer: "Trainer", directory: Path | None) -> None:
        from ncf_keras.training.callbacks.authors_lines import AuthorsLines
        from ncf_keras.training.callbacks.best_file import BestFile
        from ncf_keras.training.callbacks.best_weights import BestWeights
        from ncf_keras.training.callbacks.collapse import CollapseNote
        from ncf_keras.training.callbacks.run_log import RunLog
        from ncf_keras.training.callbacks.signals import StopOnSignal

        flags, kind = self._flags, self._model.kind
        best_file = None
        if directory:
            name = saved_name(kind, flags)
            owner = self._kept.directory.identity if self._kept.directory else ""
            best_file = BestFile(trainer, directory, name, flags.format, kind == "NeuMF", owner)
        best_weights = BestWeights(trainer) if flags.select == "validation" or flags.export else None
        checkpoints = self._checkpoints(trainer, best_file=best_file, best_weights=best_weights)

        def put_away() -> str:
            saved = best_file and best_file.path
            about = f" The best model so far is saved to {saved}." if saved else ""
            return self._kept.pause(checkpoints) + about

        with (
            RunLog(trainer, self._csv_log, flags.tensorboard) as log,
            _progress(trainer) as progress,
            Interrupts() as interrupts,
        ):
            callbacks = (
                AuthorsLines(trainer, kind, best_file, is_pretrained(flags)), log, CollapseNote(trainer),
                best_weights, best_file, checkpoints, progress, StopOnSignal(trainer, interrupts, put_away),
            )  # fmt: skip
            trainer.fit([callback for callback in callbacks if callback])
        if best_file:
            best_file.release()

    def _checkpoints(
        self, trainer: "Trainer", best_file: "BestFile | None", best_weights: "Remembers | None"
    ) -> "Checkpoints | None":
        """Restore a resumed run, or write the first checkpoint of a new one."""
        if not self._kept.directory:
            return None
        from ncf_keras.training.callbacks.checkpoints import Checkpoints

        parts = {"best_file": best_file, "best_weights": best_weights}
        checkpoints = Checkpoints(
            trainer,
            self._kept.directory,
            self._options,
            {name: part for name, part in parts.items() if part},
            self._flags.checkpoint_every,
            self._model,
        )
        if self._kept.checkpoint:
            with flag_names({"sampler": "`--sampler`"}):
                checkpoints.restore(self._kept.checkpoint)
            self._kept.say_resumed()
            if best_file and best_file.path and not best_file.path.exists():
                print(f"Note: {best_file.path} has gone; only a better model is saved again.", file=sys.stderr)
            if best_file and best_file.left_alone:
                print(
                    f"Note: {self._kept.directory.path} is a copy: {best_file.left_alone} is left to the run "
                    "that it was copied from, and a better model is saved under another name.",
                    file=sys.stderr,
                )
        else:
            if best_file:
                best_file.reserve()
            checkpoints.save()
        return checkpoints


def _with_features(model: ModelSpec, dataset: "Dataset", flags: argparse.Namespace) -> ModelSpec:
    """Return the spec with what is known of users and items."""
    names = {"features": "`--features`", "identity": "`--identity`"}
    with flag_names({**names, **{f"{side}_features": f"`--features` {side}" for side in ("user", "item")}}):
        described = {"identity": flags.identity, "identity_dropout": flags.identity_dropout}
        return dataclasses.replace(KnownFeatures.of(dataset, flags.features).spec(model), **described)


def _matrices(dataset: "Dataset", sides: str) -> dict[str, Any]:
    """Return the features that the model is given."""
    return KnownFeatures.of(dataset, sides).matrices


@contextlib.contextmanager
def _progress(trainer: "Trainer") -> "Iterator[keras.callbacks.Callback]":
    """Yield a callback that draws a progress bar for each epoch, if standard error is a terminal."""
    from ncf_keras.training.callbacks.own import OwnCallback

    with progress_bar(trainer.num_examples, "examples") as show:

        class Progress(OwnCallback):
            def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
                done = (batch + 1) * trainer.spec.batch_size
                show("training", min(done, trainer.num_examples))

        yield Progress()


def _start(flags: argparse.Namespace, model: ModelSpec, cluster: Cluster) -> "Workers | None":
    """Import TensorFlow and return the replicas, if there are several."""
    _choose_threads(flags, model)
    if cluster.strategy == "none":
        import_tensorflow_quietly()
        return None
    if cluster.strategy == "multiworker":
        # Silence TensorFlow's log about a lost worker; the command prints a sentence instead.
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        if cluster.is_chief:
            print(f"Waiting for {cluster.num_workers} workers.", file=sys.stderr)
    return import_tensorflow_quietly(cluster.start)


def _choose_threads(flags: argparse.Namespace, model: ModelSpec) -> None:
    """Keep TensorFlow's operations on one thread where batches are too small for a second thread to help.

    `docs/performance.md` has the measurement. A number that the user set is kept; sampling has its own thread.
    """
    small = flags.engine == "compiled" and flags.batch_size <= SMALL_BATCH
    moves_all_rows = model.penalises_embeddings or model.recent
    if small and not moves_all_rows and "tensorflow" not in sys.modules:
        os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
