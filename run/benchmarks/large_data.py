"""Training on data too large for text: the time of an example and the memory, against small data.

Command:  python run/benchmarks/large_data.py Data/small Data/big --seconds 600 --json large_data.json

The datasets are those of `run/experiments/generate_interactions.py`, the small one first. Each is trained by a
process of its own: read, then trained for so many seconds with the engine of the training commands, sampling
included; the wait for the first examples of the first epoch is told apart. An epoch of 100 million
interactions is 500 million examples, 5 minutes or more, so the end of an epoch, where all rows are caught up,
may not be seen.
"""

import argparse
import itertools
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from _measure import Measurement, Report, benchmark_parser, run_benchmark

from ncf_keras.cli.flags import MODELS, number_above, whole_number

# The number of examples that are timed together.
SPAN = 2_000_000


class TimeIsUp(Exception):
    """The time limit of the training has passed."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    parser = benchmark_parser(__doc__)
    parser.add_argument(
        "datasets", nargs="+", help="what stands before .train.parquet; the first is the baseline"
    )
    parser.add_argument("--seconds", type=number_above(0, False), default=600.0, help="of training each")
    parser.add_argument("--model", choices=MODELS, default="NeuMF")
    parser.add_argument("--batch_size", type=whole_number(1), default=256)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    return run_benchmark(parser, arguments, lambda flags: (_child if flags.child else _benchmark)(flags))


def _benchmark(flags: argparse.Namespace) -> None:
    report = Report("large_data", flags)
    measurements, notes = [], {}
    for dataset in flags.datasets:
        found = _in_process(dataset, flags)
        about = {name: value for name, value in found.items() if name != "seconds"}
        measurements.append(Measurement(Path(dataset).name, found["seconds"], about))
        notes |= {f"{Path(dataset).name}, {name}": value for name, value in about.items()}
    report.add(f"A million examples, {flags.model}-8, batch {flags.batch_size}", measurements, notes)
    report.finish()


def _in_process(dataset: str, flags: argparse.Namespace) -> dict:
    command = [sys.executable, __file__, "--child", dataset, "--seconds", str(flags.seconds)]
    command += ["--model", flags.model, "--batch_size", str(flags.batch_size)]
    # One thread for the operations, as the training commands choose for such batches; sampling runs beside it.
    environment = {"TF_NUM_INTRAOP_THREADS": "1", **os.environ}
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment)
    return json.loads(done.stdout.splitlines()[-1])


def _child(flags: argparse.Namespace) -> None:
    """Train on one dataset and print what it took as JSON."""
    from ncf_keras.cli.console import import_tensorflow_quietly

    import_tensorflow_quietly()
    memory = {"memory of TensorFlow alone, MB": _peak_mb()}
    started = time.perf_counter()
    from ncf_keras.data import read_dataset
    from ncf_keras.models import build_gmf, build_mlp, build_neumf
    from ncf_keras.sampling import NegativeSampler
    from ncf_keras.training import CompiledEngine

    (prefix,) = flags.datasets
    dataset = read_dataset(f"{Path(prefix).parent}/", Path(prefix).name)
    read = time.perf_counter()
    memory["peak once it is read, MB"] = _peak_mb()
    build = {"GMF": build_gmf, "MLP": build_mlp, "NeuMF": build_neumf}[flags.model]
    model = build(dataset.num_users, dataset.num_items)
    sampler = NegativeSampler(dataset, 4, seed=1)
    engine = CompiledEngine(model, sampler, "adam", 0.001, flags.batch_size)
    built = time.perf_counter()
    moments: list[tuple[float, int]] = []
    _train(engine, sampler.num_examples, flags.seconds, moments)
    spans = [
        (later - sooner) / (after - before) * 1e6
        for (sooner, before), (later, after) in itertools.pairwise(moments)
    ]
    (first, done_first), (last, done) = moments[0], moments[-1]
    facts = {
        "users": dataset.num_users,
        "items": dataset.num_items,
        "interactions": dataset.num_train,
        "examples trained": done,
        "a million examples on the average, waits included, s": (last - first) / (done - done_first) * 1e6,
        "reading, s": round(read - started, 1),
        "building, s": round(built - read, 1),
        "first program, compiled and run, s": round(moments[0][0] - built, 1),
        **memory,
        "peak in all, MB": _peak_mb(),
    }
    print(json.dumps({**facts, "seconds": spans}))


def _train(engine: object, examples: int, seconds: float, moments: list) -> None:
    """Train for some seconds; add (time, examples done in all epochs) to `moments` now and then."""
    started = time.perf_counter()
    epoch = 0

    def on_progress(done: int) -> None:
        now, done = time.perf_counter(), epoch * examples + done
        if not moments or done - moments[-1][1] >= SPAN:
            moments.append((now, done))
        if now - started > seconds and len(moments) > 1:
            raise TimeIsUp

    try:
        while True:
            engine.train_epoch(on_progress)
            epoch += 1
    except TimeIsUp:
        return


def _peak_mb() -> int:
    """Return the most memory that this process has had, in MB of 2^20 bytes."""
    unit = 1 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit // 2**20


if __name__ == "__main__":
    sys.exit(main())
