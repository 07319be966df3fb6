"""`run/paper.py`: trains what the paper's tables and figures still lack, and writes `docs/paper/`."""

import argparse
import dataclasses
import functools
import os
import shlex
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ncf_keras.base.errors import InputError
from ncf_keras.base.files import writable_directory
from ncf_keras.base.interrupts import Interrupted
from ncf_keras.cli.console import import_tensorflow_quietly, run_command
from reproduction.flags import EVERYTHING, SAMPLE, check_paper_flags, paper_parser, parse_factors

if TYPE_CHECKING:
    from reproduction.grid import Grid
    from reproduction.results import Result
    from reproduction.runner import Plan
    from reproduction.runs import Run
    from reproduction.worker import Places

SOME_FAILED = 1
NEED_IMPLICIT = ("ItemKNN", "iALS")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: the command line without the program's name; that of the process if None.

    Returns:
        The exit status: 0; 1 if a run failed; 2 after a sentence about a mistake; 130 or 143 if interrupted.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    flags = paper_parser().parse_args(given)
    outcome = [0]

    def stop(number: int, *_: object) -> None:
        again = shlex.join(["python", "run/paper.py", *given])
        message = f"Interrupted; the same command goes on from here: {again}"
        raise Interrupted(signal.Signals(number), message)

    def command() -> None:
        # A termination is to end the processes of the runs too.
        before = signal.signal(signal.SIGTERM, stop)
        try:
            check_paper_flags(flags)
            outcome[0] = _Paper(flags, given).run()
        except KeyboardInterrupt:
            stop(signal.SIGINT)
        finally:
            signal.signal(signal.SIGTERM, before)

    return run_command(command) or outcome[0]


def wanted_runs(arguments: Sequence[str]) -> list["Run"]:
    """Return the runs that a command line names, after those that they start from, done or not.

    Raises:
        InputError: flags break their rules.
    """
    flags = paper_parser().parse_args(arguments)
    check_paper_flags(flags)
    return _Paper(flags, arguments).wanted()


class _Paper:
    """The command, with its flags understood."""

    def __init__(self, flags: argparse.Namespace, given: Sequence[str]):
        self._flags = flags
        self._command = shlex.join(["python", "run/paper.py", *given])
        self._factors = parse_factors(flags.factors, "--factors")
        self._validation_factors = parse_factors(flags.validation_factors, "--validation_factors")
        self._name = SAMPLE if flags.quick else flags.dataset

    def run(self) -> int:
        """Train, report, and return the exit status."""
        from reproduction.panels import require_matplotlib

        runs = [] if self._flags.no_training else self.wanted()
        require_matplotlib("run/paper.py")
        self._refuse_results_of_another_kind()
        status = 0 if self._flags.no_training else self._train(runs)
        self._report()
        return status

    @functools.cached_property
    def _out(self) -> Path:
        if self._flags.quick and not self._flags.out:
            return Path(tempfile.mkdtemp(prefix="paper-"))
        return Path(self._flags.out or "docs/paper/")

    @functools.cached_property
    def _results(self) -> Path:
        from reproduction.report import RUNS

        return self._out / RUNS

    def _refuse_results_of_another_kind(self) -> None:
        """Raise InputError if `--out` has results that this command can't report beside its own."""
        names, quick = self._datasets(), self._flags.quick
        real = [name for name in names if name != SAMPLE]
        if quick and real:
            raise InputError(
                "`--out` must be a directory without results on other data than the sample, when `--quick` is "
                f"given. Received: {self._out}, which has some on {', '.join(real)}"
            )
        if SAMPLE in names:
            ours, others = self._grid(SAMPLE, quick), self._grid(SAMPLE, not quick)
            strange = _result_of(others, ours, self._results / SAMPLE)
            if strange:
                made, now = ("without", "with") if quick else ("with", "without")
                raise InputError(
                    f"`--out` must be a directory without results that were made {made} `--quick`, when it is "
                    f"run {now}. Received: {self._out}, which has {strange}"
                )

    def _train(self, runs: list["Run"]) -> int:
        from reproduction.results import describe_dataset
        from reproduction.runner import Plan
        from reproduction.worker import read_data

        # Directories are made last, so that a mistake leaves none behind.
        places = self._places()
        dataset = read_data(self._flags.path, self._name)
        plan = Plan(runs, places, describe_dataset(dataset))
        if plan.left:
            _require_implicit(plan.left)
            for directory, flag in ((self._out, "--out"), (places.results, "--out"), (places.work, "--work")):
                writable_directory(directory, flag)
        print(f"{self._name}: {plan.done} of {len(plan.runs)} runs are there.", file=sys.stderr)
        if not plan.left:
            return 0
        if self._flags.quick:
            return self._train_here(plan, dataset, places)
        return self._train_in_processes(plan, places)

    def wanted(self) -> list["Run"]:
        """Return the runs that the targets and flags name."""
        targets = EVERYTHING if "all" in self._flags.targets else self._flags.targets
        named = self._grid(self._name, self._flags.quick).runs(targets)
        runs = [run for run in named if run.factors in (0, *self._factors)]
        if self._flags.only is None:
            return runs
        found = [run for run in runs if run.name == self._flags.only]
        if not found:
            raise InputError(
                "`--only` must be the name of a run: the targets and `--factors` name "
                f"{', '.join(run.name for run in runs) or 'none'}. Received: {self._flags.only!r}"
            )
        return [*found[0].parents(), *found]

    def _grid(self, dataset: str, quick: bool) -> "Grid":
        from reproduction.grid import Grid, quick_grid

        if quick:
            return dataclasses.replace(quick_grid(dataset), seed=self._flags.seed)
        return Grid(dataset, validation_factors=self._validation_factors, seed=self._flags.seed)

    def _places(self) -> "Places":
        from reproduction.worker import Places

        work = self._out / "work" if self._flags.quick else Path(self._flags.work)
        return Places(self._flags.path, self._results / self._name, work / self._name)

    def _datasets(self) -> list[str]:
        """Return the names of the datasets that have results."""
        return sorted({path.parent.name for path in self._results.glob("*/*.json")})

    def _train_here(self, plan: "Plan", dataset: object, places: "Places") -> int:
        from reproduction.runner import run_here

        os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
        import_tensorflow_quietly()
        problems = run_here(plan, dataset, places, lambda run, result: self._tell(plan, run, result, 1))
        return _status_after(problems)

    def _train_in_processes(self, plan: "Plan", places: "Places") -> int:
        from reproduction.runner import TimeIsUp, run_in_processes

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
                lambda run: (status_line.clear(), _tell_that_it_waits(run)),
                deadline,
            )
        except TimeIsUp:
            print(f"The time is up; the same command goes on from here: {self._command}", file=sys.stderr)
            return 0
        finally:
            status_line.clear()
        return _status_after(problems)

    def _tell(self, plan: "Plan", run: "Run", result: "Result", jobs: int) -> None:
        left = f"; {len(plan.left)} left, about {_duration(plan.seconds_left(jobs))}" if plan.left else ""
        print(
            f"{run.name}: HR = {result.hr:.4f}, NDCG = {result.ndcg:.4f} [{result.seconds:.1f} s]{left}",
            flush=True,
        )

    def _report(self) -> None:
        from reproduction.book import Book
        from reproduction.report import write_report

        writable_directory(self._out, "--out")
        books = [
            Book(self._grid(name, self._flags.quick), self._results / name)
            for name in self._datasets() or [self._name]
        ]
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


def _status_after(problems: Sequence[str]) -> int:
    """Say which runs failed, and return the exit status."""
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)
    return SOME_FAILED if problems else 0


def _tell_that_it_waits(run: "Run") -> None:
    print(f"{run.name}: another command is doing it; waiting for its result.", file=sys.stderr)


def _in_progress(running: Sequence["Run"], seconds: float) -> str:
    return f"{', '.join(run.name for run in running) or 'waiting'}; about {_duration(seconds)} left"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _require_implicit(runs: Sequence["Run"]) -> None:
    """Raise InputError if one of the runs needs the library `implicit` and it is not installed."""
    needing = [run.name for run in runs if run.model in NEED_IMPLICIT]
    if not needing:
        return
    from ncf_keras.baselines.library import library

    try:
        with library():
            pass
    except InputError:
        raise InputError(
            f"run/paper.py must have the library `implicit` installed for {', '.join(needing)}: "
            "pip install -e '.[paper]'. Received: no such library"
        ) from None


def _result_of(grid: "Grid", other: "Grid", directory: Path) -> Path | None:
    """Return a result that is of a run of `grid` and of none of `other`, or None."""
    from reproduction.results import read_result

    known = set(other.runs(EVERYTHING))
    for run in grid.runs(EVERYTHING):
        path = directory / f"{run.name}.json"
        if run not in known and path.exists() and read_result(path).document["run"] == run.options():
            return path
    return None
