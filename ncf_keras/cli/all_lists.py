"""`ncf recommend --all_users`: the lists of all users in a directory, on this machine's cores or on Ray."""

import argparse
import hashlib
import json
import os
import re
import sys
from typing import TYPE_CHECKING, Any

from ncf_keras.base.errors import InputError
from ncf_keras.base.files import writable_directory
from ncf_keras.cli.console import import_tensorflow_quietly, progress_bar
from ncf_keras.cli.flag_names import flag_names
from ncf_keras.cli.flags import whole_number
from ncf_keras.cli.list_inputs import ListInputs, read_list_inputs
from ncf_keras.cli.newcomers import listed_newcomers

if TYPE_CHECKING:
    from ncf_keras.recommending.all_users import AllUsers

LOCAL, RAY = "local", "ray"
# What a directory is not called.
FILES = (".csv", ".json", ".parquet")
# Flags that go with --all_users alone.
OF_ALL = ("--shard", "--engine", "--workers", "--users_a_part")


def add_all_users_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags to a parser."""
    add = parser.add_argument_group(
        "lists of all users (--all_users --to DIRECTORY, Parquet in parts; the same command goes on with them)"
    ).add_argument
    add("--shard", type=_shard, metavar="I/N", help="make the I-th of N shares of the parts alone, such as 1/4")
    engine = "what makes the parts: the cores of this machine, or the workers of Ray (default: local)"
    add("--engine", choices=(LOCAL, RAY), help=engine)
    workers = "at most so many parts at once: threads, or workers of Ray (default: a core each)"
    add("--workers", type=whole_number(1), metavar="N", help=workers)
    users = "how many users are in a file (default: as many as make half a million rows)"
    add("--users_a_part", type=whole_number(1), metavar="N", help=users)


def require_use_of_all_users(flags: argparse.Namespace) -> None:
    """Raise InputError unless the flags go with `--all_users`, and that with a directory."""
    given = [flag for flag in OF_ALL if getattr(flags, flag[2:]) is not None]
    if not flags.all_users:
        if given:
            raise InputError(f"`{given[0]}` must come with `--all_users`. Received: `{given[0]}` alone")
        return
    if not flags.to:
        raise InputError("`--all_users` must come with `--to DIRECTORY`. Received: no directory")
    if flags.to.lower().endswith(FILES):
        raise InputError(f"`--to` must be a directory with `--all_users`. Received: {flags.to}")
    for flag in ("--format", "--spreadsheet_safe"):
        if getattr(flags, flag[2:]):
            raise InputError(f"`--all_users` must come without `{flag}`: it writes Parquet. Received: both")
    if "-" in (flags.only_items, flags.not_items) and flags.engine == RAY:
        raise InputError("`--engine ray` must come with files that its workers can read. Received: -")


def write_all_lists(flags: argparse.Namespace) -> None:
    """Make the parts that are missing of this share, and say on standard error what is there."""
    if flags.engine == RAY:
        from ncf_keras.cli.ray_parts import require_ray

        require_ray()
    import_tensorflow_quietly()
    from ncf_keras.recommending.all_users import require_pyarrow

    require_pyarrow()
    writable_directory(flags.to, "--to")
    lists = open_all_lists(flags, flags.workers or _cores())
    share, shares = flags.shard or (1, 1)
    missing = lists.missing(share, shares)
    of_share = range(share - 1, lists.parts, shares)
    if there := len(of_share) - len(missing):
        print(f"{there} of {len(of_share)} parts are there already.", file=sys.stderr)
    if flags.engine == RAY:
        from ncf_keras.cli.ray_parts import parts_by_ray

        # What was measured here is not measured again by each worker.
        measured = {"recall": None, "candidates": None, "stages": lists.stages.to_json()}
        made = parts_by_ray(argparse.Namespace(**{**vars(flags), **measured}), missing)
    else:
        made = map(lists.write, missing)
    with progress_bar(len(missing), "parts") as show:
        for done, _ in enumerate(made, 1):
            show("Lists", done)
    whole = lists.finish()
    rest = "" if whole else ". Other shares are not done yet"
    print(
        f"The lists of {len(lists.users)} users are in {flags.to}, parts: {len(of_share)}{rest}"
        if shares == 1
        else f"The {len(of_share)} parts of share {share}/{shares} are in {flags.to}{rest}",
        file=sys.stderr,
    )


def open_all_lists(flags: argparse.Namespace, threads: int) -> "AllUsers":
    """Read everything and return what makes the parts."""
    with flag_names({"model": "`--weights`", "to": "`--to`", "k": "`--k`"}):
        inputs = read_list_inputs(flags)
        import_tensorflow_quietly()
        from ncf_keras.recommending.all_users import AllUsers

        recommender = inputs.recommender(flags)
        listed_newcomers(inputs.trained_on, inputs.dataset, recommender)
        return AllUsers(
            recommender,
            flags.to,
            flags.k,
            {**_made_of(flags, inputs), "candidates": recommender.stages.candidates},
            users_a_part=flags.users_a_part,
            threads=threads,
            include_seen=flags.include_seen,
            wanted=inputs.steering.arguments,
        )


def _made_of(flags: argparse.Namespace, inputs: ListInputs) -> dict[str, Any]:
    from ncf_keras.cli.training_options import content_digest, order_digest
    from ncf_keras.data.reading import file_digest

    dataset, ids = inputs.dataset, hashlib.sha256()
    of_items = "none" if dataset.item_features is None else "item"
    features = of_items if dataset.user_features is None else {"none": "user", "item": "both"}[of_items]
    for texts in (dataset.user_ids, dataset.item_ids):
        ids.update(json.dumps(texts).encode())
    steering = inputs.steering.arguments
    return {
        "weights": file_digest(flags.weights, "sha256"),
        "dataset": content_digest(dataset, features),
        "order": order_digest(dataset),
        "ids": ids.hexdigest(),
        "item_features": file_digest(flags.item_features, "sha256") if flags.item_features else None,
        "steering": hashlib.sha256(json.dumps(steering).encode()).hexdigest() if steering else None,
    }


def _shard(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"([1-9][0-9]{0,8})/([1-9][0-9]{0,8})", text)
    if not found or int(found[1]) > int(found[2]):
        rule = "must be I/N, the I-th of N shares, from 1/N to N/N"
        raise argparse.ArgumentTypeError(f"{rule}. Received: {text[:40]!r}")
    return int(found[1]), int(found[2])


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
