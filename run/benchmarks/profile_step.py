"""Where a training step's time goes: the compiled step built up part by part.

Command:  python run/benchmarks/profile_step.py --json profile.json      (about 2 minutes)

Each line is a compiled program that does what the line above does and one part more; the difference is what
that part costs. The last line is the engine's own step. What a part computes is always used by something that
the program returns, for XLA leaves out what nobody needs.

(It is not named `profile.py`: Python would take that for the standard library's module.)
"""

import argparse
import itertools
import sys
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from _measure import (
    Measurement,
    Report,
    add_dataset_flags,
    add_threads_flag,
    alternate,
    benchmark_parser,
    in_words,
    run_benchmark,
    use_threads,
)

from ncf_keras.cli.flags import MODELS, whole_number

CHUNK = 256 * 2048


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the profile."""
    parser = benchmark_parser(__doc__)
    add_dataset_flags(parser)
    add_threads_flag(parser)
    parser.add_argument("--model", choices=MODELS, default="NeuMF", help="which model")
    parser.add_argument("--factors", type=whole_number(1), default=8, help="predictive factors")
    parser.add_argument("--batch_size", type=whole_number(1), default=256, help="examples a step")
    parser.add_argument("--steps", type=whole_number(1), default=2048, help="batches in a program")
    return run_benchmark(parser, arguments, _profile)


def _profile(flags: argparse.Namespace) -> None:
    use_threads(flags.threads)
    if flags.quick:
        flags.steps = 4
    report = Report("profile of a step", flags)
    from ncf_keras.cli.console import import_tensorflow_quietly

    import_tensorflow_quietly()
    from _partial_step import PARTS, PartialStep
    from _workloads import StepEngine, build, load_dataset

    from ncf_keras.sampling import NegativeSampler

    dataset = load_dataset(flags.path, flags.dataset)
    sampler = NegativeSampler(dataset, seed=0)
    levels = (len(PARTS) - 1, len(PARTS)) if flags.quick else range(1, len(PARTS) + 1)
    contenders = {}
    for level in levels:
        model = build(flags.model, flags.factors, dataset.num_users, dataset.num_items)

        def make(model: object, rule: object, level: int = level) -> PartialStep:
            return PartialStep(model, rule, level)

        engine = StepEngine(make, model, sampler, flags.batch_size, flags.steps)
        contenders[("" if level == 1 else "+ ") + PARTS[level - 1]] = lambda each=engine: each.measure()[0]
    seconds = alternate(contenders, flags.repeats)
    lines = [Measurement(name, times) for name, times in seconds.items()]
    report.add(f"{flags.model}-{flags.factors}, batch {flags.batch_size}, a step", lines, _costs(seconds))
    steps = -(-sampler.num_examples // flags.batch_size)
    beside = alternate({"sampling, drawn beside the training": lambda: _draw(sampler) / steps}, flags.repeats)
    report.add("Beside it, a step's share", [Measurement(name, times) for name, times in beside.items()])
    report.finish()


def _costs(seconds: dict[str, list[float]]) -> dict[str, str]:
    """Return what each part adds, by the fastest repeats: what disturbs a program only makes it slower."""
    fastest = {name: min(times) for name, times in seconds.items()}
    names = list(fastest)
    costs = {
        f"cost of {after.removeprefix('+ ')}": in_words(max(fastest[after] - fastest[before], 0.0))
        for before, after in itertools.pairwise(names)
    }
    return {f"cost of {names[0].removeprefix('+ ')}": in_words(fastest[names[0]]), **costs}


def _draw(sampler: object) -> float:
    started = time.perf_counter()
    for _ in sampler.chunks(0, CHUNK):
        pass
    return time.perf_counter() - started


if __name__ == "__main__":
    sys.exit(main())
