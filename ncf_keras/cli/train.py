"""`run/GMF.py`, `run/MLP.py` and `run/NeuMF.py`: they print and save what the authors' scripts do."""

import argparse
import os
import secrets
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ncf_keras.cli.best_model import BestModel
from ncf_keras.cli.console import import_tensorflow_quietly, progress_bar, run_command
from ncf_keras.cli.flags import parse_numbers, training_parser
from ncf_keras.cli.run_log import RunLog
from ncf_keras.errors import InputError
from ncf_keras.files import writable_directory

if TYPE_CHECKING:
    import keras

    from ncf_keras.data import Dataset
    from ncf_keras.training import Best, Iteration

# Above this, two threads train faster than one.
SMALL_BATCH = 1024


def main(model_name: str, arguments: Sequence[str] | None = None) -> int:
    """Run the training command of `GMF`, `MLP` or `NeuMF`.

    Args:
        model_name: which of the three.
        arguments: the command line without the program's name; that of the process if None.

    Returns:
        The exit status: 0, or 2 after a sentence on standard error about a mistake in the arguments or files.
    """
    flags = training_parser(model_name).parse_args(arguments)
    return run_command(lambda: _train(model_name, flags))


def _train(model_name: str, flags: argparse.Namespace) -> None:
    _parse_lists(flags)
    _check_pretraining(flags)
    directory = writable_directory(flags.save_dir, "--save_dir") if flags.out else None
    dataset = load_dataset(flags)
    if flags.seed is None:
        flags.seed = secrets.randbits(31)
        print(f"--seed {flags.seed} (drawn, because none was given)", file=sys.stderr)
    _choose_threads(flags)
    import_tensorflow_quietly()
    model = _build(model_name, flags, dataset)
    _pretrain(model, flags)
    with RunLog(flags.log_csv, flags.tensorboard) as log:
        _run(model_name, model, flags, dataset, directory, log)


def _choose_threads(flags: argparse.Namespace) -> None:
    """Keep TensorFlow's operations on one thread where batches are too small to be worth sharing.

    `docs/performance.md` has the measurement. A number that the user set stays; sampling runs beside it anyway.
    """
    if flags.engine == "compiled" and flags.batch_size <= SMALL_BATCH and "tensorflow" not in sys.modules:
        os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")


def load_dataset(flags: argparse.Namespace) -> "Dataset":
    """Read the dataset that `--path` and `--dataset` name, and print the authors' line about it."""
    from ncf_keras.data import read_dataset, sample_dataset

    started = time.perf_counter()
    dataset = sample_dataset() if flags.dataset == "sample" else read_dataset(flags.path, flags.dataset)
    print(
        f"Load data done [{time.perf_counter() - started:.1f} s]. #user={dataset.num_users}, "
        f"#item={dataset.num_items}, #train={dataset.num_train}, #test={dataset.num_test}"
    )
    return dataset


def _parse_lists(flags: argparse.Namespace) -> None:
    """Add the numbers of the list flags beside their texts, which name the saved file."""
    if "regs" in flags:
        flags.reg_values = parse_numbers(flags.regs, "--regs", whole=False)
        if len(flags.reg_values) != 2:
            raise InputError(f"`--regs` must have 2 numbers, for users and items. Received: {flags.regs!r}")
        _require_penalties(flags.reg_values, "--regs", flags.regs)
    if "layers" in flags:
        flags.widths = parse_numbers(flags.layers, "--layers", whole=True)
        if not flags.widths or min(flags.widths) < 1 or flags.widths[0] % 2:
            raise InputError(
                "`--layers` must have widths of at least 1, the first even, half of it for each embedding. "
                f"Received: {flags.layers!r}"
            )
        flags.reg_values = parse_numbers(flags.reg_layers, "--reg_layers", whole=False)
        if len(flags.reg_values) != len(flags.widths):
            raise InputError(
                f"`--reg_layers` must have {len(flags.widths)} numbers, one for each of {flags.layers}. "
                f"Received: {flags.reg_layers!r}"
            )
        _require_penalties(flags.reg_values, "--reg_layers", flags.reg_layers)


def _require_penalties(values: list[float], flag: str, text: str) -> None:
    if min(values) < 0:
        raise InputError(f"`{flag}` must have numbers of at least 0. Received: {text!r}")


def _check_pretraining(flags: argparse.Namespace) -> None:
    if "mf_pretrain" not in flags:
        return
    if bool(flags.mf_pretrain) != bool(flags.mlp_pretrain):
        raise InputError(
            "`--mf_pretrain` and `--mlp_pretrain` must be given together, one file each. "
            f"Received: {flags.mf_pretrain!r} and {flags.mlp_pretrain!r}"
        )
    if not 0 <= flags.alpha <= 1:
        raise InputError(f"`--alpha` must be between 0 and 1. Received: {flags.alpha}")
    for flag, file in (("--mf_pretrain", flags.mf_pretrain), ("--mlp_pretrain", flags.mlp_pretrain)):
        if file and not Path(file).is_file():
            raise InputError(f"`{flag}` must be a weight file. Received: {file!r}, which is no file")


def _build(model_name: str, flags: argparse.Namespace, dataset: "Dataset") -> "keras.Model":
    from ncf_keras.models import build_gmf, build_mlp, build_neumf

    sizes = (dataset.num_users, dataset.num_items)
    if model_name == "GMF":
        return build_gmf(*sizes, flags.num_factors, flags.reg_values, seed=flags.seed)
    if model_name == "MLP":
        return build_mlp(*sizes, flags.widths, flags.reg_values, seed=flags.seed)
    return build_neumf(*sizes, flags.num_factors, flags.widths, flags.reg_values, flags.reg_mf, seed=flags.seed)


def _pretrain(model: "keras.Model", flags: argparse.Namespace) -> None:
    if not getattr(flags, "mf_pretrain", ""):
        return
    from ncf_keras.weights import fuse_pretrained, load_model

    gmf, mlp = load_model(flags.mf_pretrain), load_model(flags.mlp_pretrain)
    fuse_pretrained(model, gmf, mlp, flags.alpha, gmf_name=flags.mf_pretrain, mlp_name=flags.mlp_pretrain)
    print(f"Load pretrained GMF ({flags.mf_pretrain}) and MLP ({flags.mlp_pretrain}) models done. ")


def _run(
    model_name: str,
    model: "keras.Model",
    flags: argparse.Namespace,
    dataset: "Dataset",
    directory: Path | None,
    log: "RunLog",
) -> None:
    from ncf_keras.evaluation import LeaveOneOut
    from ncf_keras.models import model_scores
    from ncf_keras.sampling import NegativeSampler
    from ncf_keras.training import CompiledEngine, KerasEngine, train_loop

    sampler = NegativeSampler(dataset, flags.num_neg, flags.seed)
    make_engine = {"compiled": CompiledEngine, "keras": KerasEngine}[flags.engine]
    engine = make_engine(model, sampler, flags.learner, flags.lr, flags.batch_size)
    protocol = LeaveOneOut(dataset.test_users, dataset.test_items, dataset.test_negatives)
    score = model_scores(model)
    saver = BestModel(model, directory, _file_name(model_name, flags), flags.format) if directory else None

    def on_init(result: object) -> None:
        print(f"Init: HR = {result.hr:.4f}, NDCG = {result.ndcg:.4f}", flush=True)
        if saver and model_name == "NeuMF":
            saver.save()

    with progress_bar(sampler.num_examples, "examples") as show:
        best = train_loop(
            engine,
            lambda: protocol.evaluate(score, flags.topk),
            flags.epochs,
            verbose=flags.verbose,
            patience=flags.patience,
            on_init=on_init,
            on_iteration=lambda iteration: (_print_iteration(iteration), log.write(iteration)),
            on_best=lambda best: saver.save() if saver else None,
            on_progress=lambda done: show("training", done),
        )
    _print_end(model_name, best, saver)


def _print_iteration(iteration: "Iteration") -> None:
    print(
        f"Iteration {iteration.number} [{iteration.train_seconds:.1f} s]: HR = {iteration.hr:.4f}, "
        f"NDCG = {iteration.ndcg:.4f}, loss = {iteration.loss:.4f} [{iteration.evaluation_seconds:.1f} s]",
        flush=True,
    )


def _print_end(model_name: str, best: "Best", saver: "BestModel | None") -> None:
    print(f"End. Best Iteration {best.number}:  HR = {best.hr:.4f}, NDCG = {best.ndcg:.4f}. ")
    if saver and saver.path:
        print(f"The best {model_name} model is saved to {saver.path}")
    elif saver:
        print("No iteration was better than the model before training, so none is saved.", file=sys.stderr)


def _file_name(model_name: str, flags: argparse.Namespace) -> str:
    """Return the authors' name of the saved file up to the time, the layers as they were typed."""
    sizes = [str(flags.num_factors)] if "num_factors" in flags else []
    sizes += [flags.layers] if "layers" in flags else []
    return "_".join([Path(flags.dataset).name, model_name, *sizes])
