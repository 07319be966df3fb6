"""Raw ids as users know them, and the indices that models know."""

import itertools
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from ncf_keras.base.errors import InputError
from ncf_keras.base.ids import id_text, listed_ids
from ncf_keras.data import Dataset
from ncf_keras.recommending.listed import Listed


class Ids:
    """The ids of a dataset's users, or of its items, by index.

    Args:
        known: raw id of each index, or None where the dataset has only indices: then the index is the id.
        count: indices are 0 … count - 1.
        listed: bool, shape (count,): which of them can be found; None: all.
    """

    def __init__(self, known: Sequence[str] | None, count: int, listed: np.ndarray | None = None):
        self._known, self._count, self._listed = known, count, listed

    def find(self, ids: Iterable[object], argument: str = "ids") -> np.ndarray:
        """Return the index of each id, by the text that it has in a log, -1 where there is none: int32.

        An id that is not listed is answered as one that the dataset does not have.
        """
        texts = (id_text(one, argument) for one in ids)
        if self._known is not None:
            found = (self._index_of.get(text, -1) if text else -1 for text in texts)
        else:
            found = (self._index(text) if text else -1 for text in texts)
        return np.fromiter(found, np.int32)

    def require(self, ids: object, argument: str, advice: str = "") -> np.ndarray:
        """Return the index of each id, or of the only one (a text is one id): int32, shape (ids,).

        InputError names the first that is unknown, the `argument` that they came in, and adds `advice`.
        """
        ids = listed_ids(ids)
        indices = self.find(ids, argument)
        if (indices < 0).any():
            rule = f"{'' if self._listed is None else 'active '}indices from 0 to {self._count - 1}"
            if self._known is not None:
                rule = f"ids of the dataset, such as {next(iter(self._index_of), '')}"
            wrong = ids[int(np.argmax(indices < 0))]
            raise InputError(f"`{argument}` must hold {rule}{advice}. Received: {str(wrong)[:80]!r}")
        return indices

    def named(self, indices: np.ndarray) -> Any:
        """Return the raw ids of indices where the dataset has them, else the indices, as a column."""
        return indices if self._names is None else self._names.take(indices)

    def _index(self, text: str) -> int:
        # Digits of other scripts, signs and leading zeros are no indices; neither is what is too long to count.
        if not (text.isascii() and text.isdigit() and len(text) < 11) or text != str(int(text)):
            return -1
        index = int(text)
        return index if index < self._count and (self._listed is None or self._listed[index]) else -1

    @cached_property
    def _index_of(self) -> dict[str, int]:
        numbered = enumerate(self._known or ())
        listed = numbered if self._listed is None else itertools.compress(numbered, self._listed)
        return {raw: index for index, raw in listed}

    @cached_property
    def _names(self) -> Any:
        # Kept as an array of pandas, which a table takes as it is: a list of texts is looked through each time.
        return None if self._known is None else pd.Series(self._known).array


def ids_of_users(dataset: Dataset, listed: Listed) -> Ids:
    """Return the ids of a dataset's users, of whom those who are listed are found."""
    return Ids(dataset.user_ids, dataset.num_users, listed.users)


def ids_of_items(dataset: Dataset, listed: Listed) -> Ids:
    """Return the ids of a dataset's items, of which those that are listed are found."""
    return Ids(dataset.item_ids, dataset.num_items, listed.items)
