"""Leave-one-out evaluation of 604,000 pairs: scoring by halves against `model.predict`.

Command:  python run/benchmarks/evaluation.py --json evaluation.json     (about 2 minutes)

6,040 test items among 99 negatives each, random data unless `--path --dataset` name other. `model.predict` gets
the batch size that we score in (its default of 32 is many times slower). The ranking is the same code for both.
"""

import argparse
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

MODELS = (("GMF", 8), ("NeuMF", 8), ("NeuMF", 64))
TOLERANCE = 1e-5


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    parser = benchmark_parser(__doc__)
    add_dataset_flags(parser)
    add_threads_flag(parser)
    return run_benchmark(parser, arguments, _benchmark)


def _benchmark(flags: argparse.Namespace) -> None:
    use_threads(flags.threads)
    report = Report("evaluation", flags)
    from ncf_keras.cli.console import import_tensorflow_quietly

    import_tensorflow_quietly()
    from _workloads import build, load_dataset

    from ncf_keras.evaluation import LeaveOneOut
    from ncf_keras.models import model_scores

    dataset = load_dataset(flags.path, flags.dataset)
    print(dataset)
    protocol = LeaveOneOut(dataset.test_users, dataset.test_items, dataset.test_negatives)
    for model, factors in MODELS[1:2] if flags.quick else MODELS:
        built = build(model, factors, dataset.num_users, dataset.num_items)
        scorers = {"by halves": model_scores(built), "model.predict": _predict(built)}
        contenders = {name: _contender(protocol, score) for name, score in scorers.items()}
        seconds = alternate(contenders, flags.repeats)
        lines = [Measurement(name, seconds[name], {"model": model, "factors": factors}) for name in contenders]
        pairs = dataset.num_test * (dataset.test_negatives.shape[1] + 1)
        report.add(f"{model}-{factors}, {pairs:,} pairs", lines, _difference(dataset, *scorers.values()))
    report.finish()


def _predict(model: object) -> Callable:
    from ncf_keras.models.scoring import PAIRS_A_CALL

    return lambda users, items: model.predict(
        [users[:, None], items[:, None]], batch_size=PAIRS_A_CALL, verbose=0
    )[:, 0]


def _contender(protocol: object, score: Callable) -> Callable[[], float]:
    def measure() -> float:
        started = time.perf_counter()
        protocol.evaluate(score)
        return time.perf_counter() - started

    return measure


def _difference(dataset: object, score: Callable, reference: Callable) -> dict[str, float]:
    difference = float(abs(score(*_test_pairs(dataset)) - reference(*_test_pairs(dataset))).max())
    if not difference <= TOLERANCE:
        raise RuntimeError(f"The scores differ by {difference}, so their times say nothing.")
    return {"largest difference of the scores": difference}


def _test_pairs(dataset: object) -> tuple:
    return dataset.test_users, dataset.test_items


if __name__ == "__main__":
    sys.exit(main())
