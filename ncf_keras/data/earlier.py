"""A dataset that another one goes on from: users and items keep their indices in the next, see `prepare`."""

import contextlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ncf_keras.base.errors import InputError
from ncf_keras.base.inputs import kind_of
from ncf_keras.base.terminal import LONGEST_SHOWN
from ncf_keras.data.csv_rows import csv_rows
from ncf_keras.data.dataset_files import (
    COLD,
    FEATURES,
    WAITING,
    dataset_prefix,
    has_lines,
    prepared_paths,
    read_ratings,
)
from ncf_keras.data.earlier_ids import sizes_in
from ncf_keras.data.feature_file import read_columns, read_encodings
from ncf_keras.data.features import Features
from ncf_keras.data.held_files import held_together
from ncf_keras.data.id_files import any_ids, require_active
from ncf_keras.data.prepare import PrepareOptions
from ncf_keras.data.reading import Cost
from ncf_keras.data.sealed_files import Seal, finish_replacing, report_in, seal_of
from ncf_keras.data.states import FORGOTTEN, INACTIVE, checked_states
from ncf_keras.data.tidy_log import TidyLog, tidy_log
from ncf_keras.data.tidy_times import times_together

# What reading took of memory, measured: of a file of 593,395 lines.
WAITING_COST = Cost(row=500, byte=2)
WAITING_COLUMNS = ["user_id", "item_id", "rating", "timestamp"]


@dataclass(frozen=True)
class EarlierDataset:
    """What a dataset that `ncf prepare` wrote says of its users, items and interactions.

    Attributes:
        name: of the dataset.
        user_ids, item_ids: raw id of each index, str, all different.
        user_states, item_states: uint8, see `states.py`.
        titles: of each item, empty where there is none; None where no item has one.
        options: how it was prepared.
        sizes: numbers of users and items that the dataset has had, the present ones last.
        frame: the interactions: columns `user` and `item`, int32, `rating`, float64 (1 where there were none),
            and any `timestamp`, int64, uint64 or float64; the train rows, the test rows, then the cold ones.
        num_train: number of the train rows.
        waiting: rows that smallest numbers of interactions took out, with the columns of `frame` but indices
            into its own ids. None where there are none.
        seal: tells whether the dataset has changed since; None of one that was not read.
        num_cold: number of the cold rows.
        user_features, item_features: a row a user or an item; None where there are none.
    """

    name: str
    user_ids: np.ndarray = field(repr=False)
    item_ids: np.ndarray = field(repr=False)
    user_states: np.ndarray = field(repr=False)
    item_states: np.ndarray = field(repr=False)
    titles: Sequence[str] | None = field(repr=False)
    options: PrepareOptions
    sizes: Sequence[tuple[int, int]]
    frame: pd.DataFrame = field(repr=False)
    num_train: int
    waiting: TidyLog | None = field(repr=False)
    seal: Seal | None = field(default=None, repr=False)
    num_cold: int = 0
    user_features: Features | None = field(default=None, repr=False)
    item_features: Features | None = field(default=None, repr=False)


def read_earlier(path: str | os.PathLike, name: str) -> EarlierDataset:
    """Read a dataset that `ncf prepare` wrote, to go on from; `path` and `name` are as of `read_dataset`.

    Where a command was killed while it gave the files their names, the rest get theirs first.

    Raises:
        InputError: a file is missing, breaks the format or is not the one that the JSON file describes, or
            there are no raw ids, or no options.
    """
    prefix = Path(dataset_prefix(path, name))
    paths = prepared_paths(prefix)
    finish_replacing(prefix, paths)
    # Before anything is read, so that what is changed while it is read is told too.
    seal = seal_of(prefix)
    with held_together(paths):
        return _read_earlier(paths, name, seal)


def require_prepared(path: str | os.PathLike, name: str) -> None:
    """Raise InputError unless there is the JSON file of such a dataset; reading it looks at the rest."""
    _report_of(prepared_paths(Path(dataset_prefix(path, name)))[".json"])


def _report_of(file: Path) -> dict[str, Any]:
    report = report_in(file)
    if report is None or "options" not in report:
        found = "no such file" if kind_of(file) is None else "one without options"
        raise InputError(
            f"{file} must be of a dataset that `ncf prepare` wrote, so that its ids can be kept. "
            f"Received: {found}"
        )
    return report


def _read_earlier(paths: Mapping[str, Path], name: str, seal: Seal | None) -> EarlierDataset:
    report = _report_of(paths[".json"])
    files = [
        paths[".train.rating"],
        paths[".test.rating"],
        *(file for file in [paths[COLD]] if has_lines(file)),
    ]
    parts = [read_ratings(file, exact_times=True) for file in files]
    users, items, ratings, times = zip(*parts, strict=True)
    columns: dict[str, Any] = {
        "user": np.concatenate(users).astype(np.int32),
        "item": np.concatenate(items).astype(np.int32),
        "rating": np.concatenate(ratings),
    }
    if all(part is not None for part in times):
        columns["timestamp"] = times_together(times)
    frame = pd.DataFrame(columns, copy=False)
    # Cold ones, behind them, may be of users and items of any state.
    active = frame[: len(users[0]) + len(users[1])]
    users_file, items_file = paths[".users.csv"], paths[".items.csv"]
    user_ids, _, user_states, user_columns = _ids(users_file, "user_id", frame, active, FORGOTTEN)
    item_ids, titles, item_states, item_columns = _ids(items_file, "item_id", frame, active, INACTIVE)
    encodings = read_encodings(paths[FEATURES])
    has_waiting = WAITING in report.get("files", {})
    return EarlierDataset(
        name=name,
        user_ids=user_ids,
        item_ids=item_ids,
        user_states=user_states,
        item_states=item_states,
        titles=titles,
        options=_options(paths[".json"], report["options"]),
        sizes=sizes_in(paths[".json"], (len(user_ids), len(item_ids))),
        frame=frame,
        num_train=len(users[0]),
        waiting=_read_waiting(paths[WAITING]) if has_waiting else None,
        seal=seal,
        num_cold=len(frame) - len(active),
        user_features=read_columns(users_file, user_columns, encodings, paths[FEATURES]),
        item_features=read_columns(items_file, item_columns, encodings, paths[FEATURES]),
    )


def _ids(
    file: Path, column: str, frame: pd.DataFrame, active: pd.DataFrame, highest: int
) -> tuple[np.ndarray, Sequence[str] | None, np.ndarray, Mapping[str, Sequence[str]] | None]:
    """Return raw ids, all different, any titles, states, of which `active` rows must have none, and columns."""
    side = column.removesuffix("_id")
    found = any_ids(file, column, 1 + int(frame[side].max()))
    if found.ids is None:
        raise InputError(f"{file} must hold the raw ids, which are to keep their indices. Received: none")
    if "" in found.ids or len(set(found.ids)) < len(found.ids):
        received = "an empty one" if "" in found.ids else "one that comes twice"
        raise InputError(f"{file} must have a raw id of its own for each index. Received: {received}")
    given = np.zeros(len(found.ids), np.uint8) if found.states is None else found.states
    states = checked_states(given, len(found.ids), highest, f"{side}_states")
    require_active(file, states, active[side].to_numpy())
    return np.array(found.ids, dtype=object), found.titles, states, found.columns


def _options(file: Path, said: Any) -> PrepareOptions:
    try:
        return PrepareOptions(**said)
    except (TypeError, InputError):
        raise InputError(
            f"{file} must have the options that `ncf prepare` wrote. Received: {str(said)[:LONGEST_SHOWN]}"
        ) from None


def _read_waiting(file: Path) -> TidyLog | None:
    """Read what `dataset_writing.py` writes; None where no row waits."""
    with contextlib.closing(csv_rows(file, WAITING_COST)) as lines:
        _, names = next(lines)
        if names not in (WAITING_COLUMNS, WAITING_COLUMNS[:3]):
            raise InputError(
                f"{file}, line 1 must be {','.join(WAITING_COLUMNS)}, or without the last. "
                f"Received: {','.join(names)[:LONGEST_SHOWN]!r}"
            )
        rows = [row for _, row in lines]
    if not rows:
        return None
    roles = [name.removesuffix("_id") for name in names]
    columns = {
        role: pd.Series(texts, dtype=object) for role, texts in zip(roles, zip(*rows, strict=True), strict=True)
    }
    return tidy_log(columns, lambda row: f"{file}, row {row + 1}")
