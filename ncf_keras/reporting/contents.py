"""What a report says, as plain values: whoever evaluates fills them in, and the page only shows them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ncf_keras.evaluation import CalibrationCurve, MeanInterval, SegmentTable


@dataclass(frozen=True)
class Curve:
    """A metric by the length of the list.

    Attributes:
        name: such as `HR`.
        top_ks: the lengths, ascending.
        intervals: the mean and its interval at each.
    """

    name: str
    top_ks: Sequence[int]
    intervals: Sequence[MeanInterval]


@dataclass(frozen=True)
class ShownItem:
    """An item as a reader knows it.

    Attributes:
        title: or the id, where there is no title.
        place: where it stands in the ranking, from 1; None where that is not said.
        is_held_out: whether it is one of the user's test items.
    """

    title: str
    place: int | None = None
    is_held_out: bool = False


@dataclass(frozen=True)
class SampledUser:
    """One of the users that the page shows.

    Attributes:
        name: the raw id, or the index.
        history: some of the train items.
        num_history: how many there are.
        held_out: some of the test items.
        num_held_out: how many there are.
        listed: the items that the model ranks highest, best first.
    """

    name: str
    history: Sequence[ShownItem]
    num_history: int
    held_out: Sequence[ShownItem]
    num_held_out: int
    listed: Sequence[ShownItem]


@dataclass(frozen=True)
class Report:
    """All that the page shows; a part that is empty or None has no section.

    Attributes:
        title: what was evaluated on what.
        sentence: the figure that counts, in words.
        note: how not to read the figures, a sentence or empty.
        headline: a few metrics.
        curves: metrics by the length of the list.
        metrics: all metrics at each K, by name such as `HR@10`.
        beyond: what the lists are like, by name such as `coverage@10`.
        segments: metrics of parts of the users and items.
        segment_metrics: which of their metrics are shown, by name such as `HR@10`.
        segment_notes: sentences below them.
        calibration: predicted and observed shares.
        negatives: what the negatives of a positive weigh in it.
        users: some users with their lists.
        facts: what was evaluated, with which command: what each is called, and what it is.
    """

    title: str
    sentence: str
    note: str
    headline: Mapping[str, MeanInterval]
    curves: Sequence[Curve]
    metrics: Mapping[str, MeanInterval]
    beyond: Mapping[str, float | None]
    segments: Sequence[SegmentTable]
    segment_metrics: Sequence[str]
    segment_notes: Sequence[str]
    calibration: CalibrationCurve | None
    negatives: float
    users: Sequence[SampledUser]
    facts: Sequence[tuple[str, str]]
