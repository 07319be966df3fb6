"""One more interaction of each user held out, from the train set: the pairs that pick an epoch or settings.

Picking them on the test set, as the authors' scripts do, makes its figure a little too good. With validation
pairs the test set is scored once, at the end.
"""

import dataclasses

import numpy as np

from ncf_keras.base.errors import InputError
from ncf_keras.data.dataset import Dataset
from ncf_keras.data.leave_one_out_split import draw_negatives


def split_validation(dataset: Dataset, seed: int = 0, negatives: int | None = None) -> Dataset:
    """Return the dataset with a train interaction of each user held out, and those as its test pairs.

    Held out is the latest train interaction of each user, as the test item was the latest of all; of several
    with that timestamp a random one. So it is a random one where a file has no timestamps: the order of the
    lines does not stand in for them, because it means something else in every file (the authors' ML-1M has a
    user's latest first). A user with a single train interaction keeps it and has no validation pair.

    The negatives are drawn from all items that the user has no train interaction with, the held-out one
    included. The test item may be among them: it is unknown at that time, and leaving it out would leak it.

    Args:
        dataset: what to split; it stays as it is.
        seed: of the draws. The same dataset and seed give the same pairs, whatever model they are for.
        negatives: how many for each validation pair; as many as the test pairs have if not given.

    Returns:
        A Dataset of the same name, sizes and ids, without the held-out interactions in its train fields, whose
        `test_users`, `test_items` and `test_negatives` are the validation pairs, ascending by user.

    Raises:
        InputError: no user has two train interactions, or a user has too few items to draw negatives from.
    """
    negatives = dataset.test_negatives.shape[1] if negatives is None else negatives
    if negatives < 1:
        raise InputError(f"`negatives` must be at least 1. Received: {negatives}")
    generator = np.random.default_rng(seed)
    held_out = _held_out(dataset, generator)
    if not held_out.size:
        raise InputError(
            "The train set must have a user with two interactions, one to learn from and one to hold out for "
            f"validation. Received: {dataset.num_train:,} interaction(s), none of them of such a user"
        )
    users = dataset.train_users
    drawn = draw_negatives(users, dataset.train_items, users[held_out], dataset.num_items, negatives, generator)
    counts = np.diff(dataset.train_offsets)
    counts[users[held_out]] -= 1
    return dataclasses.replace(
        dataset,
        train_offsets=np.concatenate([[0], np.cumsum(counts)]),
        train_items=np.delete(dataset.train_items, held_out),
        test_users=users[held_out],
        test_items=dataset.train_items[held_out],
        test_negatives=drawn,
        train_is_latest=None,
    )


def _held_out(dataset: Dataset, generator: np.random.Generator) -> np.ndarray:
    """Return the place in `train_items` of the held-out interaction of each user with two or more: int64."""
    if dataset.train_is_latest is None:
        places = np.arange(dataset.num_train)
    else:
        places = np.flatnonzero(dataset.train_is_latest)
    first = np.searchsorted(places, dataset.train_offsets)
    has_two = np.diff(dataset.train_offsets) > 1
    latest = np.diff(first)[has_two]
    return places[first[:-1][has_two] + generator.integers(0, latest)]
