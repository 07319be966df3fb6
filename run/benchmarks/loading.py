"""Reading the authors' three files: `read_dataset` against a line loop into a dictionary, as the authors do.

Command:  python run/benchmarks/loading.py --json loading.json           (about 1 minute)

Random data of ML-1M's size is written to a temporary folder, unless `--path --dataset` name files.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from _measure import Measurement, Report, add_dataset_flags, alternate, benchmark_parser, run_benchmark


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    parser = benchmark_parser(__doc__)
    add_dataset_flags(parser)
    return run_benchmark(parser, arguments, _benchmark)


def _benchmark(flags: argparse.Namespace) -> None:
    report = Report("loading", flags)
    with tempfile.TemporaryDirectory() as folder:
        path, name = flags.path, flags.dataset
        if name in ("synthetic", "tiny", "sample"):
            path = folder + "/"
            _write(name, path)
        _measure(report, path, name, flags.repeats)
    report.finish()


def _measure(report: Report, path: str, name: str, repeats: int) -> None:
    from _references import read_line_by_line

    from ncf_keras.data import read_dataset

    dataset = read_dataset(path, name)
    matrix, tests, _ = read_line_by_line(path, name)
    if (matrix.nnz, len(tests)) != (dataset.num_train, dataset.num_test):
        raise RuntimeError(f"The readers disagree: {matrix.nnz} and {dataset.num_train} positives.")
    contenders = {
        "read_dataset": lambda: _seconds(lambda: read_dataset(path, name)),
        "line loop": lambda: _seconds(lambda: read_line_by_line(path, name)),
    }
    seconds = alternate(contenders, repeats, warm_up=False)
    lines = [Measurement(name, seconds[name], {"positives": dataset.num_train}) for name in contenders]
    report.add(f"{dataset.num_train:,} train lines, {dataset.num_test:,} test lines", lines)


def _write(name: str, path: str) -> None:
    """Write the three files of a generated dataset."""
    from ncf_keras.cli.console import import_tensorflow_quietly

    import_tensorflow_quietly()
    from _workloads import load_dataset

    dataset = load_dataset(path, name)
    train = zip(dataset.train_users.tolist(), dataset.train_items.tolist(), strict=True)
    tests = list(zip(dataset.test_users.tolist(), dataset.test_items.tolist(), strict=True))
    files = {
        "train.rating": (f"{user}\t{item}\t5\t978300760\n" for user, item in train),
        "test.rating": (f"{user}\t{item}\t5\t978300760\n" for user, item in tests),
        "test.negative": (
            f"({user},{item})\t" + "\t".join(map(str, negatives)) + "\n"
            for (user, item), negatives in zip(tests, dataset.test_negatives.tolist(), strict=True)
        ),
    }
    for suffix, lines in files.items():
        with Path(f"{path}{name}.{suffix}").open("w", encoding="utf-8") as file:
            file.writelines(lines)


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    sys.exit(main())
