"""Rows on disk without repeats and without rare users and items, as `prepare` cleans a log in memory."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ncf_keras.data.cleaning import (
    nothing_left,
    one_of_each_pair,
    reason_of_rare,
    reason_of_rating,
    reason_of_repeats,
)
from ncf_keras.data.large.loading import LoadedLog
from ncf_keras.data.large.row_file import frame_of
from ncf_keras.data.large.row_marks import RowMarks
from ncf_keras.data.large.user_blocks import UserBlocks

if TYPE_CHECKING:
    from ncf_keras.data.prepare import PrepareOptions

# What becomes of a row: nothing where it is dropped or held out.
TRAIN, WAITING = 1, 2


class Cleaned(NamedTuple):
    """What is left of a log.

    Attributes:
        user_counts, item_counts: how many rows each user and item has left: int64.
        dropped: number of rows that were dropped, by reason.
        waiting: how many of these were of rare users and items.
    """

    user_counts: np.ndarray
    item_counts: np.ndarray
    dropped: dict[str, int]
    waiting: int


def clean(log: LoadedLog, blocks: UserBlocks, marks: RowMarks, options: "PrepareOptions") -> Cleaned:
    """Keep in the blocks what is neither a repeat nor rare, and mark the rare rows, which wait for others.

    Raises:
        InputError: nothing is left.
    """
    dropped = dropped_before(log, options)
    user_counts, item_counts = np.zeros(len(log.user_ids), np.int64), np.zeros(len(log.item_ids), np.int64)
    for block, users in enumerate(blocks.users):
        records = blocks.read(block)
        frame = frame_of(records, user=records["user"] - users.start)
        kept = records[one_of_each_pair(frame, len(log.item_ids), options.keep)]
        blocks.keep(block, kept)
        _count(kept, users, user_counts, item_counts)
    left = int(user_counts.sum())
    dropped[reason_of_repeats(options.keep)] = log.rows_on_disk.rows - left
    least = (options.min_user_interactions, options.min_item_interactions)
    while _has_rare(user_counts, least[0]) or _has_rare(item_counts, least[1]):
        for block, users in enumerate(blocks.users):
            records = blocks.read(block)
            stays = user_counts[records["user"]] >= least[0]
            stays &= item_counts[records["item"]] >= least[1]
            if not stays.all():
                marks.mark(records["row"][~stays], WAITING)
                _count(records[~stays], users, user_counts, item_counts, -1)
                blocks.keep(block, records[stays])
    waiting = left - int(user_counts.sum())
    dropped[reason_of_rare(*least)] = waiting
    if waiting == left:
        raise nothing_left(dropped)
    return Cleaned(user_counts, item_counts, dropped, waiting)


def dropped_before(log: LoadedLog, options: "PrepareOptions") -> dict[str, int]:
    """Return how many rows are not on disk, by reason; InputError if none is there."""
    dropped = {f"no {role}": count for role, count in log.missing.items()}
    dropped[reason_of_rating(options.min_rating)] = log.low_ratings
    if not log.rows_on_disk.rows:
        raise nothing_left(dropped)
    return dropped


def _has_rare(counts: np.ndarray, least: int) -> bool:
    return bool(((counts > 0) & (counts < least)).any())


def _count(
    records: np.ndarray, users: slice, user_counts: np.ndarray, item_counts: np.ndarray, sign: int = 1
) -> None:
    """Add the rows of a block to the counts, or take them away."""
    of_block = np.bincount(records["user"] - users.start, minlength=users.stop - users.start)
    user_counts[users] += sign * of_block
    of_items = np.bincount(records["item"])
    item_counts[: len(of_items)] += sign * of_items
