"""`ncf prepare LOG --out Data/mydata`: a raw log of interactions in, a dataset to train on out."""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ncf_keras.base.errors import InputError
from ncf_keras.base.inputs import kind_of
from ncf_keras.cli.console import print_done, progress_bar, run_with_flags
from ncf_keras.cli.flag_names import flag_names, same_names
from ncf_keras.cli.flags import add_memory_flag, whole_number
from ncf_keras.cli.log_flags import add_column_flags, add_format_flags, log_options
from ncf_keras.cli.paths import InputFile, InputLog, OutputPrefix


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status: 0, or 2 after a sentence about the user's mistake."""
    return run_with_flags(make_parser().parse_args, _prepare_by_flags, arguments)


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command."""
    parser = argparse.ArgumentParser(
        description="Turn a raw log of interactions (MovieLens ratings.dat and u.data, CSV, TSV, any "
        "delimiter, JSON, Parquet, packed by gzip, bzip2 or Zstandard or not) into the files that training "
        "reads. What the flags do not say is found out.",
        allow_abbrev=False,
    )
    meaning = "the file, several, a directory of parts, or - for standard input: a row an interaction"
    parser.add_argument("log", type=InputLog, nargs="+", metavar="LOG", help=meaning)
    parser.add_argument(
        "--out",
        type=OutputPrefix,
        required=True,
        metavar="PREFIX",
        help="directory and name of the dataset, such as Data/mydata",
    )
    add_column_flags(parser)
    add_format_flags(parser)
    meaning = "item titles: id and title, such as movies.dat, u.item or records of JSON"
    parser.add_argument("--titles", type=InputFile, metavar="FILE", help=meaning)
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
    names = same_names(vars(flags))
    with flag_names(names | {"prefix": "`--out`", "log": "`LOG`"}):
        _prepare(flags)


def _prepare(flags: argparse.Namespace) -> None:
    from ncf_keras.data.dataset_writing import write_prepared
    from ncf_keras.data.logs.doubts import notes_on
    from ncf_keras.data.logs.files import log_files
    from ncf_keras.data.logs.log import Log
    from ncf_keras.data.prepare import PrepareOptions, prepare
    from ncf_keras.data.titles import read_titles, titles_of

    prefix, how = Path(flags.out), log_options(flags)
    options = PrepareOptions(**{name: getattr(flags, name) for name in PrepareOptions.__dataclass_fields__})
    _require_out(flags.out)
    with log_files(flags.log) as files:
        log = Log(files, how)
        # Before anything that may be wrong because it was read in another way than it is meant.
        print(log.in_words(), file=sys.stderr)
        titles = None if flags.titles is None else read_titles(flags.titles, log.item_name, flags.escape)
        with progress_bar(log.size, "bytes") as show:
            rows = log.read(lambda done: show("Reading", done))
            for sentence in notes_on(rows, log.layouts[0]):
                print(f"Note: {sentence}.", file=sys.stderr)
            show("Splitting", log.size)
            prepared = prepare(rows, options)
            source = log.source(flags.titles)
            texts = None if titles is None else titles_of(prepared.item_ids, titles)
            show(f"Writing {prefix.name}", log.size)
            write_prepared(prefix, prepared, source, texts)
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
