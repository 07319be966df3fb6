"""`ncf recommend`: lists with raw ids and titles from a saved model."""

import argparse
import csv
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ncf_keras.base.errors import InputError
from ncf_keras.cli.all_lists import add_all_users_flags, require_use_of_all_users, write_all_lists
from ncf_keras.cli.console import import_tensorflow_quietly, run_with_flags
from ncf_keras.cli.flag_names import flag_names
from ncf_keras.cli.flags import add_data_flags, whole_number
from ncf_keras.cli.help import CommandParser
from ncf_keras.cli.id_lines import read_id_lines
from ncf_keras.cli.list_inputs import ListInputs, read_list_inputs
from ncf_keras.cli.newcomers import add_newcomer_flags, listed_newcomers, require_use_of_newcomers
from ncf_keras.cli.paths import InputFile, OutputFile
from ncf_keras.cli.saved_model import SAVED_MODEL
from ncf_keras.cli.stage_flags import add_stage_flags, require_use_of_stages
from ncf_keras.cli.steering import add_steering_flags, require_steerable
from ncf_keras.cli.table_output import TABLE_FORMATS, format_of_file, spreadsheet_safe, write_table

if TYPE_CHECKING:
    import pandas as pd

WHOM = (
    "--user", "--users_file", "--history", "--similar_items", "--new_item", "--users_for", "--new_users",
    "--all_users", "--popular",
)  # fmt: skip
UNKNOWN_USER = " (for anybody else, give `--history` or `--popular`)"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return 0, or 2 after a sentence on standard error about a mistake."""
    return run_with_flags(make_parser().parse_args, _recommend, arguments)


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command."""
    parser = CommandParser(
        description="Recommend items with a saved GMF, MLP, NeuMF or baseline: to users it was trained on, to "
        "a new one by a history, to anybody by popularity; find similar items, or the users for a new item. "
        "Ids are the raw ones where the dataset has NAME.users.csv and NAME.items.csv (`ncf prepare` writes "
        "them), else indices from 0.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--weights", type=InputFile, metavar="FILE", help=f"{SAVED_MODEL}; --popular needs none"
    )
    add_data_flags(parser)
    add = parser.add_argument_group("for whom (one kind)").add_argument
    add("--user", metavar="ID", action="append", help="a user; may be repeated")
    each = "users, an id a line, - for standard input; unknown ones get the popularity list, labelled so"
    add("--users_file", type=InputFile, metavar="FILE", help=each)
    add("--all_users", action="store_true", help="all users, as Parquet files in the directory of --to")
    items = "items that a new user interacted with, as a line of CSV (an id with a comma in double quotes)"
    add("--history", metavar="ID,ID,…", action="append", help=f"{items}; repeated, they are one history")
    add("--similar_items", metavar="ID", action="append", help="items like this one; may be repeated")
    users = "users who interacted with an item that the model has never seen, as --history: whom to show it to"
    add(
        "--new_item", metavar="ID,ID,…", action="append", help=f"{users}; with --user, its place in their lists"
    )
    shown = "users to whom to show this item, which may be one of --new_items; may be repeated"
    add("--users_for", metavar="ID", action="append", help=shown)
    add("--popular", action="store_true", help="what most users interacted with")
    parser.add_argument("--k", type=whole_number(1), default=10, help="length of a list (default: %(default)s)")
    add_newcomer_flags(parser)
    add_steering_flags(parser)
    add_stage_flags(parser, "exact, which one list has sooner")
    known = "rank the items that the user knows already, too"
    parser.add_argument("--include_seen", action="store_true", help=known)
    parser.add_argument("--format", choices=TABLE_FORMATS, help="on standard output (default: table)")
    parser.add_argument("--to", type=OutputFile, metavar="FILE", help="write a .csv or .json file instead")
    add_all_users_flags(parser)
    spreadsheet = "put ' before texts that a spreadsheet would run as a formula, in CSV"
    parser.add_argument("--spreadsheet_safe", action="store_true", help=spreadsheet)
    return parser


def _recommend(flags: argparse.Namespace) -> None:
    _require_one_kind(flags)
    require_use_of_newcomers(flags)
    require_steerable(flags)
    require_use_of_all_users(flags)
    require_use_of_stages(flags, given_kinds(flags))
    if flags.all_users:
        write_all_lists(flags)
        return
    if flags.to and flags.format:
        raise InputError("`--to` takes its format from its suffix. Received: `--format` too")
    format = format_of_file(flags.to) if flags.to else flags.format or "table"
    if flags.spreadsheet_safe and format != "csv":
        raise InputError(f"`--spreadsheet_safe` must come with lists in CSV. Received: lists as {format}")
    users = _read_users(flags.users_file) if flags.users_file is not None else []
    history = _parse_ids(flags.history, "--history", "item", " (without any, give `--popular`)")
    new_item = _parse_ids(flags.new_item, "--new_item", "user")
    items = "`--users_for`" if flags.users_for else "`--similar_items`"
    with flag_names({"model": "`--weights`", "users": "`--user`", "history": "`--history`", "items": items}):
        inputs = read_list_inputs(flags)
        frame = _lists(flags, inputs, users, history, new_item)
    dataset = inputs.dataset
    shown = [name for name, ids in (("users", dataset.user_ids), ("items", dataset.item_ids)) if ids is None]
    if shown:
        print(f"The dataset has no ids: {' and '.join(shown)} are shown as indices from 0.", file=sys.stderr)
    write_table(spreadsheet_safe(frame) if flags.spreadsheet_safe else frame, format, flags.to)
    if flags.to:
        print(f"The lists are written to {flags.to}", file=sys.stderr)


def _lists(
    flags: argparse.Namespace, inputs: ListInputs, users: list, history: list, new_item: list
) -> "pd.DataFrame":
    import_tensorflow_quietly()
    from ncf_keras.recommending import popular_items
    from ncf_keras.recommending.ids import ids_of_items, ids_of_users
    from ncf_keras.recommending.listed import Listed

    trained_on, dataset, steering = inputs
    if flags.popular:
        frame = popular_items(dataset, flags.k, item_features=steering.features, **steering.arguments)
        return frame.drop(columns="user_id")
    # Before the model is read: it takes longer.
    listed = Listed.at_most(dataset)
    known_users = ids_of_users(dataset, listed)
    known_users.require(flags.user or (), "--user", "" if new_item else UNKNOWN_USER)
    known_users.require(new_item, "--new_item")
    known_items = ids_of_items(dataset, listed)
    known_items.require(flags.similar_items or (), "--similar_items")
    known_items.require(history, "--history")
    known_items.require(flags.users_for or (), "--users_for")
    recommender = inputs.recommender(flags)
    new_users, new_items = listed_newcomers(trained_on, dataset, recommender)
    wanted, is_steered = steering.arguments, bool(steering.arguments)
    if new_item:
        described = new_items[0] if new_items else None
        if flags.user:
            return recommender.place_item(new_item, flags.user, described_as=described)
        return recommender.users_for_item(new_item, flags.k, described_as=described)
    if flags.users_for or given_kinds(flags) == ["--new_items"]:
        return recommender.users_for_items(flags.users_for or new_items, flags.k)
    if new_users and not history:
        frame = recommender.recommend(new_users, flags.k, flags.include_seen, **wanted)
        return _noted(frame, len(new_users), flags, is_steered)
    if flags.user:
        frame = recommender.recommend(flags.user, flags.k, flags.include_seen, **wanted)
        return _noted(frame, len(flags.user), flags, is_steered)
    if history:
        described = new_users[0] if new_users else None
        frame = recommender.fold_in(history, flags.k, flags.include_seen, described_as=described, **wanted)
        return _noted(frame, 1, flags, is_steered).drop(columns="user_id")
    if flags.similar_items:
        return recommender.similar_items(flags.similar_items, flags.k)
    frame = recommender.recommend(users, flags.k, flags.include_seen, popular_for_unknown=True, **wanted)
    unknown = frame["source"].eq("popularity") & frame["rank"].eq(1)
    if unknown.any():
        counts = f"{unknown.sum()} of {len(users)} users are unknown"
        print(f"{counts}: they get the popularity list", file=sys.stderr)
    return _noted(frame, len(users), flags, is_steered)


def _noted(frame: "pd.DataFrame", users: int, flags: argparse.Namespace, is_steered: bool) -> "pd.DataFrame":
    """Return the lists, after a sentence on standard error where some of so many users have none."""
    if without := users - int(frame["rank"].eq(1).sum()):
        if flags.include_seen:
            have = "no item is allowed"
        elif is_steered:
            have = "no item is allowed that they have not interacted with (`--include_seen` ranks others, too)"
        else:
            have = "they have interacted with every item (`--include_seen` ranks these too)"
        print(f"{without} of {users} users have an empty list: {have}", file=sys.stderr)
    return frame


def given_kinds(flags: argparse.Namespace) -> list[str]:
    """Return the flags that say for whom; where there are none, `--new_items`, which then is one."""
    given = [flag for flag in WHOM if getattr(flags, flag[2:]) not in (None, False)]
    return given or (["--new_items"] if flags.new_items else [])


def _require_one_kind(flags: argparse.Namespace) -> None:
    given = given_kinds(flags)
    # Of two flags are a new item's place in the lists of some users, and a new user with features and history.
    if len(given) != 1 and given not in (["--user", "--new_item"], ["--history", "--new_users"]):
        kinds = ", ".join((*WHOM, "--new_items"))
        raise InputError(
            f"One of {kinds}, and no other, must be given. Received: {' and '.join(given) or 'none'}"
        )
    if not flags.weights and not flags.popular:
        raise InputError("`--weights` must be a weight file. Received: none")


def _read_users(file: str) -> list[str]:
    """Return the ids in a file, one a line."""
    users = read_id_lines(file, "--users_file")
    if not users:
        raise InputError(f"`--users_file` must hold an id a line. Received: {file}, which holds none")
    return users


def _parse_ids(lines: Sequence[str] | None, flag: str, side: str, advice: str = "") -> list[str]:
    """Return the ids of users or items in the lines of CSV that a flag was given, none if it was not given."""
    try:
        rows = csv.reader(lines or (), skipinitialspace=True, strict=True)
        ids = [one.strip() for row in rows for one in row if one.strip()]
    except csv.Error as error:
        received = f"{','.join(lines or ())!r} ({error})"
        raise InputError(f"`{flag}` must be {side} ids as a line of CSV. Received: {received}") from None
    if lines and not ids:
        raise InputError(f"`{flag}` must hold at least one {side} id{advice}. Received: none")
    return ids
