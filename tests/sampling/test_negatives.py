import itertools
from collections import Counter

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from ncf_keras.base.errors import InputError
from ncf_keras.data import Dataset
from ncf_keras.models import build_neumf
from ncf_keras.sampling import negatives as sampling
from ncf_keras.sampling.negatives import (
    NegativeSampler,
    PositivePairs,
    stack_dataset,
    stacks_of_batches,
    training_dataset,
)

PAIRS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 14)), min_size=1, max_size=60)
WHOLE = 10**9


def dataset_of(pairs, num_users, num_items, test=((0, 0),)):
    users, items = np.array(sorted(set(pairs))).T
    test_users, test_items = np.array(test).T
    return Dataset.from_pairs(
        users,
        items,
        test_users,
        test_items,
        np.zeros((len(test), 1), int),
        num_users=num_users,
        num_items=num_items,
    )


def epoch_of(sampler, epoch=0, chunk_size=WHOLE):
    users, items, labels = (
        np.concatenate(parts) for parts in zip(*sampler.chunks(epoch, chunk_size), strict=True)
    )
    return users, items, labels


def as_triples(examples):
    return list(zip(*(array.tolist() for array in examples), strict=True))


@given(PAIRS, st.booleans())
def test_positive_pairs_equal_a_set(pairs, hashed):
    dataset = dataset_of(pairs, 10, 15)
    users, items = np.divmod(np.arange(150, dtype=np.int32), 15)
    with pytest.MonkeyPatch.context() as patch:
        if hashed:
            patch.setattr(sampling, "MOST_BITS", 0)
        is_positive = PositivePairs(dataset)
    found = is_positive(users, items)
    assert found.dtype == bool
    assert {(u, i) for u, i, yes in zip(users.tolist(), items.tolist(), found, strict=True) if yes} == set(
        pairs
    )


def test_positive_pairs_are_exact_where_hashed_bits_are_shared(monkeypatch, generator):
    # One bit a positive: most negatives hit a bit of some positive and must be told apart by the keys.
    monkeypatch.setattr(sampling, "MOST_BITS", 0)
    monkeypatch.setattr(sampling, "BITS_A_POSITIVE", 1)
    pairs = set(
        zip(generator.integers(0, 300, 5000).tolist(), generator.integers(0, 400, 5000).tolist(), strict=True)
    )
    users, items = np.divmod(np.arange(300 * 400, dtype=np.int32), 400)
    found = PositivePairs(dataset_of(pairs, 300, 400))(users, items)
    expected = np.zeros((300, 400), bool)
    expected[tuple(np.array(list(pairs)).T)] = True
    np.testing.assert_array_equal(found.reshape(300, 400), expected)


def test_positive_pairs_of_huge_tables_fit_into_little_memory():
    dataset = dataset_of([(0, 0), (70_000, 2**31 - 2), (70_000, 5)], 70_001, 2**31 - 1)
    is_positive = PositivePairs(dataset)
    users = np.array([0, 0, 70_000, 70_000, 70_000, 69_999], np.int32)
    items = np.array([0, 1, 2**31 - 2, 5, 2**31 - 3, 5], np.int32)
    assert is_positive(users, items).tolist() == [True, False, True, True, False, False]


@given(PAIRS, st.integers(0, 5), st.integers(0, 3), st.integers(1, 50), st.booleans())
def test_an_epoch_is_each_positive_once_and_its_users_negatives(pairs, num_neg, epoch, chunk_size, hashed):
    dataset = dataset_of(pairs, 10, 16)  # nobody has item 15, so everybody has a negative
    with pytest.MonkeyPatch.context() as patch:
        if hashed:
            patch.setattr(sampling, "MOST_BITS", 0)
        sampler = NegativeSampler(dataset, num_neg, seed=1)
    users, items, labels = epoch_of(sampler, epoch, chunk_size)
    assert (users.dtype, items.dtype, labels.dtype) == (np.int32, np.int32, np.float32)
    positives = Counter((user, item) for user, item, label in as_triples((users, items, labels)) if label == 1)
    negatives = [(user, item) for user, item, label in as_triples((users, items, labels)) if label == 0]
    assert positives == Counter(set(pairs))
    assert not set(negatives) & set(pairs)
    assert all(0 <= item < 16 for _, item in negatives)
    interactions = Counter(user for user, _ in set(pairs))
    assert Counter(user for user, _ in negatives) == Counter(
        {user: num_neg * count for user, count in interactions.items() if num_neg}
    )
    assert len(users) == sampler.num_examples == len(set(pairs)) * (1 + num_neg)


def test_chunks_are_of_the_size_asked_for_and_hold_the_same_positives(sample):
    sampler = NegativeSampler(sample, num_neg=4, seed=3)
    sizes = [len(users) for users, _, _ in sampler.chunks(0, 50_000)]
    assert sizes == [50_000, 50_000, 50_000, sample.num_train * 5 - 150_000]
    whole, parts = epoch_of(sampler), epoch_of(sampler, chunk_size=50_000)
    # The users and labels are in one order whatever the chunks; only draws of negatives may differ.
    np.testing.assert_array_equal(whole[0], parts[0])
    np.testing.assert_array_equal(whole[2], parts[2])
    np.testing.assert_array_equal(whole[1][whole[2] == 1], parts[1][parts[2] == 1])


def test_the_same_seed_gives_the_same_epoch_bit_for_bit(sample):
    first, second = NegativeSampler(sample, seed=5), NegativeSampler(sample, seed=5)
    for _ in first.chunks(0, WHOLE):
        pass  # an epoch does not depend on those drawn before it
    for one, other in zip(epoch_of(first, 2), epoch_of(second, 2), strict=True):
        np.testing.assert_array_equal(one, other)
    other_seed = epoch_of(NegativeSampler(sample, seed=6), 2)
    assert not np.array_equal(epoch_of(first, 2)[1], other_seed[1])


def test_no_seed_is_a_fresh_one_each_time(sample):
    first, second = NegativeSampler(sample), NegativeSampler(sample)
    assert not np.array_equal(epoch_of(first)[1], epoch_of(second)[1])
    np.testing.assert_array_equal(epoch_of(first)[1], epoch_of(first)[1])


def test_each_epoch_has_new_negatives_in_a_new_order(sample):
    sampler = NegativeSampler(sample, seed=5)
    one, two = epoch_of(sampler, 0), epoch_of(sampler, 1)
    assert not np.array_equal(one[0], two[0])
    negatives = [Counter(triple for triple in as_triples(epoch) if not triple[2]) for epoch in (one, two)]
    shared = sum((negatives[0] & negatives[1]).values()) / sum(negatives[0].values())
    # About 4 x 39 draws from 461 items for each user, twice: chance alone repeats some 30 percent.
    assert 0.1 < shared < 0.5


def test_the_order_is_shuffled_through_and_through(sample):
    users, _, labels = epoch_of(NegativeSampler(sample, num_neg=4, seed=5))
    # Each tenth of the epoch has its share of positives, and of each part of the users.
    for tenth in np.array_split(np.arange(len(users)), 10):
        assert labels[tenth].mean() == pytest.approx(0.2, abs=0.02)
        assert users[tenth].mean() == pytest.approx(users.mean(), rel=0.03)
    assert abs(np.corrcoef(users[:-1], users[1:])[0, 1]) < 0.01
    assert abs(np.corrcoef(labels[:-1], labels[1:])[0, 1]) < 0.01
    # A positive stands no nearer to its own negatives than to any: neighbours rarely share a user.
    assert (users[:-1] == users[1:]).mean() < 0.005


@pytest.mark.parametrize("hashed", [False, True])
@pytest.mark.parametrize("num_positives", [1, 15, 27])
def test_negatives_are_uniform_over_the_non_positives(monkeypatch, num_positives, hashed):
    if hashed:
        monkeypatch.setattr(sampling, "MOST_BITS", 0)
    num_items = 30
    pairs = [(0, 2)] + [(1, item) for item in range(num_positives)]
    sampler = NegativeSampler(dataset_of(pairs, 2, num_items), num_neg=60_000 // num_positives, seed=11)
    users, items, labels = epoch_of(sampler)
    counts = np.bincount(items[(users == 1) & (labels == 0)], minlength=num_items)
    assert counts[:num_positives].sum() == 0
    assert counts.sum() == 60_000 // num_positives * num_positives
    assert stats.chisquare(counts[num_positives:]).pvalue > 1e-3


def test_draws_for_one_user_do_not_depend_on_each_other():
    # Pairs of draws that follow each other are uniform too: drawing with replacement.
    sampler = NegativeSampler(dataset_of([(0, 0)], 1, 9), num_neg=40_000, seed=2)
    _, items, labels = epoch_of(sampler)
    negatives = items[labels == 0] - 1
    table = np.zeros((8, 8))
    np.add.at(table, (negatives[:-1:2], negatives[1::2]), 1)
    assert stats.chi2_contingency(table).pvalue > 1e-3


def test_the_held_out_item_can_be_drawn():
    dataset = dataset_of([(0, 0), (0, 1)], 1, 5, test=[(0, 3)])
    _, items, labels = epoch_of(NegativeSampler(dataset, num_neg=50, seed=1))
    assert set(items[labels == 0].tolist()) == {2, 3, 4}


def test_a_user_with_every_item_is_named():
    dataset = dataset_of([(0, 1), *((3, item) for item in range(5))], 5, 5)
    with pytest.raises(InputError, match="user 3 has all 5 items"):
        NegativeSampler(dataset, num_neg=4)
    users, items, labels = epoch_of(NegativeSampler(dataset, num_neg=0, seed=1))
    assert sorted(as_triples((users, items, labels))) == [(0, 1, 1.0)] + [(3, item, 1.0) for item in range(5)]


@pytest.mark.parametrize("num_items", [2, 4000])
def test_a_user_with_all_items_but_one_gets_that_one(num_items):
    missing = num_items // 3
    pairs = [(1, item) for item in range(num_items) if item != missing] + [(0, 0)]
    dataset = dataset_of(pairs, 2, num_items)
    users, items, labels = epoch_of(NegativeSampler(dataset, num_neg=4, seed=1))
    drawn = items[(users == 1) & (labels == 0)]
    assert len(drawn) == 4 * (num_items - 1) and set(drawn.tolist()) == {missing}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_neg": -1}, "`num_neg` must be 0 or more. Received: -1"),
        ({"batch_size": 0}, "`batch_size` must be at least 1. Received: 0"),
    ],
)
def test_numbers_out_of_range_are_named(sample, arguments, message):
    with pytest.raises(InputError, match=message):
        training_dataset(sample, **arguments)


@given(st.integers(1, 40), st.integers(1, 5), st.integers(0, 4))
def test_stacks_are_the_epoch_in_batches_the_last_one_partial(batch_size, batches_a_stack, num_neg):
    pairs = [(user, item) for user in range(5) for item in range(user, 9, 2)]
    sampler = NegativeSampler(dataset_of(pairs, 5, 10), num_neg, seed=1)
    stacks = list(stacks_of_batches(sampler, 0, batch_size, batches_a_stack))
    batches = [tuple(array[row] for array in stack) for stack in stacks for row in range(len(stack[0]))]
    sizes = [len(users) for users, _, _ in batches]
    whole, rest = divmod(sampler.num_examples, batch_size)
    assert sizes == [batch_size] * whole + [rest] * (rest > 0)
    assert all(len(stack[0]) <= batches_a_stack for stack in stacks)
    joined = tuple(np.concatenate(parts) for parts in zip(*batches, strict=True))
    assert as_triples(joined) == as_triples(epoch_of(sampler, chunk_size=batch_size * batches_a_stack))


def test_stack_dataset_gives_one_epoch_after_another(sample):
    sampler = NegativeSampler(sample, num_neg=1, seed=4)
    stacks = stack_dataset(sampler, 1000, [3, 0], batches_a_stack=50)
    assert [spec.dtype for spec in stacks.element_spec] == [tf.int32, tf.int32, tf.float32]
    found = [tuple(tensor.numpy() for tensor in stack) for stack in stacks]
    expected = [stack for epoch in (3, 0) for stack in stacks_of_batches(sampler, epoch, 1000, 50)]
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        for left, right in zip(one, other, strict=True):
            np.testing.assert_array_equal(left, right)


def test_nothing_waits_for_a_tuner_of_the_stacks(sample):
    """TensorFlow's tuner ends up to a second after the iterator that it has nothing to tune in."""
    stacks = stack_dataset(NegativeSampler(sample, num_neg=1, seed=4), 1000, [0])
    assert stacks.options().autotune.enabled is False


def batches_of(dataset):
    return [
        (inputs["user_input"].numpy(), inputs["item_input"].numpy(), labels.numpy())
        for inputs, labels in dataset
    ]


def test_training_dataset_is_what_fit_takes(sample):
    dataset = training_dataset(sample, num_neg=4, batch_size=1000, seed=8)
    inputs, label = dataset.element_spec
    assert set(inputs) == {"user_input", "item_input"}
    assert all(spec.dtype == tf.int32 and spec.shape.rank == 2 for spec in inputs.values())
    assert label.dtype == tf.float32 and label.shape.rank == 2
    assert int(dataset.cardinality()) == -(-5 * sample.num_train // 1000)
    batches = batches_of(dataset)
    assert [users.shape for users, _, _ in batches] == [(1000, 1)] * 194 + [(90, 1)]
    joined = tuple(np.concatenate(parts)[:, 0] for parts in zip(*batches, strict=True))
    positives = [(user, item) for user, item, label in as_triples(joined) if label]
    assert sorted(positives) == list(zip(sample.train_users.tolist(), sample.train_items.tolist(), strict=True))


def test_each_pass_over_the_training_dataset_is_a_new_epoch(sample):
    def two_passes():
        dataset = training_dataset(sample, num_neg=1, batch_size=50_000, seed=8)
        return [batches_of(dataset) for _ in range(2)]

    first, again = two_passes(), two_passes()
    assert not np.array_equal(first[0][0][1], first[1][0][1])
    for one, other in zip(itertools.chain(*first), itertools.chain(*again), strict=True):
        for left, right in zip(one, other, strict=True):
            np.testing.assert_array_equal(left, right)


def test_plain_fit_learns_from_the_training_dataset(sample):
    keras.utils.set_random_seed(1)
    model = build_neumf(sample.num_users, sample.num_items, 4, (8, 4), (0, 0), seed=1)
    model.compile("adam", "binary_crossentropy")
    batches = training_dataset(sample, num_neg=2, batch_size=512, seed=8)
    history = model.fit(batches, epochs=2, shuffle=False, verbose=0).history["loss"]
    assert len(history) == 2
    # One positive in three: what a constant prediction costs at best, and less once something is learned.
    entropy = -(np.log(1 / 3) / 3 + np.log(2 / 3) * 2 / 3)
    assert history[0] < np.log(2)
    assert history[1] < min(history[0], entropy)
