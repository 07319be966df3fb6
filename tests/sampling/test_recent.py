"""Examples with the items before them: no example knows its own positive, or what came after it."""

import numpy as np
import pytest

from ncf_keras.base.errors import InputError
from ncf_keras.data import Dataset
from ncf_keras.sampling import NegativeSampler, training_dataset

USERS, ITEMS, LENGTH = 12, 25, 3


def made(times: np.ndarray, users: np.ndarray, items: np.ndarray) -> Dataset:
    return Dataset.from_pairs(
        users, items, [0], [0], [[1]], num_users=USERS, num_items=ITEMS, train_timestamps=times
    )


@pytest.fixture(scope="module")
def log() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Users, items and timestamps, all different."""
    generator = np.random.default_rng(3)
    users, items = np.nonzero(generator.random((USERS, ITEMS)) < 0.3)
    return users, items, generator.permutation(len(users))


def examples_of(dataset: Dataset, **options) -> list[np.ndarray]:
    sampler = NegativeSampler(dataset, 2, seed=4, **options)
    return [np.concatenate(column) for column in zip(*sampler.chunks(1, 50), strict=True)]


def test_the_other_arrays_are_those_without(log):
    users, items, times = log
    dataset = made(times, users, items)
    for one, other in zip(examples_of(dataset), examples_of(dataset, recent=LENGTH)[:3], strict=True):
        np.testing.assert_array_equal(one, other)


def test_all_examples_of_a_positive_know_what_came_before_it(log):
    users, items, times = log
    dataset = made(times, users, items)
    # Chunks do not matter: without shuffling by number, all of a positive's examples share its recent items.
    who, what, labels, recent = examples_of(dataset, recent=LENGTH)
    time_of = {(user, item): time for user, item, time in zip(users, items, times, strict=True)}
    counts: dict[tuple, list[int]] = {}
    for user, item, label, before in zip(who, what, labels, recent, strict=True):
        counts.setdefault((user, *before), [0, 0])[int(label)] += 1
        if label == 1:
            earlier = sorted(
                (time for (other, _), time in time_of.items() if other == user and time < time_of[user, item]),
                reverse=True,
            )[:LENGTH]
            assert [time_of[user, one] for one in before if one >= 0] == earlier
            assert item not in before
    # Where the items before are those of one positive alone, its two negatives have them too.
    assert all(negatives == 2 * positives for negatives, positives in counts.values())


def test_the_future_of_an_example_changes_nothing(log):
    users, items, times = log
    dataset, median = made(times, users, items), np.median(times)
    later = np.flatnonzero(times > median)
    shuffled = times.copy()
    shuffled[later] = np.random.default_rng(5).permutation(times[later])
    other = made(shuffled, users, items)
    positives = np.flatnonzero(np.isin(
        dataset.train_users * ITEMS + dataset.train_items, (users * ITEMS + items)[times <= median]
    ))  # fmt: skip
    assert (dataset.train_order != other.train_order).any()
    np.testing.assert_array_equal(
        dataset.items_in_time.before(positives, LENGTH), other.items_in_time.before(positives, LENGTH)
    )


def test_batches_for_fit_have_the_recent_items(log):
    users, items, times = log
    dataset = made(times, users, items)
    batches = list(training_dataset(dataset, 2, 32, seed=4, recent=LENGTH))
    inputs, labels = batches[0]
    assert {name: tuple(value.shape) for name, value in inputs.items()} == {
        "user_input": (32, 1), "item_input": (32, 1), "recent_input": (32, LENGTH),
    }  # fmt: skip
    assert tuple(labels.shape) == (32, 1)
    assert sum(len(labels) for _, labels in batches) == 3 * len(users)


def test_without_an_order_there_are_no_recent_items(log):
    users, items, _ = log
    with pytest.raises(InputError, match="must have timestamps"):
        NegativeSampler(made(np.zeros(len(users)), users, items), 2, recent=LENGTH)
