"""Scores of every item for every user: by halves against `model.predict` over all pairs.

Command:  python run/benchmarks/full_ranking.py --json full_ranking.json (about 3 minutes)

Tables of ML-1M's size (6,040 x 3,706). `model.predict` scores all pairs of a few users and is scaled up, but
not what one user costs it anyway; so are we with 64 factors.
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
    parser.add_argument("--users", type=whole_number(2), default=6_040, help="rows of the users' tables")
    parser.add_argument("--items", type=whole_number(1), default=3_706, help="rows of the items' tables")
    parser.add_argument("--chunk", type=whole_number(1), default=32, help="users that are scored at once")
    parser.add_argument("--rival_users", type=whole_number(2), default=64, help="users that predict scores")
    add_threads_flag(parser)
    return run_benchmark(parser, arguments, _benchmark)


def _benchmark(flags: argparse.Namespace) -> None:
    use_threads(flags.threads)
    if flags.quick:
        flags.users, flags.items, flags.rival_users = 60, 40, 8
    report = Report("full ranking", flags)
    from ncf_keras.cli.console import import_tensorflow_quietly

    import_tensorflow_quietly()
    from _workloads import build

    for model, factors in MODELS[1:2] if flags.quick else MODELS:
        built = build(model, factors, flags.users, flags.items)
        ours, rival = _by_halves(built, flags.chunk), _by_predict(built, flags.items)
        our_users = flags.users if factors < WIDE else max(2, flags.users // WIDE_SHARE)
        rival_users = min(flags.rival_users, flags.users)
        contenders = {
            _name("by halves", our_users, flags.users): functools.partial(
                _scaled, ours, our_users, flags.users
            ),
            _name("model.predict", rival_users, flags.users): functools.partial(
                _scaled, rival, rival_users, flags.users
            ),
        }
        seconds = alternate(contenders, flags.repeats)
        lines = [Measurement(name, seconds[name], {"model": model, "factors": factors}) for name in contenders]
        report.add(
            f"{model}-{factors}, {flags.users:,} users x {flags.items:,} items", lines, _difference(ours, rival)
        )
    report.finish()


def _name(contender: str, measured: int, users: int) -> str:
    return contender if measured == users else f"{contender} ({measured:,} of {users:,} users, scaled)"


def _scaled(scores: Callable, measured: int, users: int) -> float:
    """Return the seconds of all users' scores, from those of some; what one costs anyway is not scaled."""
    seconds = _seconds(scores, measured)
    if measured == users:
        return seconds
    one = min(_seconds(scores, 1), seconds)
    return one + (seconds - one) * (users - 1) / (measured - 1)


def _by_halves(model: object, chunk: int) -> Callable:
    """Return a function that yields the scores of the first users, a chunk of them at a time."""
    import numpy as np
    import tensorflow as tf

    from ncf_keras.models.factored import FactoredModel

    factored = FactoredModel(model)
    make_halves = tf.function(factored.halves, autograph=False)
    score_all = tf.function(factored.score_all, autograph=False, reduce_retracing=True)

    def scores(num_users: int) -> object:
        halves = make_halves()
        for start in range(0, num_users, chunk):
            yield score_all(halves, np.arange(start, min(start + chunk, num_users), dtype=np.int32)).numpy()

    return scores


def _by_predict(model: object, num_items: int) -> Callable:
    import numpy as np

    from ncf_keras.models.scoring import PAIRS_A_CALL

    def scores(num_users: int) -> object:
        users, items = (pair.reshape(-1, 1) for pair in np.divmod(np.arange(num_users * num_items), num_items))
        flat = model.predict(
            [users.astype(np.int32), items.astype(np.int32)], batch_size=PAIRS_A_CALL, verbose=0
        )
        yield flat.reshape(num_users, num_items)

    return scores


def _seconds(scores: Callable, num_users: int) -> float:
    started = time.perf_counter()
    for _ in scores(num_users):
        pass
    return time.perf_counter() - started


def _difference(ours: Callable, rival: Callable) -> dict[str, float]:
    difference = float(abs(next(iter(ours(4))) - next(iter(rival(4)))).max())
    if not difference <= TOLERANCE:
        raise RuntimeError(f"The scores differ by {difference}, so their times say nothing.")
    return {"largest difference of the scores": difference}


if __name__ == "__main__":
    sys.exit(main())
