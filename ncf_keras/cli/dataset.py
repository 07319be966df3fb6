"""The dataset that `--path` and `--dataset` name, and the offer to download it where it is a known one."""

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ncf_keras.base.inputs import kind_of
from ncf_keras.base.keras_backend import require_tensorflow_backend
from ncf_keras.cli.flag_names import flag_names

if TYPE_CHECKING:
    from ncf_keras.data import Dataset


def load_dataset(flags: argparse.Namespace) -> "Dataset":
    """Read the dataset that `--path` and `--dataset` name, and print the authors' line about it.

    A known dataset that is not there is offered for download, if there is somebody at the terminal to ask.
    """
    require_tensorflow_backend()
    from ncf_keras.data import read_dataset, sample_dataset

    _offer_download(flags)
    started = time.perf_counter()
    with flag_names({"path": "--path", "name": "--dataset"}):
        dataset = sample_dataset() if flags.dataset == "sample" else read_dataset(flags.path, flags.dataset)
    print(
        f"Load data done [{time.perf_counter() - started:.1f} s]. #user={dataset.num_users}, "
        f"#item={dataset.num_items}, #train={dataset.num_train}, #test={dataset.num_test}"
    )
    return dataset


def _offer_download(flags: argparse.Namespace) -> None:
    from ncf_keras.cli.download import download
    from ncf_keras.data.known_datasets import KNOWN_DATASETS, SPLIT_SUFFIXES

    if flags.dataset not in KNOWN_DATASETS or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return
    directory = Path(flags.path)
    if any(kind_of(directory / f"{flags.dataset}{suffix}") for suffix in SPLIT_SUFFIXES):
        return
    print(
        f"{directory} has no {flags.dataset}. Download it from its publishers? [y/N] ", end="", file=sys.stderr
    )
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() in ("y", "yes"):
        download(KNOWN_DATASETS[flags.dataset], flags.path)
