"""How good a ranking is: metrics, and protocols that take a scoring function."""

from ncf_keras.evaluation.beyond_accuracy import ListStatistics
from ncf_keras.evaluation.calibration import Calibration, CalibrationCurve
from ncf_keras.evaluation.full_ranking import FullRanking
from ncf_keras.evaluation.leave_one_out import LeaveOneOut, RankingResult
from ncf_keras.evaluation.metrics import METRICS, Rankings, hit_ratio, ndcg, ranking_metrics
from ncf_keras.evaluation.popularity_list import popularity_rankings
from ncf_keras.evaluation.segments import (
    Segmentation,
    SegmentMetrics,
    SegmentTable,
    history_thirds,
    popularity_thirds,
    segment_metrics,
)
from ncf_keras.evaluation.statistics import (
    MeanInterval,
    PairedComparison,
    bootstrap_intervals,
    compare_paired,
    metric_intervals,
    paired_t_test,
)

__all__ = [
    "METRICS",
    "Calibration",
    "CalibrationCurve",
    "FullRanking",
    "LeaveOneOut",
    "ListStatistics",
    "MeanInterval",
    "PairedComparison",
    "RankingResult",
    "Rankings",
    "SegmentMetrics",
    "SegmentTable",
    "Segmentation",
    "bootstrap_intervals",
    "compare_paired",
    "history_thirds",
    "hit_ratio",
    "metric_intervals",
    "ndcg",
    "paired_t_test",
    "popularity_rankings",
    "popularity_thirds",
    "ranking_metrics",
    "segment_metrics",
]
