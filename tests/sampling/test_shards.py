"""An epoch in shards: who is in which, and which examples each batch takes."""

import numpy as np
import pytest
from scipy.stats import chi2

from ncf_keras.base.errors import InputError
from ncf_keras.data import Dataset
from ncf_keras.sampling import PADDING, ShardedSampler, users_of_shards

NUM_USERS, NUM_ITEMS, NUM_NEG, SHARDS, BATCH = 40, 25, 3, 5, 16


def skewed_dataset():
    """40 users with 1 to 20 of 25 items each; the last has none."""
    generator = np.random.default_rng(2)
    counts = [*generator.integers(1, 21, NUM_USERS - 1), 0]
    items = [generator.choice(NUM_ITEMS, count, replace=False) for count in counts]
    nobody = np.zeros(0, int)
    users = np.repeat(np.arange(NUM_USERS), counts)
    sizes = {"num_users": NUM_USERS, "num_items": NUM_ITEMS}
    return Dataset.from_pairs(users, np.concatenate(items), nobody, nobody, nobody[:, None], **sizes)


@pytest.fixture(scope="module")
def dataset():
    return skewed_dataset()


def draw(dataset, epoch, parts, steps_a_stack=7, seed=3):
    """Return the batches of an epoch, each a list of (user, item, label) for each part."""
    sampler = ShardedSampler(dataset, NUM_NEG, seed, SHARDS)
    steps = -(-sampler.num_examples // BATCH)
    width = max(sampler.width(steps, part) for part in parts)
    users_of = [np.concatenate([sampler.users[shard] for shard in part]) for part in parts]
    batches = []
    for stack in sampler.stacks(epoch, steps, parts, width, steps_a_stack):
        assert [array.dtype for array in stack] == [np.int32, np.int32, np.float32]
        for batch in zip(*(array.reshape(-1, len(parts), width) for array in stack), strict=True):
            batches.append([
                sorted((of[u], i, label) for u, i, label in zip(*part, strict=True) if label != PADDING)
                for of, *part in zip(users_of, *batch, strict=True)
            ])  # fmt: skip
            if sum(map(len, parts)) == SHARDS:
                assert sum(map(len, batches[-1])) == sampler.sizes(steps, len(batches) - 1, len(batches))
    return sampler, batches


def test_each_user_is_in_one_shard_and_the_shards_have_nearly_as_many_interactions(dataset):
    users = users_of_shards(dataset, SHARDS)
    assert sorted(np.concatenate(users)) == list(range(NUM_USERS))
    assert all((np.diff(each) > 0).all() for each in users)
    assert {len(each) for each in users} == {8}
    counts = np.diff(dataset.train_offsets)
    sums = [counts[each].sum() for each in users]
    assert max(sums) - min(sums) <= counts.max()
    # By hand: 5 users in the order of their counts are dealt 0, 1, 1, 0, 0.
    nobody = np.zeros(0, int)
    counts = [1, 2, 3, 4, 5]
    items = np.concatenate([np.arange(count) for count in counts])
    five = Dataset.from_pairs(np.repeat(range(5), counts), items, nobody, nobody, nobody[:, None])
    assert [each.tolist() for each in users_of_shards(five, 2)] == [[0, 1, 4], [2, 3]]


def test_every_positive_is_trained_once_an_epoch_and_every_negative_is_none(dataset):
    sampler, batches = draw(dataset, 0, [range(SHARDS)])
    assert len(batches) == -(-sampler.num_examples // BATCH)
    taken = [example for (batch,) in batches for example in batch]
    positives = {(user, item) for user, item, label in taken if label}
    expected = set(zip(dataset.train_users, dataset.train_items, strict=True))
    assert positives == expected and len([1 for *_, label in taken if label]) == len(expected)
    assert not expected & {(user, item) for user, item, label in taken if not label}
    assert sampler.num_examples == len(expected) * (1 + NUM_NEG)
    sizes = sampler.sizes(len(batches), 0, len(batches))
    assert sizes.sum() == sampler.num_examples
    assert abs(sizes - BATCH).max() <= 2


def test_each_batch_takes_the_same_share_of_every_shard(dataset):
    sampler, batches = draw(dataset, 0, [[shard] for shard in range(SHARDS)])
    counts = np.diff(dataset.train_offsets)
    for shard, users in enumerate(sampler.users):
        examples = counts[users].sum() * (1 + NUM_NEG)
        steps = len(batches)
        phase = steps * shard // SHARDS
        ends = [(k * examples + phase) // steps for k in range(steps + 1)]
        assert [len(batch[shard]) for batch in batches] == np.diff(ends).tolist()


@pytest.mark.parametrize("parts", [[[0, 1], [2, 3, 4]], [[0], [1], [2], [3], [4]], [[2, 3]]])
def test_the_batches_do_not_depend_on_who_draws(dataset, parts):
    _, alone = draw(dataset, 1, [range(SHARDS)])
    _, shared = draw(dataset, 1, parts)
    drawn_here = [shard for part in parts for shard in part]
    mine = set(np.concatenate([users_of_shards(dataset, SHARDS)[shard] for shard in drawn_here]))
    for whole, divided in zip(alone, shared, strict=True):
        assert sorted(example for part in divided for example in part) == [
            example for example in whole[0] if example[0] in mine
        ]


def test_epochs_and_seeds_differ_and_the_same_are_the_same(dataset):
    first = draw(dataset, 0, [range(SHARDS)])[1]
    assert first == draw(dataset, 0, [range(SHARDS)])[1]
    assert first != draw(dataset, 1, [range(SHARDS)])[1] != draw(dataset, 1, [range(SHARDS)], seed=4)[1]


def test_negatives_are_uniform_over_what_a_user_lacks(dataset):
    """A chi-square test: its statistic is above the 99.9% point once in a thousand seeds."""
    user = int(np.argsort(np.diff(dataset.train_offsets))[NUM_USERS // 2])
    sampler = ShardedSampler(dataset, NUM_NEG, 8, SHARDS)
    (shard,) = (number for number, users in enumerate(sampler.users) if user in users)
    place = int(np.searchsorted(sampler.users[shard], user))
    width = sampler.width(10, [shard])
    drawn = np.zeros(NUM_ITEMS)
    for epoch in range(200):
        for users, items, labels in sampler.stacks(epoch, 10, [[shard]], width, 10):
            drawn += np.bincount(items[(users == place) & (labels == 0)], minlength=NUM_ITEMS)
    positives = dataset.train_items[dataset.train_offsets[user] : dataset.train_offsets[user + 1]]
    assert not drawn[positives].any()
    found = np.delete(drawn, positives)
    assert found.sum() == 200 * len(positives) * NUM_NEG
    statistic = ((found - found.mean()) ** 2 / found.mean()).sum()
    assert statistic < chi2.ppf(0.999, len(found) - 1)


def test_batches_smaller_than_the_number_of_shards(dataset):
    sampler = ShardedSampler(dataset, 0, 1, 20)
    steps = sampler.num_examples // 2
    stacks = list(sampler.stacks(0, steps, [range(20)], sampler.width(steps, range(20)), 3))
    assert sum(int((labels != PADDING).sum()) for *_, labels in stacks) == dataset.num_train
    assert sampler.sizes(steps, 0, steps).max() <= 5


@pytest.mark.parametrize("count", [0, 40, 1.5])
def test_wrong_numbers_of_shards_are_refused(dataset, count):
    with pytest.raises(InputError, match="`shards` must be "):
        ShardedSampler(dataset, 1, 0, count)
