"""Full ranking of every test user: scores by halves against `model.predict` over all pairs.

Command:  python run/benchmarks/full_ranking.py --json full_ranking.json (about 3 minutes)

Each test item of 6,040 users is ranked among all items but the user's train items, random data of ML-1M's size
unless `--path --dataset` name other. The ranking is the same code for both. `model.predict` gets the batch size
that pairs are scored in, ranks some users and is scaled up, but not what one user costs it anyway; so are we
with 64 factors.
"""

import argparse
import functools
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from _measure import (
    Measurement,
    Report,
    add_dataset_flags,
    add_threads_flag,
    alternate,
    benchmark_parser,
    run_benchmark,
    use_threads,
)

from ncf_keras.cli.flags import whole_number

MODELS = (("GMF", 8), ("NeuMF", 8), ("NeuMF", 64))
# With 64 factors all of ML-1M's pairs take half a minute.
WIDE = 64
WIDE_SHARE = 10
TOLERANCE = 1e-5


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    parser = benchmark_parser(__doc__)
    add_dataset_flags(parser)
    parser.add_argument("--rival_users", type=whole_number(2), default=64, help="users that predict ranks")
    add_threads_flag(parser)
    return run_benchmark(parser, arguments, _benchmark)


def _benchmark(flags: argparse.Namespace) -> None:
    use_threads(flags.threads)
    report = Report("full ranking", flags)
    from ncf_keras.cli.console import import_tensorflow_quietly

    import_tensorflow_quietly()
    from _workloads import build, load_dataset

    from ncf_keras.models.scoring import all_scores

    dataset = load_dataset(flags.path, flags.dataset)
    print(dataset)
    for model, factors in MODELS[1:2] if flags.quick else MODELS:
        built = build(model, factors, dataset.num_users, dataset.num_items)
        ours, rival = all_scores(built, dataset.num_items), _predict(built, dataset.num_items)
        share = 1 if factors < WIDE else WIDE_SHARE
        contenders = dict(
            _contender(name, score_all, dataset, users)
            for name, score_all, users in (
                ("by halves", ours, dataset.num_test // share),
                ("model.predict", rival, flags.rival_users),
            )
        )
        seconds = alternate(contenders, flags.repeats)
        lines = [Measurement(name, seconds[name], {"model": model, "factors": factors}) for name in contenders]
        title = f"{model}-{factors}, {dataset.num_test:,} users x {dataset.num_items:,} items"
        report.add(title, lines, _difference(dataset.test_users[:4], ours, rival))
    report.finish()


def _predict(model: object, num_items: int) -> Callable:
    import numpy as np

    from ncf_keras.models.scoring import PAIRS_A_CALL

    def score_all(users: np.ndarray) -> np.ndarray:
        pairs = [np.repeat(users, num_items), np.tile(np.arange(num_items, dtype=np.int32), len(users))]
        flat = model.predict([pair[:, None] for pair in pairs], batch_size=PAIRS_A_CALL, verbose=0)
        return flat.reshape(len(users), num_items)

    return score_all


def _contender(name: str, score_all: Callable, dataset: object, users: int) -> tuple[str, Callable[[], float]]:
    """Return what a contender is called, and a function that measures how long it takes to rank all tests."""
    measured = min(max(2, users), dataset.num_test)
    rank = functools.partial(_seconds, score_all, dataset)
    if measured == dataset.num_test:
        return name, functools.partial(rank, measured)

    def scaled() -> float:
        seconds = rank(measured)
        one = min(rank(1), seconds)
        return one + (seconds - one) * (dataset.num_test - 1) / (measured - 1)

    return f"{name} ({measured:,} of {dataset.num_test:,} users, scaled)", scaled


def _seconds(score_all: Callable, dataset: object, tests: int) -> float:
    from ncf_keras.evaluation import FullRanking

    started = time.perf_counter()
    FullRanking(
        dataset.train_offsets,
        dataset.train_items,
        dataset.test_users[:tests],
        dataset.test_items[:tests],
        dataset.num_items,
    ).rankings(score_all)
    return time.perf_counter() - started


def _difference(users: object, ours: Callable, rival: Callable) -> dict[str, float]:
    difference = float(abs(ours(users) - rival(users)).max())
    if not difference <= TOLERANCE:
        raise RuntimeError(f"The scores differ by {difference}, so their times say nothing.")
    return {"largest difference of the scores": difference}


if __name__ == "__main__":
    sys.exit(main())
