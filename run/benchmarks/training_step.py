"""Cost of a training step against the tables' size, the batch size and the factors; deferred and dense rows.

Command:  python run/benchmarks/training_step.py --json step.json        (about 12 minutes on 2 cores)

A step is one batch of a compiled program of the default engine (Adam), its examples drawn beforehand. A program
runs as many steps as the engine gives it, fewer only where steps are slow. `end of epoch` is the one pass over
all rows that deferred rows need, a whole one, not per step.
"""

import argparse
import contextlib
import itertools
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from _measure import (
    Measurement,
    Report,
    alternate,
    available_cores,
    benchmark_parser,
    run_benchmark,
    thread_count,
    thread_environment,
)
from _workers import Worker

from ncf_keras.cli.flags import MODELS, whole_number

SIZES = ((6_040, 3_706, 994_169), (55_187, 9_916, 1_445_622), (1_000_000, 100_000, 1_000_000))
BATCH_SIZES = (64, 256, 1024, 4096, 16_384)
FACTORS = (8, 16, 32, 64)
STEPS = ("DeferredStep", "DenseStep")
BATCH_SIZE = 256
# Batches in a program of the engine, and the most examples and rows moved in one of ours, which bound its time.
BATCHES = 2048
MOST_EXAMPLES = 2**21
MOST_DENSE_ROWS = 2**25


@dataclass(frozen=True)
class Case:
    """One program to measure; `size` is users, items and positives."""

    size: tuple[int, int, int]
    batch_size: int
    factors: int
    step: str
    model: str

    @property
    def steps(self) -> int:
        """Batches in the program, at the most."""
        count = min(BATCHES, MOST_EXAMPLES // self.batch_size)
        return min(count, max(16, MOST_DENSE_ROWS // sum(self.size[:2]))) if self.step == "DenseStep" else count

    def __str__(self) -> str:
        users, items, _ = self.size
        kind = self.step.removesuffix("Step").lower()
        return f"{users:,} x {items:,}, batch {self.batch_size:,}, {self.model}-{self.factors}, {kind}"


def main(arguments: Sequence[str] | None = None, make_worker: Callable = Worker) -> int:
    """Run the benchmark; `make_worker` makes the process that a number of threads is measured in."""
    parser = benchmark_parser(__doc__)
    parser.add_argument(
        "--threads",
        type=whole_number(1),
        nargs="+",
        default=sorted({1, available_cores()}),
        help="numbers of TensorFlow's intra-op threads, each in a process of its own",
    )
    parser.add_argument("--model", choices=MODELS, default="NeuMF", help="which model")
    parser.add_argument(
        "--only", choices=("tables", "batch", "factors"), nargs="+", default=("tables", "batch", "factors")
    )
    return run_benchmark(parser, arguments, lambda flags: _benchmark(flags, make_worker))


def _benchmark(flags: argparse.Namespace, make_worker: Callable) -> None:
    report = Report("training step", flags)
    with contextlib.ExitStack() as stack:
        workers = {
            threads: stack.enter_context(make_worker(thread_environment(threads))) for threads in flags.threads
        }
        for title, cases in _groups(flags):
            _measure_group(report, title, list(cases), workers, flags.repeats)
    report.finish()


def _groups(flags: argparse.Namespace) -> Iterator[tuple[str, list[Case]]]:
    sizes = ((60, 40, 600),) if flags.quick else SIZES
    base = Case(sizes[0], BATCH_SIZE, FACTORS[0], STEPS[0], flags.model)
    batch_sizes, factors = (BATCH_SIZES[:1], FACTORS[:1]) if flags.quick else (BATCH_SIZES, FACTORS)
    ways = {
        "tables": ("Table size", [replace(base, size=size) for size in sizes]),
        "batch": ("Batch size", [replace(base, batch_size=size) for size in batch_sizes]),
        "factors": ("Factors", [replace(base, factors=count) for count in factors]),
    }
    for name in flags.only:
        title, cases = ways[name]
        yield title, [replace(case, step=step) for step, case in itertools.product(STEPS, cases)]


class Contender:
    """One case in the process of a number of threads."""

    def __init__(self, case: Case, threads: int, worker: object):
        self.name = f"{case}, {thread_count(threads)}"
        self.case = case
        self.about = {
            **asdict(case),
            "threads": threads,
            **worker.make(self.name, "CompiledStep", **asdict(case), steps=case.steps),
        }
        self.ends = []
        self._worker = worker

    def measure(self) -> float:
        """Return the seconds of a step; the seconds of the end of the epoch are added to `ends`."""
        seconds = self._worker.measure(self.name)
        self.ends.append(seconds["end_of_epoch"])
        return seconds["step"]

    def drop(self) -> None:
        """Free its memory."""
        self._worker.drop(self.name)


def _measure_group(
    report: Report, title: str, cases: list[Case], workers: dict[int, object], repeats: int
) -> None:
    contenders = [
        Contender(case, threads, worker)
        for (threads, worker), case in itertools.product(workers.items(), cases)
    ]
    seconds = alternate({each.name: each.measure for each in contenders}, repeats)
    report.add(
        f"{title}: a step", [Measurement(each.name, seconds[each.name], each.about) for each in contenders]
    )
    # The first measurement is of the warm-up.
    passes = [
        Measurement(each.name, each.ends[1:], each.about)
        for each in contenders
        if each.case.step == "DeferredStep"
    ]
    report.add(f"{title}: end of epoch", passes)
    for each in contenders:
        each.drop()


if __name__ == "__main__":
    sys.exit(main())
