"""A small dataset with awkward raw ids, and models for it."""

import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform

from ncf_keras.data import Dataset
from ncf_keras.data.id_files import write_ids
from ncf_keras.models import build_gmf, build_mlp, build_neumf
from tests.models import by_hand
from tests.small_data import write_files

# Digits that are indices of other users; a comma, quotes, inner spaces, and characters that are not ASCII.
USER_IDS = ["3", "0", "ann, bob", 'the "cat"', "1", "Zoë", "007", "Ω"]
ITEM_IDS = ["5", "4", "3", "2", "1", "0", "a,b", '"', "日本", "x y", "11", "-1", "1e3"]
TITLES = ["Amélie", 'The "Best", of', "", "日本の歌", "Größe", *[f"Title, {n}" for n in range(8)]]
SIZES = (len(USER_IDS), len(ITEM_IDS))
MODELS = {
    "GMF": (lambda: build_gmf(*SIZES, 3), by_hand.gmf),
    "MLP": (lambda: build_mlp(*SIZES, (8, 6, 4), (0, 0, 0)), by_hand.mlp),
    "NeuMF": (lambda: build_neumf(*SIZES, 3, (8, 6, 4), (0, 0, 0)), by_hand.neumf),
}
# Where each takes long: NeuMF has the towers of both others, which `pytest -m slow tests/recommending` tries.
NEUMF_OR_SLOW = ["NeuMF", *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("GMF", "MLP"))]


def crowd(ids: bool = True, titles: bool = True) -> Dataset:
    """Return 8 users and 13 items; user 0 has seen nothing, user 7 all but one item, user 6 all."""
    generator = np.random.default_rng(5)
    seen = generator.random(SIZES) < 0.3
    seen[0], seen[6], seen[7] = False, True, True
    seen[7, 4] = False
    users, items = np.nonzero(seen)
    held_out = np.array([np.argmin(seen[1]), np.argmin(seen[2])])
    return Dataset.from_pairs(
        users, items, np.array([1, 2]), held_out, np.zeros((2, 1), int), name="crowd",
        num_users=SIZES[0], num_items=SIZES[1], user_ids=USER_IDS if ids else None,
        item_ids=ITEM_IDS if ids else None, item_titles=TITLES if titles else None,
    )  # fmt: skip


def write_crowd(folder, titles=None) -> None:
    """Write the crowd as the files of a dataset, `crowd` with raw ids and `plain` without."""
    dataset = crowd()
    train = zip(dataset.train_users.tolist(), dataset.train_items.tolist(), strict=True)
    test = list(zip(dataset.test_users.tolist(), dataset.test_items.tolist(), strict=True))
    texts = ["".join(f"{user}\t{item}\t1\n" for user, item in pairs) for pairs in (train, test)]
    for name in ("crowd", "plain"):
        write_files(folder, name, *texts, "".join(f"({user},{item})\t0\n" for user, item in test))
    write_ids(folder / "crowd.users.csv", "user_id", USER_IDS)
    write_ids(folder / "crowd.items.csv", "item_id", ITEM_IDS, titles)


def seen_by(dataset: Dataset, user: int) -> set[int]:
    """Return the train items of a user, from the pairs."""
    pairs = zip(dataset.train_users.tolist(), dataset.train_items.tolist(), strict=True)
    return {item for known, item in pairs if known == user}


def with_states(user_states, item_states) -> Dataset:
    """Return the crowd with these states, without the interactions of whoever is not active."""
    dataset, users, items = crowd(), np.array(user_states), np.array(item_states)
    train = (users[dataset.train_users] == 0) & (items[dataset.train_items] == 0)
    test = (users[dataset.test_users] == 0) & (items[dataset.test_items] == 0)
    return Dataset.from_pairs(
        dataset.train_users[train], dataset.train_items[train], dataset.test_users[test],
        dataset.test_items[test], dataset.test_negatives[test], name="crowd", num_users=SIZES[0],
        num_items=SIZES[1], user_ids=USER_IDS, item_ids=ITEM_IDS, item_titles=TITLES, user_states=users,
        item_states=items,
    )  # fmt: skip


def all_cosines(kind, weights):
    """Return the cosine of each pair of items by SciPy: float64, shape (items, items)."""
    factors = weights["prediction"][0][:3, 0]
    names = ["mf_embedding_item", "mlp_embedding_item"] if kind == "NeuMF" else ["item_embedding"]
    # The vectors of all items in each tower.
    parts = [weights[name][0] for name in names]
    parts[0] = parts[0] if kind == "MLP" else parts[0] * factors
    return np.mean([1 - squareform(pdist(part, "cosine")) for part in parts], axis=0)
