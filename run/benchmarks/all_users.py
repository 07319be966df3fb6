"""Lists of all users as `ncf recommend --all_users` writes them: exact, in two stages, and those of implicit.

Commands:
  python run/experiments/generate_interactions.py --out Data/crowd --interactions 10000000 \\
    --users 1000000 --items 100000
  ncf neumf --dataset crowd --epochs 1 --batch_size 16384 --lr 0.005 --select none --save_dir Data/
  python run/benchmarks/all_users.py --dataset crowd --weights Data/crowd_*.h5 --json all_users.json

(Some minutes each.) The figures are seconds for a thousand users. Of the two ways of this project parts are
written as Parquet; `as before` is one call of `Recommender.recommend`, which was all there was. Whether time
grows with the users alone is seen from a tenth of `--users` beside them all. `implicit` multiplies the vectors
of its ALS, which is no network, and writes nothing.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from _measure import Measurement, Report, benchmark_parser, run_benchmark

from ncf_keras.base.errors import InputError
from ncf_keras.cli.flags import number_above, whole_number

if TYPE_CHECKING:
    from ncf_keras.data import Dataset
    from ncf_keras.recommending import Recommender

USERS_A_PART = 10_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    parser = benchmark_parser(__doc__)
    parser.set_defaults(repeats=1)
    parser.add_argument("--path", default="Data/", help="what stands before the dataset's name")
    parser.add_argument("--dataset", help="what the model was trained on")
    parser.add_argument("--weights", metavar="FILE", help="a saved GMF, MLP or NeuMF")
    parser.add_argument("--recall", type=number_above(0, False, 1), default=0.99, help="of two stages")
    parser.add_argument("--k", type=whole_number(1), default=50, help="length of a list")
    parser.add_argument("--users", type=whole_number(10), default=100_000, help="who get lists in two stages")
    parser.add_argument("--exact_users", type=whole_number(1), default=2_000, help="who get exact ones")
    parser.add_argument("--factors", type=whole_number(1), default=64, help="of implicit's ALS")
    return run_benchmark(parser, arguments, _benchmark)


def _benchmark(flags: argparse.Namespace) -> None:
    if not flags.quick and not (flags.dataset and flags.weights):
        raise InputError("`--dataset` and `--weights` must be given without `--quick`. Received: one or none")
    report = Report("all_users", flags)
    from ncf_keras.cli.console import import_tensorflow_quietly

    import_tensorflow_quietly()
    from ncf_keras.recommending import Recommender

    if flags.quick:
        from _workloads import build, synthetic_dataset

        flags.users = flags.exact_users = 40
        model, dataset = build("NeuMF", 8, 50, 300), synthetic_dataset(50, 300, 2_000)
    else:
        from ncf_keras.data import read_dataset
        from ncf_keras.weights import load_model

        model, dataset = load_model(flags.weights), read_dataset(flags.path, flags.dataset)
    exact = Recommender(model, dataset)
    started = time.perf_counter()
    staged = Recommender(model, dataset, recall=flags.recall)
    notes = {
        "choosing candidates, s": f"{time.perf_counter() - started:.1f}",
        "lists": staged.stages.in_words(),
    }
    cores = os.cpu_count() or 1
    contenders = {
        "exact, as before": lambda: _one_call(exact, flags.exact_users, flags.k),
        f"exact, {cores} threads": lambda: _parts(exact, flags.exact_users, flags.k, cores),
        f"two stages, {cores} threads, a tenth": lambda: _parts(staged, flags.users // 10, flags.k, cores),
        f"two stages, {cores} threads": lambda: _parts(staged, flags.users, flags.k, cores),
        f"implicit's ALS, {flags.factors} factors": _implicit(dataset, flags),
    }
    # What is traced and read for the first time is not counted.
    for recommender in (exact, staged):
        recommender.recommend(recommender.listed_users()[:2], flags.k)
    lines = [Measurement(name, [run() for _ in range(flags.repeats)]) for name, run in contenders.items()]
    sizes = f"{dataset.num_items:,} items, {dataset.num_users:,} users, {model.name}, k = {flags.k}"
    report.add(f"{sizes}: seconds for a thousand users", lines, notes)
    report.finish()


def _one_call(recommender: "Recommender", count: int, k: int) -> float:
    users = recommender.listed_users()[:count]
    started = time.perf_counter()
    recommender.recommend(users, k)
    return (time.perf_counter() - started) * 1000 / len(users)


def _parts(recommender: "Recommender", count: int, k: int, threads: int) -> float:
    """Return the seconds that the first parts take, of as many users or some more."""
    from ncf_keras.recommending import AllUsers

    with tempfile.TemporaryDirectory() as directory:
        size = min(count, USERS_A_PART)
        lists = AllUsers(recommender, directory, k, users_a_part=size, threads=threads)
        started = time.perf_counter()
        users = sum(lists.write(part) for part in range(max(1, count // size)))
        return (time.perf_counter() - started) * 1000 / users


def _implicit(dataset: "Dataset", flags: argparse.Namespace) -> Callable[[], float]:
    """Return what times implicit's own lists of as many users, by vectors that one sweep has fitted."""
    import implicit.cpu.als
    import numpy as np
    from threadpoolctl import threadpool_limits

    matrix = dataset.train_matrix.astype(np.float32).tocsr()
    with threadpool_limits(1, "blas"):
        als = implicit.cpu.als.AlternatingLeastSquares(factors=flags.factors, iterations=1, random_state=1)
        als.fit(matrix, show_progress=False)
    users = np.arange(min(flags.users, dataset.num_users))

    # As implicit asks for: its own threads divide the users.
    @threadpool_limits.wrap(limits=1, user_api="blas")
    def run() -> float:
        started = time.perf_counter()
        als.recommend(users, matrix[users], N=flags.k)
        return (time.perf_counter() - started) * 1000 / len(users)

    with threadpool_limits(1, "blas"):
        als.fit(matrix, show_progress=False)

    return run


if __name__ == "__main__":
    sys.exit(main())
