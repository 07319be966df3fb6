"""A whole training epoch, sampling included, against plain Keras `fit` and a plain PyTorch loop.

Command:  python run/benchmarks/epoch.py --json epoch.json               (about 7 minutes; needs the extra
`benchmarks` for PyTorch)

NeuMF-8, GMF-8 and MLP-8, batch 256, Adam, 4 negatives a positive; random data of ML-1M's size unless
`--path --dataset` name other. The three run in processes of their own and take turns. What makes the comparison
fair to the rivals:

- They get the examples of our sampler, drawn and shuffled; its time is added to theirs. (`fit` on the tf.data
  pipeline samples in its own time.)
- Each rival first shows 500 steps in every variant (`fit` on arrays or on the pipeline; one thread or all) and
  goes on in its fastest. The compiled engine runs with `--threads`.
- To be affordable, their epoch is `--rival_steps` steps scaled up (but not what a `fit` of one step costs); one
  whole epoch of each, run at the end, checks the scaling. `--rival_steps 0` runs whole epochs only.
- The compiled engine draws examples while it trains on others, also the first ones of the next epoch. Its time
  is the mean of two epochs after one that is not timed, so that as much is drawn ahead of them as in them.
"""

import argparse
import contextlib
import functools
import importlib.util
import itertools
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from _measure import (
    Measurement,
    Report,
    add_dataset_flags,
    alternate,
    available_cores,
    benchmark_parser,
    in_words,
    run_benchmark,
    thread_count,
    thread_environment,
)
from _workers import Worker

from ncf_keras.base.errors import InputError
from ncf_keras.cli.flags import MODELS, whole_number

if TYPE_CHECKING:
    from ncf_keras.data import Dataset
    from ncf_keras.sampling import NegativeSampler

FACTORS = 8
SHOW_STEPS = 500
SHOW_REPEATS = 3
CHUNK = 256 * 2048
RIVALS = ("keras", "torch")
TITLES = {
    "KerasPipeline": "Keras fit on tf.data",
    "KerasArrays": "Keras fit on arrays",
    "TorchLoop": "PyTorch loop",
}


class Rival:
    """One variant of a rival, in the process of its framework and number of threads."""

    def __init__(self, worker: object, kind: str, threads: int, total: int, makers: dict, options: dict):
        self._worker = worker
        self._options = options
        self._total = total
        self.kind = kind
        self.name = f"{TITLES[kind]}, {thread_count(threads)}"
        self.about = {**worker.make(self.name, kind, **makers), "threads": threads}

    @property
    def draws_its_own(self) -> bool:
        """Whether sampling is part of its time."""
        return self.kind == "KerasPipeline"

    def measure(self, steps: int | None) -> float:
        """Return the seconds of an epoch's steps, scaled up from `steps`; None runs them all.

        The fixed cost of `fit`, taken as the time of a `fit` of one step, is not scaled.
        """
        answer = self._worker.measure(self.name, steps=steps, **self._options)
        fixed = answer.get("one_step", 0.0)
        return fixed + (answer["seconds"] - fixed) * self._total / answer["steps"]

    def drop(self) -> None:
        """Free its memory."""
        self._worker.drop(self.name)


def main(arguments: Sequence[str] | None = None, make_worker: Callable = Worker) -> int:
    """Run the benchmark; `make_worker` makes the process of a contender."""
    parser = benchmark_parser(__doc__)
    add_dataset_flags(parser)
    parser.add_argument("--models", choices=MODELS, nargs="+", default=("NeuMF", "GMF", "MLP"), help="which")
    parser.add_argument("--rivals", choices=RIVALS, nargs="*", default=RIVALS, help="whom to compare with")
    parser.add_argument("--batch_size", type=whole_number(1), default=256, help="examples a step")
    parser.add_argument(
        "--rival_steps", type=whole_number(0), default=2000, help="steps of a rival's repeat; 0: all"
    )
    parser.add_argument(
        "--threads", type=whole_number(1), default=1, help="intra-op threads of the compiled engine"
    )
    return run_benchmark(parser, arguments, lambda flags: _benchmark(flags, make_worker))


def _benchmark(flags: argparse.Namespace, make_worker: Callable) -> None:
    if "torch" in flags.rivals and importlib.util.find_spec("torch") is None:
        raise InputError(
            "`--rivals` must leave out torch where PyTorch is not installed: pip install -e '.[benchmarks]', "
            "or --rivals keras. Received: torch, and no PyTorch"
        )
    if flags.quick:
        flags.rival_steps = min(flags.rival_steps, 5)
    report = Report("epoch", flags)
    from ncf_keras.cli.console import import_tensorflow_quietly

    import_tensorflow_quietly()
    import numpy as np
    from _workloads import load_dataset

    from ncf_keras.sampling import NegativeSampler

    dataset = load_dataset(flags.path, flags.dataset)
    sampler = NegativeSampler(dataset, seed=0)
    print(dataset)
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        examples = Path(folder) / "examples.npz"
        users, items, labels = next(sampler.chunks(0, sampler.num_examples))
        np.savez(examples, users=users, items=items, labels=labels)

        @functools.cache
        def worker(name: str, threads: int) -> object:
            return stack.enter_context(make_worker(thread_environment(threads)))

        for model in flags.models:
            _measure_model(report, flags, model, dataset, sampler, str(examples), worker)
    report.finish()


def _measure_model(
    report: Report,
    flags: argparse.Namespace,
    model: str,
    dataset: "Dataset",
    sampler: "NegativeSampler",
    examples: str,
    worker: Callable,
) -> None:
    common = {"model": model, "factors": FACTORS, "batch_size": flags.batch_size}
    from_data = {"path": flags.path, "dataset": flags.dataset, **common}
    sizes = {"num_users": dataset.num_users, "num_items": dataset.num_items}
    from_examples = {"examples": examples, **sizes, **common}
    # A process of its own for each model, so that its peak of memory is that model's.
    engine = worker(f"engine, {model}", flags.threads)
    about = engine.make("engine", "CompiledEpoch", **from_data)
    total = -(-sampler.num_examples // flags.batch_size)
    variants = _variants(flags.rivals, worker, total, from_data, from_examples)
    for rival in itertools.chain.from_iterable(variants.values()):
        if rival.about["parameters"] != about["parameters"]:
            raise RuntimeError(f"{rival.name} is another model than ours: {rival.about} and {about}")
    show_repeats = min(SHOW_REPEATS, flags.repeats)
    rivals, shown = _fastest(variants, min(SHOW_STEPS, flags.rival_steps or SHOW_STEPS), show_repeats)
    runs = _take_turns(engine, rivals, sampler, flags.rival_steps or None, flags.repeats)
    title = f"{model}-{FACTORS}, {sampler.num_examples:,} examples, batch {flags.batch_size}"
    _report_runs(report, flags, title, about, rivals, runs, shown, total)
    if flags.rival_steps and rivals:
        drawing = statistics.median(runs["sampling"])
        wholes = [
            Measurement(
                rival.name, [rival.measure(None) + (0 if rival.draws_its_own else drawing)], rival.about
            )
            for rival in rivals
        ]
        report.add(f"{title}: the rivals' whole epoch once, to check the scaling", wholes)
    engine.drop("engine")
    for rival in itertools.chain.from_iterable(variants.values()):
        rival.drop()


def _variants(
    rivals: Sequence[str], worker: Callable, total: int, from_data: dict, from_examples: dict
) -> dict[str, list[Rival]]:
    thread_counts = sorted({1, available_cores()})
    variants = {}
    if "keras" in rivals:
        variants["keras"] = [
            Rival(worker("keras", threads), kind, threads, total, makers, {})
            for threads in thread_counts
            for kind, makers in (("KerasPipeline", from_data), ("KerasArrays", from_examples))
        ]
    if "torch" in rivals:
        # PyTorch changes its number of threads as it goes, up to what its environment allows.
        torch_worker = worker("torch", max(thread_counts))
        variants["torch"] = [
            Rival(torch_worker, "TorchLoop", threads, total, from_examples, {"threads": threads})
            for threads in thread_counts
        ]
    return variants


def _fastest(
    variants: dict[str, list[Rival]], steps: int, repeats: int
) -> tuple[list[Rival], dict[str, float]]:
    """Return the fastest variant of each rival, and the best time that every variant showed."""
    chosen, shown = [], {}
    for rivals in variants.values():
        seconds = alternate({rival.name: functools.partial(rival.measure, steps) for rival in rivals}, repeats)
        best = {name: min(times) for name, times in seconds.items()}
        shown.update(best)
        chosen.append(min(rivals, key=lambda rival, best=best: best[rival.name]))
    return chosen, shown


def _take_turns(
    engine: object, rivals: list[Rival], sampler: "NegativeSampler", steps: int | None, repeats: int
) -> dict[str, list]:
    """Return the runs of the engine, the seconds of sampling, and those of each rival's epoch with it."""
    engine.measure("engine")
    runs = {"engine": [], "sampling": [], **{rival.name: [] for rival in rivals}}
    for epoch in range(repeats):
        runs["engine"].append(engine.measure("engine"))
        started = time.perf_counter()
        for _ in sampler.chunks(epoch, CHUNK):
            pass
        drawing = time.perf_counter() - started
        runs["sampling"].append(drawing)
        for rival in rivals:
            runs[rival.name].append(rival.measure(steps) + (0 if rival.draws_its_own else drawing))
    return runs


def _report_runs(
    report: Report,
    flags: argparse.Namespace,
    title: str,
    about: dict,
    rivals: list[Rival],
    runs: dict[str, list],
    shown: dict[str, float],
    total: int,
) -> None:
    steps = min(flags.rival_steps, total) or total
    part = f" ({steps:,} of {total:,} steps, scaled)" if steps < total else ""
    ours = [run["seconds"] for run in runs["engine"]]
    lines = [
        Measurement(f"compiled engine, {thread_count(flags.threads)}", ours, {**about, "runs": runs["engine"]})
    ]
    lines += [
        Measurement(rival.name + part, runs[rival.name], {**rival.about, "measured_steps": steps})
        for rival in rivals
    ]
    lines.append(Measurement("sampling alone", runs["sampling"]))
    peak = max(run["peak_memory_mb"] for run in runs["engine"])
    notes = {"peak memory of the engine's process": f"{peak:,.0f} MB"}
    notes |= {f"short runs, scaled, best, {name}": in_words(best) for name, best in shown.items()}
    report.add(title, lines, notes)


if __name__ == "__main__":
    sys.exit(main())
