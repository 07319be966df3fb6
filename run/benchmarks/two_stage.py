"""One user's list by exact ranking and in two stages, in TensorFlow's C++ loader on one core: p50, p99, recall.

Commands:
  python run/experiments/generate_interactions.py --out Data/million --interactions 10000000 \\
    --users 100000 --items 1000000
  ncf neumf --dataset million --epochs 1 --select none --save_dir Data/
  python run/benchmarks/two_stage.py --dataset million --weights Data/million_*.h5 --json two_stage.json

(A few minutes each; the last needs g++.) Each call asks `recommend_default` for the ten items of another user,
so that no user's rows are in the caches because that user has just asked. Recall is the share of the exact
lists' ten items that two stages find, of 1,000 users drawn anew.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from _measure import Measurement, Report, benchmark_parser, run_benchmark, use_threads
from _serving_loader import compile_loader, measure

from ncf_keras.base.errors import InputError
from ncf_keras.cli.flags import number_above, whole_number

SIGNATURE = "recommend_default"
CHECKED, LENGTH, SEED = 1_000, 10, 7
MICRO = 1e-6


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    parser = benchmark_parser(__doc__)
    parser.add_argument("--path", default="Data/", help="what stands before the dataset's name")
    parser.add_argument("--dataset", help="what the model was trained on")
    parser.add_argument("--weights", metavar="FILE", help="a saved GMF, MLP or NeuMF")
    parser.add_argument(
        "--recall", type=number_above(0, inclusive=False, maximum=1), default=0.99, help="to reach"
    )
    parser.add_argument("--candidates", type=whole_number(10), help="in place of --recall")
    parser.add_argument("--seconds", type=whole_number(1), default=10, help="of asking, each time")
    return run_benchmark(parser, arguments, _benchmark)


def _benchmark(flags: argparse.Namespace) -> None:
    if not flags.quick and not (flags.dataset and flags.weights):
        raise InputError("`--dataset` and `--weights` must be given without `--quick`. Received: one or none")
    if flags.quick:
        flags.seconds, flags.repeats = 1, 1
    use_threads(1)
    report = Report("two_stage", flags)
    from ncf_keras.cli.console import import_tensorflow_quietly

    import_tensorflow_quietly()
    from ncf_keras.serving.export import export_model, read_stages

    model, dataset = _workload(flags)
    wanted = {"recall": flags.recall} if flags.candidates is None else {"candidates": flags.candidates}
    with tempfile.TemporaryDirectory() as directory:
        program = compile_loader(Path(directory))
        exports, notes = {}, {}
        for name, asked in (("exact", {"recall": 1.0}), ("two stages", wanted)):
            started = time.perf_counter()
            exports[name] = export_model(model, dataset, Path(directory) / name.replace(" ", "_"), **asked)
            notes[f"export, {name}, s"] = f"{time.perf_counter() - started:.1f}"
            size = sum(path.stat().st_size for path in exports[name].rglob("*") if path.is_file())
            notes[f"export, {name}, MB"] = f"{size / 1e6:.1f}"
        notes["lists"] = read_stages(exports["two stages"]).in_words()
        recall, equal = _compare(exports, dataset.num_users)
        notes[f"recall@{LENGTH} of users drawn anew"] = f"{recall:.4f}"
        notes["share of their lists that are the exact ones"] = f"{equal:.4f}"
        found: dict[str, list[dict[str, float]]] = {name: [] for name in exports}
        for _ in range(flags.repeats):
            for name, export in exports.items():
                answer = measure(program, export, SIGNATURE, seconds=flags.seconds, users=dataset.num_users)
                if answer["errors"]:
                    raise RuntimeError(f"{answer['errors']} calls of {name} failed.")
                found[name].append(answer)
    lines = [
        Measurement(f"{name}, {figure}", [answer[key] * MICRO for answer in answers])
        for figure, key in (("p50", "median_us"), ("p99", "p99_us"))
        for name, answers in found.items()
    ]
    for name, answers in found.items():
        notes[f"memory of the process, {name}, MB"] = f"{max(each['late_kib'] for each in answers) / 1000:.0f}"
    report.add(f"{dataset.num_items:,} items, {dataset.num_users:,} users, {model.name}: a list", lines, notes)
    report.finish()


def _workload(flags: argparse.Namespace) -> tuple:
    """Return a model and its dataset."""
    if flags.quick:
        from _workloads import build, synthetic_dataset

        return build("NeuMF", 8, 50, 300), synthetic_dataset(50, 300, 2_000)
    from ncf_keras.data import read_dataset
    from ncf_keras.weights import load_model

    return load_model(flags.weights), read_dataset(flags.path, flags.dataset)


def _compare(exports: dict[str, Path], num_users: int) -> tuple[float, float]:
    """Return the recall of two stages, and the share of lists that are equal to the exact ones."""
    import numpy as np
    import tensorflow as tf

    users = np.random.default_rng(SEED).choice(num_users, min(CHECKED, num_users), replace=False)
    lists = {}
    for name, export in exports.items():
        program = tf.saved_model.load(str(export)).signatures["recommend"]
        answer = program(user_input=tf.constant(users, tf.int32), k=tf.constant(LENGTH))
        lists[name] = answer["items"].numpy()
    right, found = lists["exact"], lists["two stages"]
    wanted = right >= 0
    hits = (right[:, :, None] == found[:, None, :]).any(axis=2) & wanted
    return float(hits.sum() / wanted.sum()), float((right == found).all(axis=1).mean())


if __name__ == "__main__":
    sys.exit(main())
