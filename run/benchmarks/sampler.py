"""Drawing and shuffling an epoch's examples: our sampler, NumPy with `np.isin`, the authors' double loop.

Command:  python run/benchmarks/sampler.py --json sampler.json           (about 1 minute)

4 negatives a positive on random data of ML-1M's size unless `--path --dataset` name other. The double loop
draws for some of the positives and is scaled up. Memory is what one more epoch allocates at its peak.
"""

import argparse
import sys
import time
import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from _measure import Measurement, Report, add_dataset_flags, alternate, benchmark_parser, run_benchmark

NUM_NEG = 4
CHUNK = 256 * 2048
LOOP_POSITIVES = 5_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    parser = benchmark_parser(__doc__)
    add_dataset_flags(parser)
    return run_benchmark(parser, arguments, _benchmark)


def _benchmark(flags: argparse.Namespace) -> None:
    report = Report("sampler", flags)
    from ncf_keras.cli.console import import_tensorflow_quietly

    import_tensorflow_quietly()
    import numpy as np
    from _references import as_matrix, double_loop, numpy_epoch
    from _workloads import load_dataset

    from ncf_keras.sampling import NegativeSampler

    dataset = load_dataset(flags.path, flags.dataset)
    print(dataset)
    generator = np.random.default_rng(0)
    loop_positives = min(LOOP_POSITIVES, dataset.num_train)
    scale = dataset.num_train / loop_positives

    def ours() -> None:
        for _ in NegativeSampler(dataset, NUM_NEG, seed=0).chunks(0, CHUNK):
            pass

    sampler = NegativeSampler(dataset, NUM_NEG, seed=0)
    contenders = {
        "our sampler": lambda: _seconds(lambda: [None for _ in sampler.chunks(0, CHUNK)]),
        "our sampler, made anew": lambda: _seconds(ours),
        "NumPy, np.isin": lambda: _seconds(lambda: numpy_epoch(dataset, NUM_NEG, generator)),
    }
    name = f"authors' double loop ({loop_positives:,} of {dataset.num_train:,} positives, scaled)"
    matrix = as_matrix(dataset)
    contenders[name] = lambda: scale * _seconds(lambda: double_loop(matrix, NUM_NEG, generator, loop_positives))
    seconds = alternate(contenders, flags.repeats)
    notes = {
        "peak memory of our sampler, MB": round(_peak_memory_mb(ours)),
        "peak memory of NumPy, MB": round(_peak_memory_mb(lambda: numpy_epoch(dataset, NUM_NEG, generator))),
    }
    lines = [Measurement(name, seconds[name], {"examples": sampler.num_examples}) for name in contenders]
    report.add(f"An epoch of {sampler.num_examples:,} examples", lines, notes)
    report.finish()


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _peak_memory_mb(work: Callable[[], object]) -> float:
    tracemalloc.start()
    work()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak / 2**20


if __name__ == "__main__":
    sys.exit(main())
