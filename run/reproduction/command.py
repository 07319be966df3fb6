"""`run/paper.py`: trains what the paper's tables and figures still lack, and writes `docs/paper/`."""

import argparse
import os
import shlex
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from ncf_keras.base.errors import InputError
from ncf_keras.base.files import writable_directory
from ncf_keras.base.interrupts import Interrupted
from ncf_keras.cli.console import import_tensorflow_quietly, run_command
from ncf_keras.cli.flags import add_data_flags, number_above, whole_number
from ncf_keras.cli.plot import require_matplotlib
from reproduction.runs import SAMPLE, TARGETS, Grid, Run, quick_grid

SOME_FAILED = 1
NEED_IMPLICIT = ("ItemKNN", "iALS")
FACTORS = "8,16,32,64"
# By flag: the flags that mean nothing beside it.
IDLE_FLAGS = {
    "quick": ("dataset", "path", "work", "factors", "validation_factors", "jobs", "time_limit"),
    "no_training": ("path", "work", "factors", "only", "jobs", "time_limit"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command on a command line without the program's name, that of the process if None.

    The exit status is 0; 1 if a run failed; 2 after a sentence about a mistake; 130 or 143 if interrupted.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    again = shlex.join(["python", "run/paper.py", *given])
    outcome = [0]

    def stop(number: int, *_: object) -> None:
        raise Interrupted(signal.Signals(number), f"Interrupted; the same command goes on from here: {again}")

    def command() -> None:
        # A termination is to end the processes of the runs too.
        before = signal.signal(signal.SIGTERM, stop)
        try:
            outcome[0] = _run(_read_flags(given), again)
        except KeyboardInterrupt:
            stop(signal.SIGINT)
        finally:
            signal.signal(signal.SIGTERM, before)

    return run_command(command) or outcome[0]


def wanted_runs(arguments: Sequence[str]) -> list[Run]:
    """Return the runs that a command line names, after those that they start from, done or not."""
    return _wanted(_read_flags(arguments))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Reproduce the paper's tables and figures: train what is missing, write everything anew.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        allow_abbrev=False,
    )
    targets = (*TARGETS, "all")
    parser.add_argument(
        "targets", nargs="*", choices=targets, default="all", metavar="TARGET", help=", ".join(targets)
    )
    add_data_flags(parser)
    add = parser.add_argument
    add("--out", default=None, help="directory of the pages; docs/paper/ if left out")
    add("--work", default="runs/", help="directory of weights, checkpoints and logs")
    add("--factors", default=FACTORS, help="train only runs of these factors")
    add("--seed", type=whole_number(0), default=1, help="of every run; the pages are of one seed")
    add("--validation_factors", default=FACTORS, help="of which factors GMF and the cells of tables 2 to 4 are "
        "trained once more, picked on validation pairs")  # fmt: skip
    add("--only", default=None, metavar="NAME", help="of the runs that the targets and --factors name, train "
        "only that of this name")  # fmt: skip
    add("--jobs", type=whole_number(1), default=min(2, os.cpu_count() or 1), help="runs at once")
    add("--time_limit", type=number_above(0, False), default=None, metavar="MINUTES", help="stop after so long")
    add("--no_training", action="store_true", help="only write everything anew from finished runs")
    add("--quick", action="store_true", help="a tiny version of everything on the sample, into a new directory")
    return parser


def _read_flags(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the flags; raise InputError if one has no meaning, beside another one or by itself."""
    parser = _parser()
    flags = parser.parse_args(arguments)
    for mode, names in IDLE_FLAGS.items():
        for name in names if getattr(flags, mode) else ():
            value = getattr(flags, name)
            if value != parser.get_default(name) and (name, value) != ("dataset", SAMPLE):
                raise InputError(f"`--{name}` must come without `--{mode}`. Received: {value!r}")
    name = flags.dataset
    if Path(name).name != name or not name.strip(".") or not name.isprintable():
        rule = "without directories, which are for `--path`, of printable characters and not of dots alone"
        raise InputError(f"`--dataset` must be a name {rule}. Received: {name!r}")
    for flag in ("factors", "validation_factors"):
        text, known = getattr(flags, flag), FACTORS.split(",")
        if not set(text.split(",")) <= set(known):
            raise InputError(f"`--{flag}` must be some of {', '.join(known)}. Received: {text!r}")
    return flags


def _grid(flags: argparse.Namespace, dataset: str, quick: bool) -> Grid:
    if quick:
        return quick_grid(dataset, flags.seed)
    validation_factors = tuple(map(int, flags.validation_factors.split(",")))
    return Grid(dataset, validation_factors=validation_factors, seed=flags.seed)


def _wanted(flags: argparse.Namespace) -> list[Run]:
    targets = TARGETS if "all" in flags.targets else flags.targets
    factors = [0, *map(int, flags.factors.split(","))]
    named = _grid(flags, SAMPLE if flags.quick else flags.dataset, flags.quick).runs(targets)
    runs = [run for run in named if run.factors in factors]
    if flags.only is None:
        return runs
    found = [run for run in runs if run.name == flags.only]
    if not found:
        names = ", ".join(run.name for run in runs) or "none"
        rule = f"`--only` must be the name of a run: the targets and `--factors` name {names}"
        raise InputError(f"{rule}. Received: {flags.only!r}")
    return [*found[0].parents(), *found]


def _run(flags: argparse.Namespace, again: str) -> int:
    """Train, report, and return the exit status."""
    from reproduction.report import RUNS, write_report
    from reproduction.results import Book

    name = SAMPLE if flags.quick else flags.dataset
    runs = [] if flags.no_training else _wanted(flags)
    require_matplotlib("run/paper.py")
    quick_out = flags.quick and not flags.out
    out = Path(tempfile.mkdtemp(prefix="paper-") if quick_out else flags.out or "docs/paper/")
    results = out / RUNS
    _refuse_results_of_another_kind(flags, out, results)
    problems = [] if flags.no_training else _train(flags, runs, out, results / name, again)
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)
    writable_directory(out, "--out")
    books = [Book(_grid(flags, each, flags.quick), results / each) for each in _datasets(results) or [name]]
    write_report(books, out)
    print(f"Everything is in {out / 'README.md'}")
    return SOME_FAILED if problems else 0


def _datasets(results: Path) -> list[str]:
    """Return the names of the datasets that have results."""
    return sorted({path.parent.name for path in results.glob("*/*.json")})


def _refuse_results_of_another_kind(flags: argparse.Namespace, out: Path, results: Path) -> None:
    """Raise InputError if `--out` has results that this command can't report beside its own."""
    from reproduction.results import read_result

    real = [name for name in _datasets(results) if name != SAMPLE]
    if flags.quick and real:
        raise InputError(
            "`--out` must be a directory without results on other data than the sample, when `--quick` is "
            f"given. Received: {out}, which has some on {', '.join(real)}"
        )
    ours = set(_grid(flags, SAMPLE, flags.quick).runs(TARGETS))
    for run in _grid(flags, SAMPLE, not flags.quick).runs(TARGETS):
        path = results / SAMPLE / f"{run.name}.json"
        if run not in ours and path.exists() and read_result(path).run == run.options():
            made, now = ("without", "with") if flags.quick else ("with", "without")
            raise InputError(
                f"`--out` must be a directory without results that were made {made} `--quick`, when it is "
                f"run {now}. Received: {out}, which has {path}"
            )


def _train(flags: argparse.Namespace, runs: Sequence[Run], out: Path, results: Path, again: str) -> list[str]:
    """Train what is missing; return a sentence for each run that failed."""
    from reproduction.results import describe_dataset
    from reproduction.runner import Plan, TimeIsUp, run_here, run_in_processes
    from reproduction.worker import Places, read_data

    # Directories are made last, so that a mistake leaves none behind.
    work = out / "work" if flags.quick else Path(flags.work)
    places = Places(flags.path, results, work / results.name)
    dataset = read_data(flags.path, results.name)
    plan = Plan(runs, places, describe_dataset(dataset))
    if plan.left:
        _require_implicit(plan.left)
        for directory, flag in ((out, "--out"), (places.results, "--out"), (places.work, "--work")):
            writable_directory(directory, flag)
    print(f"{results.name}: {plan.done} of {len(plan.runs)} runs are there.", file=sys.stderr)
    if plan.left and flags.quick:
        os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
        import_tensorflow_quietly()
        run_here(plan, dataset)
    elif plan.left:
        deadline = time.monotonic() + 60 * flags.time_limit if flags.time_limit else None
        try:
            run_in_processes(plan, flags.jobs, deadline)
        except TimeIsUp:
            print(f"The time is up; the same command goes on from here: {again}", file=sys.stderr)
            return []
    return plan.problems


def _require_implicit(runs: Sequence[Run]) -> None:
    """Raise InputError if one of the runs needs the library `implicit` and it is not installed."""
    needing = [run.name for run in runs if run.model in NEED_IMPLICIT]
    if needing and find_spec("implicit") is None:
        raise InputError(
            f"run/paper.py must have the library `implicit` installed for {', '.join(needing)}: "
            "pip install -e '.[paper]'. Received: no such library"
        )
