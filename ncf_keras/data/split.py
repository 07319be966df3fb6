"""The leave-one-out protocol of section 4.1 of the paper, for the test and once more for validation.

One interaction of each user is held out, and ranked among negatives. Picking an epoch or settings on the test
pairs, as the authors' scripts do, makes its figure a little too good. With validation pairs, held out of the
train set, the test set is scored once, at the end.
"""

import dataclasses

import numpy as np

from ncf_keras.base.checks import require_count
from ncf_keras.base.errors import InputError
from ncf_keras.base.memory import require_memory
from ncf_keras.data.dataset import Dataset

# What drawing takes of memory, measured: 33 for 3 to 30 million negatives.
BYTES_OF_NEGATIVE = 33


def latest_interactions(users: np.ndarray, timestamps: np.ndarray) -> np.ndarray:
    """Return the position of the latest interaction of each user who has two or more.

    Of interactions at the same time the one that comes later in the log is the latest. The positions are
    ascending by user.
    """
    order = np.lexsort((timestamps, users))
    counts = np.bincount(users)
    return order[np.cumsum(counts) - 1][counts > 1]


def random_interactions(users: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Return the position of a random interaction of each user who has two or more, ascending by user."""
    order = np.argsort(users, kind="stable")
    counts = np.bincount(users)
    first = np.cumsum(counts) - counts
    return order[first + generator.integers(0, counts)][counts > 1]


def newer_interactions(
    users: np.ndarray,
    items: np.ndarray,
    is_new: np.ndarray,
    was_test: np.ndarray,
    generator: np.random.Generator,
) -> np.ndarray:
    """Return the position of what to hold out of each user who has two or more interactions, ascending by user.

    That is a random one of those that are new. A user with nothing new keeps the test pair of before: of the
    others a model has learned already. Without either, nothing of the user is held out.

    Args:
        users, items: int32, shape (interactions,), each pair once, in any order, which makes no difference.
        is_new: bool, shape (interactions,): which an earlier split had not.
        was_test: bool, shape (interactions,): which it held out, at most one a user.
        generator: of the draws.
    """
    counts = np.bincount(users)
    order = np.lexsort((items, users))
    new = order[is_new[order]]
    news = np.bincount(users[new], minlength=len(counts))
    first, has_new = np.cumsum(news) - news, news > 0
    held_out = np.full(len(counts), -1)
    held_out[users[was_test]] = np.flatnonzero(was_test)
    held_out[has_new] = new[first[has_new] + generator.integers(0, news[has_new])]
    return held_out[(held_out >= 0) & (counts > 1)]


def free_items(users: np.ndarray, test_users: np.ndarray, num_items: int) -> np.ndarray:
    """Return how many of `num_items` each test user has no interaction with: int64, shape (tests,)."""
    counts = np.bincount(users, minlength=int(test_users.max(initial=-1)) + 1)
    return num_items - counts[test_users]


def too_many_negatives(free: np.ndarray, negatives: int) -> InputError:
    """Return what to say where no user is left to test, because none has `negatives` free items.

    `free` are the free items of each user with two or more interactions, shape (users,), at least one.
    """
    most = int(free.max())
    if most == 0:
        return InputError(
            "`negatives` must leave a test user items to draw from, but each of "
            f"{len(free):,} user(s) with two or more interactions has interacted with every item. "
            f"Received: {negatives}"
        )
    return InputError(
        f"`negatives` must be at most {most}, because no user with two or more interactions has more items "
        f"left to draw from. Received: {negatives}"
    )


def draw_negatives(
    users: np.ndarray,
    items: np.ndarray,
    test_users: np.ndarray,
    active_items: np.ndarray,
    negatives: int,
    generator: np.random.Generator,
) -> np.ndarray:
    """Draw for each test user active items that the user has never interacted with, without replacement.

    Floyd's method (Bentley and Floyd, "A sample of brilliance", CACM 1987) draws ranks among the free items
    of all users at once, every subset as likely; a rank then becomes an item by counting the taken items
    below it. So a user with a million interactions, or with just enough free items, costs no more.

    `users` and `items` are int32, shape (interactions,), each pair once; `active_items` is bool, shape
    (items,), true of all of `items`. Each test user must have at least `negatives` free active items. The
    negatives are int32, shape (tests, negatives).
    """
    # Drawn are places among the active items, as if there were no others.
    place = np.cumsum(active_items, dtype=np.int32) - 1
    num_items = int(np.count_nonzero(active_items))
    counts = np.bincount(users, minlength=int(test_users.max(initial=-1)) + 1)
    free = free_items(users, test_users, num_items)
    require_memory(
        BYTES_OF_NEGATIVE * negatives * len(test_users), f"`negatives` for {len(test_users):,} test users"
    )
    ranks = np.empty((negatives, len(test_users)), dtype=np.int32)
    for step in range(negatives):
        highest = free - negatives + step
        drawn = generator.integers(0, highest + 1).astype(np.int32)
        drawn_before = (ranks[:step] == drawn).any(axis=0)
        ranks[step] = np.where(drawn_before, highest, drawn)
    # The j-th taken item p of a user (from 0, ascending) has p - j free items below it. So the free item of
    # rank r is r + the number of taken items with p - j <= r, which one binary search over all users finds.
    stride = num_items + 1
    taken = np.sort(users.astype(np.int64) * stride + place[items])
    first = np.cumsum(counts) - counts
    free_below = taken - (np.arange(len(taken)) - np.repeat(first, counts))
    keys = test_users[:, None].astype(np.int64) * stride + ranks.T
    taken_below = np.searchsorted(free_below, keys, side="right") - first[test_users][:, None]
    return np.flatnonzero(active_items).astype(np.int32)[ranks.T + taken_below]


def split_validation(dataset: Dataset, seed: int = 0, negatives: int | None = None) -> Dataset:
    """Return the dataset with a train interaction of each user held out, and those as its test pairs.

    Held out is the latest train interaction of each user, as the test item was the latest of all; of several
    with that timestamp a random one. So it is a random one where a file has no timestamps: the order of the
    lines does not stand in for them, because it means something else in every file (the authors' ML-1M has a
    user's latest first). A user with a single train interaction keeps it and has no validation pair; nor has
    a user with fewer items to draw negatives from than are asked for, who keeps all train interactions.

    The negatives are drawn from all active items that the user has no train interaction with, the held-out one
    included. The test item may be among them: it is unknown at that time, and leaving it out would leak it.

    Args:
        dataset: what to split; it stays as it is.
        seed: of the draws. The same dataset and seed give the same pairs, whatever model they are for.
        negatives: how many for each validation pair; as many as the test pairs have if not given.
    """
    given, negatives = negatives, dataset.test_negatives.shape[1] if negatives is None else negatives
    require_count(negatives, "negatives")
    generator = np.random.default_rng(seed)
    held_out = _held_out(dataset, generator)
    if not held_out.size:
        raise InputError(
            "The train set must have a user with two interactions, one to learn from and one to hold out for "
            f"validation. Received: {dataset.num_train:,} interaction(s), none of them of such a user"
        )
    users = dataset.train_users
    free = free_items(users, users[held_out], int(dataset.active_items.sum()))
    if free.max() < negatives:
        if given is not None:
            raise too_many_negatives(free, negatives)
        raise InputError(
            f"The train set must have a user with two interactions and {negatives} items to draw negatives "
            f"from, as many as the test pairs have. Received: {free.max()} item(s) at the most that such a "
            "user has not"
        )
    held_out = held_out[free >= negatives]
    drawn = draw_negatives(
        users, dataset.train_items, users[held_out], dataset.active_items, negatives, generator
    )
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


def with_tests_in_train(dataset: Dataset) -> Dataset:
    """Return the dataset with its test pairs among the train interactions, and without any test pair.

    All that is known of the users is then hidden from lists, and counted for popularity.
    """
    none = np.zeros(0, np.int32)
    return Dataset.from_pairs(
        np.concatenate([dataset.train_users, dataset.test_users]),
        np.concatenate([dataset.train_items, dataset.test_items]),
        none,
        none,
        none.reshape(0, 1),
        name=dataset.name,
        num_users=dataset.num_users,
        num_items=dataset.num_items,
        user_ids=dataset.user_ids,
        item_ids=dataset.item_ids,
        item_titles=dataset.item_titles,
        user_states=dataset.user_states,
        item_states=dataset.item_states,
    )


def _held_out(dataset: Dataset, generator: np.random.Generator) -> np.ndarray:
    """Return the place in `train_items` of the held-out interaction of each user with two or more: int64."""
    latest = dataset.train_is_latest
    places = np.arange(dataset.num_train) if latest is None else np.flatnonzero(latest)
    first = np.searchsorted(places, dataset.train_offsets)
    has_two = np.diff(dataset.train_offsets) > 1
    return places[first[:-1][has_two] + generator.integers(0, np.diff(first)[has_two])]
