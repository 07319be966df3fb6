"""Drawing and shuffling an epoch's examples: our samplers, NumPy with `np.isin`, the authors' double loop.

Command:  python run/benchmarks/sampler.py --json sampler.json           (about 1 minute)

4 negatives a positive on random data of ML-1M's size unless `--path --dataset` name other. The double loop
draws for some of the positives and is scaled up. Memory is what one more epoch allocates at its peak. The
device sampler draws in programs of XLA, on a GPU if there is one, as the compiled engine has it do.
"""

import argparse
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from _measure import Measurement, Report, add_dataset_flags, alternate, benchmark_parser, run_benchmark

if TYPE_CHECKING:
    from ncf_keras.sampling import DeviceSampler

NUM_NEG = 4
CHUNK = 256 * 2048
LOOP_POSITIVES = 5_000
DEVICE_BATCHES = 256, 2**20


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

    from ncf_keras.sampling import DeviceSampler, NegativeSampler

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
    device_sampler = DeviceSampler(dataset, NUM_NEG, seed=0)
    on_device = {size: f"device sampler, batches of {size:,}" for size in DEVICE_BATCHES}
    for batch_size, name in on_device.items():
        contenders[name] = partial(_seconds, _drawn_on_device(device_sampler, batch_size))
    name = f"authors' double loop ({loop_positives:,} of {dataset.num_train:,} positives, scaled)"
    matrix = as_matrix(dataset)
    contenders[name] = lambda: scale * _seconds(lambda: double_loop(matrix, NUM_NEG, generator, loop_positives))
    seconds = alternate(contenders, flags.repeats)
    notes = {
        "peak memory of our sampler, MB": round(_peak_memory_mb(ours)),
        "peak memory of NumPy, MB": round(_peak_memory_mb(lambda: numpy_epoch(dataset, NUM_NEG, generator))),
    }
    lines = [Measurement(name, seconds[name], {"examples": sampler.num_examples}) for name in contenders]
    for batch_size, name in on_device.items():
        rate = sampler.num_examples / statistics.median(seconds[name])
        notes[f"million examples a second on the device, batches of {batch_size:,}"] = round(rate / 1e6)
    report.add(f"An epoch of {sampler.num_examples:,} examples", lines, notes)
    report.finish()


def _drawn_on_device(sampler: "DeviceSampler", batch_size: int) -> Callable[[], None]:
    """Return a function that draws an epoch, in the programs in which the compiled engine would."""
    import tensorflow as tf

    from ncf_keras.training.engines.feeds import make_feed

    feed = make_feed(sampler, batch_size)
    shape = (feed.batches_a_stack, batch_size)

    @tf.function(jit_compile=True, autograph=False)
    def draw(keys: tf.Tensor, first_step: tf.Tensor) -> list[tf.Tensor]:
        # Sums, so that nothing is left out and nothing is copied back.
        return [tf.reduce_sum(part) for part in feed.batches((keys,), first_step, shape)]

    def epoch() -> None:
        for stack, step in enumerate(range(0, -(-sampler.num_examples // batch_size), shape[0])):
            keys, _ = feed.next_stack(0, stack, step)
            _, _, positives = draw(keys, tf.constant(step))
        # Waits for the device.
        positives.numpy()

    return epoch


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
