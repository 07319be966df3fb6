"""A sampler's examples as `tf.data` datasets."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, strategies as st

from ncf_keras.base.errors import InputError
from ncf_keras.data import Dataset
from ncf_keras.models import build_gmf
from ncf_keras.sampling import (
    NegativeSampler,
    PairSampler,
    pair_batch_dataset,
    stack_dataset,
    stacks_of_batches,
    training_dataset,
)


def assert_equal_arrays(found, expected):
    for one, other in zip(found, expected, strict=True):
        for left, right in zip(one, other, strict=True):
            np.testing.assert_array_equal(left, right)


@given(st.integers(1, 40), st.integers(1, 5), st.integers(0, 4))
def test_stacks_are_the_epoch_in_batches_the_last_one_partial(batch_size, batches_a_stack, num_neg):
    pairs = np.array([(user, item) for user in range(5) for item in range(user, 9, 2)])
    dataset = Dataset.from_pairs(*pairs.T, [0], [0], np.zeros((1, 1), int), num_items=10)
    sampler = NegativeSampler(dataset, num_neg, seed=1)
    stacks = list(stacks_of_batches(sampler, 0, batch_size, batches_a_stack))
    batches = [tuple(array[row] for array in stack) for stack in stacks for row in range(len(stack[0]))]
    whole, rest = divmod(sampler.num_examples, batch_size)
    assert [len(users) for users, _, _ in batches] == [batch_size] * whole + [rest] * (rest > 0)
    assert all(len(stack[0]) <= batches_a_stack for stack in stacks)
    chunks = sampler.chunks(0, batch_size * batches_a_stack)
    joined = ([np.concatenate(parts) for parts in zip(*some, strict=True)] for some in (batches, chunks))
    assert_equal_arrays([next(joined)], [next(joined)])


def test_stack_dataset_gives_one_epoch_after_another(sample):
    sampler = NegativeSampler(sample, num_neg=1, seed=4)
    stacks = stack_dataset(sampler, 1000, [3, 0], batches_a_stack=50)
    assert [spec.dtype for spec in stacks.element_spec] == [tf.int32, tf.int32, tf.float32]
    expected = [stack for epoch in (3, 0) for stack in stacks_of_batches(sampler, epoch, 1000, 50)]
    assert_equal_arrays(stacks.as_numpy_iterator(), expected)
    # TensorFlow's tuner ends up to a second after the iterator that it has nothing to tune in.
    assert stacks.options().autotune.enabled is False


def batches_of(dataset):
    return [(*inputs.values(), labels) for inputs, labels in dataset.as_numpy_iterator()]


def test_training_dataset_is_what_fit_takes(sample):
    dataset = training_dataset(sample, num_neg=1, batch_size=1000, seed=8)
    inputs, label = dataset.element_spec
    assert list(inputs) == ["user_input", "item_input"]
    assert all(spec.dtype == tf.int32 and spec.shape.rank == 2 for spec in inputs.values())
    assert label.dtype == tf.float32 and label.shape.rank == 2
    whole, rest = divmod(2 * sample.num_train, 1000)
    batches = batches_of(dataset)
    assert [users.shape for users, _, _ in batches] == [(1000, 1)] * whole + [(rest, 1)]
    assert int(dataset.cardinality()) == len(batches)
    users, items, labels = (np.concatenate(parts)[:, 0] for parts in zip(*batches, strict=True))
    positives = sorted(zip(users[labels == 1].tolist(), items[labels == 1].tolist(), strict=True))
    assert positives == list(zip(sample.train_users.tolist(), sample.train_items.tolist(), strict=True))
    with pytest.raises(InputError, match=r"`batch_size` must be a whole number of at least 1\. Received: 0"):
        training_dataset(sample, batch_size=0)


def test_each_pass_over_the_training_dataset_is_a_new_epoch(sample):
    datasets = [training_dataset(sample, num_neg=1, batch_size=50_000, seed=8) for _ in range(2)]
    first, again = ([batches_of(dataset) for _ in range(2)] for dataset in datasets)
    assert not np.array_equal(first[0][0][1], first[1][0][1])
    assert_equal_arrays(itertools.chain(*first), itertools.chain(*again))


def test_pairs_are_what_fit_takes_and_are_the_epoch(sample):
    sampler = PairSampler(sample, seed=1)
    batches = pair_batch_dataset(sampler, 1000, 3)
    parts = list(batches.as_numpy_iterator())
    assert len(parts) == len(batches) == -(-sample.num_train // 1000)
    names = ("user_input", "item_input", "negative_input")
    joined = [np.concatenate([inputs[name] for inputs, _ in parts]) for name in names]
    assert all(column.shape == (sample.num_train, 1) and column.dtype == np.int32 for column in joined)
    assert_equal_arrays([[column[:, 0] for column in joined]], sampler.chunks(3, 2048 * 1000))
    assert all((labels == 1).all() and labels.dtype == np.float32 for _, labels in parts)


def test_plain_fit_learns_from_the_training_dataset(sample):
    model = build_gmf(sample.num_users, sample.num_items, 4, seed=1)
    model.compile(keras.optimizers.Adam(0.02), "binary_crossentropy")
    batches = training_dataset(sample, num_neg=2, batch_size=4096, seed=8)
    history = model.fit(batches, epochs=2, shuffle=False, verbose=0).history["loss"]
    assert history[1] < history[0] < np.log(2)
