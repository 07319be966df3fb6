"""HR, NDCG, MRR, MAP and recall at several K in one pass, for any number of relevant items a list.

R is the set of a list's relevant items, p1 < p2 < … their positions from 1, at K:

- HR: 1 if p1 <= K, else 0.
- NDCG: sum of 1 / log2(p + 1) over the p <= K, by the same sum for the positions 1 … min(|R|, K). Järvelin and
  Kekäläinen, "Cumulated gain-based evaluation of IR techniques" (ACM TOIS 2002), gains of 0 and 1.
- MRR: 1 / p1 if p1 <= K, else 0. Voorhees, "The TREC-8 question answering track report" (TREC 1999).
- MAP: sum of j / pj over the pj <= K, by min(|R|, K).
- recall: how many p <= K, by |R|.

With one relevant item, as in leave-one-out, recall is HR, MAP is MRR, and HR and NDCG are those of section 4.1
of the paper.
"""

from collections.abc import Sequence

import numpy as np

from ncf_keras.base.errors import InputError
from ncf_keras.evaluation.metrics import ndcg
from ncf_keras.evaluation.rankings import Rankings

METRICS = ("HR", "NDCG", "MRR", "MAP", "recall")


def ranking_metrics(rankings: Rankings, top_ks: Sequence[int] = (10,)) -> dict[str, np.ndarray]:
    """Return each metric at each K of each ranking.

    Args:
        rankings: what a protocol gave.
        top_ks: lengths of the list, each at least 1.

    Returns:
        float64 of shape (rankings,) by name, such as `HR@10`: all metrics of the first K, then of the next.

    Raises:
        InputError: `top_ks` is empty or has a length below 1.

    Example:
        >>> values = ranking_metrics(LeaveOneOut(users, items, negatives).rankings(score), (5, 10))
        >>> values["NDCG@10"].mean()
    """
    if not len(top_ks) or min(top_ks) < 1:
        raise InputError(f"`top_ks` must be one or more lengths of at least 1. Received: {list(top_ks)}")
    counts = np.diff(rankings.offsets)
    starts = rankings.offsets[:-1]
    # 1, 2, … within each ranking: how many relevant items stand at or before each position.
    found = np.arange(1, len(rankings.positions) + 1) - np.repeat(starts, counts)
    reciprocal = 1.0 / (rankings.positions + 1)
    ideal_gains = np.cumsum(ndcg(np.arange(counts.max()), counts.max()))
    values = {}
    for top_k in top_ks:
        listed = rankings.positions < top_k
        most = np.minimum(counts, top_k)
        gains = np.add.reduceat(ndcg(rankings.positions, top_k), starts)
        precisions = np.add.reduceat(np.where(listed, found * reciprocal, 0.0), starts)
        at_k = (
            listed[starts].astype(np.float64),
            gains / ideal_gains[most - 1],
            np.where(listed, reciprocal, 0.0)[starts],
            precisions / most,
            np.add.reduceat(listed.astype(np.float64), starts) / counts,
        )
        values |= {f"{metric}@{top_k}": value for metric, value in zip(METRICS, at_k, strict=True)}
    return values
