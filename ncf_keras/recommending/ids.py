"""Raw ids as users know them, and the indices that models know."""

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from ncf_keras.base.errors import InputError


class Ids:
    """The ids of a dataset's users, or of its items, by index.

    Args:
        known: raw id of each index, or None where the dataset has only indices: then an integer, or digits, is
            the id.
        count: indices are 0 … count - 1.
    """

    def __init__(self, known: Sequence[str] | None, count: int):
        self._known, self._count = known, count

    def find(self, ids: Iterable[object]) -> np.ndarray:
        """Return the index of what prints as each id, -1 where there is none: int32, shape (ids,)."""
        texts = [str(one) for one in ids]
        if self._known is not None:
            return np.array([self._index_of.get(text, -1) for text in texts], np.int32)
        # Digits of other scripts and signs are no indices; neither is a number too long to count with.
        readable = (int(text) if text.isascii() and text.isdigit() and len(text) < 11 else -1 for text in texts)
        return np.array([index if index < self._count else -1 for index in readable], np.int32)

    def require(self, ids: object, argument: str, advice: str = "") -> np.ndarray:
        """Return the index of each id, or of the only one (a text is one id): int32, shape (ids,).

        InputError names the first that is unknown, the `argument` that they came in, and adds `advice`.
        """
        ids = [ids] if isinstance(ids, str | bytes) or not isinstance(ids, Iterable) else list(ids)
        indices = self.find(ids)
        if (indices < 0).any():
            rule = f"indices from 0 to {self._count - 1}"
            if self._known is not None:
                rule = f"ids of the dataset, such as {self._known[0]}"
            wrong = ids[int(np.argmax(indices < 0))]
            raise InputError(f"`{argument}` must hold {rule}{advice}. Received: {str(wrong)[:80]!r}")
        return indices

    def named(self, indices: np.ndarray) -> Any:
        """Return the raw ids of indices where the dataset has them, else the indices, as a column."""
        return indices if self._names is None else self._names.take(indices)

    @cached_property
    def _index_of(self) -> dict[str, int]:
        return {raw: index for index, raw in enumerate(self._known or ())}

    @cached_property
    def _names(self) -> Any:
        # Kept as an array of pandas, which a table takes as it is: a list of texts is looked through each time.
        return None if self._known is None else pd.Series(self._known).array
