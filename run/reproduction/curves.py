"""Learning curves from the CSV files that `--log_csv` writes."""

import csv
import math
from collections.abc import Callable, Sequence
from pathlib import Path

from ncf_keras.base.errors import InputError
from reproduction.panels import Line, Panel

# Column of the file and name on the axis; the first is the horizontal one.
COLUMNS = {"iteration": "Iteration", "loss": "Training loss", "hr": "HR", "ndcg": "NDCG"}
# Above this a float64 no longer tells neighbours apart.
LARGEST_ITERATION = 2**53
# Somewhat above this the margins around a line overflow in matplotlib.
LARGEST_LOSS = 1e300
# What a number of a column must be, in words and as a test.
SHARE = ("a number from 0 to 1", lambda value: 0 <= value <= 1)
RULES: dict[str, tuple[str, Callable[[float], bool]]] = {
    "iteration": (
        f"a whole number from 0 to {LARGEST_ITERATION}",
        lambda value: 0 <= value <= LARGEST_ITERATION and value.is_integer(),
    ),
    # The loss of a run that diverged is no number; that is for the plot to show, as a gap.
    "loss": (
        f"a number from {-LARGEST_LOSS:g} to {LARGEST_LOSS:g}, or nan",
        lambda value: abs(value) <= LARGEST_LOSS or math.isnan(value),
    ),
    "hr": SHARE,
    "ndcg": SHARE,
}


def learning_curves(paths: Sequence[Path]) -> list[Panel]:
    """Return training loss, HR and NDCG by iteration, a line for each file, named after it.

    Raises:
        InputError: a file can't be read, or is no such CSV; the sentence names file and line.
    """
    runs = {label: _read(path) for label, path in zip(_labels(paths), paths, strict=True)}
    x_column, *y_columns = COLUMNS
    return [
        Panel(
            "",
            COLUMNS[x_column],
            COLUMNS[column],
            [Line(label, run[x_column], run[column]) for label, run in runs.items()],
        )
        for column in y_columns
    ]


def _labels(paths: Sequence[Path]) -> list[str]:
    """Return the files' names without suffix where these differ, else their paths."""
    stems = [path.stem for path in paths]
    if len(set(stems)) == len(stems):
        return stems
    if len(set(paths)) < len(paths):
        raise InputError(f"The logs must be different files. Received: {', '.join(map(str, paths))}")
    return [str(path) for path in paths]


def _read(path: Path) -> dict[str, list[float]]:
    """Return the values of each of `COLUMNS`, row by row."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.reader(file)
            rows = [(reader.line_num, row) for row in reader]
    except (OSError, UnicodeError, csv.Error) as error:
        raise InputError(f"{path} must be a CSV that `--log_csv` wrote. Received: {error}") from None
    places = _places(path, rows[0][1] if rows else [])
    values: dict[str, list[float]] = {column: [] for column in COLUMNS}
    for line, row in rows[1:]:
        if not row:
            continue
        for column, place in places.items():
            text = row[place] if place < len(row) else ""
            values[column].append(_number(text, column, f"{path}, line {line}"))
    if not values["iteration"]:
        raise InputError(f"{path} must have a row for at least one iteration. Received: the header alone")
    return values


def _places(path: Path, header: Sequence[str]) -> dict[str, int]:
    """Return where a row has each of `COLUMNS`, counted from 0."""
    missing = [column for column in COLUMNS if column not in header]
    if missing:
        raise InputError(
            f"{path}, line 1: the header must have the columns that `--log_csv` writes. "
            f"Received: {','.join(header) or 'nothing'}, without {', '.join(missing)}"
        )
    doubled = [column for column in COLUMNS if header.count(column) > 1]
    if doubled:
        raise InputError(
            f"{path}, line 1: the header must have each column once. "
            f"Received: {','.join(header)}, with {', '.join(doubled)} more than once"
        )
    return {column: header.index(column) for column in COLUMNS}


def _number(text: str, column: str, where: str) -> float:
    rule, holds = RULES[column]
    try:
        value = float(text)
    except ValueError:
        value = None
    if value is None or not holds(value):
        raise InputError(f"{where}: {column} must be {rule}. Received: {text[:40]!r}")
    return value
