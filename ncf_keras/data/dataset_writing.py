"""The files of a dataset, written from a prepared log; `dataset_files.py` says what each holds."""

import csv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ncf_keras.data.sealed_files import write_together

if TYPE_CHECKING:
    from ncf_keras.data.prepare import PreparedLog


def write_prepared(
    prefix: Path, prepared: "PreparedLog", source: Mapping[str, object], titles: Sequence[str] | None = None
) -> None:
    """Write the six files of a dataset; none is there under its name before all of them are written.

    `prefix` is a directory, which must exist, and a name, such as `Data/mydata`. `source` tells where the log
    came from, for the JSON file.
    """
    report = prepared.report()
    if titles is not None:
        report["counts"]["items_without_title"] = sum(not title for title in titles)
    writers: dict[str, Callable[[Path], None]] = {
        ".users.csv": lambda file: write_ids(file, "user_id", prepared.user_ids),
        ".items.csv": lambda file: write_ids(file, "item_id", prepared.item_ids, titles),
        ".test.negative": lambda file: _write_negatives(file, prepared.test, prepared.negatives),
        ".test.rating": lambda file: _write_ratings(file, prepared.test),
        ".train.rating": lambda file: _write_ratings(file, prepared.train),
    }
    write_together(prefix, writers, {"source": dict(source), **report})


def write_ids(
    file: Path, column: str, ids: Sequence[str] | np.ndarray, titles: Sequence[str] | None = None
) -> None:
    """Write the raw id of each index as the column `user_id` or `item_id`, and any titles as `title`."""
    columns = {"index": range(len(ids)), column: ids} | ({} if titles is None else {"title": titles})
    # Quoting every text keeps ids that hold a lone carriage return in one piece.
    pd.DataFrame(columns).to_csv(file, index=False, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")


def _write_ratings(file: Path, frame: pd.DataFrame) -> None:
    """Write user, item, rating (1 where the log has none) and any timestamp (a date in Unix seconds)."""
    columns: dict[str, Any] = {"user": frame["user"], "item": frame["item"], "rating": 1}
    if "rating" in frame:
        columns["rating"] = _shortest(frame["rating"].to_numpy())
    if "timestamp" in frame:
        timestamps = frame["timestamp"].to_numpy()
        dates = timestamps.dtype.kind == "M"
        columns["timestamp"] = timestamps.astype("M8[s]").astype(np.int64) if dates else _shortest(timestamps)
    pd.DataFrame(columns).to_csv(file, sep="\t", header=False, index=False, lineterminator="\n")


def _write_negatives(file: Path, test: pd.DataFrame, negatives: np.ndarray) -> None:
    pairs = [f"({user},{item})" for user, item in zip(test["user"], test["item"], strict=True)]
    frame = pd.DataFrame(negatives)
    frame.insert(0, "pair", pairs)
    frame.to_csv(file, sep="\t", header=False, index=False, quoting=3, lineterminator="\n")


def _shortest(numbers: np.ndarray) -> np.ndarray:
    """Return whole floats as integers, so that a rating of 5 is written `5`."""
    if numbers.dtype.kind == "f" and (numbers == np.trunc(numbers)).all() and (np.abs(numbers) < 2**53).all():
        return numbers.astype(np.int64)
    return numbers
