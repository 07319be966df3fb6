"""How good a ranking is: metrics, and protocols that take a `score(users, items)` function."""

from ncf_keras.evaluation.leave_one_out import LeaveOneOut, RankingResult
from ncf_keras.evaluation.metrics import hit_ratio, ndcg

__all__ = ["LeaveOneOut", "RankingResult", "hit_ratio", "ndcg"]
