"""Test pairs and their negatives of rows on disk, held out as `split_leave_one_out` does it in memory."""

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

import numpy as np
import pandas as pd

from ncf_keras.data.large.cleaning import TRAIN, Cleaned
from ncf_keras.data.large.row_file import frame_of, read_records, write_records
from ncf_keras.data.large.row_marks import RowMarks
from ncf_keras.data.large.user_blocks import UserBlocks
from ncf_keras.data.leave_one_out import chosen_interactions, latest_interactions, nobody_with_two
from ncf_keras.data.negatives import DrawsInBlocks, items_of_ranks, too_many_negatives

if TYPE_CHECKING:
    from ncf_keras.data.prepare import PrepareOptions


class Indices(NamedTuple):
    """The final indices of users and items.

    Attributes:
        users, items: of each of the log: int32; one without a row left has that of the one before.
        user_counts: how many rows each user that is left has: int64.
        num_items: how many items are left.
    """

    users: np.ndarray
    items: np.ndarray
    user_counts: np.ndarray
    num_items: int

    @classmethod
    def of(cls, cleaned: Cleaned) -> "Indices":
        """Close the gaps left by users and items that no longer occur, keeping the order."""
        users, items = (
            np.cumsum(counts > 0, dtype=np.int32) - 1 for counts in (cleaned.user_counts, cleaned.item_counts)
        )
        left = cleaned.user_counts[cleaned.user_counts > 0]
        return cls(users, items, left, int(items[-1]) + 1)


class HeldOutFiles:
    """Test pairs and their negatives, on disk.

    Args:
        pairs, drawn: empty files, opened to write and to read.
        negatives: how many each pair has.

    Attributes:
        number: how many test pairs there are.
    """

    def __init__(self, pairs: BinaryIO, drawn: BinaryIO, negatives: int):
        self._pairs, self._negatives = pairs, drawn
        self._of_pair = np.dtype((np.int32, (negatives,)))
        self._dtype = np.dtype([])
        self._ends: list[int] = [0]

    @property
    def number(self) -> int:  # noqa: D102
        return self._ends[-1]

    def append(self, records: np.ndarray, negatives: np.ndarray) -> None:
        """Append test pairs, records with final indices, and the negatives of each."""
        self._dtype = records.dtype
        for stream, rows in ((self._pairs, records), (self._negatives, negatives)):
            write_records(stream, self.number, rows)
        self._ends.append(self.number + len(records))

    def frames(self) -> Iterator[pd.DataFrame]:
        """Yield the test pairs, as many at a time as were appended."""
        for records in self._parts(self._pairs, self._dtype):
            yield frame_of(records)

    def negatives(self) -> Iterator[np.ndarray]:
        """Yield the negatives of the pairs in each frame: int32, shape (pairs, negatives)."""
        return self._parts(self._negatives, self._of_pair)

    def _parts(self, stream: BinaryIO, dtype: np.dtype) -> Iterator[np.ndarray]:
        for begin, end in itertools.pairwise(self._ends):
            yield read_records(stream, begin, end, dtype)


def hold_out(
    blocks: UserBlocks, indices: Indices, marks: RowMarks, options: "PrepareOptions", held_out: HeldOutFiles
) -> np.ndarray:
    """Hold out an interaction of each user who has two or more and enough items left, and mark the train rows.

    Args:
        blocks: the rows.
        indices: of users and items.
        marks: of each row.
        options: with `split="leave-one-out"`.
        held_out: gets the test pairs, by user, and their negatives.

    Returns:
        How many items each user has left who is not tested for this reason: int64.

    Raises:
        InputError: nobody can be tested.
    """
    counts, negatives = indices.user_counts, options.negatives
    generator = np.random.default_rng(options.seed)
    has_times = blocks.has_times
    chosen = None if has_times else generator.integers(0, counts)
    has_two = counts > 1
    if not has_two.any():
        raise nobody_with_two(len(counts))
    free = indices.num_items - counts
    is_tested = has_two & (free >= negatives)
    if not is_tested.any():
        raise too_many_negatives(free[has_two], negatives)
    user_ends = indices.users[[users.stop - 1 for users in blocks.users]] + 1
    ends = np.append(0, np.cumsum(is_tested))[user_ends]
    draws = DrawsInBlocks(free[is_tested], negatives, ends, generator)
    every_item = np.ones(indices.num_items, dtype=bool)
    for block, (first, last) in enumerate(itertools.pairwise([0, *user_ends.tolist()])):
        records = blocks.read(block)
        records["user"] = indices.users[records["user"]]
        records["item"] = indices.items[records["item"]]
        own = records["user"] - first
        if chosen is None:
            places = latest_interactions(own, records["timestamp"])
        else:
            places = chosen_interactions(own, chosen[first:last])
        places = places[is_tested[records["user"][places]]]
        drawn = items_of_ranks(draws.ranks(block), own, records["item"], own[places], every_item)
        held_out.append(records[places], drawn)
        marks.mark(np.delete(records["row"], places), TRAIN)
    return free[has_two & ~is_tested]
