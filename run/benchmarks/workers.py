"""Worker processes that share a training (`--strategy multiworker`), one core each, against one process on one.

Command:  python run/benchmarks/workers.py --json workers.json           (about 5 minutes)

Whole epochs with sampling, without evaluation, NeuMF with Adam on random data of ML-1M's size unless
`--path --dataset` name other. The first line is the compiled engine; the others train in shards. All are of one
run and take turns. Where there are fewer cores than workers, these share them.
"""

import argparse
import contextlib
import functools
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from _measure import (
    Measurement,
    Report,
    add_dataset_flags,
    alternate,
    benchmark_parser,
    run_benchmark,
    thread_environment,
)
from _workers import Worker

from ncf_keras.cli.flags import whole_number


def main(arguments: Sequence[str] | None = None, make_worker: Callable = Worker) -> int:
    """Run the benchmark; `make_worker` makes the process of a contender."""
    parser = benchmark_parser(__doc__)
    add_dataset_flags(parser)
    add = parser.add_argument
    add("--workers", type=whole_number(1), nargs="+", default=[1, 2, 4], help="numbers of processes")
    add(
        "--batch_sizes",
        type=whole_number(1),
        nargs="+",
        default=[4_096, 65_536, 262_144],
        help="examples a step",
    )
    add("--shards", type=whole_number(2), default=16, help="of users")
    add("--factors", type=whole_number(1), default=8, help="predictive factors of NeuMF")
    return run_benchmark(parser, arguments, lambda flags: _benchmark(flags, make_worker))


def _benchmark(flags: argparse.Namespace, make_worker: Callable) -> None:
    report = Report("workers", flags)
    for batch_size in [256] if flags.quick else flags.batch_sizes:
        _measure_batch_size(report, flags, batch_size, make_worker)
    report.finish()


def _measure_batch_size(
    report: Report, flags: argparse.Namespace, batch_size: int, make_worker: Callable
) -> None:
    contenders = {"one process, compiled engine": {"shards": 1, "workers": 1}}
    for count in flags.workers:
        name = f"{count} worker{'s' if count > 1 else ''}, {flags.shards} shards"
        contenders[name] = {"shards": flags.shards, "workers": count}
    options = {"batch_size": batch_size, "factors": flags.factors, "path": flags.path, "dataset": flags.dataset}
    with contextlib.ExitStack() as stack:
        about, measures = {}, {}
        for name, sizes in contenders.items():
            worker = stack.enter_context(make_worker(thread_environment(1)))
            about[name] = {**worker.make(name, "ShardedEpoch", **options, **sizes), **sizes}
            measures[name] = functools.partial(_seconds, worker, name)
        seconds = alternate(measures, flags.repeats)
    lines = [Measurement(name, seconds[name], about[name]) for name in contenders]
    report.add(f"Batch {batch_size:,}: an epoch of {about[name]['examples']:,} examples", lines)


def _seconds(worker: object, name: str) -> float:
    return worker.measure(name)["seconds"]


if __name__ == "__main__":
    sys.exit(main())
