"""Users and items taken out of training, and models trained with and without them; for `fold_in.py`."""

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np

from ncf_keras.data import Dataset
from ncf_keras.evaluation import LeaveOneOut
from ncf_keras.models import ModelSpec
from ncf_keras.training import Trainer, TrainingSpec
from ncf_keras.weights import load_model, save_weights


def draw_users(dataset: Dataset, count: int, seed: int) -> np.ndarray:
    """Draw users who have a test line and train items: int32, shape (count,), ascending."""
    eligible = dataset.test_users[np.diff(dataset.train_offsets)[dataset.test_users] > 0]
    drawn = np.random.default_rng(seed).choice(eligible, min(count, len(eligible) // 2), replace=False)
    return np.sort(drawn)


def without_users(dataset: Dataset, removed: np.ndarray) -> Dataset:
    """Return the dataset of all other users, numbered anew, with all items."""
    stays = ~np.isin(np.arange(dataset.num_users), removed)
    number = np.cumsum(stays) - 1
    train, test = stays[dataset.train_users], stays[dataset.test_users]
    return Dataset.from_pairs(
        number[dataset.train_users[train]],
        dataset.train_items[train],
        number[dataset.test_users[test]],
        dataset.test_items[test],
        dataset.test_negatives[test],
        name=dataset.name,
        num_users=int(stays.sum()),
        num_items=dataset.num_items,
        user_states=None if dataset.user_states is None else dataset.user_states[stays],
        item_states=dataset.item_states,
    )


def draw_items(dataset: Dataset, count: int, seed: int) -> np.ndarray:
    """Draw items that have train interactions: int64, shape (count,), ascending."""
    eligible = np.flatnonzero(dataset.item_counts)
    drawn = np.random.default_rng(seed).choice(eligible, min(count, len(eligible) // 2), replace=False)
    return np.sort(drawn)


def without_items(dataset: Dataset, removed: np.ndarray) -> Dataset:
    """Return the dataset of all other items, numbered anew, with all users and no test pairs."""
    stays = ~np.isin(np.arange(dataset.num_items), removed)
    number = np.cumsum(stays) - 1
    train, none = stays[dataset.train_items], np.zeros(0, np.int32)
    return Dataset.from_pairs(
        dataset.train_users[train],
        number[dataset.train_items[train]],
        none,
        none,
        none.reshape(0, 1),
        name=dataset.name,
        num_users=dataset.num_users,
        num_items=int(stays.sum()),
    )


def protocol_of(dataset: Dataset, users: np.ndarray, numbered_as: np.ndarray | None = None) -> LeaveOneOut:
    """Return the paper's protocol for some of the users.

    Args:
        dataset: has their test pairs.
        users: ascending.
        numbered_as: the index of each of them in the score function; their own if None.
    """
    lines = np.flatnonzero(np.isin(dataset.test_users, users))
    indices = dataset.test_users[lines]
    if numbered_as is not None:
        indices = numbered_as[np.searchsorted(users, indices)]
    return LeaveOneOut(indices, dataset.test_items[lines], dataset.test_negatives[lines])


def popularity(dataset: Dataset) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Return a score function: the number of train interactions of the item."""
    counts = dataset.item_counts.astype(np.float32)
    return lambda users, items: counts[items]


def trained(kind: str, dataset: Dataset, epochs: int, seed: int, file: Path | None) -> keras.Model:
    """Train GMF, MLP or NeuMF of 8 factors as the authors' commands do; or load it, if `file` exists."""
    if file and file.is_file():
        return load_model(file)
    model = ModelSpec(kind, dataset.num_users, dataset.num_items).build(seed)
    Trainer(model, dataset, TrainingSpec(epochs=epochs, select="none", seed=seed)).fit()
    if file:
        save_weights(model, file)
    return model
