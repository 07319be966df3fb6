"""What a run gave, as one JSON file: enough to rebuild every table, figure and test without training."""

import base64
import json
import os
import platform
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ncf_keras.base.checks import is_number
from ncf_keras.base.errors import InputError
from ncf_keras.base.files import written_beside
from ncf_keras.evaluation import hit_ratio, ndcg
from reproduction.published import TITLES
from reproduction.runs import TARGETS, Grid, Run, command_of

if TYPE_CHECKING:
    from ncf_keras.data import Dataset

TOP_KS = tuple(range(1, 11))
LARGEST_POSITION = 255
LARGEST_COUNT = 2**53
# What stored figures may differ from those of the stored positions: the last digits of a float64.
TOLERANCE = 1e-9
PACKAGES = ("ncf-keras", "tensorflow", "keras", "numpy", "scipy", "implicit")
# The fields of `ncf_keras.training.Iteration`, with their bounds.
ITERATION = {
    "number": (0, LARGEST_COUNT),
    "hr": (0, 1),
    "ndcg": (0, 1),
    "loss": (-np.inf, np.inf),
    "train_seconds": (0, np.inf),
    "evaluation_seconds": (0, np.inf),
}


@dataclass(frozen=True, eq=False)
class Result:
    """A finished run, as read from its JSON.

    Attributes:
        run: the options of the run.
        dataset: what `describe_dataset` said of its data.
        test: HR@K and NDCG@K on the test pairs at the best iteration, by `hr` and `ndcg`, for each of `TOP_KS`.
        positions: integers, shape (tests,): the 0-based rank of each test item at the best iteration.
        seconds: how long the run took.
        iterations: of a network, (number, HR, NDCG, loss, seconds of training, of evaluation) of each.
        best: of a network, the best iteration; -1 is the model before training.
        chosen: of a baseline, the settings that were best on the validation pairs.
        tried: of a baseline, how many settings were tried.
    """

    run: Mapping[str, object]
    dataset: Mapping[str, object]
    test: Mapping[str, list[float]]
    positions: np.ndarray
    seconds: float
    iterations: list[list[float]]
    best: int
    chosen: Mapping[str, float]
    tried: int

    @property
    def hr(self) -> float:
        """Mean HR@10 on the test pairs at the best iteration."""
        return self.test["hr"][-1]

    @property
    def ndcg(self) -> float:
        """Mean NDCG@10 on the test pairs at the best iteration."""
        return self.test["ndcg"][-1]


def describe_dataset(dataset: "Dataset") -> dict[str, object]:
    """Return what tables and comparisons need to know about a dataset: sizes, and a digest of its content."""
    from ncf_keras.training.checkpoints import digest_of

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


def document_of(run: Run, dataset: "Dataset", positions: np.ndarray, outcome: dict, seconds: float) -> dict:
    """Return the JSON of a finished run from what `train_network` or `fit_baseline` returned."""
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

    What `read_result` would refuse raises InputError, such as a run whose loss is no number.
    """
    try:
        _result(json.loads(json.dumps(document)))
    except ValueError as error:
        raise InputError(f"{path} must become the JSON of a run. Received: {error}") from None
    lines = []
    for key, value in document.items():
        text = json.dumps(value)
        if key == "iterations" and value:
            text = "[\n  " + ",\n  ".join(json.dumps(row) for row in value) + "\n ]"
        lines.append(f" {json.dumps(key)}: {text}")
    with written_beside(path) as temporary:
        temporary.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def read_result(path: Path) -> Result:
    """Read what `write_result` wrote; anything else, or figures of other positions, raises InputError."""
    try:
        return _result(json.loads(path.read_text(encoding="utf-8"), parse_constant=_not_json))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} must be the JSON of a run. Received: {error}") from None


def _result(document: object) -> Result:
    """Return what a JSON says of a run; raise ValueError, which says what is wrong."""
    document = _get({"the whole": document}, "the whole", dict)
    run, dataset, test = (_get(document, name, dict) for name in ("run", "dataset", "test"))
    for name, minimum in {"users": 1, "items": 1, "train": 0, "tests": 1, "negatives": 0}.items():
        _number(dataset, name, minimum, LARGEST_COUNT, whole=True)
    for name in ("name", "digest"):
        _text(dataset, name)
    text = _get(document, "positions", str)
    try:
        positions = np.frombuffer(base64.b64decode(text, validate=True), np.uint8)
    except ValueError as error:
        raise ValueError(f"`positions` is not base64 ({error})") from None
    is_network = run.get("kind") == "network"
    chosen = {} if is_network else _get(document, "chosen", dict)
    result = Result(
        run,
        dataset,
        test,
        positions,
        _number(document, "seconds", 0),
        [_iteration(row) for row in _get(document, "iterations", list)] if is_network else [],
        _number(_get(document, "best", dict), "iteration", -1, LARGEST_COUNT, True) if is_network else -1,
        {_text({"chosen": name}, "chosen"): _number(chosen, name) for name in chosen},
        0 if is_network else len(_get(document, "tried", list)),
    )
    if is_network and result.best not in (-1, *(row[0] for row in result.iterations)):
        raise _wrong("best.iteration", result.best, "an iteration of the run")
    if len(positions) != dataset["tests"]:
        raise ValueError(f"`positions` has {len(positions)} for {dataset['tests']} test pairs")
    for metric, figures in _figures(positions).items():
        for k, stored, figure in zip(TOP_KS, _many(test, metric, len(TOP_KS)), figures, strict=True):
            if not is_number(stored) or abs(stored - figure) > TOLERANCE:
                found = reprlib.repr(stored)
                raise ValueError(f"`test.{metric}` at {k} is {found}, where `positions` give {figure}")
    return result


def _iteration(row: object) -> list[float]:
    values = dict(zip(ITERATION, _many({"iterations": row}, "iterations", len(ITERATION)), strict=True))
    for name, (low, high) in ITERATION.items():
        _number(values, name, low, high, whole=name == "number")
    return list(values.values())


def find_result(directory: Path, run: Run, dataset: dict | None = None) -> Result | None:
    """Return the result of a run from the directory of its dataset, or None if it is not there.

    A file that is no result, or one of other options or data than `describe_dataset` said, raises InputError.
    """
    path = directory / f"{run.name}.json"
    if not path.exists():
        return None
    result = read_result(path)
    wanted, found = run.options(), result.run
    if found != wanted:
        differing = [f"{key} {value!r}" for key, value in wanted.items() if found.get(key) != value]
        rule = f"must be of a run with {', '.join(differing) or 'no more'}"
        raise InputError(f"{path} {rule}; move it away to train this one. Received: another")
    if dataset and result.dataset["digest"] != dataset["digest"]:
        rule = f"must be of a run on the {dataset['name']} that `--path` has"
        raise InputError(f"{path} {rule}; move it away to train it on this data. Received: one on other data")
    return result


class Book:
    """The finished runs of a grid, all on the same data, because tests pair them user by user."""

    def __init__(self, grid: Grid, directory: Path):
        self.grid = grid
        self._directory = directory
        self._read: dict[Run, Result | None] = {}
        self._first: tuple[Run, Result] | None = None

    @property
    def title(self) -> str:
        """The paper's name of the dataset and ours, such as `MovieLens (ml-1m)`."""
        name = self.grid.dataset
        return f"{TITLES[name]} ({name})" if name in TITLES else name

    def find(self, run: Run) -> Result | None:
        """Return the result of a run, None while there is none; one that `find_result` refuses is refused."""
        if run not in self._read:
            result = find_result(self._directory, run)
            if result:
                first, other = self._first = self._first or (run, result)
                if result.dataset != other.dataset:
                    raise InputError(
                        f"{self._directory / run.name}.json must be of a run on the same data as "
                        f"{self._directory / first.name}.json, with which it is compared user by user; move "
                        f"one of them away. Received: {_sizes(result.dataset)} beside {_sizes(other.dataset)}"
                    )
            self._read[run] = result
        return self._read[run]

    def all(self) -> list[Result]:
        """Return the results that are there of all runs of the grid."""
        return [result for result in map(self.find, self.grid.runs(TARGETS)) if result]


def _sizes(dataset: Mapping[str, object]) -> str:
    sizes = ", ".join(f"{dataset[key]:,} {key}" for key in ("users", "items", "train", "tests"))
    return f"{sizes}, digest {dataset['digest'][:12]!r}"


def _get(parent: dict, name: str, kind: type) -> Any:
    """Return a value of an object; raise ValueError if it is missing or of another kind."""
    if name not in parent:
        raise ValueError(f"no `{name}`")
    value = parent[name]
    if not isinstance(value, kind):
        raise _wrong(name, value, {dict: "an object", list: "a list", str: "a text"}[kind])
    return value


def _many(parent: dict, name: str, count: int) -> list:
    values = _get(parent, name, list)
    if len(values) != count:
        raise _wrong(name, values, f"a list of {count}")
    return values


def _text(parent: dict, name: str) -> str:
    value = _get(parent, name, str)
    # A lone surrogate, which JSON can escape and no page can hold.
    if value.encode(errors="replace").decode() != value:
        raise _wrong(name, value, "a text of whole characters")
    return value


def _number(parent: dict, name: str, low: float = -np.inf, high: float = np.inf, whole: bool = False) -> Any:
    value = _get(parent, name, object)
    if not is_number(value) or not low <= value <= high or (whole and not isinstance(value, int)):
        raise _wrong(name, value, f"a {'whole' if whole else 'finite'} number from {low:g} to {high:g}")
    return value


def _wrong(name: str, value: object, rule: str) -> ValueError:
    return ValueError(f"`{name}` is {reprlib.repr(value)}, not {rule}")


def _not_json(constant: str) -> None:
    raise ValueError(f"{constant}, which is not JSON")


def _versions() -> dict[str, str]:
    installed = {
        name: metadata.version(name) for name in PACKAGES if next(metadata.distributions(name=name), None)
    }
    return {"python": platform.python_version(), **installed}


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
