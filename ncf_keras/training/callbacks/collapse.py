"""Detect a model that gives all items the same score, and name the likely cause."""

import sys
from collections.abc import Callable

import keras
import numpy as np

from ncf_keras.training.callbacks.own import OwnCallback
from ncf_keras.training.engines.guard import PENALTIES, largest_penalty
from ncf_keras.training.trainer import Trainer

# A model that scores all items the same hits only test items that are also among their own negatives.
COLLAPSED_HR = 0.05


class CollapseNote(OwnCallback):
    """Prints once, on standard error, why a trainer's model likely scores all items the same."""

    def __init__(self, trainer: Trainer):
        super().__init__()
        self._trainer = trainer
        self._told = False

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Check the scores if the hit ratio is low."""
        sizes = (self._trainer.dataset.num_users, self._trainer.dataset.num_items)
        low = (logs or {}).get("hr", 1.0) < COLLAPSED_HR
        if low and not self._told and same_score_for_all(self._trainer.score, *sizes):
            self._told = True
            cause = explain_collapse(self._trainer.model, self._trainer.engine.learning_rate)
            print(f"Note: the model gives all items the same score: {cause}.", file=sys.stderr)


def same_score_for_all(score: Callable[[np.ndarray, np.ndarray], np.ndarray], users: int, items: int) -> bool:
    """Return whether, for every user, all items have the same score or a score is NaN.

    Args:
        score: from users and items, int32 of shape (n,), to float32 of shape (n,).
        users: number of users; 16 of them, evenly spaced, are checked.
        items: number of items; 64 of them, evenly spaced, are checked.
    """
    some_users = np.unique(np.linspace(0, users - 1, 16).astype(np.int32))
    some_items = np.unique(np.linspace(0, items - 1, 64).astype(np.int32))
    pairs = np.repeat(some_users, len(some_items)), np.tile(some_items, len(some_users))
    scores = np.asarray(score(*pairs)).reshape(len(some_users), len(some_items))
    return items > 1 and bool((~(scores.max(1) > scores.min(1))).all())


def explain_collapse(model: keras.Model, learning_rate: float) -> str:
    """Return, in words, which setting is likely too large if a model scores all items the same."""
    penalty = largest_penalty(model)
    if penalty:
        return f"the {PENALTIES} are likely too large; the largest is {penalty:g}"
    return f"the learning rate (`--lr`) is likely too large; it is {learning_rate:g}"
