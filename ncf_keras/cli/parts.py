"""`ncf prepare --memory`: a log that stays on disk, read and prepared in parts."""

import argparse
import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ncf_keras.base.errors import InputError
from ncf_keras.base.memory import TooLittleMemory, require_memory
from ncf_keras.cli.console import progress_bar
from ncf_keras.cli.log_flags import log_options

if TYPE_CHECKING:
    from ncf_keras.data.prepare import PrepareOptions

# What needs more of a log at once than its parts.
REFUSED = (
    "ids_from", "append", "forget", "item_features", "item_features_columns", "user_features",
    "user_features_columns", "feature_kinds", "with_new_items", "at", "validation_at",
)  # fmt: skip


def require_fit_for_parts(flags: argparse.Namespace) -> None:
    """Raise InputError if a flag does not go with `--memory`, or its memory is too little or too much."""
    from ncf_keras.data.large.budget import Budget

    given = _refused(flags)
    if given:
        raise InputError(
            f"{given[0]} must be left out with `--memory`, which prepares a log of text or Parquet alone, and "
            "splits it leave-one-out. Received: both"
        )
    Budget.of(flags.memory)
    require_memory(flags.memory, "`--memory`")


@contextlib.contextmanager
def pointing_to_parts(flags: argparse.Namespace) -> Iterator[None]:
    """Name `--memory` where a log does not fit into memory and the other flags allow it."""
    try:
        yield
    except TooLittleMemory as error:
        rule, found, received = str(error).partition(". Received: ")
        in_parts = ", or, being text or Parquet, be prepared in parts (`--memory 4GB`)"
        way_on = "" if _refused(flags) or not found else in_parts
        raise InputError(f"{rule}{way_on}{found}{received}") from None


def _refused(flags: argparse.Namespace) -> list[str]:
    """Return the flags that do not go with `--memory`, as they were given."""
    given = [f"`--{name}`" for name in REFUSED if getattr(flags, name)]
    if flags.split not in (None, "leave-one-out"):
        given.insert(0, f"`--split {flags.split}`")
    return given + (["`--format json`"] if flags.format == "json" else [])


def prepare_in_parts(flags: argparse.Namespace, prefix: Path, options: "PrepareOptions") -> dict[str, Any]:
    """Write the dataset, and return what the JSON file says of it."""
    from ncf_keras.data.cleaning import no_ratings
    from ncf_keras.data.large.budget import Budget
    from ncf_keras.data.large.loading import load
    from ncf_keras.data.large.preparing import prepared_on_disk
    from ncf_keras.data.large.row_file import RowFile
    from ncf_keras.data.logs.doubts import notes_on
    from ncf_keras.data.logs.files import log_files
    from ncf_keras.data.logs.log import Log
    from ncf_keras.data.sealed_files import hidden_directory
    from ncf_keras.data.titles import read_titles

    budget = Budget.of(flags.memory)
    with contextlib.ExitStack() as stack:
        log = Log(stack.enter_context(log_files(flags.log)), log_options(flags))
        print(log.in_words(), file=sys.stderr)
        titles = None if flags.titles is None else read_titles(flags.titles, log.item_name, flags.escape)
        if options.min_rating is not None and "rating" not in log.layouts[0].positions:
            raise no_ratings(options.min_rating)
        directory = stack.enter_context(hidden_directory(prefix))
        rows = RowFile(stack.enter_context((directory / "rows").open("w+b")))
        with progress_bar(log.size, "bytes") as show:
            loaded = load(log, rows, options.min_rating, budget, lambda done: show("Reading", done))
        for sentence in notes_on(loaded, log.layouts[0]):
            print(f"Note: {sentence}.", file=sys.stderr)
        with progress_bar(log.size, "bytes") as show:
            show("Splitting", log.size)
            prepared = stack.enter_context(prepared_on_disk(loaded, options, directory, budget))
            show(f"Writing {prefix.name}", log.size)
            return prepared.write(prefix, log.source(flags.titles), titles)
