"""The rows that a dataset is made of, with those of an earlier one, in indices that keep their raw ids."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from ncf_keras.base.errors import InputError
from ncf_keras.base.ids import id_text
from ncf_keras.base.memory import require_memory
from ncf_keras.data.states import ACTIVE, FORGOTTEN, INACTIVE
from ncf_keras.data.tidy_log import TidyLog, number_behind, renumber
from ncf_keras.data.tidy_times import numbers_of_times, times_together

if TYPE_CHECKING:
    from ncf_keras.data.earlier import EarlierDataset

# Seconds since 1970, in 1973: what is far below is not in seconds.
LIKE_UNIX_TIME = 1e8
# Milliseconds are a thousand times as many; one log in seconds is not thirty times as old as another.
OTHER_UNIT = 30
# What joining and splitting took of memory, measured: of 2 million interactions.
BYTES_OF_ROW = 60


class Numbered(NamedTuple):
    """Rows in their final indices: raw id and state of each index, active where it has a row."""

    frame: pd.DataFrame
    user_ids: np.ndarray
    item_ids: np.ndarray
    user_states: np.ndarray
    item_states: np.ndarray


@dataclass(frozen=True)
class Rows:
    """Rows to clean and split.

    Attributes:
        frame: as of a TidyLog.
        user_ids, item_ids: raw id of each index; those of an earlier dataset are the first.
        known_users, known_items: how many are of an earlier dataset, whose indices stay; 0 without one.
        forgotten: indices of the forgotten users, each once, int32.
        unknown: how many users were to be forgotten of whom nothing is known.
        rows: number of rows, with those that were incomplete.
        missing: as of a TidyLog.
    """

    frame: pd.DataFrame = field(repr=False)
    user_ids: np.ndarray = field(repr=False)
    item_ids: np.ndarray = field(repr=False)
    known_users: int
    known_items: int
    forgotten: np.ndarray = field(repr=False)
    unknown: int
    rows: int
    missing: Mapping[str, int]

    def is_forgotten(self) -> np.ndarray:
        """Return of each row of `frame` whether it is of a user who is forgotten."""
        forgotten = np.zeros(len(self.user_ids), dtype=bool)
        forgotten[self.forgotten] = True
        return forgotten[self.frame["user"].to_numpy()]

    def numbered(self, frame: pd.DataFrame) -> Numbered:
        """Number the users and items of the rows that are left, and keep the forgotten ones."""
        users, items = frame["user"].to_numpy(), frame["item"].to_numpy()
        if not self.known_users:
            users, user_ids = renumber(users, self.user_ids)
            items, item_ids = renumber(items, self.item_ids)
            user_states, item_states = _states(users, user_ids), _states(items, item_ids)
        else:
            new = self.forgotten[self.forgotten >= self.known_users]
            users, was_user = number_behind(users, self.known_users, new)
            items, was_item = number_behind(items, self.known_items, new[:0])
            user_ids, item_ids = self.user_ids[was_user], self.item_ids[was_item]
            user_states, item_states = _states(users, user_ids), _states(items, item_ids)
            user_states[np.isin(was_user, self.forgotten)] = FORGOTTEN
        return Numbered(frame.assign(user=users, item=items), user_ids, item_ids, user_states, item_states)


class Numbering:
    """Indices of raw ids: those of the known ones, and behind them others as they come.

    Args:
        known: raw id of each index, all different.
    """

    def __init__(self, known: Iterable[str]):
        self._index = {raw_id: index for index, raw_id in enumerate(known)}

    def of(self, ids: Iterable[str]) -> np.ndarray:
        """Return the index of each id, int32; one that is new gets the next."""
        index = self._index
        return np.array([index.setdefault(raw_id, len(index)) for raw_id in ids], dtype=np.int32)

    def found(self, ids: Iterable[str]) -> np.ndarray:
        """Return the indices, int32, of those ids that have one."""
        return np.array([self._index[raw_id] for raw_id in ids if raw_id in self._index], dtype=np.int32)

    def __len__(self) -> int:
        return len(self._index)

    def ids(self) -> np.ndarray:
        """Return the raw id of each index."""
        return np.array(list(self._index), dtype=object)


def joined(log: TidyLog | None, earlier: "EarlierDataset | None", append: bool, forget: Sequence[str]) -> Rows:
    """Return the rows of a log, and with `append` those of an earlier dataset before them: see `prepare`.

    Appended dates become whole seconds, as the files have them.
    """
    if earlier is None:
        if append or len(forget):
            argument = "append" if append else "forget"
            raise InputError(f"`{argument}` must come with an earlier dataset (`ids_from`). Received: none")
        assert log is not None
        none = np.zeros(0, np.int32)
        return Rows(log.frame, log.user_ids, log.item_ids, 0, 0, none, 0, log.rows, log.missing)
    if append and log is not None:
        require_times_alike(earlier, log)
    if append:
        require_memory(BYTES_OF_ROW * len(earlier.frame), f"The interactions of {earlier.name}")
    logs = [one for one in (earlier.waiting if append else None, log) if one is not None]
    users, items = Numbering(earlier.user_ids), Numbering(earlier.item_ids)
    frames = [
        one.frame.assign(
            user=users.of(one.user_ids)[one.frame["user"].to_numpy()],
            item=items.of(one.item_ids)[one.frame["item"].to_numpy()],
        )
        for one in logs
    ]
    texts = dict.fromkeys(filter(None, (id_text(one, "forget") for one in forget)))
    asked, before = users.found(texts), np.flatnonzero(earlier.user_states == FORGOTTEN)
    return Rows(
        frame=_one_below_another([earlier.frame, *frames]) if append else frames[0],
        user_ids=users.ids(),
        item_ids=items.ids(),
        known_users=len(earlier.user_ids),
        known_items=len(earlier.item_ids),
        forgotten=np.concatenate([before, asked[~np.isin(asked, before)]]).astype(np.int32),
        unknown=len(texts) - len(asked),
        rows=sum(one.rows for one in logs) + (len(earlier.frame) if append else 0),
        missing={} if log is None else log.missing,
    )


def require_times_alike(earlier: "EarlierDataset", log: TidyLog) -> None:
    """Raise InputError unless the timestamps of a log go with those of the dataset that it is appended to."""
    had, has = "timestamp" in earlier.frame, "timestamp" in log.frame
    where = f"A log that is appended to {earlier.name}"
    if had != has:
        raise InputError(
            f"{where}, which has {'' if had else 'no '}timestamps, must have {'some' if had else 'none'} too. "
            f"Received: {'some' if has else 'none'}"
        )
    if not had or not len(log.frame):
        return
    typical = [
        float(np.median(np.abs(numbers_of_times(frame["timestamp"]).astype(float))))
        for frame in (earlier.frame, log.frame)
    ]
    if max(typical) >= max(LIKE_UNIX_TIME, OTHER_UNIT * min(typical)):
        raise InputError(
            f"{where} must have timestamps of the same unit, about {typical[0]:.3g}. "
            f"Received: some of about {typical[1]:.3g}"
        )


def _one_below_another(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return frames as one, with the columns of the first; where a log has no ratings they are 1."""
    columns: dict[str, Any] = {
        role: np.concatenate([frame[role].to_numpy() for frame in frames]) for role in ("user", "item")
    }
    columns["rating"] = np.concatenate(
        [frame["rating"].to_numpy() if "rating" in frame else np.ones(len(frame)) for frame in frames]
    )
    if "timestamp" in frames[0]:
        columns["timestamp"] = times_together([numbers_of_times(frame["timestamp"]) for frame in frames])
    return pd.DataFrame(columns, copy=False)


def _states(indices: np.ndarray, ids: np.ndarray) -> np.ndarray:
    states = np.full(len(ids), INACTIVE, dtype=np.uint8)
    states[indices] = ACTIVE
    return states
