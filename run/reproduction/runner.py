"""Doing what is missing: a process a run, some at once, with the time left; or all in this process."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from graphlib import TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING

from ncf_keras.base.errors import InputError
from reproduction.results import Result, find_result
from reproduction.runs import Run
from reproduction.worker import TAKEN, Places, do_run, has_weights, is_done, to_json

if TYPE_CHECKING:
    from ncf_keras.data import Dataset

POLL_SECONDS = 0.2
RETRY_SECONDS = 5.0
# What a process may take to end after it was asked to.
GRACE_SECONDS = 10.0


class TimeIsUp(Exception):
    """The time limit was reached before the last run ended."""


class Plan:
    """Which runs are left to do, how long that takes, and what went wrong.

    Each run comes after those that it starts from. A result of a run with other options, or on other data than
    `describe_dataset` says, raises InputError; without that, the results are believed.

    Attributes:
        left: runs without a result, and of those that they start from what has lost its weights.
        problems: a sentence for each run that failed or was left out.
    """

    def __init__(self, runs: Sequence[Run], places: Places, dataset: dict | None = None):
        self.runs, self.places, self._dataset = runs, places, dataset
        self.problems: list[str] = []
        found = {run: find_result(places.results, run, dataset) for run in runs}
        self._seconds = {run: result.seconds for run, result in found.items() if result}
        needed = {parent for run in runs if run not in self._seconds for parent in run.parents()}
        self.left = [
            run
            for run in runs
            if run not in self._seconds or (run in needed and not has_weights(run, places.work))
        ]

    @property
    def done(self) -> int:
        """How many runs have their result."""
        return len(self._seconds)

    def finish(self, run: Run) -> Result | None:
        """Take a run that has ended well off the list; give it up, and return None, if its result is wrong."""
        try:
            result = find_result(self.places.results, run, self._dataset)
            if not result:
                file = self.places.results / f"{run.name}.json"
                raise InputError(f"{file} must be there after its run. Received: no such file")
        except InputError as error:
            self.give_up(run, f"ended without a result of its own: {error}")
            return None
        self.left.remove(run)
        self._seconds[run] = result.seconds
        return result

    def give_up(self, run: Run, end: str) -> None:
        """Take a run that failed off the list, and those that would start from it."""
        children = [other for other in self.left if run in other.parents()]
        self.left = [other for other in self.left if other != run and other not in children]
        self.problems.append(f"{run.name} {end}")
        self.problems += [f"{child.name} was left out, because it starts from {run.name}" for child in children]

    def seconds_left(self, jobs: int, elapsed: float = 0.0) -> float:
        """Return roughly how long what is left takes, from what finished runs took.

        `elapsed` are the seconds that the runs in progress, `jobs` at once, have had together.
        """
        known = sum(run.cost() for run in self._seconds)
        scale = sum(self._seconds.values()) / known if known else 1.0
        costs = [run.cost() * scale for run in self.left]
        return max(0.0, (sum(costs) - elapsed) / jobs, max(costs, default=0.0) - elapsed)


class Console:
    """Says how far the runs are: a line for each, and on a terminal one that is written over."""

    def __init__(self, plan: Plan, jobs: int):
        self._plan, self._jobs, self._shown = plan, jobs, ""

    def finish(self, run: Run) -> bool:
        """Take a run off the plan and print what it gave; return whether its result is right."""
        result = self._plan.finish(run)
        if result:
            left = len(self._plan.left)
            rest = f"; {left} left, about {_duration(self._plan.seconds_left(self._jobs))}" if left else ""
            figures = f"HR = {result.hr:.4f}, NDCG = {result.ndcg:.4f} [{result.seconds:.1f} s]"
            self.clear()
            print(f"{run.name}: {figures}{rest}", flush=True)
        return bool(result)

    def taken(self, run: Run) -> None:
        """Say that a run is waited for."""
        self.clear()
        print(f"{run.name}: another command is doing it; waiting for its result.", file=sys.stderr)

    def show(self, running: Sequence[Run], elapsed: float) -> None:
        """Show on a terminal the runs in progress, which have had so many seconds together."""
        names = ", ".join(run.name for run in running) or "waiting"
        text = f"{names}; about {_duration(self._plan.seconds_left(self._jobs, elapsed))} left"
        if sys.stderr.isatty() and text != self._shown:
            print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
            self._shown = text

    def clear(self) -> None:
        """Take the line on the terminal away."""
        if self._shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
            self._shown = ""


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def run_here(plan: Plan, dataset: "Dataset") -> None:
    """Do all that is left in this process, one after another; what fails is among the problems of the plan."""
    console = Console(plan, 1)
    for run in list(plan.left):
        # It may have been given up with what it starts from.
        if run in plan.left:
            try:
                if not do_run(run, dataset, plan.places):
                    rule = "`--work` must be a directory that no other command is using"
                    raise InputError(f"{rule}. Received: {plan.places.work}")
            except InputError as error:
                plan.give_up(run, f"ended with an error: {error}")
            else:
                console.finish(run)


def start_worker(run: Run, places: Places, jobs: int) -> subprocess.Popen:
    """Start the process of a run, which writes to the log of the run; `jobs` is how many run at once."""
    environment = dict(os.environ)
    # Small operations are not worth sharing (docs/performance.md), and several runs share the cores already.
    environment.setdefault("TF_NUM_INTRAOP_THREADS", "1")
    environment.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if jobs > 1:
        environment.setdefault("OMP_NUM_THREADS", "1")
        environment.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Appended to, because the log may be that of another command's process, which has the run.
    with _log(run, places).open("a") as log:
        words = [sys.executable, str(Path(__file__).with_name("worker.py")), to_json(run, places)]
        ends = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": subprocess.STDOUT}
        return subprocess.Popen(words, env=environment, **ends)


def run_in_processes(
    plan: Plan,
    jobs: int,
    deadline: float | None = None,
    start: Callable[[Run, Places, int], subprocess.Popen] = start_worker,
    retry_seconds: float = RETRY_SECONDS,
) -> None:
    """Do all that is left, each run in a process of its own; what fails is among the problems of the plan.

    So many `jobs` run at once. A run that another command was doing is tried again after `retry_seconds`.
    TimeIsUp is raised at the `deadline`, a `time.monotonic()`: the processes have ended, and the same runs go
    on where they were.
    """
    console = Console(plan, jobs)
    graph = TopologicalSorter({run: [p for p in run.parents() if p in plan.left] for run in plan.left})
    graph.prepare()
    order = {run: place for place, run in enumerate(plan.left)}
    # What could start, and at what time at the earliest.
    ready: dict[Run, float] = {}
    taken: set[Run] = set()
    running: dict[Future[int], tuple[Run, subprocess.Popen, float]] = {}

    def finish(run: Run) -> None:
        if console.finish(run):
            graph.done(run)

    with ThreadPoolExecutor(jobs) as pool:
        try:
            while plan.left:
                now = time.monotonic()
                if deadline is not None and now >= deadline:
                    raise TimeIsUp
                ready |= dict.fromkeys(graph.get_ready(), now)
                for run in sorted(ready, key=order.__getitem__):
                    # Another command may have done it meanwhile.
                    if is_done(run, plan.places):
                        del ready[run]
                        finish(run)
                    elif len(running) < jobs and ready[run] <= now:
                        del ready[run]
                        process = start(run, plan.places, jobs)
                        running[pool.submit(process.wait)] = (run, process, now)
                elapsed = sum(now - started for _, _, started in running.values())
                console.show([run for run, _, _ in running.values()], elapsed)
                if not running:
                    time.sleep(min(POLL_SECONDS, retry_seconds))
                for future in wait(running, POLL_SECONDS, FIRST_COMPLETED).done:
                    run, _, _ = running.pop(future)
                    status = future.result()
                    if status == 0:
                        finish(run)
                    elif status != TAKEN:
                        plan.give_up(run, _end_of(run, status, plan.places))
                    else:
                        if run not in taken:
                            console.taken(run)
                        taken.add(run)
                        ready[run] = time.monotonic() + retry_seconds
        finally:
            console.clear()
            _end({future: process for future, (_, process, _) in running.items()})


def _end_of(run: Run, status: int, places: Places) -> str:
    lines = _log(run, places).read_text(encoding="utf-8", errors="replace").splitlines()
    last = lines[-1].removeprefix("error: ") if lines else "it printed nothing"
    return f"ended with status {status}: {last} ({_log(run, places)} has all)"


def _log(run: Run, places: Places) -> Path:
    return places.work / f"{run.name}.log"


def _end(processes: dict[Future[int], subprocess.Popen]) -> None:
    """Ask the processes to end, and see to it that they do."""
    for process in processes.values():
        process.terminate()
    for future in wait(processes, GRACE_SECONDS).not_done:
        processes[future].kill()
