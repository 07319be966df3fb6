"""A raw log, read some rows at a time into a file of tidy rows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from ncf_keras.data.cleaning import is_positive
from ncf_keras.data.joining import Numbering
from ncf_keras.data.large.budget import Budget
from ncf_keras.data.large.row_file import RowFile
from ncf_keras.data.logs.log import Log
from ncf_keras.data.logs.text_chunks import ReadAsTexts
from ncf_keras.data.tidy_log import looks_like_time, tidy_log


@dataclass(frozen=True)
class LoadedLog:
    """A log whose complete rows with positive ratings are in a file.

    Attributes:
        rows_on_disk: users and items are int32 indices into the ids.
        user_ids, item_ids, rows, missing, suspects, rating_like_time: as of a TidyLog.
        user_counts: how many rows on disk each user has: int64, shape (users,).
        low_ratings: how many complete rows are not on disk, for their rating.
        has_ratings, has_times: whether the log has them.
    """

    rows_on_disk: RowFile = field(repr=False)
    user_ids: np.ndarray = field(repr=False)
    item_ids: np.ndarray = field(repr=False)
    rows: int
    missing: Mapping[str, int]
    suspects: Mapping[str, Mapping[str, int]]
    rating_like_time: float | None
    user_counts: np.ndarray = field(repr=False)
    low_ratings: int
    has_ratings: bool
    has_times: bool


def load(
    log: Log,
    rows: RowFile,
    least_rating: float | None,
    budget: Budget,
    on_read: Callable[[int], None] = lambda position: None,
) -> LoadedLog:
    """Read a log into a file, which gets the complete rows with positive ratings in the order of the log.

    Args:
        log: text or Parquet.
        rows: an empty file.
        least_rating: as of `PrepareOptions.min_rating`.
        budget: of memory.
        on_read: told how many bytes of the log have been read.

    Raises:
        InputError: as `Log.read`, or nothing is left, or ids take too much memory.
    """
    loader = _Loader(log, rows, least_rating, budget)
    whole, read = _Tally(), 0
    for part, file in enumerate(log.files):

        def tell(position: int, before: int = read) -> None:
            on_read(before + position)

        whole.add(loader.part(part, tell))
        read += file.path.stat().st_size
        on_read(read)
    if not whole.complete:
        raise log.without_rows(whole.missing)
    like_time = whole.like_time / whole.complete > 0.5
    return LoadedLog(
        rows_on_disk=rows,
        user_ids=loader.users.ids(),
        item_ids=loader.items.ids(),
        rows=whole.rows,
        missing=whole.missing,
        suspects=whole.suspects,
        rating_like_time=whole.first_rating if like_time else None,
        user_counts=np.concatenate(
            [
                whole.user_counts,
                np.zeros(len(loader.users) - len(whole.user_counts), np.int64),
            ]
        ),
        low_ratings=whole.complete - rows.rows,
        has_ratings="rating" in log.layouts[0].positions,
        has_times="timestamp" in log.layouts[0].positions,
    )


class _Tally:
    """What was counted of some rows; attributes as of a LoadedLog.

    Attributes:
        complete: how many rows are complete.
        like_time: how many of these have a rating that looks like a time.
        first_rating: the rating of the first of them.
    """

    def __init__(self) -> None:
        self.rows = self.complete = self.like_time = 0
        self.missing: dict[str, int] = {}
        self.suspects: dict[str, dict[str, int]] = {"user": {}, "item": {}}
        self.first_rating: float | None = None
        self.user_counts = np.zeros(0, np.int64)

    def add(self, more: "_Tally") -> None:
        """Count the rows of another behind these."""
        self.rows += more.rows
        self.complete += more.complete
        self.like_time += more.like_time
        _add(self.missing, more.missing)
        for role, counts in self.suspects.items():
            _add(counts, more.suspects[role])
        self.first_rating = more.first_rating if self.first_rating is None else self.first_rating
        self.add_users(more.user_counts)

    def add_users(self, counts: np.ndarray) -> None:
        """Count rows of users on disk, as of `user_counts`."""
        longer, shorter = sorted((self.user_counts, counts), key=len, reverse=True)
        self.user_counts = longer.copy()
        self.user_counts[: len(shorter)] += shorter


def _add(counts: dict[str, int], more: Mapping[str, int]) -> None:
    for name, number in more.items():
        counts[name] = counts.get(name, 0) + number


class _Loader:
    """Appends the rows of one file of a log after another."""

    def __init__(self, log: Log, rows: RowFile, least_rating: float | None, budget: Budget):
        self._log, self._rows, self._least_rating, self._budget = log, rows, least_rating, budget
        self.users, self.items = Numbering(()), Numbering(())
        self._are_dates: bool | None = None
        self._characters = 0

    def part(self, part: int, tell: Callable[[int], None]) -> _Tally:
        """Append the rows of a file, from its beginning again where a later row shows how they must be read."""
        before, were_dates = self._rows.rows, self._are_dates
        as_texts: frozenset[str] = frozenset()
        while True:
            tally = _Tally()
            try:
                for series in self._log.chunks_of(part, as_texts, self._budget.chunk, tell):
                    self._append(part, series, tally)
                return tally
            except ReadAsTexts as column:
                # The ids of before come in the same order again.
                as_texts |= {column.role}
                self._rows.cut(before)
                self._are_dates = were_dates

    def _indices(self, numbering: Numbering, ids: np.ndarray) -> np.ndarray:
        """Return the index of each id of some rows, none twice, and count the characters of the new ones."""
        known = len(numbering)
        indices = numbering.of(ids)
        self._characters += sum(len(ids[place]) for place in np.flatnonzero(indices >= known))
        return indices

    def _append(self, part: int, series: Mapping[str, pd.Series], tally: _Tally) -> None:
        begin, options = tally.rows, self._log.options
        log = tidy_log(
            series,
            lambda row: self._log.place_in(part, begin + row),
            None,
            options.missing,
            options.time_format,
            self._are_dates,
        )
        self._are_dates = log.are_dates if self._are_dates is None else self._are_dates
        users, items = self._indices(self.users, log.user_ids), self._indices(self.items, log.item_ids)
        self._budget.require_room_for_ids(len(self.users), len(self.items), self._characters)
        columns = {str(role): log.frame[role].to_numpy() for role in log.frame}
        columns |= {"user": users[columns["user"]], "item": items[columns["item"]]}
        tally.rows += log.rows
        tally.complete += len(log.frame)
        _add(tally.missing, log.missing)
        for role, counts in tally.suspects.items():
            _add(counts, log.suspects[role])
        if "rating" in columns and len(log.frame):
            ratings = columns["rating"]
            tally.like_time += int(np.count_nonzero(looks_like_time(ratings)))
            tally.first_rating = float(ratings[0]) if tally.first_rating is None else tally.first_rating
            positive = is_positive(ratings, self._least_rating)
            columns = {role: values[positive] for role, values in columns.items()}
        if len(columns["user"]):
            self._rows.append(columns)
            tally.add_users(np.bincount(columns["user"]))
