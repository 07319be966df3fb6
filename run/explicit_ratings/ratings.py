"""Explicit ratings: the same logs, with the rating kept as a number to predict."""

import dataclasses
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from ncf_keras.base.errors import InputError
from ncf_keras.data.dataset_checks import require_indices
from ncf_keras.data.logs.log import Log
from ncf_keras.data.logs.options import LogOptions

# A gradient of the squared loss grows with the square of the ratings, and Adam squares it again: with larger
# ratings that leaves the numbers that a float32 can hold.
LARGEST_RATING = 1e9


@dataclass(frozen=True, eq=False)
class Ratings:
    """Ratings of items by users; all arrays are read-only.

    Attributes:
        num_users, num_items: users and items are the indices from 0.
        users, items: int32, shape (ratings,).
        values: float32, shape (ratings,), finite.
        user_ids, item_ids: raw id of each index, or None.
    """

    num_users: int
    num_items: int
    users: np.ndarray = field(repr=False)
    items: np.ndarray = field(repr=False)
    values: np.ndarray = field(repr=False)
    user_ids: Sequence[str] | None = field(default=None, repr=False)
    item_ids: Sequence[str] | None = field(default=None, repr=False)

    def __post_init__(self):
        if not len(self.users) == len(self.items) == len(self.values):
            raise InputError(
                "`users`, `items` and `values` must be of one length. "
                f"Received: {len(self.users)}, {len(self.items)} and {len(self.values)}"
            )
        require_indices(self.users, self.num_users, "users")
        require_indices(self.items, self.num_items, "items")
        if not np.isfinite(self.values).all():
            raise InputError("`values` must be finite numbers. Received: one that is not")
        for array in (self.users, self.items, self.values):
            array.setflags(write=False)

    def __len__(self) -> int:
        return len(self.values)

    def part(self, places: np.ndarray) -> "Ratings":
        """Return the ratings at some places, of the same users and items."""
        return dataclasses.replace(
            self, users=self.users[places], items=self.items[places], values=self.values[places]
        )


def read_ratings(
    file: str | os.PathLike,
    options: LogOptions | None = None,
    on_read: Callable[[int], None] = lambda position: None,
) -> Ratings:
    """Read a raw log of ratings; `options` say how, as for `ncf prepare`.

    Raises:
        InputError: the file can't be understood, it has no ratings, or one of them is not between
            -`LARGEST_RATING` and `LARGEST_RATING`.
    """
    opened = Log.of(file, dataclasses.replace(options or LogOptions(), no_timestamps=True))
    log = opened.read(on_read, largest_rating=LARGEST_RATING)
    if "rating" not in log.frame:
        raise InputError(
            f"`rating` must name the column of {file} that has the ratings. "
            f"Received: a file with {opened.layouts[0].width} columns, none of them known as ratings"
        )
    return Ratings(
        len(log.user_ids),
        len(log.item_ids),
        log.frame["user"].to_numpy(np.int32),
        log.frame["item"].to_numpy(np.int32),
        log.frame["rating"].to_numpy(np.float32),
        list(log.user_ids),
        list(log.item_ids),
    )


def split_ratings(ratings: Ratings, share: float, seed: int) -> tuple[Ratings, Ratings]:
    """Draw a share of the ratings; return the rest and that share, both in their order, none of them empty.

    Raises:
        InputError: the share is out of range, or there are fewer than two ratings.
    """
    if not 0 < share < 1:
        raise InputError(f"`share` must be above 0 and below 1. Received: {share!r}")
    if len(ratings) < 2:
        raise InputError(f"The ratings to split must be at least two. Received: {len(ratings)}")
    count = min(max(round(share * len(ratings)), 1), len(ratings) - 1)
    drawn = np.zeros(len(ratings), dtype=bool)
    drawn[np.random.default_rng(seed).choice(len(ratings), count, replace=False)] = True
    return ratings.part(np.flatnonzero(~drawn)), ratings.part(np.flatnonzero(drawn))
