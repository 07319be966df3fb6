"""How good a ranking is: metrics, and protocols that take a scoring function."""

from ncf_keras.evaluation.full_ranking import FullRanking
from ncf_keras.evaluation.leave_one_out import LeaveOneOut, RankingResult
from ncf_keras.evaluation.metrics import METRICS, Rankings, hit_ratio, ndcg, ranking_metrics
from ncf_keras.evaluation.statistics import (
    MeanInterval,
    PairedComparison,
    bootstrap_intervals,
    compare_paired,
    paired_t_test,
)

__all__ = [
    "METRICS",
    "FullRanking",
    "LeaveOneOut",
    "MeanInterval",
    "PairedComparison",
    "RankingResult",
    "Rankings",
    "bootstrap_intervals",
    "compare_paired",
    "hit_ratio",
    "ndcg",
    "paired_t_test",
    "ranking_metrics",
]
