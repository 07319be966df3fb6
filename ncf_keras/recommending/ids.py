"""Raw ids as users know them, and the indices that models know."""

from collections.abc import Iterable, Sequence

import numpy as np

from ncf_keras.base.errors import InputError


def find_indices(ids: Iterable[object], known: Sequence[str] | None, count: int) -> np.ndarray:
    """Return the index of each id, -1 where there is none: int32, shape (ids,).

    Args:
        ids: raw ids, or what prints as one, if `known` is given; else indices, as integers or digits.
        known: raw id of each index, or None where the dataset has only indices.
        count: indices are 0 … count - 1.
    """
    texts = [str(one) for one in ids]
    if known is not None:
        index_of = {raw: index for index, raw in enumerate(known)}
        return np.array([index_of.get(text, -1) for text in texts], np.int32)
    # Digits of other scripts and signs are no indices; neither is a number too long to count with.
    readable = (int(text) if text.isascii() and text.isdigit() and len(text) < 11 else -1 for text in texts)
    return np.array([index if index < count else -1 for index in readable], np.int32)


def require_indices(
    ids: Iterable[object], known: Sequence[str] | None, count: int, argument: str, advice: str = ""
) -> np.ndarray:
    """Return the index of each id; as `find_indices`, but every id must be known.

    Args:
        ids: as in `find_indices`; one text is one id.
        known: likewise.
        count: likewise.
        argument: what they came in, for the error.
        advice: what to do about an unknown one, for the error.

    Raises:
        InputError: one is unknown; it names the first.
    """
    ids = [ids] if isinstance(ids, str | bytes) or not isinstance(ids, Iterable) else list(ids)
    indices = find_indices(ids, known, count)
    if (indices < 0).any():
        rule = f"indices from 0 to {count - 1}" if known is None else f"ids of the dataset, such as {known[0]}"
        wrong = ids[int(np.argmax(indices < 0))]
        raise InputError(f"`{argument}` must hold {rule}{advice}. Received: {str(wrong)[:80]!r}")
    return indices


def named(indices: np.ndarray, known: Sequence[str] | None) -> list[str] | np.ndarray:
    """Return the raw ids of indices where the dataset has them, else the indices."""
    return indices if known is None else [known[index] for index in indices]
