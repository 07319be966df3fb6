"""A dataset split anew: train interactions held out for validation, or test pairs put into train.

Picking an epoch or settings on the test pairs, as the authors' scripts do, makes its figure a little too good.
With validation pairs, held out of the train set, the test set is scored once, at the end.
"""

import dataclasses
from typing import Any

import numpy as np

from ncf_keras.base.checks import require_count
from ncf_keras.base.errors import InputError
from ncf_keras.data.dataset import Dataset
from ncf_keras.data.hold_out import hold_out
from ncf_keras.data.negatives import draw_negatives, free_items, too_many_negatives
from ncf_keras.data.states import ACTIVE, active_among
from ncf_keras.data.time_order import order_of_part


def split_validation(dataset: Dataset, seed: int = 0, negatives: int | None = None) -> Dataset:
    """Return the dataset with train interactions held out, and those as its test pairs.

    Of a dataset that was split in time with a time for validation, held out is what is marked so
    (`train_is_validation`), as the later interactions were for the test: pairs whose user and item have train
    interactions left are the test pairs, the others are cold, and who is left without any is inactive. Of any
    other dataset it is one train interaction of each user.

    That is the latest of each user, as the test item was the latest of all; of several with that timestamp a
    random one. So it is a random one where a file has no timestamps: the order of the lines does not stand in
    for them, because it means something else in every file (the authors' ML-1M has a user's latest first). A
    user with a single train interaction keeps it and has no validation pair; nor has a user with fewer items to
    draw negatives from than are asked for, who keeps all train interactions.

    The negatives are drawn from all active items that the user has no train interaction with, the held-out ones
    included. The test item may be among them: it is unknown at that time, and leaving it out would leak it.

    Args:
        dataset: what to split; it stays as it is.
        seed: of the draws. The same dataset and seed give the same pairs, whatever model they are for.
        negatives: how many for each validation pair; as many as the test pairs have if not given.
    """
    given, negatives = negatives, dataset.test_negatives.shape[1] if negatives is None else negatives
    require_count(negatives, "negatives")
    generator = np.random.default_rng(seed)
    if dataset.train_is_validation is not None:
        return _split_by_time(dataset, dataset.train_is_validation, negatives, given is not None, generator)
    held_out = _held_out(dataset, generator)
    if not held_out.size:
        raise InputError(
            "The train set must have a user with two interactions, one to learn from and one to hold out for "
            f"validation. Received: {dataset.num_train:,} interaction(s), none of them of such a user"
        )
    users = dataset.train_users
    free = free_items(users, users[held_out], int(dataset.active_items.sum()))
    if free.max() < negatives:
        raise _too_few_free(free, negatives, given is not None, "two or more interactions")
    held_out = held_out[free >= negatives]
    drawn = draw_negatives(
        users, dataset.train_items, users[held_out], dataset.active_items, negatives, generator
    )
    in_train = np.ones(dataset.num_train, dtype=bool)
    in_train[held_out] = False
    return dataclasses.replace(
        dataset,
        **_train_part(dataset, in_train),
        test_users=users[held_out],
        test_items=dataset.train_items[held_out],
        test_negatives=drawn,
        cold_users=None,
        cold_items=None,
    )


def with_tests_in_train(dataset: Dataset) -> Dataset:
    """Return the dataset with its test pairs among the train interactions, and without any test pair.

    All that is known of the users is then hidden from lists, and counted for popularity. Cold pairs stay cold:
    their users and items are inactive, because a model has learned nothing of them.
    """
    none, order = np.zeros(0, np.int32), dataset.train_order
    # Test pairs come behind all of train; those of one user in their own order, which is that of their rows.
    behind = np.full(dataset.num_test, dataset.num_train)
    times = None if order is None else np.concatenate([order, behind])
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
        train_timestamps=times,
        user_states=dataset.user_states,
        item_states=dataset.item_states,
        cold_users=dataset.cold_users,
        cold_items=dataset.cold_items,
        user_features=dataset.user_features,
        item_features=dataset.item_features,
    )


def _split_by_time(
    dataset: Dataset,
    is_validation: np.ndarray,
    negatives: int,
    is_given: bool,
    generator: np.random.Generator,
) -> Dataset:
    """Hold out the train interactions that are marked for it, as the split in time did for the test."""
    users, items = dataset.train_users, dataset.train_items
    held_out = hold_out(users, items, is_validation, negatives, generator)
    if not held_out.tested.size:
        if held_out.too_few_free.size:
            raise _too_few_free(held_out.too_few_free, negatives, is_given, "a validation pair")
        raise InputError(
            "`train_is_validation` must mark a pair whose user and item have other train interactions. "
            f"Received: {np.count_nonzero(is_validation):,} pair(s), none of which has"
        )
    in_train = ~is_validation
    return dataclasses.replace(
        dataset,
        **_train_part(dataset, in_train),
        test_users=users[held_out.tested],
        test_items=items[held_out.tested],
        test_negatives=held_out.negatives,
        user_states=active_among(_states(dataset.user_states, dataset.num_users), users[in_train]),
        item_states=active_among(_states(dataset.item_states, dataset.num_items), items[in_train]),
        cold_users=users[held_out.cold],
        cold_items=items[held_out.cold],
    )


def _too_few_free(free: np.ndarray, negatives: int, is_given: bool, whose: str) -> InputError:
    """Return what to say where nobody has items enough for so many negatives, given or those of the test."""
    if is_given:
        return too_many_negatives(free, negatives, whose)
    return InputError(
        f"The train set must have a user with {whose} and {negatives} items to draw negatives from, as many as "
        f"the test pairs have. Received: {free.max()} item(s) at the most that such a user has not"
    )


def _train_part(dataset: Dataset, in_train: np.ndarray) -> dict[str, Any]:
    """Return the fields of a Dataset that has some of the train interactions."""
    counts = np.bincount(dataset.train_users[in_train], minlength=dataset.num_users)
    order = dataset.train_order
    return {
        "train_offsets": np.concatenate([[0], np.cumsum(counts)]),
        "train_items": dataset.train_items[in_train],
        "train_is_latest": None,
        "train_is_validation": None,
        "train_order": None if order is None else order_of_part(order, dataset.train_offsets, in_train),
    }


def _states(states: np.ndarray | None, count: int) -> np.ndarray:
    return np.full(count, ACTIVE, np.uint8) if states is None else states


def _held_out(dataset: Dataset, generator: np.random.Generator) -> np.ndarray:
    """Return the place in `train_items` of the held-out interaction of each user with two or more: int64."""
    latest = dataset.train_is_latest
    places = np.arange(dataset.num_train) if latest is None else np.flatnonzero(latest)
    first = np.searchsorted(places, dataset.train_offsets)
    has_two = np.diff(dataset.train_offsets) > 1
    return places[first[:-1][has_two] + generator.integers(0, np.diff(first)[has_two])]
