"""What a baseline is: it learns from a Dataset and scores pairs, as `ncf_keras.evaluation` takes scores."""

import abc
import dataclasses
import os
from typing import Any

import numpy as np

from ncf_keras.base.errors import InputError
from ncf_keras.base.inputs import reason_of
from ncf_keras.base.version import __version__
from ncf_keras.baselines.archive import SUFFIX, Stored, write_archive
from ncf_keras.data import Dataset

# Of the layout of the files.
FORMAT = 1


class Baseline(abc.ABC):
    """A recommender with what all baselines share: `fit`, `score`, `score_all` and `save`.

    The hyperparameters are the fields of each class, and one that breaks its rule is an InputError; learning
    again forgets what was learnt before.
    """

    _sizes: tuple[int, int] | None = None

    @property
    def name(self) -> str:
        """The name of the class, such as `EASE`."""
        return type(self).__name__

    @property
    def num_users(self) -> int:
        """How many users it has learnt from; InputError if nothing was learnt yet."""
        return self._fitted("num_users")[0]

    @property
    def num_items(self) -> int:
        """How many items it has learnt from; InputError if nothing was learnt yet."""
        return self._fitted("num_items")[1]

    def hyperparameters(self) -> dict[str, Any]:
        """Return the fields by name, as whole numbers or floats of Python."""
        fields: Any = dataclasses.fields(self)  # type: ignore[arg-type]
        return {field.name: field.type(getattr(self, field.name)) for field in fields}

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
        num_users, num_items = self._fitted("score")
        users, items = _indices(users, "users", num_users), _indices(items, "items", num_items)
        if users.ndim != 1 or users.shape != items.shape:
            raise InputError(
                "`users` and `items` must be of one shape, (pairs,). "
                f"Received: shapes {users.shape} and {items.shape}"
            )
        return self._score(users, items).astype(np.float32, copy=False)

    def score_all(self, users: np.ndarray) -> np.ndarray:
        """Return the scores of all items for each user: float32, shape (users, items).

        They are those of `score`, which says what is raised, up to rounding; callers with many users ask for
        some at a time.
        """
        indices = _indices(users, "users", self._fitted("score_all")[0])
        if indices.ndim != 1:
            raise InputError(f"`users` must be of shape (users,). Received: shape {indices.shape}")
        return self._score_all(indices).astype(np.float32, copy=False)

    def save(self, path: str | os.PathLike) -> None:
        """Write what it has learnt to a file, which `load_baseline` reads; it appears whole or not at all.

        Args:
            path: the file, with the suffix `.npz`. An existing one is replaced.

        Raises:
            InputError: nothing was learnt yet, or the file can't be written.

        Example:
            >>> EASE(500.0).fit(dataset).save("ease.npz")
        """
        users, items = self._fitted("save")
        if not os.fspath(path).endswith(SUFFIX):
            raise InputError(f"`path` must end with {SUFFIX}. Received: {path}")
        about = {
            "format": FORMAT,
            "baseline": self.name,
            "hyperparameters": self.hyperparameters(),
            "users": users,
            "items": items,
            "ncf_keras": __version__,
        }
        try:
            write_archive(path, Stored(about, self._learnt()))
        except OSError as error:
            raise InputError(
                f"{path} must be a file that can be written. Received: {reason_of(error)}"
            ) from None

    def restore(self, stored: Stored) -> "Baseline":
        """Take over what a file holds, of a baseline with these hyperparameters, and return self.

        ArchiveError if the arrays are not those of one.
        """
        sizes = stored.sizes
        self._take(stored, *sizes)
        self._sizes = sizes
        return self

    def _checked_items(self, items: np.ndarray) -> np.ndarray:
        """Return items as int64, shape (items,); InputError as for `score`."""
        indices = _indices(items, "items", self._fitted("score")[1])
        if indices.ndim != 1:
            raise InputError(f"`items` must be of shape (items,). Received: shape {indices.shape}")
        return indices

    def _fitted(self, asked: str) -> tuple[int, int]:
        if self._sizes is None:
            raise InputError(f"`fit` must come before `{asked}`. Received: {self!r}, which has learnt nothing")
        return self._sizes

    @abc.abstractmethod
    def _learn(self, dataset: Dataset) -> None:
        """Learn from the train interactions."""

    @abc.abstractmethod
    def _score(self, users: np.ndarray, items: np.ndarray) -> np.ndarray:
        """Return the scores of valid pairs: floats, shape (pairs,), for int64 indices of that shape."""

    def _score_all(self, users: np.ndarray) -> np.ndarray:
        """Return the scores of all items for valid users, int64: floats, shape (users, items)."""
        pairs = np.repeat(users, self.num_items), np.tile(np.arange(self.num_items), len(users))
        return self._score(*pairs).reshape(len(users), self.num_items)

    def _learnt(self) -> dict[str, np.ndarray]:
        """Return what was learnt, as `_take` takes it."""
        raise self._not_of_files("save")

    def _take(self, stored: Stored, num_users: int, num_items: int) -> None:
        """Take over what was learnt from so many users and items; ArchiveError if it is anything else."""
        raise self._not_of_files("restore")

    def _not_of_files(self, asked: str) -> InputError:
        """Return what to say of a baseline of somebody's own, which need not know about files."""
        return InputError(f"`{asked}` must be asked of a baseline of ncf_keras.baselines. Received: {self!r}")


def _indices(values: np.ndarray, argument: str, count: int) -> np.ndarray:
    """Return indices below `count` as int64; an array without any element may be of any dtype."""
    try:
        indices = np.asarray(values)
    except ValueError:
        rule = "be of one shape, (pairs,). Received: rows of different lengths"
        raise InputError(f"`{argument}` must {rule}") from None
    if indices.size and indices.dtype.kind not in "iu":
        raise InputError(f"`{argument}` must be of an integer dtype. Received: {indices.dtype}")
    if indices.size and not 0 <= indices.min() <= indices.max() < count:
        wrong = indices.min() if indices.min() < 0 else indices.max()
        raise InputError(f"`{argument}` must be between 0 and {count - 1}. Received: {wrong}")
    return indices.astype(np.int64, copy=False)
