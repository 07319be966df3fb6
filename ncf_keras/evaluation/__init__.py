"""How good a ranking is: metrics, and protocols that take a scoring function."""

from ncf_keras.evaluation.full_ranking import FullRanking
from ncf_keras.evaluation.intervals import MeanInterval, bootstrap_intervals
from ncf_keras.evaluation.leave_one_out import LeaveOneOut, RankingResult
from ncf_keras.evaluation.metrics import hit_ratio, ndcg
from ncf_keras.evaluation.paired import PairedComparison, compare_paired, paired_t_test
from ncf_keras.evaluation.ranking_metrics import METRICS, ranking_metrics
from ncf_keras.evaluation.rankings import Rankings

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
