"""Metrics of a part of the users or of the items at a time: the popular ones, newcomers, a genre.

A segment of users takes these users' rankings as they are. A segment of items takes of each user the relevant
items that are in it, with the positions that they have in the whole list, and leaves out users without any. The
list itself is not filtered, so the metrics say how well the whole list serves this part.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ncf_keras.base.errors import InputError
from ncf_keras.evaluation.metrics import Rankings, ranking_metrics
from ncf_keras.evaluation.statistics import MeanInterval, metric_intervals

# Of a column with more categories, those with the most relevant items are looked at.
MOST_SEGMENTS = 30
SIDES = ("user", "item")
NO_CATEGORY = "(none)"
THIRDS = ("lowest third", "middle third", "highest third")


@dataclass(frozen=True, eq=False)
class Segmentation:
    """Which users, or which items, are in which segments; one may be in several, or in none.

    Attributes:
        name: what tells the segments apart, such as `genre`.
        side: `user` or `item`.
        segments: their names.
        offsets: int64, shape (rows + 1,). User or item r is in the segments `codes[offsets[r]:offsets[r + 1]]`.
        codes: int32, places in `segments`.
    """

    name: str
    side: str
    segments: tuple[str, ...]
    offsets: np.ndarray
    codes: np.ndarray

    def __post_init__(self):
        if self.side not in SIDES:
            raise InputError(f"`side` must be user or item. Received: {self.side!r}")

    @classmethod
    def of_codes(cls, name: str, side: str, segments: Sequence[str], codes: np.ndarray) -> "Segmentation":
        """Make one of a single segment a row, int of shape (rows,); a code below 0 is in none."""
        offsets = np.concatenate([[0], np.cumsum(codes >= 0)])
        return cls(name, side, tuple(segments), offsets, codes[codes >= 0].astype(np.int32))

    def with_others(self, name: str = NO_CATEGORY) -> "Segmentation":
        """Return the same with all rows that are in none in a segment of that name, which may be there."""
        lengths = np.diff(self.offsets)
        if lengths.all():
            return self
        segments = self.segments if name in self.segments else (*self.segments, name)
        codes = np.insert(self.codes, self.offsets[:-1][lengths == 0], segments.index(name))
        offsets = np.concatenate([[0], np.cumsum(np.maximum(lengths, 1))])
        return Segmentation(self.name, self.side, segments, offsets, codes)


@dataclass(frozen=True)
class SegmentMetrics:
    """What one segment gave.

    Attributes:
        segment: its name.
        users: how many users' figures the means are of.
        tests: how many relevant items those have in the segment.
        metrics: by name, such as `HR@10`, the mean over the users and its interval.
    """

    segment: str
    users: int
    tests: int
    metrics: dict[str, MeanInterval]


@dataclass(frozen=True)
class SegmentTable:
    """All segments of a segmentation that have a relevant item.

    Attributes:
        name, side: those of the segmentation.
        rows: in its order.
        left_out: how many more there are, with fewer relevant items.
    """

    name: str
    side: str
    rows: tuple[SegmentMetrics, ...]
    left_out: int


def segment_metrics(
    rankings: Rankings, segmentation: Segmentation, top_ks: Sequence[int], most: int = MOST_SEGMENTS
) -> SegmentTable:
    """Return all metrics of each segment, `most` of them at the most, with bootstrap intervals over users.

    Args:
        rankings: with `items`, for segments of items.
        segmentation: has a row for each user or item that may come.
        top_ks: as of `ranking_metrics`.
        most: of more segments, those with the most relevant items count.
    """
    row_of = rankings.relevant_users if segmentation.side == "user" else rankings.items
    if row_of is None:
        raise InputError("Rankings must have `items` to be looked at by segments of items. Received: none")
    count = len(segmentation.offsets) - 1
    row_of_code = np.repeat(np.arange(count), np.diff(segmentation.offsets))
    times = np.bincount(row_of, minlength=count)
    tests = np.bincount(segmentation.codes, times[row_of_code], len(segmentation.segments))
    found = np.flatnonzero(tests)
    # Of as many relevant items, the earlier segment.
    kept = np.sort(found[np.argsort(-tests[found], kind="stable")[:most]])
    rows = []
    for code in kept:
        is_inside = np.zeros(count, bool)
        is_inside[row_of_code[segmentation.codes == code]] = True
        inside = rankings.selected(is_inside[row_of])
        assert inside is not None
        metrics = metric_intervals(ranking_metrics(inside, top_ks))
        users = len(inside.distinct_users)
        rows.append(SegmentMetrics(segmentation.segments[code], users, int(tests[code]), metrics))
    return SegmentTable(segmentation.name, segmentation.side, tuple(rows), len(found) - len(rows))


def thirds(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return 0, 1 or 2 for each row, by rising value, so that each holds about a third of all weight.

    Rows of equal value stay together: all are where the middle of their common weight falls.

    Args:
        values: numbers, shape (rows,).
        weights: numbers of at least 0, shape (rows,), at least one above.
    """
    distinct, place = np.unique(values, return_inverse=True)
    own = np.bincount(place, weights, len(distinct))
    middles = (np.cumsum(own) - own / 2) / own.sum()
    return np.minimum((middles * 3).astype(np.int64), 2)[place]


def popularity_thirds(item_counts: np.ndarray) -> Segmentation:
    """Return items by popularity: few that have a third of all train interactions, some, and the long tail.

    `item_counts` are the train interactions of each item, shape (items,), at least one above 0.
    """
    codes = thirds(item_counts, item_counts)
    return Segmentation.of_codes("popularity", "item", _named(item_counts, codes), codes)


def history_thirds(history_lengths: np.ndarray, test_users: np.ndarray) -> Segmentation:
    """Return users by the length of their history, so that each segment holds about a third of the test users.

    Args:
        history_lengths: train interactions of each user, shape (users,).
        test_users: int32; each counts once, and all others are in no segment.
    """
    tested = np.unique(test_users)
    codes = np.full(len(history_lengths), -1)
    codes[tested] = thirds(history_lengths[tested], np.ones(len(tested)))
    return Segmentation.of_codes("history", "user", _named(history_lengths[tested], codes[tested]), codes)


def _named(counts: np.ndarray, codes: np.ndarray) -> list[str]:
    """Return the names of the thirds, with the counts that each spans."""
    names = []
    for code, name in enumerate(THIRDS):
        inside = counts[codes == code]
        span = f"{inside.min():,} to {inside.max():,} interactions" if inside.size else "empty"
        names.append(f"{name} ({span})")
    return names
