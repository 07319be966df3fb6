"""`ncf prepare LOG --out Data/mydata`: a raw log of interactions in, a dataset to train on out."""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ncf_keras.base.errors import InputError
from ncf_keras.base.inputs import kind_of
from ncf_keras.base.terminal import LONGEST_SHOWN
from ncf_keras.cli.console import print_done, progress_bar, run_with_flags
from ncf_keras.cli.flag_names import flag_names, same_names
from ncf_keras.cli.flags import add_memory_flag, whole_number
from ncf_keras.cli.paths import InputFile, OutputPrefix

if TYPE_CHECKING:
    from ncf_keras.data.log_layout import LogLayout


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status: 0, or 2 after a sentence about the user's mistake."""
    return run_with_flags(make_parser().parse_args, _prepare_by_flags, arguments)


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command."""
    parser = argparse.ArgumentParser(
        description="Turn a raw log of interactions (MovieLens ratings.dat and u.data, CSV, TSV, any "
        "delimiter, Parquet, with or without gzip) into the files that training reads. What the flags do not "
        "say is found out.",
        allow_abbrev=False,
    )
    parser.add_argument("log", type=InputFile, metavar="LOG", help="the file: a row an interaction")
    parser.add_argument(
        "--out",
        type=OutputPrefix,
        required=True,
        metavar="PREFIX",
        help="directory and name of the dataset, such as Data/mydata",
    )
    layout = parser.add_argument_group("the log (columns by name or by number from 1)")
    for role, absent in (("user", ""), ("item", ""), ("rating", ", or none"), ("timestamp", ", or none")):
        layout.add_argument(f"--{role}", metavar="COLUMN", help=f"the {role} column{absent}")
    layout.add_argument(
        "--delimiter", metavar="TEXT", help="what separates the columns, such as ';', '::' or tab"
    )
    layout.add_argument(
        "--header",
        choices=("auto", "yes", "no"),
        default="auto",
        help="whether the first line names the columns",
    )
    meaning = "hold out a random interaction of each user, not the latest"
    layout.add_argument("--no_timestamps", action="store_true", help=meaning)
    meaning = "item titles: id and title, such as movies.dat or u.item"
    layout.add_argument("--titles", type=InputFile, metavar="FILE", help=meaning)
    kept = parser.add_argument_group("what is kept")

    def add_count(flag: str, default: int, minimum: int, meaning: str) -> None:
        kind, meaning = whole_number(minimum), f"{meaning} (default: {default})"
        kept.add_argument(flag, type=kind, default=default, metavar="N", help=meaning)

    kept.add_argument("--min_rating", type=float, help="drop lower ratings (default: those of 0 and below)")
    add_count("--min_user_interactions", 1, 1, "take out users with fewer, and items, until nothing changes")
    add_count("--min_item_interactions", 1, 1, "the same for items")
    meaning = "which interaction stands for repeats of a user with an item (default: %(default)s)"
    kept.add_argument("--keep", choices=("first", "last"), default="first", help=meaning)
    add_count("--negatives", 99, 1, "items to rank each held-out item against")
    add_count("--seed", 2017, 0, "of all draws")
    add_memory_flag(parser)
    return parser


def _prepare_by_flags(flags: argparse.Namespace) -> None:
    with flag_names(same_names(vars(flags)) | {"prefix": "`--out`"}):
        _prepare(flags)


def _prepare(flags: argparse.Namespace) -> None:
    from ncf_keras.data.dataset_writing import write_prepared
    from ncf_keras.data.log_layout import LogColumns
    from ncf_keras.data.prepare import PrepareOptions, prepare
    from ncf_keras.data.raw_log import describe_source, read_log
    from ncf_keras.data.titles import read_titles, titles_of

    log_file, prefix = Path(flags.log), Path(flags.out)
    header = {"auto": None, "yes": True, "no": False}[flags.header]
    columns = LogColumns(flags.user, flags.item, flags.rating, flags.timestamp, flags.delimiter, header)
    options = PrepareOptions(**{name: getattr(flags, name) for name in PrepareOptions.__dataclass_fields__})
    _require_out(flags.out)
    titles = None if flags.titles is None else read_titles(flags.titles)
    size = log_file.stat().st_size if kind_of(log_file) == "a file" else 0
    with progress_bar(size, "bytes") as show:
        log, layout = read_log(
            log_file, columns, flags.no_timestamps, lambda done: show(f"Reading {log_file.name}", done)
        )
        show("Splitting", size)
        prepared = prepare(log, options)
        source = describe_source(log_file, layout, flags.titles)
        texts = None if titles is None else titles_of(prepared.item_ids, titles)
        show(f"Writing {prefix.name}", size)
        write_prepared(prefix, prepared, source, texts)
    print(_layout_line(log_file, layout), file=sys.stderr)
    print_done("\n".join(_report_lines(prefix, prepared.report())), f"the dataset {prefix}")


def _require_out(out: str) -> None:
    from ncf_keras.base.files import require_output, writable_directory
    from ncf_keras.data.dataset_files import prepared_paths

    prefix = Path(out)
    if out.endswith("/") or not prefix.name or kind_of(prefix) == "a directory":
        raise InputError(f"`--out` must end in the name of the dataset, such as Data/mydata. Received: {out}")
    writable_directory(prefix.parent, "--out")
    for path in prepared_paths(prefix).values():
        require_output(path, "`--out`")


def _layout_line(file: Path, layout: "LogLayout") -> str:
    columns = ", ".join(f"{role} in {column}" for role, column in layout.describe()["columns"].items())
    if layout.delimiter is None:
        return f"Read {file} as Parquet: {columns}."
    separated = {"\t": "tabs", ",": "commas", " ": "spaces"}.get(
        layout.delimiter, repr(layout.delimiter[:LONGEST_SHOWN])
    )
    header = "without" if layout.names is None else "with"
    return f"Read {file} as text separated by {separated}, {header} a header: {columns}."


def _report_lines(prefix: Path, report: Mapping[str, Any]) -> Iterator[str]:
    counts = report["counts"]
    yield (
        f"{prefix.name}: {counts['users']:,} users, {counts['items']:,} items, {counts['train']:,} train and "
        f"{counts['test']:,} test interactions, sparsity {report['sparsity']:.2%}"
    )
    for reason, count in report["dropped"].items():
        yield f"  dropped {count:,} of {counts['rows']:,} rows: {reason}"
    without_negatives = counts.get("users_without_negatives", 0)
    with_one = counts["users_without_test"] - without_negatives
    if with_one:
        yield f"  {with_one:,} user(s) with one interaction: in train, not in test"
    if without_negatives:
        fewest = counts["fewest_items_left"]
        way_on = f" (`--negatives {fewest}` tests them all)" if fewest else ""
        yield (
            f"  {without_negatives:,} user(s) with fewer than {report['options']['negatives']} items left to "
            f"draw negatives from: in train, not in test{way_on}"
        )
    yield f"  split: {report['split']}"
    path = "" if str(prefix.parent) == "." else f"{prefix.parent}/"
    yield f"Train on it: ncf neumf --path {path or './'} --dataset {prefix.name}"
