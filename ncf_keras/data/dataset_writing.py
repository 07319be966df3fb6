"""The files of a dataset, written from a prepared log or a Dataset; `dataset_files.py` says what each holds."""

import csv
import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO

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


class Interactions(NamedTuple):
    """Interactions of a part, in memory or in frames that come one after another.

    Attributes:
        number: how many there are.
        frames: yields frames, at least one, with the columns `user` and `item`, and `rating` and `timestamp`
            where they are known; each time it is called the same ones.
    """

    number: int
    frames: Callable[[], Iterable[pd.DataFrame]]

    @classmethod
    def of(cls, frame: pd.DataFrame) -> "Interactions":
        """Return those of one frame."""
        return cls(len(frame), lambda: [frame])


class Parts(NamedTuple):
    """The interactions of a dataset.

    Attributes:
        train: all train interactions.
        test: the test pairs.
        negatives: yields those of the pairs in each frame of `test`: int32, shape (pairs, negatives).
        cold: the interactions that a split in time or of cold items holds out besides the test pairs.
        validation: those of `train` that are held out for validation.
        waiting: rows that smallest numbers of interactions took out, with raw ids.
    """

    train: Interactions
    test: Interactions
    negatives: Callable[[], Iterable[np.ndarray]]
    cold: Interactions
    validation: Interactions
    waiting: Interactions


NONE = Interactions.of(pd.DataFrame({"user": [], "item": []}))


def write_prepared(
    prefix: Path, prepared: "PreparedLog", source: Mapping[str, object], titles: Sequence[str] | None = None
) -> dict[str, Any]:
    """Write the files of a dataset; none is there under its name before all of them are written.

    Args:
        prefix: a directory, which must exist, and a name, such as `Data/mydata`.
        prepared: what to write.
        source: tells where the log came from, for the JSON file.
        titles: of the items; without them those of the dataset that the ids are from, if it has some.

    Returns:
        What the JSON file says.
    """
    report = {"source": dict(source), **prepared.report()}
    split = prepared.split
    parts = Parts(
        Interactions.of(prepared.train),
        Interactions.of(prepared.test),
        lambda: [split.negatives],
        Interactions.of(prepared.cold),
        _marked(prepared.train, split.is_validation),
        Interactions.of(prepared.waiting),
    )
    features = (prepared.user_features, prepared.item_features)
    user_columns, item_columns = map(_columns, features)
    users = IdFile(prepared.user_ids.tolist(), None, _if_any(prepared.user_states), user_columns)
    titles = prepared.titles(None) if titles is None else titles
    items = IdFile(prepared.item_ids.tolist(), titles, _if_any(prepared.item_states), item_columns)
    follows = None if prepared.ids_from is None else prepared.ids_from.seal
    write_parts(prefix, parts, users, items, report, features, follows)
    return report


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
    cold = NONE
    if dataset.cold_users is not None:
        cold = Interactions.of(pd.DataFrame({"user": dataset.cold_users, "item": dataset.cold_items}))
    later = {
        "validation": None if marked is None else int(np.count_nonzero(marked)),
        "cold": None if dataset.cold_users is None else cold.number,
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
    parts = Parts(
        Interactions.of(train),
        Interactions.of(test),
        lambda: [dataset.test_negatives],
        cold,
        _marked(train, marked),
        NONE,
    )
    features = (dataset.user_features, dataset.item_features)
    user_columns, item_columns = map(_columns, features)
    users = IdFile(dataset.user_ids, None, dataset.user_states, user_columns)
    items = IdFile(dataset.item_ids, dataset.item_titles, dataset.item_states, item_columns)
    write_parts(prefix, parts, users, items, report, features)


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


def write_parts(
    prefix: Path,
    parts: Parts,
    users: IdFile,
    items: IdFile,
    report: dict[str, Any],
    features: "tuple[Features | None, Features | None]" = (None, None),
    follows: Seal | None = None,
) -> None:
    """Write the files that there is something for; `report` is for the JSON file.

    Nothing of a dataset that was there before may stay, above all not where somebody asked to be forgotten. So
    where rows waited, or were cold or held out for validation, and none is now, they are replaced by none; and
    encodings of features likewise.
    """
    if items.titles is not None:
        report["counts"]["items_without_title"] = sum(not title for title in items.titles)
    writers: dict[str, Callable[[Path], None]] = {}
    if users.ids is not None:
        writers[".users.csv"] = lambda file: write_ids(file, "user_id", *users)
    if items.ids is not None or items.titles is not None:
        writers[".items.csv"] = lambda file: write_ids(file, "item_id", *items)
    if any(side is not None for side in features) or kind_of(f"{prefix}{FEATURES}") is not None:
        writers[FEATURES] = lambda file: write_encodings(file, *features)
    for suffix, rows, write in (
        (WAITING, parts.waiting, _write_waiting),
        (COLD, parts.cold, _write_ratings),
        (VALIDATION, parts.validation, _write_ratings),
    ):
        if rows.number or kind_of(f"{prefix}{suffix}") is not None:
            writers[suffix] = functools.partial(write, rows=rows)
    writers |= {
        ".test.negative": lambda file: _write_negatives(file, parts.test, parts.negatives()),
        ".test.rating": lambda file: _write_ratings(file, parts.test),
        ".train.rating": lambda file: _write_ratings(file, parts.train),
    }
    write_together(prefix, writers, report, follows=follows)


def _marked(train: pd.DataFrame, marked: np.ndarray | None) -> Interactions:
    return Interactions.of(train[:0] if marked is None else train[marked])


def _write_ratings(file: Path, rows: Interactions) -> None:
    """Write user, item, rating and any timestamp."""
    with _opened(file) as stream:
        for frame in _with_numbers(rows):
            frame.to_csv(stream, sep="\t", header=False, index=False, lineterminator="\n")


def _write_waiting(file: Path, rows: Interactions) -> None:
    """Write raw ids, rating and any timestamp, under a header."""
    with _opened(file) as stream:
        for number, frame in enumerate(_with_numbers(rows)):
            named = frame.rename(columns={"user": "user_id", "item": "item_id"})
            named.to_csv(
                stream, header=number == 0, index=False, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n"
            )


def _opened(file: Path) -> TextIO:
    return file.open("w", encoding="utf-8", newline="")


def _with_numbers(rows: Interactions) -> Iterator[pd.DataFrame]:
    """Yield user, item, rating (1 where the log has none) and any timestamp (a date in Unix seconds).

    Numbers are written as whole ones where all of their column are.
    """
    shortened = {"rating": True, "timestamp": True}
    for frame in rows.frames():
        for role, numbers in _numbers(frame).items():
            shortened[role] = shortened[role] and _are_whole(numbers)
    for frame in rows.frames():
        columns: dict[str, Any] = {"user": frame["user"], "item": frame["item"], "rating": 1}
        for role, numbers in _numbers(frame).items():
            columns[role] = (
                numbers.astype(np.int64) if shortened[role] and numbers.dtype.kind == "f" else numbers
            )
        yield pd.DataFrame(columns)


def _numbers(frame: pd.DataFrame) -> dict[str, np.ndarray]:
    numbers = {}
    if "rating" in frame:
        numbers["rating"] = frame["rating"].to_numpy()
    if "timestamp" in frame:
        numbers["timestamp"] = numbers_of_times(frame["timestamp"])
    return numbers


def _are_whole(numbers: np.ndarray) -> bool:
    """Return whether all are integers, or floats that are, so that a rating of 5 may be written `5`."""
    if numbers.dtype.kind != "f":
        return True
    return bool((numbers == np.trunc(numbers)).all() and (np.abs(numbers) < 2**53).all())


def _if_any(states: np.ndarray) -> np.ndarray | None:
    return states if states.any() else None


def _columns(features: "Features | None") -> "dict[str, Sequence[str]] | None":
    return None if features is None else features.cells()


def _write_negatives(file: Path, rows: Interactions, negatives: Iterable[np.ndarray]) -> None:
    with _opened(file) as stream:
        for test, drawn in zip(rows.frames(), negatives, strict=True):
            pairs = [f"({user},{item})" for user, item in zip(test["user"], test["item"], strict=True)]
            frame = pd.DataFrame(drawn)
            frame.insert(0, "pair", pairs)
            frame.to_csv(stream, sep="\t", header=False, index=False, quoting=3, lineterminator="\n")
