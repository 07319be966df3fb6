"""Tests of how a model ranks items without interactions: held-out pairs with them, and what they are among."""

from typing import NamedTuple

import numpy as np

from ncf_keras.base.checks import require_count
from ncf_keras.base.errors import InputError
from ncf_keras.base.memory import require_memory
from ncf_keras.data.dataset import Dataset, pair_numbers
from ncf_keras.data.negatives import draw_negatives, free_items

# What such pairs take of memory for each of the items that they are ranked among.
BYTES_OF_NEGATIVE = 12


class ColdTests(NamedTuple):
    """Held-out pairs of known users with cold items, those without a train interaction.

    Attributes:
        users: int32, shape (tests,), ascending.
        items: int32, shape (tests,), ascending within a user.
        negatives: int32, shape (tests, negatives): cold items that the user has no held-out interaction with.
            Of a user with fewer left they are all of those, repeated until the row is full, which changes no
            rank: `LeaveOneOut` counts an item once, however often it is listed.
        counts: int64, shape (tests,): how many different negatives each has, at least one.
        num_cold: how many cold items there are.
        without_negatives: how many pairs are left out, because their users have every cold item.
    """

    users: np.ndarray
    items: np.ndarray
    negatives: np.ndarray
    counts: np.ndarray
    num_cold: int
    without_negatives: int


def cold_tests(dataset: Dataset, negatives: int | None = None, seed: int = 0) -> ColdTests:
    """Return the cold pairs of the users who have train interactions, and draw for each what to rank it among.

    Those are items that are cold too: a model ranks what it knows by features alone among its like. A cold item
    has no train interaction and at least one held-out interaction, of anybody.

    Args:
        dataset: split by items, or in time.
        negatives: how many for each pair; as many as the test pairs have if not given.
        seed: of the draws. The same dataset and seed give the same tests, whatever model they are for, in
            whatever order the pairs come.

    Raises:
        InputError: there is no such pair, or none with anything to rank it among.
    """
    negatives = dataset.test_negatives.shape[1] if negatives is None else negatives
    require_count(negatives, "negatives")
    users, items = _cold_pairs(dataset)
    is_cold = np.zeros(dataset.num_items, dtype=bool)
    is_cold[items] = True
    num_cold = int(np.count_nonzero(is_cold))
    is_known = np.diff(dataset.train_offsets)[users] > 0
    if not is_known.any():
        raise InputError(
            "`dataset` must have held-out interactions of users with train interactions and items without, as "
            f"`ncf prepare --split cold_items --at 0.05` makes them. Received: {dataset.name}, with none"
        )
    counts = free_items(users, users[is_known], num_cold)
    without = int(np.count_nonzero(counts == 0))
    if without == len(counts):
        raise InputError(
            "`dataset` must have held-out interactions of a user with some of the items without train "
            f"interactions, not all of them. Received: {dataset.name}, with {num_cold:,} such item(s)"
        )
    tested, counts = np.flatnonzero(is_known)[counts > 0], counts[counts > 0]
    width = min(negatives, int(counts.max()))
    require_memory(BYTES_OF_NEGATIVE * width * len(tested), f"The negatives of {len(tested):,} cold pairs")
    drawn = np.empty((len(tested), width), np.int32)
    enough = counts >= width
    generator = np.random.default_rng(seed)
    drawn[enough] = draw_negatives(users, items, users[tested[enough]], is_cold, width, generator)
    cold = np.flatnonzero(is_cold)
    for user in np.unique(users[tested[~enough]]):
        own, rows = (slice(*np.searchsorted(each, [user, user + 1])) for each in (users, users[tested]))
        drawn[rows] = np.resize(np.setdiff1d(cold, items[own], assume_unique=True), width)
    return ColdTests(
        users[tested].astype(np.int32),
        items[tested].astype(np.int32),
        drawn,
        np.minimum(counts, width),
        num_cold,
        without,
    )


def _cold_pairs(dataset: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Return each held-out pair whose item has no train interaction once, by user and item: int64."""
    if dataset.cold_users is None or dataset.cold_items is None:
        none = np.zeros(0, np.int64)
        return none, none
    is_cold = dataset.item_counts[dataset.cold_items] == 0
    users, items = dataset.cold_users[is_cold], dataset.cold_items[is_cold]
    return np.divmod(np.unique(pair_numbers(users, items, dataset.num_items)), dataset.num_items)
