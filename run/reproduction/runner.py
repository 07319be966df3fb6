"""Doing what is missing: a process a run, some at once, with the time left; or all in this process."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path

from ncf_keras.base.errors import InputError
from reproduction.results import Result, find_result
from reproduction.runs import Run
from reproduction.worker import TAKEN, WEIGHTS, Places, do_run, has_weights, is_done, to_json

POLL_SECONDS = 0.2
RETRY_SECONDS = 5.0
# What a process may take to end after it was asked to.
GRACE_SECONDS = 10.0


class TimeIsUp(Exception):
    """The time limit was reached before the last run ended."""


class Plan:
    """Which runs are left to do, and how long that takes.

    Args:
        runs: in the order in which they are done.
        places: where results and weights are.
        dataset: what `describe_dataset` says of the data; None to believe the results.

    Raises:
        InputError: a result is of a run with other options or data.
    """

    def __init__(self, runs: Sequence[Run], places: Places, dataset: dict | None = None):
        self.runs = list(runs)
        self._places = places
        self._dataset = dataset
        self._seconds: dict[Run, float] = {}
        for run in self.runs:
            result = find_result(places.results, run, dataset)
            if result:
                self._seconds[run] = result.seconds
        self.left = [run for run in self.runs if run not in self._seconds]
        self.take_back()

    @property
    def done(self) -> int:
        """How many runs have their result."""
        return len(self._seconds)

    def take_back(self, started: Collection[Run] = ()) -> None:
        """Put runs whose weights are needed and gone back on the list; their results stay.

        Args:
            started: runs in progress, which have read what they start from.
        """
        listed = set(self.left)
        parents = (parent for run in self.left if run not in started for parent in run.parents())
        lost = [p for p in dict.fromkeys(parents) if p not in listed and not has_weights(p, self._places.work)]
        if lost:
            order = {run: place for place, run in enumerate(self.runs)}
            self.left = sorted([*lost, *self.left], key=lambda run: order.get(run, -1))

    def is_ready(self, run: Run) -> bool:
        """Tell whether the weights that a run starts from are there."""
        return all(has_weights(p, self._places.work) and p not in self.left for p in run.parents())

    def needs_weights(self, run: Run) -> bool:
        """Tell whether a run that is left starts from this one."""
        return any(run in other.parents() for other in self.left)

    def is_done(self, run: Run) -> bool:
        """Tell whether a run that is left has all it is to have, which another command may have done."""
        # First without the weights, because whether they are needed takes longer to find out.
        return is_done(run, self._places) and is_done(run, self._places, self.needs_weights(run))

    def finish(self, run: Run) -> Result:
        """Take a run that is done off the list and return its result.

        Raises:
            InputError: there is no result, or it is of a run with other options or data; the run is still left.
        """
        result = find_result(self._places.results, run, self._dataset)
        if not result:
            file = self._places.results / f"{run.name}.json"
            raise InputError(f"{file} must be there after its run. Received: no such file")
        self.left.remove(run)
        self._seconds[run] = result.seconds
        return result

    def give_up(self, run: Run, started: Collection[Run] = ()) -> list[Run]:
        """Take a run that failed off the list, and those that would start from it; return the latter.

        Args:
            run: which.
            started: runs in progress, which have read what they start from.
        """
        self.left.remove(run)
        children = [other for other in self.left if run in other.parents() and other not in started]
        self.left = [other for other in self.left if other not in children]
        return children

    def seconds_left(self, jobs: int, elapsed: float = 0.0) -> float:
        """Return roughly how long what is left takes, from what finished runs took.

        Args:
            jobs: runs at once.
            elapsed: seconds that the runs in progress have had, together.
        """
        known = sum(run.cost() for run in self._seconds)
        scale = sum(self._seconds.values()) / known if known else 1.0
        costs = [run.cost() * scale for run in self.left]
        return max(0.0, (sum(costs) - elapsed) / jobs, max(costs, default=0.0) - elapsed)


def run_here(
    plan: Plan, dataset: object, places: Places, on_finished: Callable[[Run, Result], None]
) -> list[str]:
    """Do all that is left in this process, one after another.

    Args:
        plan: what is left.
        dataset: the data of all runs.
        places: where the files are.
        on_finished: called after each run.

    Returns:
        A sentence for each run that failed; what does not start from it was done all the same.
    """
    problems: list[str] = []
    while plan.left:
        plan.take_back()
        run = plan.left[0]
        try:
            if not do_run(run, dataset, places, lambda news: None, plan.needs_weights(run)):
                raise InputError(
                    f"`--work` must be a directory that no other command is using. Received: {places.work}"
                )
        except InputError as error:
            problems += _give_up(plan, run, f"ended with an error: {error}")
        else:
            problems += _finish(plan, run, on_finished)
    return problems


def run_in_processes(
    plan: Plan,
    places: Places,
    jobs: int,
    on_finished: Callable[[Run, Result], None],
    on_tick: Callable[[list[Run], float], None],
    on_taken: Callable[[Run], None],
    deadline: float | None = None,
) -> list[str]:
    """Do all that is left, each run in a process of its own.

    Args:
        plan: what is left.
        places: where the files are.
        jobs: processes at once.
        on_finished: called after each run.
        on_tick: called often, with the runs in progress and the seconds left.
        on_taken: called once for each run that another command is doing, which is then waited for.
        deadline: the `time.monotonic()` at which to stop; None for none.

    Returns:
        A sentence for each run that failed; what does not start from it was done all the same.

    Raises:
        TimeIsUp: the deadline passed. The processes have ended; the same runs go on where they were.
    """
    running: dict[Run, tuple[subprocess.Popen, float]] = {}
    not_before: dict[Run, float] = {}
    problems: list[str] = []
    try:
        while plan.left:
            now = time.monotonic()
            if deadline is not None and now >= deadline:
                raise TimeIsUp
            for run, (process, _) in list(running.items()):
                status = process.poll()
                if status is None:
                    continue
                del running[run]
                if status == TAKEN:
                    if run not in not_before:
                        on_taken(run)
                    not_before[run] = now + RETRY_SECONDS
                elif status == 0:
                    problems += _finish(plan, run, on_finished, running)
                else:
                    problems += _give_up(plan, run, _end_of(run, status, places), running)
            if len(running) < jobs:
                problems += _take_notice(plan, running, on_finished)
            for run in _to_start(plan, running, not_before, now, jobs):
                running[run] = _start(run, places, jobs, plan.needs_weights(run)), now
            on_tick(
                list(running), plan.seconds_left(jobs, sum(now - started for _, started in running.values()))
            )
            time.sleep(POLL_SECONDS)
    finally:
        _end(process for process, _ in running.values())
    return problems


def _take_notice(plan: Plan, running: dict, on_finished: Callable[[Run, Result], None]) -> list[str]:
    """Take off the list what another command has done meanwhile, and back on it what has lost its weights."""
    problems = []
    for run in list(plan.left):
        # The last, because a run that starts from one of these may have been given up with it.
        if run not in running and plan.is_done(run) and run in plan.left:
            problems += _finish(plan, run, on_finished, running)
    plan.take_back(running)
    return problems


def _to_start(plan: Plan, running: dict, not_before: dict, now: float, jobs: int) -> Iterable[Run]:
    ready = (
        run
        for run in plan.left
        if run not in running and not_before.get(run, 0.0) <= now and plan.is_ready(run)
    )
    return [run for _, run in zip(range(jobs - len(running)), ready, strict=False)]


def _start(run: Run, places: Places, jobs: int, weights_needed: bool) -> subprocess.Popen:
    project = Path(__file__).resolve().parents[2]
    environment = dict(os.environ)
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(project), environment.get("PYTHONPATH")]))
    # Small operations are not worth sharing (docs/performance.md), and several runs share the cores already.
    environment.setdefault("TF_NUM_INTRAOP_THREADS", "1")
    environment.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if jobs > 1:
        environment.setdefault("OMP_NUM_THREADS", "1")
        environment.setdefault("OPENBLAS_NUM_THREADS", "1")
    worker = [sys.executable, str(Path(__file__).with_name("worker.py"))]
    # Appended to, because the log may be that of another command's process, which has the run.
    with _log(run, places).open("a") as log:
        return subprocess.Popen(
            [*worker, to_json(run, places), *([WEIGHTS] if weights_needed else [])],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=environment,
        )


def _finish(
    plan: Plan, run: Run, on_finished: Callable[[Run, Result], None], started: Collection[Run] = ()
) -> list[str]:
    try:
        result = plan.finish(run)
    except InputError as error:
        return _give_up(plan, run, f"ended without a result of its own: {error}", started)
    on_finished(run, result)
    return []


def _give_up(plan: Plan, run: Run, end: str, started: Collection[Run] = ()) -> list[str]:
    children = plan.give_up(run, started)
    left_out = (f"{child.name} was left out, because it starts from {run.name}" for child in children)
    return [f"{run.name} {end}", *left_out]


def _end_of(run: Run, status: int, places: Places) -> str:
    lines = _log(run, places).read_text(encoding="utf-8", errors="replace").splitlines()
    last = lines[-1].removeprefix("error: ") if lines else "it printed nothing"
    return f"ended with status {status}: {last} ({_log(run, places)} has all)"


def _log(run: Run, places: Places) -> Path:
    return places.work / f"{run.name}.log"


def _end(processes: Iterable[subprocess.Popen]) -> None:
    """Ask the processes to end, and see to it that they do."""
    processes = list(processes)
    for process in processes:
        process.terminate()
    for process in processes:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(GRACE_SECONDS)
        if process.poll() is None:
            process.kill()
            process.wait()
