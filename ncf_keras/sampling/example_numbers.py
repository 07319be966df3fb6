"""How the examples of an epoch are numbered: which positive each belongs to, and which of them are negatives.

A user with a train interaction with every item has no negative, so their positives are trained on alone. They
are numbered behind all others: example n belongs to positive n // (1 + num_neg), the first of each group being
the positive itself, until those positives come, which are an example each.

An epoch may be of some positives alone; the others are no negatives all the same.
"""

import numpy as np

from ncf_keras.base.checks import require_count
from ncf_keras.base.errors import InputError
from ncf_keras.data import Dataset
from ncf_keras.data.dataset_checks import require_indices


def has_every_item(dataset: Dataset, known_items: bool = False) -> np.ndarray:
    """Return which users have a train interaction with every item: bool, shape (users,).

    With `known_items`, with every one that has a train interaction of anybody.
    """
    count = np.count_nonzero(dataset.item_counts) if known_items else dataset.num_items
    return np.diff(dataset.train_offsets) >= count


def checked_positives(dataset: Dataset, positives: np.ndarray) -> np.ndarray:
    """Return the places of some positives in `train_items`, ascending: int64, shape (n,).

    Raises:
        InputError: they are no whole numbers, none, repeated, or no places of train interactions.
    """
    places = np.asarray(positives)
    if places.ndim != 1 or places.dtype.kind not in "iu" or not places.size:
        raise InputError(
            "`positives` must be whole numbers, one for each train interaction to train on, at least one. "
            f"Received: {places.dtype} of shape {places.shape}"
        )
    require_indices(places, dataset.num_train, "positives")
    unique = np.unique(places).astype(np.int64)
    if len(unique) != len(places):
        rule = "places of train interactions, each once"
        raise InputError(f"`positives` must be {rule}. Received: {len(places) - len(unique)} repeated")
    return unique


def positives_alone(dataset: Dataset, positives: np.ndarray | None = None, known_items: bool = False) -> int:
    """Return how many positives have no negatives, because their users have interacted with every item.

    `positives` are as `checked_positives` returns them; None: all. `known_items` as of `has_every_item`.
    """
    alone = has_every_item(dataset, known_items)
    if positives is None:
        return int(np.diff(dataset.train_offsets)[alone].sum())
    return int(np.count_nonzero(_is_alone(dataset, known_items)[positives]))


def examples_of_epoch(
    dataset: Dataset, num_neg: int, positives: np.ndarray | None = None, known_items: bool = False
) -> int:
    """Return the number of examples of an epoch: each positive, and `num_neg` negatives where there are any."""
    alone, count = positives_alone(dataset, positives, known_items), _count(dataset, positives)
    return (count - alone) * (1 + num_neg) + alone


def require_negatives(
    dataset: Dataset, num_neg: int, positives: np.ndarray | None = None, known_items: bool = False
) -> None:
    """Raise InputError unless `num_neg` is a number of negatives, and there are any to draw."""
    require_count(num_neg, "num_neg", 0)
    if num_neg and positives_alone(dataset, positives, known_items) == _count(dataset, positives):
        raise InputError(
            "`num_neg` must be 0 where every user has interacted with every item: no negative exists. "
            f"Received: {num_neg}, and {np.count_nonzero(has_every_item(dataset)):,} user(s) with train "
            f"interactions, each with all {dataset.num_items:,} items"
        )


class ExampleNumbers:
    """Finds the positives that examples belong to, from the numbers of the examples.

    Args:
        dataset: whose train interactions are the positives.
        num_neg: negatives of each.
        positives: those of an epoch, as `checked_positives` returns them; None: all.
        known_items: whether negatives are among items with train interactions alone.

    Attributes:
        num_examples: of an epoch.
        with_negatives: number of positives that have negatives.
        places: of each positive its place in `train_items`, those without negatives last: int64, shape
            (positives,); None where all are trained on and have negatives, and so are in their places.
    """

    def __init__(
        self,
        dataset: Dataset,
        num_neg: int,
        positives: np.ndarray | None = None,
        known_items: bool = False,
    ):
        count = _count(dataset, positives)
        self.num_examples = examples_of_epoch(dataset, num_neg, positives, known_items)
        self.with_negatives = count - positives_alone(dataset, positives, known_items)
        self.places = positives
        self._num_neg = num_neg
        if num_neg and self.with_negatives < count:
            places = np.arange(count) if positives is None else positives
            self.places = places[np.argsort(_is_alone(dataset, known_items)[places], kind="stable")]

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


def _count(dataset: Dataset, positives: np.ndarray | None) -> int:
    return dataset.num_train if positives is None else len(positives)


def _is_alone(dataset: Dataset, known_items: bool) -> np.ndarray:
    """Return which positives have no negatives: bool, shape (interactions,)."""
    return np.repeat(has_every_item(dataset, known_items), np.diff(dataset.train_offsets))
