"""Whole epochs on a GPU, sampling included, against PyTorch, eagerly and as a CUDA graph.

Command:  python run/benchmarks/gpu.py --json gpu.json      (needs the extras `gpu` and `benchmarks`)

NeuMF with Adam at batches of 256 to 1,048,576, 8 and 64 factors; random data of ML-1M's size unless `--path
--dataset` name other. NVIDIA's setting:

          python run/benchmarks/gpu.py --dataset synthetic-ml-20m --factors 64 --layers 256 256 128 64
                 --batch_sizes 1048576 --precision tf32

Ours draws its examples on the device. PyTorch's lie there, drawn beforehand, and are not counted: its epoch is
as many steps as ours has, at most `--rival_steps` of which are run and scaled up. All are of one run, in
processes of their own, and take turns. Without a GPU all run on the processor, and PyTorch has no graph.
"""

import argparse
import contextlib
import functools
import importlib.util
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from _measure import Measurement, Report, add_dataset_flags, alternate, benchmark_parser, run_benchmark
from _workers import Worker

from ncf_keras.cli.flags import PRECISIONS, whole_number

# Examples that lie on the device for PyTorch, unless a batch has more.
EXAMPLES = 2**22


def main(arguments: Sequence[str] | None = None, make_worker: Callable = Worker) -> int:
    """Run the benchmark; `make_worker` makes the process of a contender."""
    parser = benchmark_parser(__doc__)
    add_dataset_flags(parser)
    add = parser.add_argument
    add(
        "--batch_sizes",
        type=whole_number(1),
        nargs="+",
        default=[256, 4_096, 16_384, 65_536, 262_144, 1_048_576],
        help="examples a step",
    )
    add("--factors", type=whole_number(1), nargs="+", default=[8, 64], help="predictive factors")
    add("--layers", type=whole_number(1), nargs="+", default=None, help="of the MLP; None: as in the paper")
    add("--precision", choices=PRECISIONS, default="float32", help="of all")
    add("--rival_steps", type=whole_number(1), default=500, help="steps of a rival's repeat, at the most")
    return run_benchmark(parser, arguments, lambda flags: _benchmark(flags, make_worker))


def _benchmark(flags: argparse.Namespace, make_worker: Callable) -> None:
    if flags.quick:
        flags.batch_sizes, flags.factors, flags.rival_steps = [256], flags.factors[:1], 3
    report = Report("gpu", flags)
    has_torch = importlib.util.find_spec("torch") is not None
    with tempfile.TemporaryDirectory() as folder:
        examples = Path(folder) / "examples.npz"
        sizes = _draw(flags, examples) if has_torch else None
        for factors in flags.factors:
            for batch_size in flags.batch_sizes:
                with contextlib.ExitStack() as stack:
                    workers = [stack.enter_context(make_worker({})) for _ in range(1 + has_torch)]
                    _measure_batch_size(report, flags, workers, factors, batch_size, examples, sizes)
    report.finish()


def _draw(flags: argparse.Namespace, file: Path) -> dict[str, int]:
    """Write examples for PyTorch; return how many users and items there are."""
    from ncf_keras.cli.console import import_tensorflow_quietly

    import_tensorflow_quietly()
    import numpy as np
    from _workloads import load_dataset

    from ncf_keras.sampling import NegativeSampler

    data = load_dataset(flags.path, flags.dataset)
    sampler = NegativeSampler(data, seed=0)
    count = max(EXAMPLES, *flags.batch_sizes)
    users, items, labels = next(sampler.chunks(0, min(count, sampler.num_examples)))
    np.savez(file, users=users, items=items, labels=labels)
    return {"num_users": data.num_users, "num_items": data.num_items}


def _measure_batch_size(
    report: Report,
    flags: argparse.Namespace,
    workers: list,
    factors: int,
    batch_size: int,
    examples: Path,
    sizes: dict[str, int] | None,
) -> None:
    layers = flags.layers or [8 * factors, 4 * factors, 2 * factors, factors]
    options = {"factors": factors, "layers": layers, "batch_size": batch_size, "precision": flags.precision}
    ours, theirs = workers[0], workers[-1]
    about = {"ours": ours.make("ours", "DeviceEpoch", path=flags.path, dataset=flags.dataset, **options)}
    measures = {"ours": lambda: ours.measure("ours")["seconds"]}
    count = about["ours"]["examples"]
    epoch_steps = -(-count // batch_size)
    steps = min(flags.rival_steps, epoch_steps)

    def rival(name: str) -> float:
        return theirs.measure(name, steps=steps)["seconds"] * epoch_steps / steps

    # All batches of a rival are whole, so an epoch must have one.
    if sizes and batch_size <= count:
        for name, graph in (("PyTorch, eagerly", False), ("PyTorch, CUDA graph", True)):
            if graph and about["PyTorch, eagerly"]["device"] == "the processor":
                break
            about[name] = theirs.make(
                name, "TorchOnDevice", examples=str(examples), graph=graph, **sizes, **options
            )
            measures[name] = functools.partial(rival, name)
    seconds = alternate(measures, flags.repeats)
    lines = [Measurement(name, seconds[name], about[name]) for name in measures]
    rates = {name: f"{count / statistics.median(seconds[name]) / 1e6:.1f} million" for name in measures}
    what = f"NeuMF-{factors} {layers}, batch {batch_size:,}, {flags.precision}"
    report.add(
        f"{about['ours']['device']}: {what}: an epoch of {count:,} examples",
        lines,
        {"examples a second": ", ".join(f"{name} {rate}" for name, rate in rates.items())},
    )


if __name__ == "__main__":
    sys.exit(main())
