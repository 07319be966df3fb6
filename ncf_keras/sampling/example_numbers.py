"""How the examples of an epoch are numbered: which positive each belongs to, and which of them are negatives.

A user with a train interaction with every item has no negative, so their positives are trained on alone. They
are numbered behind all others: example n belongs to positive n // (1 + num_neg), the first of each group being
the positive itself, until those positives come, which are an example each.
"""

import numpy as np

from ncf_keras.base.checks import require_count
from ncf_keras.base.errors import InputError
from ncf_keras.data import Dataset


def has_every_item(dataset: Dataset) -> np.ndarray:
    """Return which users have a train interaction with every item: bool, shape (users,)."""
    return np.diff(dataset.train_offsets) >= dataset.num_items


def positives_alone(dataset: Dataset) -> int:
    """Return how many positives have no negatives, because their users have interacted with every item."""
    return int(np.diff(dataset.train_offsets)[has_every_item(dataset)].sum())


def examples_of_epoch(dataset: Dataset, num_neg: int) -> int:
    """Return the number of examples of an epoch: each positive, and `num_neg` negatives where there are any."""
    alone = positives_alone(dataset)
    return (dataset.num_train - alone) * (1 + num_neg) + alone


def require_negatives(dataset: Dataset, num_neg: int) -> None:
    """Raise InputError unless `num_neg` is a number of negatives, and there are any to draw."""
    require_count(num_neg, "num_neg", 0)
    if num_neg and positives_alone(dataset) == dataset.num_train:
        raise InputError(
            "`num_neg` must be 0 where every user has interacted with every item: no negative exists. "
            f"Received: {num_neg}, and {np.count_nonzero(has_every_item(dataset)):,} user(s) with train "
            f"interactions, each with all {dataset.num_items:,} items"
        )


class ExampleNumbers:
    """Finds the positives that examples belong to, from the numbers of the examples.

    Attributes:
        num_examples: of an epoch.
        with_negatives: number of positives that have negatives.
        places: of each positive its place in `train_items`, those without negatives last: int64, shape
            (interactions,); None where all have negatives and so are in their places.
    """

    def __init__(self, dataset: Dataset, num_neg: int):
        self.num_examples = examples_of_epoch(dataset, num_neg)
        self.with_negatives = dataset.num_train - positives_alone(dataset)
        self.places: np.ndarray | None = None
        self._num_neg = num_neg
        if num_neg and self.with_negatives < dataset.num_train:
            is_alone = np.repeat(has_every_item(dataset), np.diff(dataset.train_offsets))
            self.places = np.argsort(is_alone, kind="stable")

    def positives(self, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return of some examples the places of their positives in `train_items`, and which are negatives.

        `numbers` are unsigned integers, shape (n,), below `num_examples`. The places are integers and the
        answer bool, shape (n,).
        """
        positives, place = np.divmod(numbers, numbers.dtype.type(1 + self._num_neg))
        is_negative = place != 0
        if self.places is None:
            return positives, is_negative
        alone = numbers >= self.with_negatives * (1 + self._num_neg)
        positives[alone] = numbers[alone] - self.with_negatives * self._num_neg
        return self.places[positives], is_negative & ~alone

    def positives_of_pairs(self, numbers: np.ndarray) -> np.ndarray:
        """Return the places of the positives of some pairs of a positive and one of its negatives.

        Only positives with negatives have pairs, `num_neg` each; `numbers` are as in `positives`, but of pairs.
        """
        positives = numbers // numbers.dtype.type(self._num_neg)
        return positives if self.places is None else self.places[positives]
