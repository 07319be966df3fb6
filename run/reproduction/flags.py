"""The flags of `run/paper.py`, and which of them mean nothing together."""

import argparse
import os
from pathlib import Path

from ncf_keras.base.errors import InputError
from ncf_keras.cli.flags import add_data_flags, number_above, whole_number

EVERYTHING = (
    "table1", "table2", "table3", "table4", "figure4", "figure5", "figure6", "figure7", "baselines",
    "validation",
)  # fmt: skip
TARGETS = (*EVERYTHING, "all")
FACTORS = (8, 16, 32, 64)
SAMPLE = "sample"
# By flag: the flags that mean nothing beside it.
IDLE_FLAGS = {
    "quick": ("dataset", "path", "work", "factors", "validation_factors", "jobs", "time_limit"),
    "no_training": ("path", "work", "factors", "only", "jobs", "time_limit"),
}


def paper_parser() -> argparse.ArgumentParser:
    """Return the parser of `run/paper.py`."""
    parser = argparse.ArgumentParser(
        description="Reproduce the paper's tables and figures: train what is missing, write everything anew.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "targets", nargs="*", choices=TARGETS, default="all", metavar="TARGET", help=", ".join(TARGETS)
    )
    add_data_flags(parser)
    parser.add_argument("--out", default=None, help="directory of the pages; docs/paper/ if left out")
    parser.add_argument("--work", default="runs/", help="directory of weights, checkpoints and logs")
    parser.add_argument(
        "--factors", default=",".join(map(str, FACTORS)), help="train only runs of these factors"
    )
    parser.add_argument(
        "--seed", type=whole_number(0), default=1, help="of every run; the pages are of one seed"
    )
    parser.add_argument(
        "--validation_factors",
        default=",".join(map(str, FACTORS)),
        help="of which factors GMF and the cells of tables 2 to 4 are trained once more, picked on validation "
        "pairs",
    )
    parser.add_argument(
        "--only",
        default=None,
        metavar="NAME",
        help="of the runs that the targets and --factors name, train only that of this name",
    )
    parser.add_argument(
        "--jobs", type=whole_number(1), default=min(2, os.cpu_count() or 1), help="runs at once"
    )
    parser.add_argument(
        "--time_limit", type=number_above(0, False), default=None, metavar="MINUTES", help="stop after so long"
    )
    parser.add_argument(
        "--no_training", action="store_true", help="only write everything anew from finished runs"
    )
    parser.add_argument(
        "--quick", action="store_true", help="a tiny version of everything on the sample, into a new directory"
    )
    return parser


def check_paper_flags(flags: argparse.Namespace) -> None:
    """Raise InputError if a flag was given that another one leaves without a meaning, or the name is none."""
    _refuse_idle_flags(flags)
    _check_name(flags.dataset)


def parse_factors(text: str, flag: str) -> tuple[int, ...]:
    """Return the factors that `--factors` or the like lists.

    Raises:
        InputError: they are not some of `FACTORS`.
    """
    try:
        factors = tuple(int(part) for part in text.split(","))
    except ValueError:
        factors = ()
    if not factors or not set(factors) <= set(FACTORS):
        raise InputError(f"`{flag}` must be some of {', '.join(map(str, FACTORS))}. Received: {text!r}")
    return factors


def _refuse_idle_flags(flags: argparse.Namespace) -> None:
    """Raise InputError if a flag was given that another one leaves without a meaning."""
    parser = paper_parser()
    for mode, names in IDLE_FLAGS.items():
        for name in names if getattr(flags, mode) else ():
            value = getattr(flags, name)
            if value != parser.get_default(name) and (name, value) != ("dataset", SAMPLE):
                raise InputError(f"`--{name}` must come without `--{mode}`. Received: {value!r}")


def _check_name(dataset: str) -> None:
    if Path(dataset).name != dataset or not dataset.strip(".") or not dataset.isprintable():
        raise InputError(
            "`--dataset` must be a name without directories, which are for `--path`, of printable characters "
            f"and not of dots alone. Received: {dataset!r}"
        )
