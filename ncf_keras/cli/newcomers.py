"""The flags that bring users and items who came after the training, known by their features alone."""

import argparse
import sys
from itertools import compress
from typing import TYPE_CHECKING, NamedTuple

from ncf_keras.base.errors import InputError
from ncf_keras.cli.flag_names import flag_names
from ncf_keras.cli.paths import InputFile

if TYPE_CHECKING:
    from ncf_keras.data import Dataset
    from ncf_keras.recommending import Recommender

# Lists of items, of which new ones may be all.
OF_ITEMS = ("--user", "--users_file", "--all_users", "--history", "--new_users")


class Newcomers(NamedTuple):
    """The ids of those of whom the model knows something.

    Attributes:
        users: of the new users.
        items: of the new items.
    """

    users: list[str]
    items: list[str]


def add_newcomer_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags to a parser."""
    add = parser.add_argument_group(
        "who came after the training (a table under a header: ids, then columns of features of the dataset)"
    ).add_argument
    items = "new items: they are on the lists, too; without another flag, users to whom to show them"
    add("--new_items", type=InputFile, metavar="FILE", help=items)
    add("--only_new", action="store_true", help="lists of the items of --new_items alone")
    users = "new users: the list of each by what is known of them; of one, with --history, by both"
    add("--new_users", type=InputFile, metavar="FILE", help=users)


def require_use_of_newcomers(flags: argparse.Namespace) -> None:
    """Raise InputError unless the flags of newcomers go with each other and with the kind of lists."""
    if flags.new_items and flags.popular:
        raise InputError("`--new_items` must come with what a model ranks. Received: `--popular`")
    if not flags.only_new:
        return
    if not flags.new_items:
        raise InputError("`--only_new` must come with `--new_items`. Received: `--only_new` alone")
    if flags.only_items:
        raise InputError("`--only_new` must come without `--only_items`. Received: both")
    if not any(getattr(flags, flag[2:]) for flag in OF_ITEMS):
        raise InputError(f"`--only_new` must come with one of {', '.join(OF_ITEMS)}. Received: none")


def read_newcomers(flags: argparse.Namespace, dataset: "Dataset") -> "Dataset":
    """Return the dataset grown by the users and items of the files, itself where there are none."""
    files = {"users": flags.new_users, "items": flags.new_items}
    if not any(files.values()):
        return dataset
    from ncf_keras.data import with_newcomers
    from ncf_keras.data.feature_tables import read_feature_table

    tables = {side: read_feature_table(file) for side, file in files.items() if file}
    with flag_names({side: f"`--new_{side}`" for side in files}):
        grown = with_newcomers(dataset, **tables)
    for side, with_one in (("users", flags.history), ("items", flags.new_item)):
        if with_one and side in tables and len(tables[side].ids) != 1:
            flag = "--history" if side == "users" else "--new_item"
            raise InputError(
                f"`--new_{side}` must hold one row with `{flag}`. Received: {len(tables[side].ids)} rows"
            )
    return grown


def listed_newcomers(trained_on: "Dataset", grown: "Dataset", recommender: "Recommender") -> Newcomers:
    """Return the newcomers of whom the model knows a feature; say on standard error how many it does not.

    InputError if it knows nothing of any user, or of any item, that came.
    """
    known = []
    for side, ids, listed, start in (
        ("users", grown.user_ids, recommender.listed.users, trained_on.num_users),
        ("items", grown.item_ids, recommender.listed.items, trained_on.num_items),
    ):
        came = list((ids or ())[start:])
        found = came if listed is None else list(compress(came, listed[start:]))
        if came and not found:
            rule = f"`--new_{side}` must have {side} with a feature that the model knows"
            raise InputError(f"{rule}. Received: {len(came):,} without any")
        if len(found) < len(came):
            without = f"{len(came) - len(found):,} of {len(came):,} {side} of `--new_{side}`"
            print(f"{without} have no feature that the model knows: they are passed over", file=sys.stderr)
        known.append(found)
    return Newcomers(*known)
