"""What the data benchmarks compare with: straightforward samplers and a straightforward reader."""

import itertools
from pathlib import Path

import numpy as np
import scipy.sparse

from ncf_keras.data import Dataset

Examples = tuple[np.ndarray, np.ndarray, np.ndarray]


def numpy_epoch(dataset: Dataset, num_neg: int, generator: np.random.Generator) -> Examples:
    """Draw and shuffle an epoch with `np.isin` over sorted keys: users, items and labels, shape (examples,)."""
    positives = dataset.train_users.astype(np.int64) * dataset.num_items + dataset.train_items
    users = np.repeat(dataset.train_users, num_neg)
    items = generator.integers(0, dataset.num_items, len(users))
    rejected = np.arange(len(users))
    while rejected.size:
        keys = users[rejected].astype(np.int64) * dataset.num_items + items[rejected]
        rejected = rejected[np.isin(keys, positives)]
        items[rejected] = generator.integers(0, dataset.num_items, len(rejected))
    order = generator.permutation(len(positives) + len(users))
    return (
        np.concatenate([dataset.train_users, users])[order].astype(np.int32),
        np.concatenate([dataset.train_items, items])[order].astype(np.int32),
        np.concatenate([np.ones(len(positives)), np.zeros(len(users))])[order].astype(np.float32),
    )


def double_loop(
    matrix: scipy.sparse.dok_matrix, num_neg: int, generator: np.random.Generator, num_positives: int
) -> tuple[list[int], list[int], list[int]]:
    """Draw the examples of the first positives as the authors' `get_train_instances` does, pair by pair."""
    users, items, labels = [], [], []
    for user, item in itertools.islice(matrix.keys(), num_positives):
        users.append(user)
        items.append(item)
        labels.append(1)
        for _ in range(num_neg):
            negative = generator.integers(matrix.shape[1])
            while (user, negative) in matrix.keys():  # noqa: SIM118
                negative = generator.integers(matrix.shape[1])
            users.append(user)
            items.append(negative)
            labels.append(0)
    return users, items, labels


def as_matrix(dataset: Dataset) -> scipy.sparse.dok_matrix:
    """Return the train positives as the authors keep them, a dictionary of pairs."""
    shape = (dataset.num_users, dataset.num_items)
    ones = np.ones(dataset.num_train, np.float32)
    return scipy.sparse.csr_matrix((ones, dataset.train_items, dataset.train_offsets), shape).todok()


def read_line_by_line(path: str, name: str) -> tuple[scipy.sparse.dok_matrix, list[list[int]], list[list[int]]]:
    """Read the three files as the authors' `Dataset.py` does: a pass for the sizes, then a line at a time.

    Returns:
        The train matrix, the test pairs and the negatives of each.
    """
    prefix = Path(path) / name
    with Path(f"{prefix}.train.rating").open(encoding="utf-8") as file:
        pairs = [list(map(int, line.split("\t")[:2])) for line in file]
    shape = (max(user for user, _ in pairs) + 1, max(item for _, item in pairs) + 1)
    matrix = scipy.sparse.dok_matrix(shape, dtype=np.float32)
    with Path(f"{prefix}.train.rating").open(encoding="utf-8") as file:
        for line in file:
            user, item, rating = line.split("\t")[:3]
            if float(rating) > 0:
                matrix[int(user), int(item)] = 1.0
    with Path(f"{prefix}.test.rating").open(encoding="utf-8") as file:
        tests = [list(map(int, line.split("\t")[:2])) for line in file]
    with Path(f"{prefix}.test.negative").open(encoding="utf-8") as file:
        negatives = [list(map(int, line.split("\t")[1:])) for line in file]
    return matrix, tests, negatives
