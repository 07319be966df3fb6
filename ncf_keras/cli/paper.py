"""`run/paper.py`: trains what the paper's tables and figures still lack, and writes `docs/paper/`."""

import argparse
import os
import shlex
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ncf_keras.cli.console import import_tensorflow_quietly, run_command
from ncf_keras.cli.flags import add_data_flags, number_above, whole_number
from ncf_keras.cli.interrupts import Interrupted
from ncf_keras.errors import InputError
from ncf_keras.files import writable_directory

if TYPE_CHECKING:
    from ncf_keras.paper.grid import Grid
    from ncf_keras.paper.results import Result
    from ncf_keras.paper.runner import Plan
    from ncf_keras.paper.runs import Run
    from ncf_keras.paper.worker import Places

TARGETS = (
    "table1", "table2", "table3", "table4", "figure4", "figure5", "figure6", "figure7", "baselines",
    "validation", "all",
)  # fmt: skip
FACTORS = (8, 16, 32, 64)
SOME_FAILED = 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: the command line without the program's name; that of the process if None.

    Returns:
        The exit status: 0; 1 if a run failed; 2 after a sentence about a mistake; 130 or 143 if interrupted.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    flags = _parser().parse_args(given)
    outcome = [0]

    def stop(number: int, *_: object) -> None:
        again = shlex.join(["python", "run/paper.py", *given])
        message = f"Interrupted; the same command goes on from here: {again}"
        raise Interrupted(signal.Signals(number), message)

    def command() -> None:
        # A termination is to end the processes of the runs too.
        before = signal.signal(signal.SIGTERM, stop)
        try:
            outcome[0] = _Paper(flags, given).run()
        except KeyboardInterrupt:
            stop(signal.SIGINT)
        finally:
            signal.signal(signal.SIGTERM, before)

    return run_command(command) or outcome[0]


def _parser() -> argparse.ArgumentParser:
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
    parser.add_argument("--only", default=None, metavar="NAME", help="train only the run of this name")
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


class _Paper:
    """The command, with its flags understood."""

    def __init__(self, flags: argparse.Namespace, given: Sequence[str]):
        self._flags = flags
        self._command = shlex.join(["python", "run/paper.py", *given])
        self._factors = _parse_factors(flags.factors, "--factors")
        self._validation_factors = _parse_factors(flags.validation_factors, "--validation_factors")
        if Path(flags.dataset).name != flags.dataset:
            raise InputError(
                "`--dataset` must be a name without directories, which are for `--path`. "
                f"Received: {flags.dataset!r}"
            )
        if flags.quick:
            flags.dataset = "sample"
            flags.out = flags.out or tempfile.mkdtemp(prefix="paper-")
            flags.work = str(Path(flags.out) / "work")
        self._out = writable_directory(flags.out or "docs/paper/", "--out")
        self._name = flags.dataset

    def run(self) -> int:
        """Train, report, and return the exit status."""
        from ncf_keras.paper.panels import require_matplotlib

        require_matplotlib("run/paper.py")
        status = 0 if self._flags.no_training else self._train()
        self._report()
        return status

    def _train(self) -> int:
        from ncf_keras.paper.results import describe_dataset
        from ncf_keras.paper.runner import Plan
        from ncf_keras.paper.worker import read_data

        runs, places = self._wanted(), self._places()
        dataset = read_data(self._flags.path, self._flags.dataset)
        plan = Plan(runs, places, describe_dataset(dataset))
        print(f"{self._name}: {plan.done} of {len(plan.runs)} runs are there.", file=sys.stderr)
        if not plan.left:
            return 0
        if self._flags.quick:
            return self._train_here(plan, dataset, places)
        return self._train_in_processes(plan, places)

    def _wanted(self) -> list["Run"]:
        """Return the runs that the targets and flags name."""
        grid = self._grid(self._name)
        targets = [target for target in TARGETS if target != "all"]
        if self._flags.only:
            runs = grid.runs(targets)
            found = [run for run in runs if run.name == self._flags.only]
            if not found:
                raise InputError(
                    f"`--only` must be the name of a run: {', '.join(run.name for run in runs)}. "
                    f"Received: {self._flags.only!r}"
                )
            return [*found[0].parents(), *found]
        wanted = targets if "all" in self._flags.targets else self._flags.targets
        return [run for run in grid.runs(wanted) if run.factors in (0, *self._factors)]

    def _grid(self, dataset: str) -> "Grid":
        from ncf_keras.paper.grid import Grid, quick_grid

        if self._flags.quick:
            return quick_grid(dataset)
        return Grid(dataset, validation_factors=self._validation_factors, seed=self._flags.seed)

    def _places(self) -> "Places":
        from ncf_keras.paper.report import RUNS
        from ncf_keras.paper.worker import Places

        return Places(
            self._flags.path,
            writable_directory(self._out / RUNS / self._name, "--out"),
            writable_directory(Path(self._flags.work) / self._name, "--work"),
        )

    def _train_here(self, plan: "Plan", dataset: object, places: "Places") -> int:
        from ncf_keras.paper.runner import run_here

        os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
        import_tensorflow_quietly()
        run_here(plan, dataset, places, lambda run, result: self._tell(plan, run, result, 1))
        return 0

    def _train_in_processes(self, plan: "Plan", places: "Places") -> int:
        from ncf_keras.paper.runner import TimeIsUp, run_in_processes

        jobs = self._flags.jobs
        deadline = time.monotonic() + 60 * self._flags.time_limit if self._flags.time_limit else None
        status_line = _StatusLine()
        try:
            problems = run_in_processes(
                plan,
                places,
                jobs,
                lambda run, result: (status_line.clear(), self._tell(plan, run, result, jobs)),
                lambda running, seconds: status_line.show(_in_progress(running, seconds)),
                deadline,
            )
        except TimeIsUp:
            print(f"The time is up; the same command goes on from here: {self._command}", file=sys.stderr)
            return 0
        finally:
            status_line.clear()
        for problem in problems:
            print(f"error: {problem}", file=sys.stderr)
        return SOME_FAILED if problems else 0

    def _tell(self, plan: "Plan", run: "Run", result: "Result", jobs: int) -> None:
        left = f"; {len(plan.left)} left, about {_duration(plan.seconds_left(jobs))}" if plan.left else ""
        print(
            f"{run.name}: HR = {result.hr:.4f}, NDCG = {result.ndcg:.4f} [{result.seconds:.1f} s]{left}",
            flush=True,
        )

    def _report(self) -> None:
        from ncf_keras.paper.book import Book
        from ncf_keras.paper.report import RUNS, write_report

        names = sorted(path.name for path in (self._out / RUNS).glob("*") if path.is_dir())
        books = [Book(self._grid(name), self._out / RUNS / name) for name in names or [self._name]]
        write_report(books, self._out)
        print(f"Everything is in {self._out / 'README.md'}")


class _StatusLine:
    """A line on standard error that is written over; nothing where that is no terminal."""

    def __init__(self):
        self._shown = ""

    def show(self, text: str) -> None:
        """Show a text in place of the last."""
        if sys.stderr.isatty() and text != self._shown:
            print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
            self._shown = text

    def clear(self) -> None:
        """Take the line away."""
        if self._shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
            self._shown = ""


def _in_progress(running: Sequence["Run"], seconds: float) -> str:
    return f"{', '.join(run.name for run in running) or 'waiting'}; about {_duration(seconds)} left"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _parse_factors(text: str, flag: str) -> tuple[int, ...]:
    try:
        factors = tuple(int(part) for part in text.split(","))
    except ValueError:
        factors = ()
    if not factors or not set(factors) <= set(FACTORS):
        raise InputError(f"`{flag}` must be some of {', '.join(map(str, FACTORS))}. Received: {text!r}")
    return factors
