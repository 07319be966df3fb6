"""What the device draws is what the host's sampler draws, in distribution; and each example is a function."""

from collections import Counter

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, strategies as st
from scipy import stats

from ncf_keras.base.errors import InputError
from ncf_keras.data import Dataset
from ncf_keras.sampling import DeviceSampler, NegativeSampler

NOTHING = np.zeros((0, 1), int)


def dataset_of(pairs, num_users, num_items):
    users, items = np.array(sorted(set(pairs))).T
    return Dataset.from_pairs(users, items, [], [], NOTHING, num_users=num_users, num_items=num_items)


def compiled(sampler):
    """Return a function from an epoch and places to arrays, drawn by a program of XLA.

    With a sampler of the same data but another seed it draws as that one, which differs in its keys alone.
    """
    program = tf.function(sampler.examples, jit_compile=True, autograph=False)

    def examples(epoch=0, places=None, sampler=sampler):
        places = np.arange(sampler.num_examples) if places is None else places
        drawn = program(tf.constant(sampler.keys(epoch)), tf.constant(places, tf.int64))
        return tuple(tensor.numpy() for tensor in drawn)

    return examples


def eager(sampler, epoch=0, places=None):
    """Return examples without a program, which a property test has no time to compile for each size."""
    places = np.arange(sampler.num_examples) if places is None else places
    keys = tf.constant(sampler.keys(epoch))
    return tuple(tensor.numpy() for tensor in sampler.examples(keys, tf.constant(places, tf.int64)))


def rows(*columns):
    return list(zip(*(column.tolist() for column in columns), strict=True))


PAIRS = st.sets(st.tuples(st.integers(0, 6), st.integers(0, 9)), min_size=1, max_size=70)


@given(pairs=PAIRS, num_neg=st.integers(0, 5), epoch=st.integers(0, 3), num_items=st.integers(11, 14))
def test_an_epoch_is_each_positive_once_and_its_users_negatives(pairs, num_neg, epoch, num_items):
    """Of one positive and of a user with all items but one, too: nobody has the items from 10 on."""
    sampler = DeviceSampler(dataset_of(pairs, 7, num_items), num_neg, seed=1)
    users, items, labels = eager(sampler, epoch)
    assert (users.dtype, items.dtype, labels.dtype) == (np.int32, np.int32, np.float32)
    positives, negatives = (rows(users[labels == label], items[labels == label]) for label in (1, 0))
    assert Counter(positives) == Counter(pairs)
    assert not set(negatives) & pairs and all(0 <= item < num_items for _, item in negatives)
    interactions = Counter(user for user, _ in pairs)
    assert Counter(user for user, _ in negatives) == {
        user: num_neg * count for user, count in interactions.items() if num_neg
    }
    assert len(users) == sampler.num_examples == len(pairs) * (1 + num_neg)


@pytest.mark.parametrize("missing", [0, 1234, 3999])
def test_a_user_with_all_items_but_one_gets_that_one(missing):
    items = np.delete(np.arange(4000), missing)
    sampler = DeviceSampler(Dataset.from_pairs(0 * items, items, [], [], NOTHING, num_items=4000), 2, seed=1)
    _, drawn, labels = eager(sampler)
    assert set(drawn[labels == 0].tolist()) == {missing} and (labels == 0).sum() == 2 * 3999


@pytest.fixture(scope="module")
def uneven():
    """9 users with 1 to 27 positives of 30 items each, at random; the last one lacks items at both ends."""
    generator = np.random.default_rng(2)
    histories = [generator.choice(30, size, replace=False) for size in (1, 2, 3, 7, 8, 15, 16, 27)]
    histories.append(np.arange(2, 29))
    pairs = [(user, item) for user, history in enumerate(histories) for item in history.tolist()]
    return dataset_of(pairs, 9, 30)


@pytest.fixture(scope="module")
def counts(uneven):
    """How often each user got each item as a negative in 40 epochs of 200 negatives a positive."""
    sampler = DeviceSampler(uneven, 200, seed=11)
    draw, found = compiled(sampler), np.zeros((9, 30), int)
    for epoch in range(40):
        users, items, labels = draw(epoch)
        np.add.at(found, (users[labels == 0], items[labels == 0]), 1)
    return found


def test_negatives_are_uniform_over_the_non_positives(uneven, counts):
    is_free = uneven.train_matrix.toarray() == 0
    assert (counts[~is_free] == 0).all()
    np.testing.assert_array_equal(counts.sum(1), 40 * 200 * np.diff(uneven.train_offsets))
    chi_square, freedom = 0.0, 0
    for found, free in zip(counts, is_free, strict=True):
        result = stats.chisquare(found[free])
        assert result.pvalue > 1e-4
        chi_square, freedom = chi_square + result.statistic, freedom + free.sum() - 1
    # Neither too far from uniform nor too near.
    assert 1e-4 < stats.chi2.sf(chi_square, freedom) < 1 - 1e-4


def test_negatives_are_those_of_the_hosts_sampler(uneven, counts):
    host = np.zeros((9, 30), int)
    sampler = NegativeSampler(uneven, 200, seed=12)
    for epoch in range(40):
        for users, items, labels in sampler.chunks(epoch, 2**20):
            np.add.at(host, (users[labels == 0], items[labels == 0]), 1)
    is_free = uneven.train_matrix.toarray() == 0
    for mine, theirs, free in zip(counts, host, is_free, strict=True):
        assert stats.chi2_contingency([mine[free], theirs[free]]).pvalue > 1e-4


@pytest.fixture(scope="module")
def sample_draws(sample):
    """A sampler of the sample and its compiled function."""
    sampler = DeviceSampler(sample, 4, seed=5)
    return sampler, compiled(sampler)


def test_epochs_and_seeds_differ_and_the_same_seed_gives_the_same_examples(sample, sample_draws):
    _, draw = sample_draws
    first, second = draw(0), draw(1)
    for one, again in zip(first, draw(0), strict=True):
        np.testing.assert_array_equal(one, again)
    places = np.arange(1_000)
    for one, other in zip(first, eager(DeviceSampler(sample, 4, seed=5), places=places), strict=True):
        np.testing.assert_array_equal(one[places], other)
    others = (DeviceSampler(sample, 4, seed=6), DeviceSampler(sample, 4))
    for other in (second, *(draw(0, sampler=another) for another in others)):
        # As often alike as two shuffles: by chance alone.
        assert np.mean((first[0] == other[0]) & (first[1] == other[1])) < 1e-3
        ones, others = (set(rows(*(column[each[2] == 0] for column in each[:2]))) for each in (first, other))
        assert len(ones - others) > len(ones) / 3


def test_any_part_of_an_epoch_is_drawn_by_itself(sample_draws):
    sampler, draw = sample_draws
    whole = draw(3)
    places = np.random.default_rng(1).permutation(sampler.num_examples)
    for one, part in zip(whole, draw(3, places), strict=True):
        np.testing.assert_array_equal(part, one[places])


def test_beyond_the_end_is_padding(sample_draws):
    sampler, draw = sample_draws
    places = sampler.num_examples - 3 + np.arange(sampler.num_examples, dtype=np.int64)
    padded, end = draw(0, places), [column[-3:] for column in draw(0)]
    for one, last in zip(padded, end, strict=True):
        np.testing.assert_array_equal(one[:3], last)
        assert not one[3:].any()


def test_positives_are_spread_over_batches_as_by_a_shuffle(sample_draws):
    """Positives in a batch of 256 of a shuffle are hypergeometric: so are their mean and variance here."""
    sampler, draw = sample_draws
    positives, batches = sampler.num_examples // 5, sampler.num_examples // 256
    found = []
    for epoch in range(8):
        labels = draw(epoch)[2][: batches * 256]
        found.append(labels.reshape(batches, 256).sum(1))
    found = np.concatenate(found).astype(int)
    law = stats.hypergeom(sampler.num_examples, positives, 256)
    edges = np.unique(law.ppf(np.linspace(0, 1, 21)[1:-1]))
    bins = np.searchsorted(edges, found)
    cells = np.diff(np.concatenate([[0], law.cdf(edges), [1]]))
    observed = np.bincount(bins, minlength=len(cells))
    assert 1e-4 < stats.chisquare(observed, cells * len(found)).pvalue < 1 - 1e-4


def test_more_examples_than_can_be_numbered_are_for_the_host():
    class Huge(Dataset):
        num_train = 2**31

    users = np.zeros(1, np.int32)
    small = Dataset.from_pairs(users, users, [], [], NOTHING, num_items=9)
    arrays = ("train_offsets", "train_items", "test_users", "test_items", "test_negatives")
    huge = Huge("huge", 1, 9, *(getattr(small, name) for name in arrays))
    with pytest.raises(InputError, match="`sampler` must be host for more than 4,294,967,296 examples"):
        DeviceSampler(huge, 2)
