"""Who gets lists and what is on them: users and items of whom something is known, by interactions or features.

This is the one place that decides it. Whoever is active has interactions. Of one who is not, a model knows
something if it takes features of that side and this one has any: what is left of the row is what they say, for
training keeps the identity's part at zero. That values are missing does not count. Of forgotten users nothing
is ever known.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ncf_keras.data import Dataset
from ncf_keras.data.states import FORGOTTEN
from ncf_keras.models.checks import SIDES
from ncf_keras.models.features import NO_FEATURE, codes_of


@dataclass(frozen=True, eq=False)
class Listed:
    """The users who get lists of their own, and the items that may be on lists.

    Attributes:
        users: bool, shape (users,); None: all.
        items: bool, shape (items,); None: all.
    """

    users: np.ndarray | None
    items: np.ndarray | None

    @classmethod
    def of(cls, dataset: Dataset | None, model: Any = None) -> "Listed":
        """Return those whom a model knows; without one those who are active, as in a list of what is popular.

        Without a dataset all are listed.
        """
        if dataset is None:
            return cls(None, None)
        described: list[np.ndarray | None] = []
        for side in SIDES:
            codes, features = codes_of(model, side), getattr(dataset, f"{side}_features")
            known = None if codes is None else (codes != NO_FEATURE).any(axis=1)
            # That a value is missing is a feature, of which nothing follows.
            described.append(known & features.described() if known is not None and features else known)
        return cls._of(dataset, *described)

    @classmethod
    def at_most(cls, dataset: Dataset) -> "Listed":
        """Return those whom some model of the dataset may know, to refuse others before the model is read."""
        known = (dataset.user_features, dataset.item_features)
        return cls._of(dataset, *(None if features is None else features.described() for features in known))

    @classmethod
    def _of(cls, dataset: Dataset, users: np.ndarray | None, items: np.ndarray | None) -> "Listed":
        """Return those who are active, or have features: bool, of each of a side; None: none of them."""
        return cls(
            _listed(dataset.user_states, dataset.active_users, users),
            _listed(dataset.item_states, dataset.active_items, items),
        )


def _listed(
    states: np.ndarray | None, active: np.ndarray, has_features: np.ndarray | None
) -> np.ndarray | None:
    # None where there is nobody to leave out: then nothing is computed for it.
    if states is None:
        return None
    if has_features is None:
        return active
    listed = active | (has_features & (states != FORGOTTEN))
    return None if listed.all() else listed
