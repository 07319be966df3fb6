"""`run/GMF.py`, `run/MLP.py` and `run/NeuMF.py`: they print and save what the authors' scripts do."""

import argparse
import contextlib
import os
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ncf_keras.base.errors import WorkerLost
from ncf_keras.base.files import writable_directory
from ncf_keras.cli.best_model import BestModel
from ncf_keras.cli.cluster import Cluster, read_cluster
from ncf_keras.cli.console import import_tensorflow_quietly, run_command
from ncf_keras.cli.dataset import load_dataset
from ncf_keras.cli.flags import parse_training_flags
from ncf_keras.cli.interrupts import Interrupted, Interrupts
from ncf_keras.cli.model_flags import (
    build_model,
    check_pretraining,
    parse_model_flags,
    penalises_embeddings,
    pretrain,
    pretrain_by_preset,
)
from ncf_keras.cli.run_keeper import RunKeeper, run_options
from ncf_keras.cli.run_log import RunLog
from ncf_keras.cli.training_session import TrainingSession

if TYPE_CHECKING:
    import keras

    from ncf_keras.data import Dataset
    from ncf_keras.training.engines.workers import Workers
    from ncf_keras.training.training_run import TrainingRun

# Flags of what only the chief does, which may be others on other machines.
CHIEF_ALONE = (
    "--save_dir",
    "--out",
    "--export",
    "--format",
    "--verbose",
    "--topk",
    "--patience",
    "--mf_pretrain",
    "--mlp_pretrain",
)
# Above this, two threads train faster than one; steps that move all rows always gain from both.
SMALL_BATCH = 512


def main(model_name: str, arguments: Sequence[str] | None = None) -> int:
    """Run the training command of `GMF`, `MLP` or `NeuMF`.

    Args:
        model_name: which of the three.
        arguments: the command line without the program's name; that of the process if None.

    Returns:
        The exit status: 0; 2 after a sentence on standard error about a mistake in the arguments or files; 130
        after Ctrl-C, 143 after SIGTERM.
    """
    flags = parse_training_flags(model_name, arguments)
    return run_command(lambda: _train(model_name, flags))


def _train(model_name: str, flags: argparse.Namespace) -> None:
    parse_model_flags(flags)
    check_pretraining(flags)
    cluster = read_cluster(flags)
    if not cluster.is_chief:
        _follow(model_name, flags, cluster)
        return
    directory = writable_directory(flags.save_dir, "--save_dir") if flags.out else None
    if flags.export:
        writable_directory(flags.export, "--export")
    dataset = load_dataset(flags)
    with RunKeeper(model_name, flags, dataset) as keeper:
        _train_on(dataset, model_name, flags, directory, keeper, cluster)


def _follow(model_name: str, flags: argparse.Namespace, cluster: Cluster) -> None:
    """Be a worker that is not the chief: train as it says, and print nothing."""
    with contextlib.redirect_stdout(None):
        dataset = load_dataset(flags)
    workers = _start(flags, cluster)
    # A signal goes to all workers at once. The chief needs the others until it has saved.
    with Interrupts() as interrupts:
        workers.require_same(_shared_options(model_name, flags, dataset))
        _make_run(build_model(model_name, flags, dataset), dataset, flags, workers).follow()
    if interrupts.received:
        raise Interrupted(interrupts.received, "The chief has ended the training.")


def _start(flags: argparse.Namespace, cluster: Cluster) -> "Workers | None":
    """Import TensorFlow and return the replicas, if there are several."""
    _choose_threads(flags)
    if cluster.strategy == "none":
        import_tensorflow_quietly()
        return None
    if cluster.strategy == "multiworker":
        # What TensorFlow writes when a worker is gone, we say in words.
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        if cluster.is_chief:
            print(f"Waiting for {cluster.num_workers} workers.", file=sys.stderr)
    return import_tensorflow_quietly(cluster.start)


def _shared_options(model_name: str, flags: argparse.Namespace, dataset: "Dataset") -> str:
    """Return, as text, what must be the same for all workers: all but what the chief alone does."""
    options = run_options(model_name, flags, dataset)
    return repr([pair for pair in options.items() if pair[0] not in CHIEF_ALONE])


def _train_on(
    dataset: "Dataset",
    model_name: str,
    flags: argparse.Namespace,
    directory: Path | None,
    keeper: RunKeeper,
    cluster: Cluster,
) -> None:
    if flags.seed is None:
        flags.seed = secrets.randbits(31)
        print(f"--seed {flags.seed} (drawn, because none was given)", file=sys.stderr)
    workers = _start(flags, cluster)
    if workers and workers.several:
        workers.require_same(_shared_options(model_name, flags, dataset))
    model = build_model(model_name, flags, dataset)
    pretrain(model, flags)
    if not keeper.earlier:
        pretrain_by_preset(model, flags, dataset)
    run = _make_run(model, dataset, flags, workers)
    saver = BestModel(model, directory, _file_name(model_name, flags), flags.format) if directory else None
    earlier = keeper.earlier.iterations() if keeper.earlier else ()
    try:
        with RunLog(flags.log_csv, flags.tensorboard, earlier) as log, run.leading():
            TrainingSession(model_name, run, flags, saver, log, keeper).train()
    except WorkerLost as error:
        raise WorkerLost(f"{error}. {keeper.how_to_go_on()}") from error
    if saver:
        saver.release()
    if flags.export:
        from ncf_keras.serving.export import export_model

        print(f"The best {model_name} model is exported to {export_model(model, dataset, flags.export)}")


def _make_run(
    model: "keras.Model", dataset: "Dataset", flags: argparse.Namespace, workers: "Workers | None"
) -> "TrainingRun":
    from ncf_keras.training.training_run import TrainingRun

    return TrainingRun(
        model,
        dataset,
        select=flags.select,
        num_neg=flags.num_neg,
        learner=flags.learner,
        learning_rate=flags.lr,
        batch_size=flags.batch_size,
        engine=flags.engine,
        top_k=flags.topk,
        seed=flags.seed,
        on_nan=flags.on_nan,
        on_note=lambda note: print(f"Note: {note}", file=sys.stderr),
        workers=workers,
    )


def _choose_threads(flags: argparse.Namespace) -> None:
    """Keep TensorFlow's operations on one thread where batches are too small to be worth sharing.

    `docs/performance.md` has the measurement. A number that the user set stays; sampling runs beside it anyway.
    """
    small = flags.engine == "compiled" and flags.batch_size <= SMALL_BATCH and not penalises_embeddings(flags)
    if small and "tensorflow" not in sys.modules:
        os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")


def _file_name(model_name: str, flags: argparse.Namespace) -> str:
    """Return the authors' name of the saved file up to the time, the layers as they were typed."""
    sizes = [str(flags.num_factors)] if "num_factors" in flags else []
    sizes += [flags.layers] if "layers" in flags else []
    return "_".join([Path(flags.dataset).name, model_name, *sizes])
