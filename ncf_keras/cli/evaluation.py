"""One evaluation of a model: all that `ncf evaluate` prints, writes and reports, from one pass over scores."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ncf_keras.cli.cold_pairs import ColdPairs, cold_pairs
from ncf_keras.cli.scores import factored

if TYPE_CHECKING:
    import numpy as np

    from ncf_keras.cli.protocols import Protocol
    from ncf_keras.evaluation import Calibration, MeanInterval, Rankings, Segmentation, SegmentTable


@dataclass(frozen=True)
class Evaluation:
    """What was found about a model.

    Attributes:
        protocol: how it was ranked.
        rankings: where the test items stand.
        values: each metric at each K of each user, as `ranking_metrics` gives them.
        intervals: their means and intervals.
        lists: what the users' lists are like, as `ListStatistics` tells; empty unless all items were ranked.
        calibration: of scores that are probabilities; None for others.
        segments: a table for each way to divide users or items.
        cold: None where the dataset has no such pairs, or they are what was ranked.
        seconds: of scoring and ranking.
    """

    protocol: "Protocol"
    rankings: "Rankings"
    values: "Mapping[str, np.ndarray]"
    intervals: "Mapping[str, MeanInterval]"
    lists: Mapping[str, float | None]
    calibration: "Calibration | None"
    segments: "Sequence[SegmentTable]"
    cold: ColdPairs | None
    seconds: float


def evaluate(
    protocol: "Protocol",
    model: Any,
    top_ks: Sequence[int],
    negatives: int,
    segmentations: "Sequence[Segmentation]" = (),
) -> Evaluation:
    """Rank by a model and work out all figures.

    Args:
        protocol: how.
        model: a Keras model or a fitted baseline.
        top_ks: the Ks of the metrics.
        negatives: what those of a positive weigh in the calibration.
        segmentations: the ways to divide users or items.
    """
    import numpy as np

    from ncf_keras.evaluation import (
        Calibration,
        ListStatistics,
        metric_intervals,
        ranking_metrics,
        segment_metrics,
    )

    dataset, parts = protocol.dataset, factored(model)
    calibration = None if parts is None else Calibration(negatives)
    lists = None
    if protocol.name == "full":
        vectors = None if parts is None else parts.item_vectors()
        num_users = int(np.count_nonzero(np.diff(dataset.train_offsets)))
        # As in `FullRanking`: cold items are no rivals, whatever the model knows of them by features.
        active = None if dataset.item_states is None else dataset.active_items
        lists = ListStatistics(top_ks, dataset.item_counts, num_users, active, vectors)
    started = time.perf_counter()
    rankings = protocol.rank(model, lists, calibration)
    seconds = time.perf_counter() - started
    values = ranking_metrics(rankings, top_ks)
    return Evaluation(
        protocol,
        rankings,
        values,
        metric_intervals(values),
        {} if lists is None else lists.result(),
        calibration,
        [segment_metrics(rankings, each, top_ks) for each in segmentations],
        cold_pairs(dataset, top_ks) if protocol.cold is None else None,
        seconds,
    )
