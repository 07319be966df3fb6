"""A dataset whose right answers are known, and every baseline with hyperparameters that learn it."""

import numpy as np

from ncf_keras.baselines import BPR, EALS, EASE, IALS, DotProduct, ItemKNN, ItemPop
from ncf_keras.data import Dataset

BASELINES = {
    "ItemPop": lambda: ItemPop(),
    "ItemKNN": lambda: ItemKNN(neighbours=20),
    "EASE": lambda: EASE(regularization=10.0),
    "IALS": lambda: IALS(factors=6, unobserved_weight=0.1, regularization=0.5, sweeps=10),
    "DotProduct": lambda: DotProduct(factors=6, unobserved_weight=0.1, regularization=0.02, sweeps=10),
    "EALS": lambda: EALS(factors=6, missing_weight=20.0, regularization=0.1, sweeps=20),
    "BPR": lambda: BPR(factors=6, learning_rate=0.1, regularization=0.002, epochs=100),
}
PERSONAL = [name for name in BASELINES if name != "ItemPop"]
ITEMS_A_TASTE = 10


def tastes_dataset(tastes: int, users_a_taste: int) -> Dataset:
    """Users who like nothing but the items of their taste, all of them but one, which is held out.

    The right answer is known: the held-out item is the only one of its taste that the user has not seen, so it
    comes before the items of other tastes. One more user and one more item have no train interaction.
    """
    users = np.arange(tastes * users_a_taste)
    items = np.arange(tastes * ITEMS_A_TASTE)
    taste = users // users_a_taste
    held_out = taste * ITEMS_A_TASTE + users % ITEMS_A_TASTE
    likes = (taste[:, None] == items // ITEMS_A_TASTE) & (items != held_out[:, None])
    others = np.array([np.flatnonzero(items // ITEMS_A_TASTE != own) for own in taste])
    sizes = {"num_users": len(users) + 1, "num_items": len(items) + 1}
    return Dataset.from_pairs(*np.nonzero(likes), users, held_out, others, name="tastes", **sizes)


# Every user with every item, of 4 tastes with 15 users each.
PAIRS = np.divmod(np.arange(61 * 41, dtype=np.int32), 41)
