"""A question of many rows in several requests, each of few bytes, and its answer in one piece.

The server takes requests of any size, but what stands before it does not: a gRPC proxy takes 4 MiB, as gRPC
does where nobody says otherwise, and nginx a body of 1 MiB. A server that batches refuses more rows than
its `max_batch_size`, which is 1,000 where nobody says otherwise.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ncf_keras.serving.client.limits import (
    ESCAPED_BYTES,
    FRAME_BYTES,
    INPUT_BYTES,
    MOST_ANSWER_BYTES,
    MOST_REQUEST_BYTES,
    MOST_ROWS,
    REQUEST_BYTES,
    Bounds,
)

# By the kind of an array in NumPy, what an empty place of a list is: an item, a score, an id or a title.
EMPTY: Mapping[str, object] = {"i": -1, "f": -1.0, "O": ""}


class Piece(NamedTuple):
    """The most rows of one request, and the most bytes of it and of its answer; a single row has no bound."""

    rows: int = MOST_ROWS
    request: int = MOST_REQUEST_BYTES
    answer: int = MOST_ANSWER_BYTES


USUAL = Piece()


def pieces(inputs: Mapping[str, np.ndarray], row: Bounds, most: Piece) -> Iterator[slice]:
    """Yield the rows of each request, in order and as many as fit; `row` is what a row's answer may hold."""
    (total,) = {len(array) for array in inputs.values()}
    if total == 1:
        # What is asked most often need not be measured: a row has no bound.
        yield slice(0, 1)
        return
    rows = max(1, min(most.rows, (most.answer - FRAME_BYTES) // row.asked))
    begin = 0
    while begin < total:
        sizes = sum(_sizes(array[begin : begin + rows]) for array in inputs.values())
        fit = np.searchsorted(np.cumsum(sizes), most.request - REQUEST_BYTES, side="right")
        end = begin + max(1, int(fit))
        yield slice(begin, end)
        begin = end


def _sizes(values: np.ndarray) -> np.ndarray:
    """Return the bytes that each value may take in a request, in whichever format takes the most."""
    if values.dtype != object:
        return np.full(len(values), INPUT_BYTES)
    return np.array([INPUT_BYTES + ESCAPED_BYTES * len(text) for text in values])


def joined(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Return arrays [n] as one, or lists [n, K], which get empty places up to the longest K."""
    if len(parts) == 1:
        return parts[0]
    if parts[0].ndim == 1:
        return np.concatenate(parts)
    empty = EMPTY[parts[0].dtype.kind]
    whole = np.full((sum(map(len, parts)), max(part.shape[1] for part in parts)), empty, parts[0].dtype)
    begin = 0
    for part in parts:
        whole[begin : begin + len(part), : part.shape[1]] = part
        begin += len(part)
    return whole
