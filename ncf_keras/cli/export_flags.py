"""`--group`, `--recall` and `--candidates`: what an export is asked for besides its model and dataset."""

import argparse
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ncf_keras.base.errors import InputError
from ncf_keras.base.terminal import listed
from ncf_keras.cli.stage_flags import add_stage_flags
from ncf_keras.serving.asked import Asked

if TYPE_CHECKING:
    from ncf_keras.data.features import Feature


def add_export_flags(parser: argparse.ArgumentParser) -> None:
    """Add the three flags."""
    group = "a column of features of items, such as genre: lists may have a limited number of a category"
    parser.add_argument("--group", metavar="FEATURE", help=group)
    add_stage_flags(parser, "exact below 100,000 items, 0.99 from there on")


def asked_of(flags: argparse.Namespace) -> Asked:
    """Return what the flags ask for."""
    return Asked(flags.group, flags.candidates, flags.recall)


def named_group(name: str, features: "Mapping[str, Feature]", source: str) -> "Feature":
    """Return the column that `--group` names; `source` is what an error says the columns are of."""
    if name not in features:
        rule = f"a feature of {source}: {listed(sorted(features))}"
        raise InputError(f"`--group` must name {rule}. Received: {name}")
    return features[name]
