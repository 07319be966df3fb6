"""What an epoch holds: every positive, negatives in their shares, all shuffled, and nothing else."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy import stats

from ncf_keras.base.errors import InputError
from ncf_keras.data import Dataset
from ncf_keras.sampling import NegativeSampler, PairSampler, PositivePairs, popularity_weights

PAIRS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 14)), min_size=1, max_size=60)
WHOLE = 10**9
NOTHING = np.zeros((0, 1), int)


def dataset_of(pairs, num_users, num_items, test=((0, 0),)):
    users, items = np.array(sorted(set(pairs))).T
    sizes = {"num_users": num_users, "num_items": num_items}
    return Dataset.from_pairs(users, items, *np.array(test).T, np.zeros((len(test), 1), int), **sizes)


def epoch_of(sampler, epoch=0, chunk_size=WHOLE):
    return tuple(np.concatenate(parts) for parts in zip(*sampler.chunks(epoch, chunk_size), strict=True))


def rows(*columns):
    return list(zip(*(column.tolist() for column in columns), strict=True))


def negatives_of(sampler, user=0):
    users, items, labels = epoch_of(sampler)
    return items[(users == user) & (labels == 0)]


@given(PAIRS, st.sampled_from([{}, {"most_bits": 0}, {"most_bits": 0, "bits_a_positive": 1}]))
def test_positive_pairs_equal_a_set(pairs, table):
    """A bit for each pair; bits shared by a hash; and so few bits that most are shared."""
    users, items = np.divmod(np.arange(150, dtype=np.int32), 15)
    found = PositivePairs(dataset_of(pairs, 10, 15), **table)(users, items)
    assert found.dtype == bool
    assert set(rows(users[found], items[found])) == set(pairs)


def test_positive_pairs_of_huge_tables_fit_into_little_memory():
    dataset = dataset_of([(0, 0), (70_000, 2**31 - 2), (70_000, 5)], 70_001, 2**31 - 1)
    is_positive = PositivePairs(dataset)
    users = np.array([0, 0, 70_000, 70_000, 70_000, 69_999], np.int32)
    items = np.array([0, 1, 2**31 - 2, 5, 2**31 - 3, 5], np.int32)
    assert is_positive(users, items).tolist() == [True, False, True, True, False, False]


@given(PAIRS, st.integers(0, 5), st.integers(0, 3), st.integers(1, 50))
def test_an_epoch_is_each_positive_once_and_its_users_negatives(pairs, num_neg, epoch, chunk_size):
    sampler = NegativeSampler(dataset_of(pairs, 10, 16), num_neg, seed=1)  # nobody has item 15
    users, items, labels = epoch_of(sampler, epoch, chunk_size)
    assert (users.dtype, items.dtype, labels.dtype) == (np.int32, np.int32, np.float32)
    positives, negatives = (rows(users[labels == label], items[labels == label]) for label in (1, 0))
    assert Counter(positives) == Counter(set(pairs))
    assert not set(negatives) & set(pairs)
    assert all(0 <= item < 16 for _, item in negatives)
    interactions = Counter(user for user, _ in set(pairs))
    expected = {user: num_neg * count for user, count in interactions.items() if num_neg}
    assert Counter(user for user, _ in negatives) == expected
    assert len(users) == sampler.num_examples == len(set(pairs)) * (1 + num_neg)


@pytest.mark.parametrize("num_neg", [1, 3])
def test_a_pair_is_a_positive_with_each_of_its_negatives(sample, num_neg):
    sampler = PairSampler(sample, num_neg, seed=1)
    users, positives, negatives = epoch_of(sampler, chunk_size=10_000)
    assert len(users) == sampler.num_examples == num_neg * sample.num_train
    known = rows(sample.train_users, sample.train_items)
    assert Counter(rows(users, positives)) == Counter(dict.fromkeys(known, num_neg))
    assert not set(rows(users, negatives)) & set(known)
    assert users.dtype == positives.dtype == negatives.dtype == np.int32
    assert abs(np.corrcoef(users, np.arange(len(users)))[0, 1]) < 0.02


def test_chunks_are_of_the_size_asked_for_and_hold_the_same_positives(sample):
    sampler = NegativeSampler(sample, num_neg=4, seed=3)
    sizes = [len(users) for users, _, _ in sampler.chunks(0, 50_000)]
    assert sizes == [50_000, 50_000, 50_000, sample.num_train * 5 - 150_000]
    whole, parts = epoch_of(sampler), epoch_of(sampler, chunk_size=50_000)
    # The users and labels are in one order whatever the chunks; only draws of negatives may differ.
    np.testing.assert_array_equal(whole[0], parts[0])
    np.testing.assert_array_equal(whole[2], parts[2])
    np.testing.assert_array_equal(whole[1][whole[2] == 1], parts[1][parts[2] == 1])


@pytest.mark.parametrize("kind", [NegativeSampler, PairSampler])
def test_the_seed_and_the_number_decide_an_epoch(kind, sample):
    first, second = kind(sample, seed=5), kind(sample, seed=5)
    epochs = [epoch_of(first, number) for number in (0, 2)]
    # An epoch does not depend on those drawn before it.
    for one, other in zip(epochs[1], epoch_of(second, 2), strict=True):
        np.testing.assert_array_equal(one, other)
    assert not np.array_equal(epochs[0][0], epochs[1][0])
    assert not np.array_equal(epochs[1][1], epoch_of(kind(sample, seed=6), 2)[1])
    fresh = kind(sample)
    np.testing.assert_array_equal(epoch_of(fresh)[1], epoch_of(fresh)[1])
    assert not np.array_equal(epoch_of(fresh)[1], epoch_of(kind(sample))[1])


def test_each_epoch_has_new_negatives_and_is_shuffled_through_and_through(sample):
    drawn = []
    for epoch in (0, 1):
        users, items, labels = epoch_of(NegativeSampler(sample, num_neg=4, seed=5), epoch)
        drawn.append(Counter((users.astype(np.int64) * sample.num_items + items)[labels == 0].tolist()))
    # About 4 x 39 draws from 461 items for each user, twice: chance alone repeats some 30 percent.
    assert 0.1 < sum((drawn[0] & drawn[1]).values()) / sum(drawn[0].values()) < 0.5
    # Each tenth of the epoch has its share of positives, and of each part of the users.
    for tenth in np.array_split(np.arange(len(users)), 10):
        assert labels[tenth].mean() == pytest.approx(0.2, abs=0.02)
        assert users[tenth].mean() == pytest.approx(users.mean(), rel=0.03)
    assert abs(np.corrcoef(users[:-1], users[1:])[0, 1]) < 0.01
    assert abs(np.corrcoef(labels[:-1], labels[1:])[0, 1]) < 0.01
    # A positive stands no nearer to its own negatives than to any: neighbours rarely share a user.
    assert (users[:-1] == users[1:]).mean() < 0.005


@pytest.mark.parametrize("num_positives", [1, 15, 27])
def test_negatives_are_uniform_over_the_non_positives(num_positives):
    pairs = [(0, 2)] + [(1, item) for item in range(num_positives)]
    drawn = negatives_of(NegativeSampler(dataset_of(pairs, 2, 30), 60_000 // num_positives, seed=11), user=1)
    counts = np.bincount(drawn, minlength=30)
    assert counts[:num_positives].sum() == 0
    assert counts.sum() == 60_000 // num_positives * num_positives
    assert stats.chisquare(counts[num_positives:]).pvalue > 1e-3


def test_the_held_out_item_can_be_drawn():
    dataset = dataset_of([(0, 0), (0, 1)], 1, 5, test=[(0, 3)])
    assert set(negatives_of(NegativeSampler(dataset, num_neg=50, seed=1)).tolist()) == {2, 3, 4}


@pytest.mark.parametrize("num_items", [2, 4000])
def test_a_user_with_all_items_but_one_gets_that_one(num_items):
    missing = num_items // 3
    pairs = [(1, item) for item in range(num_items) if item != missing] + [(0, 0)]
    drawn = negatives_of(NegativeSampler(dataset_of(pairs, 2, num_items), num_neg=4, seed=1), user=1)
    assert len(drawn) == 4 * (num_items - 1) and set(drawn.tolist()) == {missing}


@pytest.mark.parametrize(("kind", "num_neg"), [(NegativeSampler, -1), (NegativeSampler, 2.5), (PairSampler, 0)])
def test_a_number_of_negatives_out_of_range_is_named(sample, kind, num_neg):
    rule = f"`num_neg` must be a whole number of at least {int(kind is PairSampler)}. Received: {num_neg}"
    with pytest.raises(InputError, match=rule):
        kind(sample, num_neg)


@pytest.fixture
def few():
    """User 0 has items 0 and 1, user 1 item 1, user 2 item 2; nobody has item 3."""
    return Dataset.from_pairs([0, 0, 1, 2], [0, 1, 1, 2], [], [], NOTHING, num_items=4)


@pytest.mark.parametrize(("user", "free"), [(0, [2, 3]), (1, [0, 2, 3])])
def test_negatives_come_in_the_shares_of_their_weights(few, user, free):
    weights = np.array([0.2, 0.4, 0.3, 0.1])
    counts = np.bincount(negatives_of(NegativeSampler(few, 20_000, 1, weights), user), minlength=4)
    assert np.flatnonzero(counts).tolist() == free
    assert stats.chisquare(counts[free], counts.sum() * weights[free] / weights[free].sum()).pvalue > 1e-3


def test_an_item_of_weight_zero_is_never_drawn(few):
    for weights, only in (([0, 0, 1, 0], 2), ([5, 5, 0, 1e-3], 3)):
        assert set(negatives_of(NegativeSampler(few, 500, 1, weights)).tolist()) == {only}
    assert epoch_of(PairSampler(few, 50, 1, [0, 0, 1, 1]))[2].min() == 2
    # But to a user for whom no others are left.
    assert set(negatives_of(NegativeSampler(few, 500, 1, [1, 1, 0, 0])).tolist()) == {2, 3}


def test_the_last_resort_keeps_to_the_shares():
    """A user with all items but two comes to the list of non-positives."""
    items = np.arange(3, 2000)
    dataset = Dataset.from_pairs(np.zeros(len(items), int), items, [], [], NOTHING)
    weights = np.ones(2000)
    weights[:3] = 1e-3, 3e-3, 0
    counts = np.bincount(negatives_of(NegativeSampler(dataset, 10, 1, weights)), minlength=3)
    assert counts[2:].sum() == 0
    assert stats.chisquare(counts[:2], counts.sum() * np.array([0.25, 0.75])).pvalue > 1e-3


def test_popularity_by_hand(few):
    assert popularity_weights(few, 1.0).tolist() == [1, 2, 1, 0]
    assert popularity_weights(few, 0.0).tolist() == [1, 1, 1, 0]
    np.testing.assert_allclose(popularity_weights(few), [1, 2**0.75, 1, 0])


@pytest.mark.parametrize(("weights", "message"), [
    (np.ones(3), r"`item_weights` must have shape \(4,\)\. Received: shape \(3,\)"),
    ([1, 1, -1, 1], r"`item_weights` must be finite numbers of at least 0.* from -1\.0 to 1\.0"),
    ([0, 0, 0, 0], r"`item_weights` must be finite numbers of at least 0, some above"),
    ([1, np.inf, 1, 1], r"`item_weights` must be finite .* to inf"),
    ([1, np.nan, 1, 1], r"`item_weights` must be finite .*nan"),
])  # fmt: skip
def test_weights_that_break_their_rule_are_named(few, weights, message):
    with pytest.raises(InputError, match=message):
        NegativeSampler(few, 4, 1, weights)
