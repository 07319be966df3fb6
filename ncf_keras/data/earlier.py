"""A dataset of before, whose users and items keep their indices in the next one: see `prepare`."""

import csv
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ncf_keras.base.errors import InputError
from ncf_keras.base.inputs import kind_of, unreadable
from ncf_keras.base.terminal import LONGEST_SHOWN
from ncf_keras.data.dataset import INDEX_LIMIT
from ncf_keras.data.dataset_files import WAITING, dataset_prefix, prepared_paths, read_ratings
from ncf_keras.data.id_files import IdFile, read_ids
from ncf_keras.data.joining import times_together
from ncf_keras.data.prepare import PrepareOptions
from ncf_keras.data.reading import Cost, open_text
from ncf_keras.data.sealed_files import finish_replacing, held_together, report_in
from ncf_keras.data.states import ACTIVE, FORGOTTEN, INACTIVE, checked_states
from ncf_keras.data.tidy_log import TidyLog, tidy_log

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
            and any `timestamp`, int64, uint64 or float64; the train rows, then the test rows.
        num_train: number of the train rows.
        waiting: rows that smallest numbers of interactions took out, with the columns of `frame` but indices
            into its own ids. None where there are none.
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
    with held_together(paths):
        return _read_earlier(paths, name)


def _read_earlier(paths: Mapping[str, Path], name: str) -> EarlierDataset:
    report = report_in(paths[".json"])
    if report is None or "options" not in report:
        found = "no such file" if kind_of(paths[".json"]) is None else "one without options"
        raise InputError(
            f"{paths['.json']} must be of a dataset that `ncf prepare` wrote, so that its ids can be kept. "
            f"Received: {found}"
        )
    parts = [read_ratings(paths[suffix], exact_times=True) for suffix in (".train.rating", ".test.rating")]
    users, items, ratings, times = zip(*parts, strict=True)
    columns: dict[str, Any] = {
        "user": np.concatenate(users).astype(np.int32),
        "item": np.concatenate(items).astype(np.int32),
        "rating": np.concatenate(ratings),
    }
    if all(part is not None for part in times):
        columns["timestamp"] = times_together(times)
    frame = pd.DataFrame(columns, copy=False)
    user_ids, _, user_states = _ids(paths[".users.csv"], "user_id", frame["user"].to_numpy(), FORGOTTEN)
    item_ids, titles, item_states = _ids(paths[".items.csv"], "item_id", frame["item"].to_numpy(), INACTIVE)
    present = (len(user_ids), len(item_ids))
    has_waiting = WAITING in report.get("files", {})
    return EarlierDataset(
        name=name,
        user_ids=user_ids,
        item_ids=item_ids,
        user_states=user_states,
        item_states=item_states,
        titles=titles,
        options=_options(paths[".json"], report["options"]),
        sizes=checked_sizes(paths[".json"], report.get("sizes", [list(present)]), present),
        frame=frame,
        num_train=len(users[0]),
        waiting=_read_waiting(paths[WAITING]) if has_waiting else None,
    )


def _ids(
    file: Path, column: str, indices: np.ndarray, highest: int
) -> tuple[np.ndarray, Sequence[str] | None, np.ndarray]:
    """Return raw ids, all different, any titles, and states."""
    found = IdFile(None, None, None)
    if kind_of(file) is not None:
        found = read_ids(file, column, 1 + int(indices.max()))
    if found.ids is None:
        raise InputError(f"{file} must hold the raw ids, which are to keep their indices. Received: none")
    if "" in found.ids or len(set(found.ids)) < len(found.ids):
        received = "an empty one" if "" in found.ids else "one that comes twice"
        raise InputError(f"{file} must have a raw id of its own for each index. Received: {received}")
    given = np.zeros(len(found.ids), np.uint8) if found.states is None else found.states
    states = checked_states(given, len(found.ids), highest, f"{column.removesuffix('_id')}_states")
    wrong = indices[states[indices] != ACTIVE]
    if wrong.size:
        raise InputError(
            f"{file} must have no state where there are interactions. Received: one for the index {wrong[0]}, "
            "which has some"
        )
    return np.array(found.ids, dtype=object), found.titles, states


def _options(file: Path, said: Any) -> PrepareOptions:
    try:
        return PrepareOptions(**said)
    except (TypeError, InputError):
        raise InputError(
            f"{file} must have the options that `ncf prepare` wrote. Received: {str(said)[:LONGEST_SHOWN]}"
        ) from None


def checked_sizes(file: Path, said: Any, present: tuple[int, int]) -> list[tuple[int, int]]:
    """Return the sizes that a JSON file says a dataset has had; InputError if they are none."""

    def is_size(pair: Any) -> bool:
        is_pair = isinstance(pair, list) and len(pair) == 2
        return is_pair and all(type(size) is int and 0 < size <= INDEX_LIMIT for size in pair)

    if not (isinstance(said, list) and said and all(map(is_size, said)) and tuple(said[-1]) == present):
        raise InputError(
            f"{file} must have the sizes that `ncf prepare` wrote, {present[0]} and {present[1]} the last. "
            f"Received: {str(said)[:LONGEST_SHOWN]}"
        )
    return [(users, items) for users, items in said]


def _read_waiting(file: Path) -> TidyLog | None:
    """Read what `dataset_writing.py` writes; None where no row waits."""
    rows: list[list[str]] = []
    try:
        with open_text(file, cost=WAITING_COST, may_be_packed=False) as text:
            reader = csv.reader(text)
            names = next(reader, [])
            if names not in (WAITING_COLUMNS, WAITING_COLUMNS[:3]):
                raise InputError(
                    f"{file}, line 1 must be {','.join(WAITING_COLUMNS)}, or without the last. "
                    f"Received: {','.join(names)[:LONGEST_SHOWN]!r}"
                )
            for row in filter(None, reader):
                if len(row) != len(names):
                    raise InputError(
                        f"{file}, line {reader.line_num} must have {len(names)} columns. Received: {len(row)}"
                    )
                rows.append(row)
    except (csv.Error, UnicodeError) as error:
        raise InputError(f"{file} must be a CSV file in UTF-8. Received: {error}") from None
    except OSError as error:
        raise unreadable(file, error) from None
    if not rows:
        return None
    roles = [name.removesuffix("_id") for name in names]
    columns = {
        role: pd.Series(texts, dtype=object) for role, texts in zip(roles, zip(*rows, strict=True), strict=True)
    }
    return tidy_log(columns, lambda row: f"{file}, row {row + 1}")
