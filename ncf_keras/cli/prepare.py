"""`run/prepare.py LOG --out Data/mydata`: a raw log of interactions in, a dataset to train on out."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from ncf_keras.base.errors import InputError
from ncf_keras.cli.console import progress_bar, run_command
from ncf_keras.cli.flags import whole_number


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status: 0, or 2 after a sentence about the user's mistake."""
    options = _parser().parse_args(arguments)
    return run_command(lambda: _prepare(options))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Turn a raw log of interactions (MovieLens ratings.dat and u.data, CSV, TSV, any "
        "delimiter, Parquet, with or without gzip) into the files that training reads. What the flags do not "
        "say is found out.",
        allow_abbrev=False,
    )
    parser.add_argument("log", metavar="LOG", help="the file: a row an interaction")
    parser.add_argument(
        "--out", required=True, metavar="PREFIX", help="directory and name of the dataset, such as Data/mydata"
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
    layout.add_argument(
        "--no_timestamps",
        action="store_true",
        help="hold out a random interaction of each user, not the latest",
    )
    layout.add_argument(
        "--titles", metavar="FILE", help="item titles: id and title, such as movies.dat or u.item"
    )
    _add_options(parser.add_argument_group("what is kept"))
    return parser


def _add_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--min_rating", type=float, help="drop lower ratings (default: those of 0 and below)")
    group.add_argument(
        "--min_user_interactions", type=whole_number(1), default=1, metavar="N",
        help="take out users with fewer, and items, until nothing changes (default: %(default)s)",
    )  # fmt: skip
    group.add_argument(
        "--min_item_interactions", type=whole_number(1), default=1, metavar="N",
        help="the same for items (default: %(default)s)",
    )  # fmt: skip
    group.add_argument(
        "--keep", choices=("first", "last"), default="first",
        help="which interaction stands for repeats of a user with an item (default: %(default)s)",
    )  # fmt: skip
    group.add_argument(
        "--negatives", type=whole_number(1), default=99, metavar="N",
        help="items to rank each held-out item against (default: %(default)s)",
    )  # fmt: skip
    group.add_argument(
        "--seed", type=whole_number(0), default=2017, metavar="N", help="of all draws (default: %(default)s)"
    )


def _prepare(options: argparse.Namespace) -> None:
    from ncf_keras.data.log_layout import LogColumns
    from ncf_keras.data.prepare import PrepareOptions, prepare
    from ncf_keras.data.prepared_files import write_prepared
    from ncf_keras.data.raw_log import describe_source, read_log
    from ncf_keras.data.titles import read_titles, titles_of

    log_file, prefix = Path(options.log), Path(options.out)
    header = {"auto": None, "yes": True, "no": False}[options.header]
    columns = LogColumns(
        options.user, options.item, options.rating, options.timestamp, options.delimiter, header
    )
    chosen = PrepareOptions(
        options.min_rating,
        options.min_user_interactions,
        options.min_item_interactions,
        options.keep,
        options.negatives,
        options.seed,
    )
    _require_out(options.out, [log_file] + ([Path(options.titles)] if options.titles else []))
    titles = read_titles(options.titles) if options.titles else None
    size = log_file.stat().st_size if log_file.is_file() else 0
    with progress_bar(size, "bytes") as show:
        log, layout = read_log(
            log_file, columns, not options.no_timestamps, lambda done: show(f"Reading {log_file.name}", done)
        )
        show("Splitting", size)
        prepared = prepare(log, chosen)
        source = describe_source(log_file, layout, options.titles)
        texts = None if titles is None else titles_of(prepared.item_ids, titles)
        show(f"Writing {prefix.name}", size)
        write_prepared(prefix, prepared, source, texts)
    print(_layout_line(log_file, layout.describe()), file=sys.stderr)
    _print_report(prefix, prepared.report())


def _require_out(out: str, inputs: Sequence[Path]) -> None:
    from ncf_keras.base.files import writable_directory
    from ncf_keras.data.prepared_files import prepared_paths

    prefix = Path(out)
    if out.endswith("/") or not prefix.name or prefix.is_dir():
        raise InputError(f"`--out` must end in the name of the dataset, such as Data/mydata. Received: {out}")
    outputs = {path.resolve() for path in prepared_paths(prefix).values()}
    for file in inputs:
        if file.resolve() in outputs:
            raise InputError(f"`--out` must not overwrite {file}, which is read. Received: {out}")
    writable_directory(prefix.parent, "--out")


def _layout_line(file: Path, layout: Mapping[str, object]) -> str:
    columns = ", ".join(f"{role} in {column}" for role, column in layout["columns"].items())
    if layout["delimiter"] is None:
        return f"Read {file} as Parquet: {columns}."
    separated = {"\t": "tabs", ",": "commas", " ": "spaces"}.get(layout["delimiter"], repr(layout["delimiter"]))
    header = "with" if layout["header"] else "without"
    return f"Read {file} as text separated by {separated}, {header} a header: {columns}."


def _print_report(prefix: Path, report: Mapping[str, Mapping]) -> None:
    counts = report["counts"]
    print(
        f"{prefix.name}: {counts['users']:,} users, {counts['items']:,} items, {counts['train']:,} train and "
        f"{counts['test']:,} test interactions, sparsity {report['sparsity']:.2%}"
    )
    for reason, count in report["dropped"].items():
        print(f"  dropped {count:,} of {counts['rows']:,} rows: {reason}")
    if counts["users_without_test"]:
        print(f"  {counts['users_without_test']:,} user(s) with one interaction: in train, not in test")
    print(f"  split: {report['split']}")
    path = "" if str(prefix.parent) == "." else f"{prefix.parent}/"
    print(f"Train on it: python run/NeuMF.py --path {path or './'} --dataset {prefix.name}")
