"""A prepared log on disk: the authors' three files, the id maps, and a JSON file that says what was done."""

import contextlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ncf_keras.base.errors import InputError
from ncf_keras.base.files import written_beside
from ncf_keras.base.version import __version__
from ncf_keras.data.id_files import write_ids
from ncf_keras.data.prepare import PreparedLog

SUFFIXES = (".train.rating", ".test.rating", ".test.negative", ".users.csv", ".items.csv", ".json")


def prepared_paths(prefix: Path) -> dict[str, Path]:
    """Return the path of each file of the dataset `prefix`, such as `Data/mydata`, by its suffix."""
    return {suffix: prefix.with_name(prefix.name + suffix) for suffix in SUFFIXES}


def write_prepared(
    prefix: Path, prepared: PreparedLog, source: Mapping[str, object], titles: Sequence[str] | None = None
) -> None:
    """Write the six files of a dataset; none is there under its name before all of them are written.

    Args:
        prefix: directory, which must exist, and name, such as `Data/mydata`.
        prepared: what to write.
        source: where the log came from, kept in the JSON file.
        titles: title of each item, empty where there is none.

    Raises:
        InputError: the directory can't be written to, or the disk is full.
    """
    report = {"prepared_by": f"ncf-keras {__version__}", "source": dict(source), **prepared.report()}
    if titles is not None:
        report["counts"]["items_without_title"] = sum(not title for title in titles)
    paths = prepared_paths(prefix)
    try:
        with contextlib.ExitStack() as stack:
            # Renamed last to first, so that the JSON file appears when the others are complete.
            beside = {
                suffix: stack.enter_context(written_beside(paths[suffix])) for suffix in reversed(SUFFIXES)
            }
            _write_ratings(beside[".train.rating"], prepared.train)
            _write_ratings(beside[".test.rating"], prepared.test)
            _write_negatives(beside[".test.negative"], prepared.test, prepared.negatives)
            write_ids(beside[".users.csv"], "user_id", prepared.user_ids)
            write_ids(beside[".items.csv"], "item_id", prepared.item_ids, titles)
            beside[".json"].write_text(
                json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
            )
    except OSError as error:
        raise InputError(
            f"{prefix.parent} must be a directory with room for the dataset. Received: {error.strerror}"
        ) from None


def _write_ratings(file: Path, frame: pd.DataFrame) -> None:
    """Write user, item, rating (1 where the log has none) and any timestamp (a date in Unix seconds)."""
    columns = {"user": frame["user"], "item": frame["item"], "rating": 1}
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
