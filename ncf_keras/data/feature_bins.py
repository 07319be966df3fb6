"""Numbers and dates cut into bins: where one ends, and what it is called."""

from collections.abc import Callable

import numpy as np

MOST_BINS = 16


def edges_of(values: np.ndarray) -> np.ndarray:
    """Return where bins of about as many values each begin, all but the first: float64, ascending, none twice.

    Each is one of the values, so that no bin is empty; equal ones collapse, so that there are 16 bins at most.

    Args:
        values: finite, in any order.
    """
    if not values.size:
        return np.zeros(0)
    quantiles = np.quantile(values, np.arange(1, MOST_BINS) / MOST_BINS, method="higher")
    return np.unique(quantiles[quantiles > values.min()])


def bins_of(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Return the bin of each value, int64; one beyond the ends falls into the bin at that end."""
    return np.searchsorted(edges, values, side="right")


def names_of_bins(values: np.ndarray, edges: np.ndarray, text_of: Callable[[float], str]) -> list[str]:
    """Return the name of each bin, such as `1990 to 1993`: its lowest and its highest value, as texts."""
    if not values.size:
        return []
    ordered = np.sort(values)
    starts = np.concatenate([[0], np.searchsorted(ordered, edges)])
    ends = np.concatenate([starts[1:], [len(ordered)]]) - 1
    bounds = [(text_of(ordered[low]), text_of(ordered[high])) for low, high in zip(starts, ends, strict=True)]
    return [low if low == high else f"{low} to {high}" for low, high in bounds]


def number_text(value: float) -> str:
    """Return the shortest text of a number, without a point if it is whole."""
    return str(int(value)) if value == np.trunc(value) and abs(value) < 1e15 else repr(float(value))
