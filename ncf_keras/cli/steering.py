"""The flags that steer lists: what may be on them, how many of a category, and less of what is popular."""

import argparse
import math
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from ncf_keras.base.errors import InputError
from ncf_keras.base.terminal import listed
from ncf_keras.cli.feature_flags import grouping_features
from ncf_keras.cli.flags import whole_number
from ncf_keras.cli.id_lines import read_id_lines
from ncf_keras.cli.paths import InputFile

if TYPE_CHECKING:
    from ncf_keras.data import Dataset
    from ncf_keras.data.features import Feature

FLAGS = ("--only_items", "--not_items", "--max_per", "--item_features", "--popularity_penalty")
# Lists that are no recommendations.
UNSTEERABLE = ("--similar_items", "--new_item", "--users_for")


class Steering(NamedTuple):
    """What the flags say.

    Attributes:
        features: of the items, by name.
        arguments: of `Recommender.recommend`, those that were given.
    """

    features: dict[str, "Feature"]
    arguments: dict[str, Any]


def add_steering_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags to a parser."""
    add = parser.add_argument_group("what may be on the lists").add_argument
    lines = "an id a line, - for standard input"
    add("--only_items", type=InputFile, metavar="FILE", help=f"the only items to choose from, {lines}")
    add("--not_items", type=InputFile, metavar="FILE", help=f"items to leave out, {lines}")
    each = "at most so many items of each category of a feature, as in --max_per genre 2"
    add("--max_per", nargs=2, metavar=("FEATURE", "N"), help=each)
    features = (
        "features of items: a .csv file with a header, ids in its first column, categories between | (default: "
        "those of the dataset)"
    )
    add("--item_features", type=InputFile, metavar="FILE", help=features)
    penalty = "rank by score - X log(1 + n) / log(1 + max n), n being an item's train interactions (default: 0)"
    add("--popularity_penalty", type=_penalty, metavar="X", default=0.0, help=penalty)


def require_steerable(flags: argparse.Namespace) -> None:
    """Raise InputError unless the flags that steer go with each other and with the kind of lists."""
    given = [flag for flag in FLAGS if getattr(flags, flag[2:])]
    kinds = [flag for flag in UNSTEERABLE if getattr(flags, flag[2:])]
    if given and kinds:
        raise InputError(f"`{given[0]}` must come with recommendations. Received: `{kinds[0]}`")
    if flags.popularity_penalty and flags.popular:
        raise InputError("`--popularity_penalty` must come with what a model ranks. Received: `--popular`")
    if flags.item_features and not flags.max_per:
        raise InputError("`--item_features` must come with `--max_per`. Received: `--item_features` alone")
    from_input = [flag for flag in ("--users_file", *FLAGS[:2]) if getattr(flags, flag[2:]) == "-"]
    if len(from_input) > 1:
        received = " and ".join(f"`{flag} -`" for flag in from_input)
        raise InputError(f"Standard input must be named by one flag. Received: {received}")


def read_steering(flags: argparse.Namespace, dataset: "Dataset") -> Steering:
    """Read the files of the flags; say on standard error how many ids the dataset does not have."""
    arguments: dict[str, Any] = {}
    for flag in FLAGS[:2]:
        if (file := getattr(flags, flag[2:])) is not None:
            arguments[flag[2:]] = _read_items(file, flag, dataset)
    features: dict[str, Feature] = {}
    if flags.max_per:
        features = grouping_features(flags, dataset, "--max_per")
        arguments["max_per"] = _limit(flags.max_per, features, flags.item_features is None)
    if flags.popularity_penalty:
        arguments["popularity_penalty"] = flags.popularity_penalty
    return Steering(features, arguments)


def _read_items(file: str, flag: str, dataset: "Dataset") -> list[str]:
    from ncf_keras.recommending.ids import ids_of_items
    from ncf_keras.recommending.listed import Listed

    ids = read_id_lines(file, flag)
    unknown = int((ids_of_items(dataset, Listed.at_most(dataset)).find(ids, flag) < 0).sum())
    if flag == "--only_items" and unknown == len(ids):
        held = f"{unknown:,} unknown one(s)" if ids else "no id"
        raise InputError(
            f"`--only_items` must hold an item of the dataset. Received: {file}, which holds {held}"
        )
    if unknown:
        print(
            f"{unknown:,} of {len(ids):,} items of `{flag}` are unknown: they are passed over", file=sys.stderr
        )
    return ids


def _limit(typed: list[str], features: dict[str, "Feature"], from_dataset: bool) -> tuple[str, int]:
    name, number = typed
    if name not in features:
        rule = (
            f"a feature of {'the dataset' if from_dataset else '`--item_features`'}: {listed(sorted(features))}"
        )
        raise InputError(f"`--max_per` must name {rule}. Received: {name}")
    try:
        return name, whole_number(1)(number)
    except argparse.ArgumentTypeError as error:
        rule = str(error).replace("must be", "must end with")
        raise InputError(f"`--max_per` {rule}") from None


def _penalty(text: str) -> float:
    try:
        penalty = float(text)
    except ValueError:
        penalty = math.nan
    if not 0 <= penalty <= 1e30:
        raise argparse.ArgumentTypeError(f"must be a number from 0 to 1e30. Received: {text}")
    return penalty
