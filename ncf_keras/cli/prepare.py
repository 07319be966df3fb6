"""`ncf prepare LOG --out Data/mydata`: a raw log of interactions in, a dataset to train on out."""

import argparse
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ncf_keras.base.errors import InputError
from ncf_keras.base.inputs import kind_of
from ncf_keras.cli.console import print_done, progress_bar, run_with_flags
from ncf_keras.cli.feature_flags import (
    add_feature_flags,
    lines_on_features,
    read_said_of_features,
    source_of_features,
)
from ncf_keras.cli.flag_names import flag_names, same_names
from ncf_keras.cli.flags import add_memory_flag, memory_size, whole_number
from ncf_keras.cli.help import CommandParser
from ncf_keras.cli.id_lines import read_id_lines
from ncf_keras.cli.log_flags import add_column_flags, add_format_flags
from ncf_keras.cli.parts import pointing_to_parts, prepare_in_parts, require_fit_for_parts
from ncf_keras.cli.paths import DatasetPrefix, InputFile, InputLog, OutputPrefix
from ncf_keras.cli.raw_log import read_raw_log

if TYPE_CHECKING:
    from ncf_keras.data.earlier import EarlierDataset
    from ncf_keras.data.prepare import PrepareOptions


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status: 0, or 2 after a sentence about the user's mistake."""
    return run_with_flags(make_parser().parse_args, _prepare_by_flags, arguments)


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command."""
    parser = CommandParser(
        description="Turn a raw log of interactions (MovieLens ratings.dat and u.data, CSV, TSV, any "
        "delimiter, JSON, Parquet, packed by gzip, bzip2 or Zstandard or not) into the files that training "
        "reads. What the flags do not say is found out.",
        allow_abbrev=False,
    )
    meaning = "the file, several, a directory of parts, or - for standard input: a row an interaction"
    parser.add_argument("log", type=InputLog, nargs="*", metavar="LOG", help=f"{meaning} (--append needs none)")
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
    add_feature_flags(parser)
    going_on = parser.add_argument_group("going on from an earlier dataset (docs/data.md: ids that stay)")
    meaning = "a dataset that was prepared: its users and items keep their indices, new ones come behind"
    going_on.add_argument("--ids_from", type=DatasetPrefix, metavar="PREFIX", help=f"{meaning}; may be --out")
    meaning = "LOG has only what is new: it comes behind the interactions of --ids_from"
    going_on.add_argument("--append", action="store_true", help=meaning)
    meaning = "users of whom nothing may be kept but the id, an id a line, - for standard input"
    going_on.add_argument("--forget", type=InputFile, metavar="FILE", help=meaning)
    kept = parser.add_argument_group("what is kept (left out: as for --ids_from, without it the default)")

    def add_count(flag: str, default: int, minimum: int, meaning: str) -> None:
        kind, meaning = whole_number(minimum), f"{meaning} (default: {default})"
        kept.add_argument(flag, type=kind, metavar="N", help=meaning)

    kept.add_argument("--min_rating", type=float, help="drop lower ratings (default: those of 0 and below)")
    add_count("--min_user_interactions", 1, 1, "take out users with fewer, and items, until nothing changes")
    add_count("--min_item_interactions", 1, 1, "the same for items")
    meaning = "which interaction stands for repeats of a user with an item (default: first)"
    kept.add_argument("--keep", choices=("first", "last"), help=meaning)
    add_count("--negatives", 99, 1, "items to rank each held-out item against")
    add_count("--seed", 2017, 0, "of all draws")
    _add_split(parser)
    meaning = "for a log of any size: keep its rows on the disk of --out, and take no more memory than this"
    parser.add_argument("--memory", type=memory_size, metavar="SIZE", help=f"{meaning}, such as 4GB")
    add_memory_flag(parser)
    return parser


def _add_split(parser: argparse.ArgumentParser) -> None:
    title = "how it is split (docs/data.md: the split in time, items held out whole)"
    add = parser.add_argument_group(title).add_argument
    meaning = "hold out the latest interaction of each user, all of a time, or some items whole and the latest "
    choices = ("leave-one-out", "time", "cold_items")
    add("--split", choices=choices, help=f"{meaning}of each user besides (default: leave-one-out)")
    meaning = (
        "with --split time: a share of the interactions such as 0.8, a date such as 1998-03-01, or a time in "
        "the log's unit; held out is what came from then on. With --split cold_items: the share of the items "
    )
    add("--at", metavar="WHEN", help=f"{meaning}that are held out, such as 0.05")
    meaning = "with --split time: the same for what --select validation holds out, which is before --at"
    add("--validation_at", metavar="WHEN", help=meaning)


def _prepare_by_flags(flags: argparse.Namespace) -> None:
    names = same_names(vars(flags))
    with flag_names(names | {"prefix": "`--out`", "log": "`LOG`"}):
        _prepare(flags)


def _prepare(flags: argparse.Namespace) -> None:
    from ncf_keras.data.dataset_writing import write_prepared
    from ncf_keras.data.prepare import prepare
    from ncf_keras.data.prepared_features import with_features

    prefix = Path(flags.out)
    _require_log(flags)
    if flags.memory is not None:
        require_fit_for_parts(flags)
    _require_out(flags.out)
    earlier = _earlier(flags)
    options = _options(flags, earlier)
    if flags.memory is not None:
        report = prepare_in_parts(flags, prefix, options)
        print_done("\n".join(_report_lines(prefix, report)), f"the dataset {prefix}")
        return
    forget = [] if flags.forget is None else read_id_lines(flags.forget, "--forget")
    with pointing_to_parts(flags):
        log = read_raw_log(flags)
    said = read_said_of_features(flags)
    with progress_bar(log.size, "bytes") as show:
        show("Splitting", log.size)
        with pointing_to_parts(flags):
            prepared = prepare(log.rows, options, earlier, flags.append, forget)
        prepared, titles = with_features(prepared, said)
        texts = prepared.titles(titles if log.titles is None else log.titles)
        show(f"Writing {prefix.name}", log.size)
        report = write_prepared(prefix, prepared, log.source | source_of_features(flags), texts)
    print_done("\n".join(_report_lines(prefix, report)), f"the dataset {prefix}")


def _require_log(flags: argparse.Namespace) -> None:
    for flag in ("append", "forget"):
        if getattr(flags, flag) and flags.ids_from is None:
            raise InputError(f"`--{flag}` must come with `--ids_from`. Received: `--{flag}` alone")
    if not flags.log and not flags.append:
        raise InputError("`LOG` must be the log to prepare (only `--append` needs none). Received: none")


def _earlier(flags: argparse.Namespace) -> "EarlierDataset | None":
    from ncf_keras.data.earlier import read_earlier

    if flags.ids_from is None:
        return None
    directory, name = os.path.split(flags.ids_from)
    if not name or kind_of(flags.ids_from) == "a directory":
        raise InputError(
            f"`--ids_from` must end in the name of a dataset, such as Data/mydata. Received: {flags.ids_from}"
        )
    return read_earlier(os.path.join(directory, ""), name)  # noqa: PTH118


def _options(flags: argparse.Namespace, earlier: "EarlierDataset | None") -> "PrepareOptions":
    """Return what the flags say, for the rest what the earlier dataset was prepared with, which is said."""
    from ncf_keras.data.prepare import PrepareOptions

    said = {name: getattr(flags, name) for name in PrepareOptions.__dataclass_fields__}
    given = {name: value for name, value in said.items() if value is not None}
    if earlier is None:
        return PrepareOptions(**given)
    default, before = asdict(PrepareOptions()), asdict(earlier.options)
    if "split" in given:
        # The times of the earlier split are no times of this one.
        before |= {name: default[name] for name in ("split", "at", "validation_at")}
    kept = [
        f"--{name} {value}" for name, value in before.items() if name not in given and value != default[name]
    ]
    if kept:
        print(f"As {flags.ids_from} was prepared: {', '.join(kept)}.", file=sys.stderr)
    return PrepareOptions(**(before | given))


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
    yield from _lines_in_time(report) if "cuts" in report else _lines_on_users(report)
    if report["options"]["split"] == "cold_items":
        yield (
            f"  cold: {counts['cold']:,} pairs with {counts['cold_items']:,} held-out item(s) are kept apart; "
            f"these and {counts['cold_users']:,} user(s) of no other item are inactive, in no list"
        )
    if "ids_from" in report:
        what = "interactions" if report["options"]["split"] == "leave-one-out" else "train interactions"
        yield from _lines_on_ids(report["ids_from"], what)
    yield from lines_on_features(report)
    if without_title := counts.get("items_without_title"):
        yield f"  titles: {without_title:,} of {counts['items']:,} items have none"
    yield f"  split: {report['split']}"
    path = "" if str(prefix.parent) == "." else f"{prefix.parent}/"
    yield f"Train on it: ncf neumf --path {path or './'} --dataset {prefix.name}"


def _lines_on_users(report: Mapping[str, Any]) -> Iterator[str]:
    """Yield who is not tested by leave-one-out."""
    counts = report["counts"]
    without_negatives = counts.get("users_without_negatives", 0)
    without_new = counts.get("users_without_new", 0)
    with_one = counts["users_without_test"] - without_negatives - without_new
    if with_one:
        yield f"  {with_one:,} user(s) with one interaction: in train, not in test"
    if without_new:
        yield f"  {without_new:,} user(s) with nothing new to hold out: in train, not in test"
    if without_negatives:
        fewest = counts["fewest_items_left"]
        way_on = f" (`--negatives {fewest}` tests them all)" if fewest else ""
        yield (
            f"  {without_negatives:,} user(s) with fewer than {report['options']['negatives']} items left to "
            f"draw negatives from: in train, not in test{way_on}"
        )


def _lines_in_time(report: Mapping[str, Any]) -> Iterator[str]:
    """Yield what became of the later interactions."""
    counts = report["counts"]
    validation = counts.get("validation")
    of_train = "" if validation is None else f"; {validation:,} of train are for validation"
    yield f"  test: {counts['test']:,} pairs of {counts['test_users']:,} user(s){of_train}"
    yield (
        f"  cold: {counts['cold']:,} later pairs are kept apart; {counts['cold_users']:,} user(s) and "
        f"{counts['cold_items']:,} item(s) of theirs have no train interaction and are inactive, in no list"
    )
    without_negatives = counts.get("pairs_without_negatives")
    if without_negatives:
        yield (
            f"  {without_negatives:,} of them for want of {report['options']['negatives']} items to draw "
            f"negatives from: {counts['fewest_items_left']:,} are left at the fewest"
        )


def _lines_on_ids(ids: Mapping[str, Any], what: str) -> Iterator[str]:
    yield (
        f"  users: {ids['users']:,} with their indices of {ids['dataset']}, {ids['new_users']:,} new; "
        f"items: {ids['items']:,}, {ids['new_items']:,} new"
    )
    if ids["inactive_users"] or ids["inactive_items"]:
        yield (
            f"  {ids['inactive_users']:,} user(s) and {ids['inactive_items']:,} item(s) without {what}: "
            "inactive, in no list"
        )
    if ids["forgotten_users"]:
        yield f"  {ids['forgotten_users']:,} user(s) forgotten: nothing but the id is left in the dataset"
    if ids["unknown_users_to_forget"]:
        yield f"  {ids['unknown_users_to_forget']:,} unknown user(s) among those to forget"
