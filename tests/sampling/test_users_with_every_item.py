"""A user who has interacted with every item is trained on with positives alone, whoever draws the examples."""

from collections import Counter

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings, strategies as st
from scipy import stats

from ncf_keras.base.errors import InputError
from ncf_keras.data import Dataset
from ncf_keras.sampling import (
    PADDING,
    DeviceSampler,
    NegativeSampler,
    PairSampler,
    ShardedSampler,
    training_dataset,
)

USERS, ITEMS = 6, 5
NOTHING = np.zeros((0, 1), int)
HISTORIES = st.lists(
    st.one_of(st.sets(st.integers(0, ITEMS - 1)), st.just(set(range(ITEMS)))), min_size=USERS, max_size=USERS
).filter(lambda histories: any(0 < len(history) < ITEMS for history in histories))


def dataset_of(histories, num_items=ITEMS):
    pairs = np.array([(user, item) for user, items in enumerate(histories) for item in sorted(items)])
    return Dataset.from_pairs(*pairs.T, [], [], NOTHING, num_users=len(histories), num_items=num_items)


def by_host(dataset, num_neg, epoch=0, most_in_memory=2**27):
    sampler = NegativeSampler(dataset, num_neg, seed=1)
    sampler.most_in_memory = most_in_memory
    chunks = zip(*sampler.chunks(epoch, 7), strict=True)
    return sampler.num_examples, [np.concatenate(column) for column in chunks]


def by_host_in_computed_order(dataset, num_neg, epoch=0):
    return by_host(dataset, num_neg, epoch, most_in_memory=0)


def by_device(dataset, num_neg, epoch=0, compiled=False):
    sampler = DeviceSampler(dataset, num_neg, seed=1)
    draw = tf.function(sampler.examples, jit_compile=True, autograph=False) if compiled else sampler.examples
    examples = draw(tf.constant(sampler.keys(epoch)), tf.range(sampler.num_examples, dtype=tf.int64))
    return sampler.num_examples, [tensor.numpy() for tensor in examples]


def by_a_program_of_the_device(dataset, num_neg, epoch=0):
    return by_device(dataset, num_neg, epoch, compiled=True)


def by_shards(dataset, num_neg, epoch=0, replicas=1):
    """Of as many shards as there are users with interactions: one may be of a user with every item alone."""
    shards = int(np.count_nonzero(np.diff(dataset.train_offsets)))
    sampler = ShardedSampler(dataset, num_neg, 1, shards)
    parts = np.array_split(np.arange(shards), replicas)
    steps = -(-sampler.num_examples // 4)
    width = max(sampler.width(steps, part) for part in parts)
    users_of = [np.concatenate([sampler.users[shard] for shard in part]) for part in parts if len(part)]
    rows = []
    for stack in sampler.stacks(epoch, steps, parts, width, 3):
        for place, of in enumerate(users_of):
            users, items, labels = (array.reshape(-1, replicas, width)[:, place].ravel() for array in stack)
            kept = labels != PADDING
            rows.append((of[users[kept]], items[kept], labels[kept]))
    return sampler.num_examples, [np.concatenate(column) for column in zip(*rows, strict=True)]


def by_shards_of_two_replicas(dataset, num_neg, epoch=0):
    return by_shards(dataset, num_neg, epoch, replicas=2)


SAMPLERS = [by_host, by_host_in_computed_order, by_device, by_shards, by_shards_of_two_replicas]


def rows(columns):
    return list(zip(*(column.tolist() for column in columns), strict=True))


@pytest.mark.parametrize("draw", SAMPLERS)
def test_an_epoch_is_each_positive_once_and_negatives_of_those_who_have_any(draw):
    @settings(max_examples=12 if draw is by_device else 25)
    @given(HISTORIES, st.integers(0, 3), st.integers(0, 2))
    def try_one(histories, num_neg, epoch):
        num_examples, examples = draw(dataset_of(histories), num_neg, epoch)
        drawn = rows(examples)
        assert len(drawn) == num_examples
        positives = Counter((user, item) for user, item, label in drawn if label == 1)
        assert positives == Counter((user, item) for user, items in enumerate(histories) for item in items)
        negatives = [(user, item) for user, item, label in drawn if label == 0]
        assert all(item not in histories[user] and 0 <= item < ITEMS for user, item in negatives)
        counts = {user: num_neg * len(items) for user, items in enumerate(histories) if len(items) < ITEMS}
        assert Counter(user for user, _ in negatives) == +Counter(counts)

    try_one()


def test_replicas_draw_the_same_whatever_their_number():
    dataset = dataset_of([{0, 1}, set(range(ITEMS)), {2}, set(range(ITEMS)), {0, 3, 4}, {1}])
    one, two = (by_shards(dataset, 3, replicas=number) for number in (1, 2))
    assert one[0] == two[0] and Counter(rows(one[1])) == Counter(rows(two[1]))


@pytest.mark.parametrize("draw", [by_host, by_a_program_of_the_device, by_shards])
def test_negatives_beside_a_user_with_every_item_are_uniform(draw):
    histories = [set(range(9)), {0, 4, 8}, set(range(9)), {1, 2, 3, 5, 6}]
    _, (users, items, labels) = draw(dataset_of(histories, 9), 2_000)
    for user, free in ((1, [1, 2, 3, 5, 6, 7]), (3, [0, 4, 7, 8])):
        counts = np.bincount(items[(users == user) & (labels == 0)], minlength=9)
        assert counts.sum() == counts[free].sum() == 2_000 * len(histories[user])
        assert stats.chisquare(counts[free]).pvalue > 1e-3
    assert (labels[(users == 0) | (users == 2)] == 1).all() and labels.sum() == sum(map(len, histories))


@pytest.mark.parametrize("draw", SAMPLERS[:3])
def test_positives_without_negatives_are_spread_over_the_epoch(draw):
    """Their places in the order are as of a shuffle: each of ten parts of the epoch has its share."""
    generator = np.random.default_rng(0)
    histories = [set(generator.choice(400, 100, replace=False)) for _ in range(20)]
    histories[4] = histories[19] = set(range(400))
    _, (users, _, _) = draw(dataset_of(histories, 400), 2)
    counts = [int(np.isin(part, (4, 19)).sum()) for part in np.array_split(users, 10)]
    assert sum(counts) == 800 and stats.chisquare(counts).pvalue > 1e-3


@given(HISTORIES, st.integers(1, 3))
def test_pairs_are_of_positives_that_have_negatives(histories, num_neg):
    sampler = PairSampler(dataset_of(histories), num_neg, seed=1)
    drawn = rows([np.concatenate(column) for column in zip(*sampler.chunks(0, 7), strict=True)])
    some = [(user, items) for user, items in enumerate(histories) if len(items) < ITEMS]
    expected = {(user, item): num_neg for user, items in some for item in items}
    assert Counter((user, positive) for user, positive, _ in drawn) == Counter(expected)
    assert all(negative not in histories[user] for user, _, negative in drawn)
    assert len(drawn) == sampler.num_examples


def test_the_training_dataset_is_as_long_as_the_epoch():
    """Three positives with two negatives each and five alone."""
    batches = training_dataset(dataset_of([{1, 2}, set(range(5)), {4}]), 2, 4, seed=1)
    labels = [label for _, label in batches.as_numpy_iterator()]
    assert len(batches) == 4 and [len(label) for label in labels] == [4, 4, 4, 2]
    assert np.concatenate(labels).sum() == 8


def sharded(dataset, num_neg):
    return ShardedSampler(dataset, num_neg, 1, 1)


@pytest.mark.parametrize("make", [NegativeSampler, DeviceSampler, sharded])
def test_where_every_user_has_every_item_there_is_nothing_to_learn_against(make):
    dataset = dataset_of([{0, 1}, set(), {0, 1}], 2)
    rule = "`num_neg` must be 0 where every user has interacted with every item: no negative exists"
    with pytest.raises(InputError, match=rf"{rule}. Received: 3, and 2 user\(s\) .* all 2 items"):
        make(dataset, 3)
    with pytest.raises(InputError, match="`dataset` must have a positive to pair with a negative"):
        PairSampler(dataset, 3)
