"""A trainer that has not trained, on next to no data."""

import numpy as np

from ncf_keras.data import Dataset
from ncf_keras.models import build_gmf
from ncf_keras.training import Iteration, Trainer, TrainingSpec


def trainer(seed=1, select="test", iterations=()) -> Trainer:
    """Return the trainer of a GMF for 4 users and 5 items, after the given hit ratios."""
    users = np.arange(4)
    dataset = Dataset.from_pairs(users, users, users, users + 1, np.zeros((4, 1), int), num_items=5)
    made = Trainer(build_gmf(4, 5, 3, seed=seed), dataset, TrainingSpec(select=select))
    made.initial = (0.1, 0.05)
    made.iterations = [Iteration(number, hr, hr / 2, 1.0, 1.0, 1.0) for number, hr in enumerate(iterations)]
    return made
