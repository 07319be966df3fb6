"""`ncf baseline NAME`: fit a baseline, evaluate it as the networks are, and save it."""

import argparse
import dataclasses
import inspect
import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ncf_keras.base.claims import claim_name
from ncf_keras.base.files import writable_directory
from ncf_keras.base.inputs import kind_of
from ncf_keras.cli.console import run_with_flags
from ncf_keras.cli.dataset import load_dataset
from ncf_keras.cli.flag_names import flag_names, same_names
from ncf_keras.cli.flags import LARGEST_NUMBER, add_data_flags, number_above, whole_number
from ncf_keras.cli.help import CommandParser, HelpFormatter
from ncf_keras.cli.protocols import make_protocol

TYPES = {int: whole_number(0), float: number_above(-LARGEST_NUMBER, True)}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status: 0, or 2 after a sentence about the user's mistake."""
    return run_with_flags(_parse, _baseline, arguments)


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command."""
    from ncf_keras.baselines.loading import BASELINES

    parser = CommandParser(
        description="Fit a baseline to a dataset, evaluate it by leave-one-out as networks are, and save it. "
        "`ncf evaluate`, `compare`, `recommend` and `browse` take its file as they take a network's.",
        formatter_class=HelpFormatter,
        allow_abbrev=False,
    )
    case = "in any case, such as ease"
    named = parser.add_subparsers(dest="name", metavar="NAME", required=True, help=case)
    for name, kind in BASELINES.items():
        does = _first_sentence(kind)
        one = named.add_parser(
            name, help=does, description=does, formatter_class=HelpFormatter, allow_abbrev=False
        )
        add_data_flags(one)
        _add_hyperparameters(one, kind)
        add = one.add_argument
        add("--topk", type=whole_number(1), default=10, help="length of the ranked list")
        add("--out", type=whole_number(0), default=1, help="save the fitted model if above 0")
        add("--save_dir", default="pretrain/", help="directory of the saved model")
    return parser


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    from ncf_keras.baselines.loading import BASELINES

    given = list(sys.argv[1:] if arguments is None else arguments)
    if given:
        known = {name.lower(): name for name in BASELINES}
        given[0] = known.get(given[0].lower(), given[0])
    return make_parser().parse_args(given)


def _add_hyperparameters(parser: argparse.ArgumentParser, kind: Any) -> None:
    """Add a flag for each field of a baseline: its type and default, and what the docstring says of it."""
    said = _arguments(kind)
    fields: Any = dataclasses.fields(kind)
    for field in fields:
        text = said.get(field.name, "").rstrip(".").replace("%", "%%")
        parser.add_argument(f"--{field.name}", type=TYPES[field.type], default=field.default, help=text)


def _first_sentence(kind: type) -> str:
    return " ".join((inspect.getdoc(kind) or "").partition("\n\n")[0].split())


def _arguments(kind: type) -> dict[str, str]:
    """Return what a docstring says of each argument under `Args:`."""
    section = (inspect.getdoc(kind) or "").partition("\nArgs:\n")[2].partition("\n\n")[0]
    found = re.findall(r"^    (\w+): (.*(?:\n     .*)*)", section, re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in found}


def _baseline(flags: argparse.Namespace) -> None:
    from ncf_keras.baselines.archive import SUFFIX
    from ncf_keras.baselines.loading import BASELINES
    from ncf_keras.evaluation import ranking_metrics

    kind = BASELINES[flags.name]
    given = {field.name: getattr(flags, field.name) for field in dataclasses.fields(kind)}
    with flag_names(same_names(given)):
        baseline = kind(**given)
    directory = writable_directory(flags.save_dir, "--save_dir") if flags.out else None
    # The authors' name up to the time.
    sizes = [str(given["factors"])] if "factors" in given else []
    stem = "_".join([Path(flags.dataset).name, baseline.name, *sizes])
    if directory:
        # The longest name that the save will need: what is too long would be noticed after the work.
        kind_of(directory / f".{stem}_{int(time.time())}{SUFFIX}.claim", "`--save_dir`")
    dataset = load_dataset(flags)
    protocol = make_protocol("sampled", dataset)
    started = time.perf_counter()
    with flag_names(same_names(given)):
        baseline.fit(dataset)
    fitted = time.perf_counter()
    values = ranking_metrics(protocol.rank(baseline), (flags.topk,))
    ended = time.perf_counter()
    hr, ndcg = (values[f"{metric}@{flags.topk}"].mean() for metric in ("HR", "NDCG"))
    seconds = fitted - started, ended - fitted
    print(f"{baseline!r} [{seconds[0]:.1f} s]: HR = {hr:.4f}, NDCG = {ndcg:.4f} [{seconds[1]:.1f} s]")
    if directory:
        path, claim = claim_name(directory, stem, SUFFIX)
        try:
            baseline.save(path)
        finally:
            claim.unlink()
        print(f"The {baseline.name} model is saved to {path}")
