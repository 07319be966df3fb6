"""Ranking metrics from the position of the held-out item: pure NumPy."""

import numpy as np


def hit_ratio(positions: np.ndarray, top_k: int) -> np.ndarray:
    """Return 1 where the held-out item is among the first `top_k`, else 0.

    Args:
        positions: integers, shape (tests,); 0 is the top of the list.
        top_k: length of the list.

    Returns:
        float64, shape (tests,). Their mean is HR@K of section 4.1 of the paper.
    """
    return (positions < top_k).astype(np.float64)


def ndcg(positions: np.ndarray, top_k: int) -> np.ndarray:
    """Return ln 2 / ln(position + 2) where the held-out item is among the first `top_k`, else 0.

    With one relevant item the ideal gain is 1, so this is the normalised gain. Source: `getNDCG` in the
    authors' evaluate.py.

    Args:
        positions: integers, shape (tests,); 0 is the top of the list.
        top_k: length of the list.

    Returns:
        float64, shape (tests,).
    """
    return np.where(positions < top_k, np.log(2) / np.log(positions + 2.0), 0.0)
