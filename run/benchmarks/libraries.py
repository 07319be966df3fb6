"""This project beside the libraries that one would pick instead: quality, seconds of training, memory.

Command:  python run/benchmarks/libraries.py --path Data/ --dataset ml-1m --json libraries.jsonl
              --only recbole --python recbole=venvs/recbole/bin/python

Each contender trains in a process of its own, by the Python that `--python LIBRARY=PATH` gives; what can't be
imported there is left out with a sentence. HR@10 and NDCG@10 are this project's, of the library's scores.
Training begins with the interactions in memory; imports, and what a library makes of the interactions before it
trains, are told apart. The rows of the file are added to, and all of them are printed as a table.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
import _libraries
from _measure import add_dataset_flags, benchmark_parser, describe_hardware, hardware, run_benchmark

from ncf_keras.base.errors import InputError
from ncf_keras.cli.flags import number_above, whole_number
from ncf_keras.data import Dataset
from ncf_keras.evaluation import LeaveOneOut

# The paper's NeuMF with 8 factors, in RecBole's words: four negatives, layers [64,32,16,8], no dropout.
RECBOLE_NEUMF_8 = {
    "mf_embedding_size": 8,
    "mlp_embedding_size": 32,
    "mlp_hidden_size": [32, 16, 8],
    "dropout_prob": 0.0,
    "train_batch_size": 256,
    "train_neg_sample_args": {
        "distribution": "uniform",
        "sample_num": 4,
        "alpha": 1.0,
        "dynamic": False,
        "candidate_num": 0,
    },
    "epochs": 20,
}
NEUMF_8 = {"n_factors": 8, "layer_sizes": [64, 32, 16, 8], "batch_size": 256, "learning_rate": 0.001}


@dataclass(frozen=True)
class Contender:
    """A row of the table: a library by its name for `pip`, a name to show, settings in the library's words."""

    library: str
    name: str
    settings: dict


CONTENDERS = {
    "neumf": Contender("ncf-keras", "NeuMF, 8 factors", {"epochs": 20, "batch_size": 256}),
    "tuned": Contender("ncf-keras", "NeuMF, tuned preset", {"tuned": True}),
    "dot-product": Contender("ncf-keras", "baselines.DotProduct", {"baseline": True}),
    "implicit": Contender("implicit", "ALS, defaults", {"factors": 100, "iterations": 15}),
    "implicit-tuned": Contender(
        "implicit",
        "ALS, tuned",
        {"factors": 192, "regularization": 100.0, "alpha": 10.0, "iterations": 16},
    ),
    "lightfm": Contender("lightfm", "WARP, its quickstart", {"no_components": 10, "epochs": 30}),
    "lightfm-64": Contender("lightfm", "WARP, 64 components", {"no_components": 64, "epochs": 30}),
    "recbole": Contender("recbole", "NeuMF, defaults", {"train_batch_size": 2048, "epochs": 20}),
    "recbole-neumf-8": Contender("recbole", "NeuMF, 8 factors", RECBOLE_NEUMF_8),
    "recommenders": Contender("recommenders", "NeuMF, 8 factors", {**NEUMF_8, "n_epochs": 20}),
    "tfrs": Contender(
        "tensorflow-recommenders",
        "two towers, its tutorial",
        {"dimension": 32, "learning_rate": 0.1, "batch_size": 8192, "epochs": 3},
    ),
}  # fmt: skip
COLUMNS = (
    "library", "version", "model", "dataset", "batch", "epochs", "HR@10", "NDCG@10",
    "training, s", "an epoch, s", "import and preparation, s", "peak memory, MB",
)  # fmt: skip


def main(arguments: Sequence[str] | None = None, start: Callable[[Path, str], dict] | None = None) -> int:
    """Run the benchmark; `start` is told a folder and a Python and does the work of `_libraries.work`."""
    parser = benchmark_parser(__doc__)
    add_dataset_flags(parser)
    parser.add_argument(
        "--only", nargs="+", choices=CONTENDERS, default=list(CONTENDERS), help="the contenders"
    )
    parser.add_argument(
        "--python", nargs="+", default=[], metavar="LIBRARY=PATH", help="the Python with a library"
    )
    parser.add_argument("--epochs", type=whole_number(1), default=None, help="instead of a contender's own")
    parser.add_argument("--batch_size", type=whole_number(1), default=None, help="instead of a contender's own")
    parser.add_argument(
        "--seconds",
        type=number_above(0, False),
        default=None,
        help="stop RecBole or this project's NeuMF so long after it began to train",
    )
    return run_benchmark(parser, arguments, lambda flags: _benchmark(flags, start or _in_its_own_process))


def _benchmark(flags: argparse.Namespace, start: Callable[[Path, str], dict]) -> None:
    from _workloads import load_dataset

    pythons = _pythons(flags.python)
    dataset = load_dataset(flags.path, flags.dataset)
    facts = hardware()
    print(f"libraries: {describe_hardware(facts)}", flush=True)
    rows = _rows_of(flags.json)
    for key in flags.only:
        contender = CONTENDERS[key]
        settings = _settings(contender, flags)
        python = pythons.get(contender.library, sys.executable)
        found = _train_and_rank(contender.library, settings, dataset, python, start)
        if "missing" in found:
            print(f"{key}: skipped, because {contender.library} can't be imported: {found['missing']}")
            continue
        about = {"key": key, "library": contender.library, "model": contender.name, "dataset": flags.dataset}
        row = {**about, "settings": settings, **found, "hardware": facts}
        rows.append(row)
        if flags.json:
            with Path(flags.json).open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
    _print_table(rows)


def _pythons(given: Sequence[str]) -> dict[str, str]:
    found = {}
    for each in given:
        library, equals, path = each.partition("=")
        if not equals or library not in _libraries.LIBRARIES:
            raise InputError(
                f"`--python` must be LIBRARY=PATH with one of {', '.join(_libraries.LIBRARIES)}. "
                f"Received: {each!r}"
            )
        found[library] = path
    return found


def _settings(contender: Contender, flags: argparse.Namespace) -> dict:
    """Return the contender's settings, with what the flags say in the library's own words."""
    settings = dict(contender.settings)
    for value, names in (
        (1 if flags.quick else flags.epochs, ("epochs", "n_epochs")),
        (flags.batch_size, ("batch_size", "train_batch_size")),
    ):
        settings |= {name: value for name in names if value and name in settings}
    if flags.seconds:
        settings["seconds"] = flags.seconds
    return settings


def _train_and_rank(
    library: str, settings: dict, dataset: Dataset, python: str, start: Callable[[Path, str], dict]
) -> dict:
    """Return what training took, with the hit ratio and NDCG of the library's scores."""
    found = {}

    def score(users: np.ndarray, items: np.ndarray) -> np.ndarray:
        np.savez(
            folder / "arrays.npz",
            users=dataset.train_users,
            items=dataset.train_items,
            num_users=dataset.num_users,
            num_items=dataset.num_items,
            pair_users=users,
            pair_items=items,
        )
        (folder / "job.json").write_text(json.dumps({"library": library, "settings": settings}))
        found.update(start(folder, python))
        return np.zeros(len(users)) if "missing" in found else np.load(folder / "scores.npy")

    protocol = LeaveOneOut(dataset.test_users, dataset.test_items, dataset.test_negatives)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        result = protocol.evaluate(score)
    return {**found, "hr": result.hr, "ndcg": result.ndcg}


def _in_its_own_process(folder: Path, python: str) -> dict:
    done = subprocess.run([python, _libraries.__file__, folder], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise InputError(
            f"{python} must be able to train; its error stands above. Received: status {done.returncode}"
        )
    return json.loads(done.stdout.splitlines()[-1])


def _rows_of(file: str | None) -> list[dict]:
    if not file or not Path(file).exists():
        return []
    return [json.loads(line) for line in Path(file).read_text(encoding="utf-8").splitlines()]


def _print_table(rows: Sequence[dict]) -> None:
    print("\n| " + " | ".join(COLUMNS) + " |\n" + "|---" * len(COLUMNS) + "|")
    for row in rows:
        settings = row["settings"]
        epochs = next((settings[name] for name in ("epochs", "n_epochs", "iterations") if name in settings), "")
        batch = next((settings[name] for name in ("batch_size", "train_batch_size") if name in settings), "")
        seconds, whole = row["train_seconds"], row["share"] == 1
        cells = (
            row["library"], row["version"], row["model"], row["dataset"], batch,
            epochs if whole else f"{row['share']:.1%} of {epochs}",
            f"{row['hr']:.4f}", f"{row['ndcg']:.4f}", f"{seconds:.1f}",
            f"{seconds / row['share'] / epochs:.1f}" if epochs else "",
            f"{row['import_and_prepare_seconds']:.1f}", f"{row['peak_mb']:,}",
        )  # fmt: skip
        print("| " + " | ".join(map(str, cells)) + " |")


if __name__ == "__main__":
    sys.exit(main())
