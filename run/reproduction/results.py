"""What a run gave, as one JSON file: enough to rebuild every table, figure and test without training."""

import base64
import json
import os
import platform
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import numpy as np

from ncf_keras.base.errors import InputError
from ncf_keras.base.files import written_beside
from ncf_keras.data import Dataset
from ncf_keras.evaluation import hit_ratio, ndcg
from ncf_keras.training.checkpoints import digest_of
from reproduction.commands import command_of
from reproduction.result_schema import TOP_KS, check_document
from reproduction.runs import Run

LARGEST_POSITION = 255
# What stored figures may differ from those of the stored positions: the last digits of a float64.
TOLERANCE = 1e-9
PACKAGES = ("tensorflow", "keras", "numpy", "scipy", "implicit")


@dataclass(frozen=True, eq=False)
class Result:
    """A finished run.

    Attributes:
        document: the JSON as `document_of` made it.
        positions: integers, shape (tests,): the 0-based rank of each test item at the best iteration.
    """

    document: dict
    positions: np.ndarray

    @property
    def hr(self) -> float:
        """Mean HR@10 on the test pairs at the best iteration."""
        return self.document["test"]["hr"][-1]

    @property
    def ndcg(self) -> float:
        """Mean NDCG@10 on the test pairs at the best iteration."""
        return self.document["test"]["ndcg"][-1]

    @property
    def seconds(self) -> float:
        """How long the run took."""
        return self.document["seconds"]

    def hits(self) -> np.ndarray:
        """Return HR@10 of each test pair: float64, shape (tests,)."""
        return hit_ratio(self.positions, 10)

    def ndcgs(self) -> np.ndarray:
        """Return NDCG@10 of each test pair: float64, shape (tests,)."""
        return ndcg(self.positions, 10)


def describe_dataset(dataset: Dataset) -> dict[str, object]:
    """Return what tables and comparisons need to know about a dataset: sizes, and a digest of its content."""
    arrays = ("train_offsets", "train_items", "test_users", "test_items", "test_negatives")
    return {
        "name": dataset.name,
        "users": dataset.num_users,
        "items": dataset.num_items,
        "train": dataset.num_train,
        "tests": dataset.num_test,
        "negatives": dataset.test_negatives.shape[1],
        "digest": digest_of({name: np.asarray(getattr(dataset, name)) for name in arrays}),
    }


def document_of(run: Run, dataset: Dataset, positions: np.ndarray, outcome: dict, seconds: float) -> dict:
    """Return the JSON of a finished run.

    Args:
        run: which.
        dataset: what it learnt and was tested on.
        positions: integers, shape (tests,), at the best iteration or setting.
        outcome: what else came of it, of the kind of the run: its iterations, or the settings tried.
        seconds: how long it took.
    """
    return {
        "name": run.name,
        "run": run.options(),
        "command": command_of(run),
        "dataset": describe_dataset(dataset),
        "versions": _versions(),
        "machine": f"{_processor()}, {os.cpu_count()} cores",
        **outcome,
        "test": _figures(positions),
        # One byte each: bytes of uint8 in base64.
        "positions": base64.b64encode(np.minimum(positions, LARGEST_POSITION).astype(np.uint8)).decode(),
        "seconds": round(seconds, 2),
    }


def _figures(positions: np.ndarray) -> dict[str, list[float]]:
    """Return HR@K and NDCG@K for each K of `TOP_KS`."""
    return {
        "hr": [float(hit_ratio(positions, k).mean()) for k in TOP_KS],
        "ndcg": [float(ndcg(positions, k).mean()) for k in TOP_KS],
    }


def write_result(path: Path, document: dict) -> None:
    """Write a finished run's JSON, a line for each iteration, so that differences of two files can be read.

    Raises:
        InputError: `read_result` would refuse the document, such as that of a run whose loss is no number.
    """
    try:
        _checked(document)
    except ValueError as error:
        raise InputError(f"{path} must become the JSON of a run. Received: {error}") from None
    lines = []
    for key, value in document.items():
        if key == "iterations":
            rows = ",\n  ".join(json.dumps(row) for row in value)
            lines.append(f' "iterations": [\n  {rows}\n ]' if value else ' "iterations": []')
        else:
            lines.append(f" {json.dumps(key)}: {json.dumps(value)}")
    with written_beside(path) as temporary:
        temporary.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def read_result(path: Path) -> Result:
    """Read what `write_result` wrote.

    Raises:
        InputError: the file is something else, or its figures are not those of its positions.
    """
    try:
        return _checked(json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse_constant))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} must be the JSON of a run. Received: {error}") from None


def _refuse_constant(constant: str) -> None:
    raise ValueError(f"{constant}, which is not JSON")


def _checked(document: object) -> Result:
    """Return a result whose parts have been looked at; raise ValueError, which says what is wrong."""
    check_document(document)
    try:
        positions = np.frombuffer(base64.b64decode(document["positions"], validate=True), np.uint8)
    except ValueError as error:
        raise ValueError(f"`positions` is not base64 ({error})") from None
    tests = document["dataset"]["tests"]
    if len(positions) != tests:
        raise ValueError(f"`positions` has {len(positions)} for {tests} test pairs")
    for metric, values in _figures(positions).items():
        for k, stored, figure in zip(TOP_KS, document["test"][metric], values, strict=True):
            if abs(stored - figure) > TOLERANCE:
                raise ValueError(f"`test.{metric}` at {k} is {stored}, where `positions` give {figure}")
    return Result(document, positions)


def find_result(directory: Path, run: Run, dataset: dict | None = None) -> Result | None:
    """Return the result of a run, or None if it is not there.

    Args:
        directory: of the JSON files of its dataset.
        run: which.
        dataset: what `describe_dataset` says of the data that is there now; None to take the file's word.

    Raises:
        InputError: the file of that name is no result, or one of other options or data.
    """
    path = directory / f"{run.name}.json"
    if not path.exists():
        return None
    result = read_result(path)
    if result.document["run"] != run.options():
        raise InputError(
            f"{path} must be of a run with {_difference(run.options(), result.document['run'])}; move it away "
            "to train this one. Received: another"
        )
    if dataset and result.document["dataset"]["digest"] != dataset["digest"]:
        raise InputError(
            f"{path} must be of a run on the {dataset['name']} that `--path` has; move it away to train it on "
            "this data. Received: one on other data"
        )
    return result


def _difference(wanted: dict, found: dict) -> str:
    return (
        ", ".join(f"{key} {value!r}" for key, value in wanted.items() if found.get(key) != value) or "no more"
    )


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for package in ("ncf-keras", *PACKAGES):
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return versions


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
