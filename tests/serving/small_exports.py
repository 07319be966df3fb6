"""A small dataset with awkward names, models with equal items, and their lists by NumPy."""

import numpy as np

from ncf_keras.data import Dataset
from ncf_keras.data.states import FORGOTTEN, INACTIVE
from ncf_keras.models import build_gmf, build_mlp, build_neumf
from tests.predicting import predict

USERS, ITEMS = 12, 40
SEEN_ALL, SEEN_NOTHING = 3, 7
EQUAL_ITEMS = (5, 17, 33)
USER_IDS = ["användare", "用户", 'a,"b"', " spaced ", "🙂", *(f"user {number}" for number in range(5, USERS))]
ITEM_IDS = ["Ä", "映画", *(f"item-{number}" for number in range(2, ITEMS))]
TITLES = ["Les Misérables", "", "日本語", *(f"Title {n} ✓" if n % 3 else "" for n in range(3, ITEMS))]

USER_STATES = np.array([FORGOTTEN, 0, 0, 0, INACTIVE, 0, FORGOTTEN, 0, 0, 0, 0, FORGOTTEN])
ITEM_STATES = np.isin(np.arange(ITEMS), [0, 5, 11, 39]) * INACTIVE
# Texts of those who are not active, which are in no other text of an export.
LIVING_USER_IDS = [
    "forgotten-one",
    *USER_IDS[1:4],
    "inactive-one",
    USER_IDS[5],
    "forgotten-two",
    *USER_IDS[7:11],
    "gone-three",
]


def small_dataset(**changes):
    generator = np.random.default_rng(1)
    seen = [generator.choice(ITEMS, 6, replace=False) for _ in range(USERS)]
    seen[SEEN_ALL] = np.arange(ITEMS)
    seen[SEEN_NOTHING] = np.zeros(0, int)
    users = np.repeat(np.arange(USERS), [len(items) for items in seen])
    names = {"user_ids": USER_IDS, "item_ids": ITEM_IDS, "item_titles": TITLES} | changes
    return Dataset.from_pairs(
        users, np.concatenate(seen), np.array([0]), np.array([1]), np.array([[2]]),
        num_users=USERS, num_items=ITEMS, **names,
    )  # fmt: skip


def living_dataset(user_ids=LIVING_USER_IDS):
    """Return the small dataset without the interactions of users and items who are not active any more."""
    whole = small_dataset()
    active = (USER_STATES[whole.train_users] == 0) & (ITEM_STATES[whole.train_items] == 0)
    return Dataset.from_pairs(
        whole.train_users[active], whole.train_items[active], np.array([1]), np.array([1]), np.array([[2]]),
        num_users=USERS, num_items=ITEMS, user_ids=user_ids, item_ids=ITEM_IDS, item_titles=TITLES,
        user_states=USER_STATES, item_states=ITEM_STATES,
    )  # fmt: skip


def small_model(kind):
    """Return a model with weights that tell items apart, but for `EQUAL_ITEMS`."""
    model = {
        "GMF": lambda: build_gmf(USERS, ITEMS, 5),
        "MLP": lambda: build_mlp(USERS, ITEMS, (12, 7, 5), (0, 0, 0)),
        "MLP-0": lambda: build_mlp(USERS, ITEMS, (12,), (0,)),
        "NeuMF": lambda: build_neumf(USERS, ITEMS, mf_dim=4, layers=(12, 7, 5), reg_layers=(0, 0, 0)),
    }[kind]()
    generator = np.random.default_rng(2)
    model.set_weights([generator.normal(0, 0.5, weights.shape) for weights in model.get_weights()])
    for layer in model.layers:
        if "item" in layer.name and layer.weights:
            table = layer.get_weights()[0]
            table[list(EQUAL_ITEMS)] = table[EQUAL_ITEMS[0]]
            layer.set_weights([table])
    return model


def predictions(model):
    """Return the model's output for all pairs: float32, shape (users, items)."""
    return predict(model, *np.divmod(np.arange(USERS * ITEMS), ITEMS)).reshape(USERS, ITEMS)


def ranked(scores, hidden, k):
    """Return items and scores of a list by plain sorting, lower index first of equal scores; padded to k."""
    # Scores are rounded, because those of the model differ in the last digits, which must not decide ties.
    rounded = np.round(scores.astype(np.float64), 5)
    distinct = np.unique(rounded)
    assert np.diff(distinct).min(initial=1) > 5e-6
    order = sorted((-rounded[item], item) for item in range(len(scores)) if item not in hidden)[:k]
    items = [item for _, item in order]
    empty = k - len(items)
    return items + [-1] * empty, [scores[item] for item in items] + [-1.0] * empty
