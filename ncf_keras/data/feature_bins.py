"""Numbers and dates cut into bins: where one ends, and what it is called."""

import math
from collections.abc import Callable, Sequence

import numpy as np

MOST_BINS = 16
# `1990 to 1993`
BETWEEN_BOUNDS = " to "


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


def edges_without(edges: Sequence[float], gone: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Return the edges with none that is one of some values, so that no other value changes its bin.

    Such an edge goes to the lowest other value of its bin; if there is none, half way to the next edge, and
    beyond the last one somewhat up.

    Args:
        edges: float64, ascending.
        gone: the values that no edge may be; none of them is one of `kept`.
        kept: the other values, ascending.
    """
    moved = list(map(float, edges))
    taken = set(gone.tolist())
    for place in reversed(range(len(moved))):
        edge = moved[place]
        if edge not in taken:
            continue
        end = moved[place + 1] if place + 1 < len(moved) else math.inf
        inside = kept[(kept >= edge) & (kept < end)]
        if inside.size:
            moved[place] = float(inside[0])
            continue
        # Nobody is left in the bin, so its edge may be anywhere in it.
        far = edge + max(1.0, abs(edge) / 16) if end == math.inf else end
        tried = (edge + part * (far - edge) for part in (0.5, 0.25, 0.75, 0.375))
        # Between neighbours of float64 there is no other place.
        moved[place] = next((one for one in tried if edge < one < end and one not in taken), edge)
    return np.array(moved)


def names_of_bins(values: np.ndarray, edges: np.ndarray, text_of: Callable[[float], str]) -> list[str]:
    """Return the name of each bin, such as `1990 to 1993`: its lowest and its highest value, as texts."""
    if not values.size:
        return []
    ordered = np.sort(values)
    starts = np.concatenate([[0], np.searchsorted(ordered, edges)])
    ends = np.concatenate([starts[1:], [len(ordered)]]) - 1
    bounds = [(text_of(ordered[low]), text_of(ordered[high])) for low, high in zip(starts, ends, strict=True)]
    return [low if low == high else f"{low}{BETWEEN_BOUNDS}{high}" for low, high in bounds]


def number_text(value: float) -> str:
    """Return the shortest text of a number, without a point if it is whole."""
    return str(int(value)) if value == np.trunc(value) and abs(value) < 1e15 else repr(float(value))
