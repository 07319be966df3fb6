"""The files of a dataset, written from a prepared log or a Dataset; `dataset_files.py` says what each holds."""

import csv
import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from ncf_keras.base.inputs import kind_of
from ncf_keras.data.dataset_files import COLD, FEATURES, VALIDATION, WAITING
from ncf_keras.data.feature_file import write_encodings
from ncf_keras.data.id_files import IdFile, write_ids
from ncf_keras.data.savable import require_savable
from ncf_keras.data.sealed_files import Seal, write_together
from ncf_keras.data.tidy_times import numbers_of_times
from ncf_keras.data.time_order import places_in_time

if TYPE_CHECKING:
    from ncf_keras.data.dataset import Dataset
    from ncf_keras.data.features import Features
    from ncf_keras.data.prepared_log import PreparedLog


class _Parts(NamedTuple):
    """Interactions: columns `user` and `item`, and `rating` and `timestamp` where they are known.

    Attributes:
        train: all train interactions.
        test: the test pairs.
        negatives: of each test pair.
        cold: the interactions that a split in time or of cold items holds out besides the test pairs.
        validation: which of `train` are held out for validation; None where none is.
    """

    train: pd.DataFrame
    test: pd.DataFrame
    negatives: np.ndarray
    cold: pd.DataFrame
    validation: np.ndarray | None


def write_prepared(
    prefix: Path, prepared: "PreparedLog", source: Mapping[str, object], titles: Sequence[str] | None = None
) -> None:
    """Write the files of a dataset; none is there under its name before all of them are written.

    Args:
        prefix: a directory, which must exist, and a name, such as `Data/mydata`.
        prepared: what to write.
        source: tells where the log came from, for the JSON file.
        titles: of the items; without them those of the dataset that the ids are from, if it has some.
    """
    report = {"source": dict(source), **prepared.report()}
    split = prepared.split
    parts = _Parts(prepared.train, prepared.test, split.negatives, prepared.cold, split.is_validation)
    features = (prepared.user_features, prepared.item_features)
    user_columns, item_columns = map(_columns, features)
    users = IdFile(prepared.user_ids.tolist(), None, _if_any(prepared.user_states), user_columns)
    titles = prepared.titles(None) if titles is None else titles
    items = IdFile(prepared.item_ids.tolist(), titles, _if_any(prepared.item_states), item_columns)
    follows = None if prepared.ids_from is None else prepared.ids_from.seal
    _write(prefix, parts, users, items, features, report, prepared.waiting, follows)


def write_dataset(prefix: Path, dataset: "Dataset") -> None:
    """Write the files of a Dataset, from which `read_dataset` makes one that is equal to it.

    `prefix` is as of `write_prepared`. Timestamps of train are written as places in time within a user; where
    no order is known, as 1 for a user's latest, and 0 for an earlier one. InputError says what
    the files could not hold.
    """
    require_savable(dataset, prefix)
    train = pd.DataFrame({"user": dataset.train_users, "item": dataset.train_items})
    marked = dataset.train_is_validation
    if dataset.train_is_latest is not None:
        train["timestamp"] = dataset.train_is_latest.astype(np.int64)
    if dataset.train_is_latest is not None and dataset.train_order is not None:
        train["timestamp"] = _times(dataset.train_order, dataset.train_is_latest, dataset.train_users)
        # Read back, equal timestamps are in the order of the lines.
        lines = np.argsort(places_in_time(dataset.train_order, dataset.train_offsets))
        train, marked = train.iloc[lines], None if marked is None else marked[lines]
    test = pd.DataFrame({"user": dataset.test_users, "item": dataset.test_items})
    cold = pd.DataFrame({"user": [], "item": []})
    if dataset.cold_users is not None:
        cold = pd.DataFrame({"user": dataset.cold_users, "item": dataset.cold_items})
    later = {
        "validation": None if marked is None else int(np.count_nonzero(marked)),
        "cold": None if dataset.cold_users is None else len(cold),
    }
    report = {
        "source": {"dataset": dataset.name},
        "timestamps": _said_of_times(dataset),
        "counts": {
            "users": dataset.num_users,
            "items": dataset.num_items,
            "train": dataset.num_train,
            "test": dataset.num_test,
            **{part: count for part, count in later.items() if count is not None},
            "negatives_per_test": int(dataset.test_negatives.shape[1]),
        },
    }
    parts = _Parts(train, test, dataset.test_negatives, cold, marked)
    features = (dataset.user_features, dataset.item_features)
    user_columns, item_columns = map(_columns, features)
    users = IdFile(dataset.user_ids, None, dataset.user_states, user_columns)
    items = IdFile(dataset.item_ids, dataset.item_titles, dataset.item_states, item_columns)
    _write(prefix, parts, users, items, features, report)


def _times(order: np.ndarray, is_latest: np.ndarray, users: np.ndarray) -> np.ndarray:
    """Return timestamps with the order of train interactions, equal ones for all of a user's latest: int64."""
    times = order.astype(np.int64)
    latest = np.full(int(users.max(initial=-1)) + 1, np.iinfo(np.int64).max)
    np.minimum.at(latest, users[is_latest], times[is_latest])
    return np.where(is_latest, latest[users], times)


def _said_of_times(dataset: "Dataset") -> str | None:
    if dataset.train_is_latest is None:
        return None
    if dataset.train_order is None:
        return "1: a user's latest of train, 0: an earlier one"
    return "places in time of a user's train interactions, from 0, the earliest"


def _write(
    prefix: Path,
    parts: _Parts,
    users: IdFile,
    items: IdFile,
    features: "tuple[Features | None, Features | None]",
    report: dict[str, Any],
    waiting: pd.DataFrame | None = None,
    follows: Seal | None = None,
) -> None:
    """Write the files that there is something for.

    Nothing of a dataset that was there before may stay, above all not where somebody asked to be forgotten. So
    where rows waited, or were cold or held out for validation, and none is now, they are replaced by none; and
    encodings of features likewise.
    """
    train, test, negatives, cold, marked = parts
    if items.titles is not None:
        report["counts"]["items_without_title"] = sum(not title for title in items.titles)
    writers: dict[str, Callable[[Path], None]] = {}
    if users.ids is not None:
        writers[".users.csv"] = lambda file: write_ids(file, "user_id", *users)
    if items.ids is not None or items.titles is not None:
        writers[".items.csv"] = lambda file: write_ids(file, "item_id", *items)
    if any(side is not None for side in features) or kind_of(f"{prefix}{FEATURES}") is not None:
        writers[FEATURES] = lambda file: write_encodings(file, *features)
    waiting = pd.DataFrame({"user": [], "item": []}) if waiting is None else waiting
    if len(waiting) or kind_of(f"{prefix}{WAITING}") is not None:
        writers[WAITING] = lambda file: _write_waiting(file, waiting)
    for suffix, rows in ((COLD, cold), (VALIDATION, train[:0] if marked is None else train[marked])):
        if len(rows) or kind_of(f"{prefix}{suffix}") is not None:
            writers[suffix] = functools.partial(_write_ratings, frame=rows)
    writers |= {
        ".test.negative": lambda file: _write_negatives(file, test, negatives),
        ".test.rating": lambda file: _write_ratings(file, test),
        ".train.rating": lambda file: _write_ratings(file, train),
    }
    write_together(prefix, writers, report, follows=follows)


def _write_ratings(file: Path, frame: pd.DataFrame) -> None:
    """Write user, item, rating and any timestamp."""
    _with_numbers(frame).to_csv(file, sep="\t", header=False, index=False, lineterminator="\n")


def _write_waiting(file: Path, frame: pd.DataFrame) -> None:
    """Write raw ids, rating and any timestamp, under a header."""
    named = _with_numbers(frame).rename(columns={"user": "user_id", "item": "item_id"})
    named.to_csv(file, index=False, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")


def _with_numbers(frame: pd.DataFrame) -> pd.DataFrame:
    """Return user, item, rating (1 where the log has none) and any timestamp (a date in Unix seconds)."""
    columns: dict[str, Any] = {"user": frame["user"], "item": frame["item"], "rating": 1}
    if "rating" in frame:
        columns["rating"] = _shortest(frame["rating"].to_numpy())
    if "timestamp" in frame:
        columns["timestamp"] = _shortest(numbers_of_times(frame["timestamp"]))
    return pd.DataFrame(columns)


def _if_any(states: np.ndarray) -> np.ndarray | None:
    return states if states.any() else None


def _columns(features: "Features | None") -> "dict[str, Sequence[str]] | None":
    return None if features is None else features.cells()


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
