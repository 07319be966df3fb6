"""Lists of indices as tables that a reader understands."""

from typing import Any

import numpy as np
import pandas as pd

from ncf_keras.data import Dataset
from ncf_keras.recommending.ids import Ids, ids_of_items, ids_of_users
from ncf_keras.recommending.listed import Listed
from ncf_keras.recommending.ranking import Lists


class Tables:
    """Makes tables of lists, with the raw ids and titles of a dataset.

    Args:
        dataset: has them.
        listed: whose ids are found.

    Attributes:
        users: the ids of its users.
        items: the ids of its items.
    """

    def __init__(self, dataset: Dataset, listed: Listed):
        self.users, self.items = ids_of_users(dataset, listed), ids_of_items(dataset, listed)
        self._titles = None if dataset.item_titles is None else Ids(dataset.item_titles, dataset.num_items)

    def of(self, items: np.ndarray, scores: np.ndarray, users: Any, sources: np.ndarray) -> pd.DataFrame:
        """Return the columns user_id, rank, item_id, title (if there are titles), score and source.

        Args:
            items: int32, shape (rows, length); places of -1 are left out.
            scores: float32, of that shape.
            users: of each row, for the column `user_id`.
            sources: of each row, what the list was made from.
        """
        rows, columns, scores = self.parts(items, scores, "item_id")
        return pd.DataFrame({"user_id": users[rows], **columns, "score": scores, "source": sources[rows]})

    def of_pairs(self, asked: np.ndarray, lists: Lists) -> pd.DataFrame:
        """Return the columns item_id, rank, similar_item_id, title (if there are titles) and cosine.

        `asked` has the index of the item that each row of the lists is about.
        """
        rows, columns, cosines = self.parts(lists.items, lists.scores, "similar_item_id")
        return pd.DataFrame({"item_id": self.items.named(asked[rows]), **columns, "cosine": cosines})

    def parts(self, items: np.ndarray, scores: np.ndarray, id_column: str) -> tuple[Any, dict[str, Any], Any]:
        """Return the row of each entry, its columns of ranks, ids and titles, and its score."""
        rows, places = np.nonzero(items >= 0)
        items, scores = items[rows, places], scores[rows, places]
        columns = {"rank": places + 1, id_column: self.items.named(items)}
        if self._titles is not None:
            columns["title"] = self._titles.named(items)
        return rows, columns, scores
