"""`--candidates` and `--recall`: lists found in two stages, of which the second is the network's."""

import argparse
from collections.abc import Sequence

from ncf_keras.base.errors import InputError
from ncf_keras.cli.flags import number_above, whole_number

# Flags of `ncf recommend` for whose lists there are candidates.
WITH_CANDIDATES = ("--user", "--users_file", "--all_users", "--history", "--new_users")
FEWEST = 10
HIGHEST_RECALL = 1.0


def add_stage_flags(parser: argparse.ArgumentParser, default: str) -> None:
    """Add the two flags, which exclude each other; `default` says what is done without them."""
    add = parser.add_mutually_exclusive_group().add_argument
    recall = (
        "find lists in two stages, with as many candidates as it takes to find this share of the ten best "
        f"items, such as 0.99, measured on 1,000 users; 1: exact (default: {default})"
    )
    add("--recall", type=number_above(0, inclusive=False, maximum=HIGHEST_RECALL), metavar="SHARE", help=recall)
    candidates = "the same with so many candidates, whatever their recall"
    add("--candidates", type=whole_number(FEWEST), metavar="C", help=candidates)


def require_use_of_stages(flags: argparse.Namespace, kinds: Sequence[str]) -> None:
    """Raise InputError if one of the two flags is given for a kind of list that is always exact."""
    given = "--recall" if flags.recall is not None else "--candidates"
    if getattr(flags, given[2:]) is not None and (
        not set(kinds) & set(WITH_CANDIDATES) or "--new_item" in kinds
    ):
        rule = f"lists of items for users: {', '.join(WITH_CANDIDATES)}"
        raise InputError(f"`{given}` must come with {rule}. Received: {' and '.join(kinds)}")
