"""`ncf download ml-1m`: a public dataset from its publishers into `Data/`, verified, ready to train on."""

import argparse
import contextlib
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from ncf_keras.base.interrupts import Interrupted
from ncf_keras.base.terminal import unescaped
from ncf_keras.cli.console import run_with_flags
from ncf_keras.cli.flag_names import flag_names
from ncf_keras.cli.flags import add_memory_flag
from ncf_keras.cli.help import CommandParser
from ncf_keras.data.known_datasets import KNOWN_DATASETS, KnownDataset


def main(arguments: Sequence[str] | None = None, known: Mapping[str, KnownDataset] = KNOWN_DATASETS) -> int:
    """Run the command and return its exit status: 0, 2 after a sentence about what went wrong, or 130."""
    return run_with_flags(
        make_parser(known).parse_args, lambda flags: download(known[flags.dataset], flags.path), arguments
    )


def make_parser(known: Mapping[str, KnownDataset] = KNOWN_DATASETS) -> argparse.ArgumentParser:
    """Return the parser of the command."""
    parser = CommandParser(
        description="Download a public dataset from its publishers (GroupLens; the NCF authors' repository for "
        "their split files), verify it and make it ready to train on. An interrupted download is resumed.",
        allow_abbrev=False,
    )
    parser.add_argument("dataset", choices=tuple(known), help="what to download")
    parser.add_argument("--path", default="Data/", help="directory to put it in (default: %(default)s)")
    add_memory_flag(parser)
    return parser


def download(known: KnownDataset, path: str) -> None:
    """Download a known dataset into `path` and say what came; Interrupted at Ctrl-C, what has come stays."""
    from ncf_keras.data.download import download_dataset

    print(f"Licence: {known.licence}", file=sys.stderr)
    try:
        with flag_names({"directory": "`--path`", "prefix": "`--path`"}), _download_bar() as show:
            dataset = download_dataset(known, Path(path), show, lambda step: print(step, file=sys.stderr))
    except KeyboardInterrupt:
        sentence = "Interrupted: run the same command again to go on from here."
        raise Interrupted(signal.SIGINT, sentence) from None
    print(
        f"{known.name}: {dataset.num_users:,} users, {dataset.num_items:,} items, {dataset.num_train:,} train "
        f"and {dataset.num_test:,} test interactions"
    )
    print(f"Train on it: ncf neumf --path {path} --dataset {known.name}")


@contextlib.contextmanager
def _download_bar() -> Iterator[Callable[[str, int, int | None], None]]:
    """Yield what draws a bar for each file on standard error, if that is a terminal."""
    if not sys.stderr.isatty():
        yield lambda name, done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    tasks: dict[str, TaskID] = {}
    with Progress(*columns, console=Console(file=unescaped(sys.stderr)), transient=True) as bar:

        def show(name: str, done: int, total: int | None) -> None:
            if name not in tasks:
                tasks[name] = bar.add_task(name)
            bar.update(tasks[name], completed=done, total=total)

        yield show
