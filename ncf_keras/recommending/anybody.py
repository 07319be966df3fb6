"""Lists for a mixed crowd: of the model for users it knows, by popularity for all others."""

from collections.abc import Sequence

import keras
import numpy as np
import pandas as pd

from ncf_keras.base.checks import require_count
from ncf_keras.data import Dataset
from ncf_keras.recommending.ids import find_indices
from ncf_keras.recommending.popularity import popular_lists
from ncf_keras.recommending.recommend import model_lists
from ncf_keras.recommending.tables import recommendation_table


def recommend_to_anybody(
    model: keras.Model, dataset: Dataset, users: Sequence[object], k: int = 10, include_seen: bool = False
) -> pd.DataFrame:
    """Return a list for each user, known or not, in the order given.

    Args:
        model: as in `recommend`.
        dataset: likewise.
        users: likewise, but any of them may be unknown.
        k: likewise.
        include_seen: likewise.

    Returns:
        The columns of `recommend`, with the ids as texts as they were given. `source` is `model`, or
        `popularity` for a user who is unknown, and `score` is then the item's number of train interactions.

    Raises:
        InputError: as in `recommend`, but not for an unknown user.
    """
    require_count(k, "k")
    names = [str(user) for user in users]
    indices = find_indices(names, dataset.user_ids, dataset.num_users)
    known, unknown = np.flatnonzero(indices >= 0), np.flatnonzero(indices < 0)
    of_model = model_lists(model, dataset, indices[known], k, include_seen)
    by_popularity = popular_lists(dataset, k, len(unknown))
    of_model = of_model._replace(rows=known[of_model.rows])
    by_popularity = by_popularity._replace(rows=unknown[by_popularity.rows])
    frame = pd.concat(
        [
            recommendation_table(dataset, of_model, names, "model"),
            recommendation_table(dataset, by_popularity, names, "popularity"),
        ]
    )
    order = np.argsort(np.concatenate([of_model.rows, by_popularity.rows]), kind="stable")
    return frame.iloc[order].reset_index(drop=True)
