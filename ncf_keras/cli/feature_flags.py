"""The flags that say what users and items are like, for the columns of features of a dataset."""

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ncf_keras.base.errors import InputError
from ncf_keras.base.terminal import LONGEST_SHOWN, shown
from ncf_keras.cli.paths import InputFile

if TYPE_CHECKING:
    from ncf_keras.data import Dataset
    from ncf_keras.data.feature_tables import FeatureTable
    from ncf_keras.data.features import Feature
    from ncf_keras.data.prepared_features import SaidOfFeatures

SIDES = ("item", "user")
SHOWN = 24


def add_feature_flags(parser: argparse.ArgumentParser) -> None:
    """Add `--item_features`, `--user_features` and what goes with them."""
    add = parser.add_argument_group("what items and users are like (docs/features.md)").add_argument
    for side in SIDES:
        files = f"features of {side}s: a table with the ids in its first column, such as a CSV with a header"
        add(f"--{side}_features", type=InputFile, nargs="+", metavar="FILE", help=files)
        names = "names of the columns of a file without a header, as in id,title,genres; empty: left out"
        add(f"--{side}_features_columns", metavar="NAMES", help=names)
    kinds = "categories, number, date or text, where another is found than is meant; none leaves a column out"
    add("--feature_kinds", metavar="NAME=KIND,…", help=kinds)
    new = "keep the items of --item_features that are not in LOG: inactive, until they have interactions"
    add("--with_new_items", action="store_true", help=new)


def read_said_of_features(flags: argparse.Namespace) -> "SaidOfFeatures":
    """Read the files of the flags."""
    from ncf_keras.data.prepared_features import SaidOfFeatures

    kinds = _kinds(flags.feature_kinds)
    items, users = (_tables(flags, side) for side in SIDES)
    return SaidOfFeatures(users, items, kinds, flags.with_new_items)


def source_of_features(flags: argparse.Namespace) -> dict[str, object]:
    """Return the names and SHA-256 of the files, for JSON; nothing where there are none."""
    from ncf_keras.data.reading import file_digest

    return {
        f"{side}_features": [{"name": Path(file).name, "sha256": file_digest(file, "sha256")} for file in files]
        for side in SIDES
        if (files := vars(flags)[f"{side}_features"])
    }


def lines_on_features(report: Mapping[str, Any]) -> Iterator[str]:
    """Yield what each column is, and whom nothing is said about."""
    for side in ("items", "users"):
        said = report.get("features", {}).get(side)
        if said is None:
            continue
        columns = [f"{shown(name)}: {kind}" for name, kind in said["columns"].items()]
        more = f"; and {len(columns) - SHOWN:,} more" if len(columns) > SHOWN else ""
        yield f"  {side}: {'; '.join(columns[:SHOWN])}{more}"
        if said.get("unknown"):
            way_on = " (`--with_new_items` keeps them)" if side == "items" else ""
            yield f"  {side}: {said['unknown']:,} with features are not in the log, and passed over{way_on}"
        if said.get("new"):
            yield f"  {side}: {said['new']:,} with features are not in the log, and inactive"
        if said["without"]:
            yield f"  {side}: {said['without']:,} without features"


def grouping_features(flags: argparse.Namespace, dataset: "Dataset", needed_by: str) -> "dict[str, Feature]":
    """Return the columns of `--item_features`, else those of the dataset; InputError where there are none."""
    from ncf_keras.data.feature_tables import read_features

    if flags.item_features is not None:
        return read_features(flags.item_features, dataset.item_ids, dataset.num_items)
    return grouping_features_of(dataset, needed_by)


def grouping_features_of(dataset: "Dataset", needed_by: str) -> "dict[str, Feature]":
    """Return the dataset's columns of features of items; InputError where there are none."""
    groups = {} if dataset.item_features is None else dataset.item_features.groups()
    if not groups:
        raise InputError(
            f"`{needed_by}` must come with `--item_features` where the dataset has no features of items. "
            f"Received: `{needed_by}` alone"
        )
    return groups


def _tables(flags: argparse.Namespace, side: str) -> "list[FeatureTable]":
    from ncf_keras.data.feature_tables import read_feature_table

    flag = f"{side}_features"
    files, names = vars(flags)[flag] or [], vars(flags)[f"{flag}_columns"]
    if names is not None and len(files) != 1:
        received = f"{len(files)} files" if files else "none"
        raise InputError(f"`--{flag}_columns` must come with one file of `--{flag}`. Received: {received}")
    columns = None if names is None else names.split(",")
    return [read_feature_table(file, columns, f"{flag}_columns") for file in files]


def _kinds(typed: str | None) -> dict[str, str]:
    if typed is None:
        return {}
    kinds: dict[str, str] = {}
    for pair in typed.split(","):
        name, is_pair, kind = (part.strip() for part in pair.rpartition("="))
        if not is_pair or not name or name in kinds:
            raise InputError(
                "`--feature_kinds` must be columns and their kinds, as in zip=categories,year=number, each "
                f"column once. Received: {typed[:LONGEST_SHOWN]!r}"
            )
        kinds[name] = kind
    return kinds
