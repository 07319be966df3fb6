"""`ncf ask`: ask a model that TensorFlow Serving serves for scores, lists of items or its status."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from ncf_keras.base.terminal import escaped
from ncf_keras.cli.console import run_with_flags
from ncf_keras.cli.flag_names import flag_names, same_names
from ncf_keras.cli.flags import LARGEST_COUNT, number_above, whole_number
from ncf_keras.cli.help import CommandParser
from ncf_keras.serving.client.limits import HIGHEST_VERSION, LONGEST_SECONDS, MOST_RETRIES

if TYPE_CHECKING:
    from ncf_keras.serving.client import Client, ItemLists, NamedItemLists

# Flags that may be given many values, which the client has in the plural.
ASKED = ("user", "item", "user_id", "item_id")
# The names of the columns, and the rows under them.
Table = tuple[Sequence[str], Sequence[Sequence[Any]]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command on a command line without the program's name, that of the process if None.

    The exit status is 0; 1 after a sentence about a server that gives no answer that can be used; 2 after one
    about a mistake in the arguments, or about something that the server does not have.
    """
    return run_with_flags(make_parser().parse_args, _ask, arguments)


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command."""
    parser = CommandParser(
        description="Ask a model that TensorFlow Serving serves. Exit status 1: the server gave no answer; "
        "2: what was asked is wrong, or is not what the server serves.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--server",
        default="http://localhost:8501",
        metavar="ADDRESS",
        help="http(s)://host:port for REST, grpc(s)://host:port for gRPC (default: %(default)s)",
    )
    parser.add_argument("--model", default="ncf", help="the name it is served under (default: %(default)s)")
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--version", type=whole_number(0, HIGHEST_VERSION), help="of the model; the highest if left out"
    )
    which.add_argument("--label", help="of a version, such as stable, as the server's configuration has it")
    seconds = number_above(0, False, LONGEST_SECONDS)
    # A negative index is unknown to the model, which says so.
    index = whole_number(-LARGEST_COUNT)
    add = parser.add_argument
    add("--timeout", type=seconds, default=5.0, help="seconds for a try (default: %(default)g)")
    add("--deadline", type=seconds, default=15.0, help="seconds for all tries (default: %(default)g)")
    add(
        "--retries",
        type=whole_number(0, MOST_RETRIES),
        default=3,
        help="tries after the first (default: %(default)d)",
    )
    add("--format", choices=("table", "json"), default="table", help="of the answer")
    questions = parser.add_subparsers(metavar="QUESTION", required=True)

    def ask(name: str, help: str, answer: Callable[["Client", argparse.Namespace], Table]) -> Any:
        question = questions.add_parser(name, help=help, allow_abbrev=False)
        question.set_defaults(answer=answer)
        return question

    score = ask("score", "how likely users are to choose items", _score)
    score.add_argument(
        "--user", type=index, nargs="+", required=True, help="user indices, or one for all items"
    )
    score.add_argument(
        "--item", type=index, nargs="+", required=True, help="item indices, or one for all users"
    )
    for name, help, who in (
        ("recommend", "the best items for users", "user"),
        ("similar", "the items most like items", "item"),
    ):
        question = ask(name, help, partial(_lists, who))
        asked = question.add_mutually_exclusive_group(required=True)
        asked.add_argument(f"--{who}", type=index, nargs="+", help=f"{who} indices")
        asked.add_argument(f"--{who}_id", nargs="+", metavar="ID", help=f"raw {who} ids")
        k = {"type": whole_number(0), "default": 10}
        question.add_argument("--k", **k, help="items a list (default: %(default)d)")
    columns = ("version", "state", "error")
    ask("status", "the versions that the server has", lambda client, _: (columns, client.status()))
    ask("metadata", "what the model can be asked", _metadata)
    return parser


def _ask(options: argparse.Namespace) -> None:
    from ncf_keras.serving.client import Patience, connect

    # gRPC's C++ core writes to standard error what it thinks of a server.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    patience = Patience(timeout=options.timeout, deadline=options.deadline, retries=options.retries)
    named = same_names(vars(options)) | {f"{name}s": f"`--{name}`" for name in ASKED}
    with (
        flag_names(named),
        connect(
            options.server, options.model, version=options.version, label=options.label, patience=patience
        ) as client,
    ):
        columns, rows = options.answer(client, options)
    if options.format == "json":
        print(json.dumps([dict(zip(columns, row, strict=True)) for row in rows], allow_nan=False))
        return
    cells = [list(columns)] + [[_cell(value) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for texts in cells:
        print("  ".join(text.ljust(width) for text, width in zip(texts, widths, strict=True)).rstrip())


def _score(client: "Client", options: argparse.Namespace) -> Table:
    scores = client.score(options.user, options.item).tolist()
    users, items = (one * len(scores) if len(one) == 1 else one for one in (options.user, options.item))
    return ("user", "item", "score"), list(zip(users, items, map(_shortest, scores), strict=True))


def _lists(who: str, client: "Client", options: argparse.Namespace) -> Table:
    indices, ids = getattr(options, who), getattr(options, f"{who}_id")
    lists: ItemLists | NamedItemLists
    if indices is None:
        lists = (client.recommend_by_id if who == "user" else client.similar_items_by_id)(ids, options.k)
    else:
        lists = (client.recommend if who == "user" else client.similar_items)(indices, options.k)
    rows = [
        (one, bool(lists.known[number]), rank, place.item, place.title, _shortest(place.score))
        for number, one in enumerate(ids if indices is None else indices)
        for rank, place in enumerate(lists.places(number), 1)
    ]
    return ("user" if who == "user" else "like", "known", "rank", "item", "title", "score"), rows


def _metadata(client: "Client", _: argparse.Namespace) -> Table:
    rows = []
    for name, signature in sorted(client.signatures().items()):
        for kind, tensors in (("input", signature.inputs), ("output", signature.outputs)):
            for tensor_name, (dtype, shape) in sorted(tensors.items()):
                sizes = None if shape is None else [None if size < 0 else size for size in shape]
                rows.append((name, kind, tensor_name, dtype, sizes))
    return ("signature", "kind", "name", "dtype", "shape"), rows


def _shortest(score: float) -> float | None:
    """Return the shortest number that is read back as the same float32; None of NaN, which JSON can't say."""
    import numpy as np

    return None if score != score else float(str(np.float32(score)))


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        return "[" + ", ".join(_cell(one) for one in value) + "]"
    text = "?" if value is None else str(value)
    # Ids and titles come from the data: nothing in them may steer a terminal or stop the print.
    encoding = sys.stdout.encoding or "utf-8"
    return escaped(text, keep="").encode(encoding, "backslashreplace").decode(encoding)
