"""What a baseline is: it learns from a Dataset and scores pairs, as `ncf_keras.evaluation` takes scores."""

import abc

import numpy as np

from ncf_keras.base.errors import InputError
from ncf_keras.data import Dataset


class Baseline(abc.ABC):
    """A recommender with the two methods that all baselines share, `fit` and `score`.

    The hyperparameters are the fields of each class, and one that breaks its rule is an InputError; learning
    again forgets what was learnt before.
    """

    _sizes: tuple[int, int] | None = None

    def fit(self, dataset: Dataset) -> "Baseline":
        """Learn from the train interactions of a dataset, and from nothing else in it; return self."""
        self._sizes = None
        self._learn(dataset)
        self._sizes = (dataset.num_users, dataset.num_items)
        return self

    def score(self, users: np.ndarray, items: np.ndarray) -> np.ndarray:
        """Return how well items suit users, the higher the better; only the order within a user counts.

        Takes indices of an integer dtype, shape (pairs,), and gives finite scores, float32 of that shape.
        InputError if nothing was learnt yet, the lengths differ, or an index is no integer or out of range.
        """
        if self._sizes is None:
            raise InputError(f"`fit` must come before `score`. Received: {self!r}, which has learnt nothing")
        users, items = _indices(users, "users"), _indices(items, "items")
        if users.ndim != 1 or users.shape != items.shape:
            raise InputError(
                "`users` and `items` must be of one shape, (pairs,). "
                f"Received: shapes {users.shape} and {items.shape}"
            )
        for indices, count, argument in ((users, self._sizes[0], "users"), (items, self._sizes[1], "items")):
            if indices.size and not 0 <= indices.min() <= indices.max() < count:
                wrong = indices.min() if indices.min() < 0 else indices.max()
                raise InputError(f"`{argument}` must be between 0 and {count - 1}. Received: {wrong}")
        scores = self._score(users.astype(np.int64, copy=False), items.astype(np.int64, copy=False))
        return scores.astype(np.float32, copy=False)

    def score_all(self, users: np.ndarray) -> np.ndarray:
        """Return the scores of all items for each user: float32, shape (users, items).

        They are those of `score`, which says what is raised; callers with many users ask for some at a time.
        """
        users = np.asarray(users)
        num_items = 1 if self._sizes is None else self._sizes[1]
        items = np.tile(np.arange(num_items), len(users))
        return self.score(np.repeat(users, num_items), items).reshape(len(users), num_items)

    @abc.abstractmethod
    def _learn(self, dataset: Dataset) -> None:
        """Learn from the train interactions."""

    @abc.abstractmethod
    def _score(self, users: np.ndarray, items: np.ndarray) -> np.ndarray:
        """Return the scores of valid pairs: floats, shape (pairs,), for int64 indices of that shape."""


def _indices(values: np.ndarray, argument: str) -> np.ndarray:
    """Return an array of an integer dtype; one without any element may come with another."""
    try:
        indices = np.asarray(values)
    except ValueError:
        rule = "be of one shape, (pairs,). Received: rows of different lengths"
        raise InputError(f"`{argument}` must {rule}") from None
    if indices.size and indices.dtype.kind not in "iu":
        raise InputError(f"`{argument}` must be of an integer dtype. Received: {indices.dtype}")
    return indices if indices.size else indices.astype(np.int64)
