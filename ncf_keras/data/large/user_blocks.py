"""Rows of a log by blocks of users, on disk."""

from typing import BinaryIO

import numpy as np

from ncf_keras.base.errors import InputError
from ncf_keras.base.memory import in_words
from ncf_keras.data.large.row_file import RowFile, names_of, read_records, write_records
from ncf_keras.data.negatives import BYTES_OF_NEGATIVE

# Of a row while its block is cleaned and split. Measured: 120.
BYTES_OF_ROW = 200


class UserBlocks:
    """The rows of some users after those of others; within a block they are in the order of the log.

    Args:
        stream: an empty file, opened to write and to read.
        rows: all rows.
        ends: where the users of each block end, ascending, the last at the number of users.
        user_counts: how many rows each user has: int64, shape (users,).
        rows_at_once: how many rows may be in memory while they are put into blocks.

    Attributes:
        users: the users of each block, as a slice.
    """

    def __init__(
        self, stream: BinaryIO, rows: RowFile, ends: np.ndarray, user_counts: np.ndarray, rows_at_once: int
    ):
        begins = np.append(0, ends[:-1])
        self.users = [slice(begin, end) for begin, end in zip(begins.tolist(), ends.tolist(), strict=True)]
        self._stream = stream
        self._dtype = np.dtype([*((role, rows.dtype[role]) for role in names_of(rows.dtype)), ("row", "i8")])
        self._starts = np.append(0, np.cumsum(user_counts))[begins]
        self._counts = np.zeros(len(self.users), np.int64)
        for place, records in rows.blocks(rows_at_once):
            self._put(records, place, ends)

    @property
    def has_times(self) -> bool:
        """Whether rows have timestamps."""
        return "timestamp" in names_of(self._dtype)

    def read(self, block: int) -> np.ndarray:
        """Return the records of a block: those of the rows, with `row`, their place in the log."""
        begin = int(self._starts[block])
        return read_records(self._stream, begin, begin + int(self._counts[block]), self._dtype)

    def keep(self, block: int, records: np.ndarray) -> None:
        """Keep these records of a block alone."""
        self._counts[block] = 0
        self._append(block, records)

    def _put(self, records: np.ndarray, place: int, ends: np.ndarray) -> None:
        numbered = np.empty(len(records), self._dtype)
        for role in names_of(records.dtype):
            numbered[role] = records[role]
        numbered["row"] = np.arange(place, place + len(records))
        blocks = np.searchsorted(ends, records["user"], side="right")
        numbered = numbered[np.argsort(blocks, kind="stable")]
        bounds = np.append(0, np.cumsum(np.bincount(blocks, minlength=len(self.users))))
        for block in np.unique(blocks).tolist():
            self._append(block, numbered[bounds[block] : bounds[block + 1]])

    def _append(self, block: int, records: np.ndarray) -> None:
        write_records(self._stream, int(self._starts[block] + self._counts[block]), records)
        self._counts[block] += len(records)


def block_ends(user_counts: np.ndarray, negatives: int, bytes_of_block: int) -> np.ndarray:
    """Return where the users of each block end, so that its rows and negatives fit into memory: int64.

    Args:
        user_counts: how many rows each user has: int64, shape (users,).
        negatives: how many each may have.
        bytes_of_block: what a block may take.

    Raises:
        InputError: the rows of one user do not fit.
    """
    costs = user_counts * BYTES_OF_ROW + negatives * BYTES_OF_NEGATIVE
    if costs.max() > bytes_of_block:
        raise InputError(
            f"`memory` must have room for all rows of one user, {in_words(bytes_of_block)} at the most. "
            f"Received: about {in_words(int(costs.max()))} for {int(user_counts.max()):,} rows"
        )
    totals, ends = np.cumsum(costs), [0]
    while ends[-1] < len(costs):
        before = int(totals[ends[-1] - 1]) if ends[-1] else 0
        ends.append(int(np.searchsorted(totals, before + bytes_of_block, side="right")))
    return np.array(ends[1:], dtype=np.int64)
