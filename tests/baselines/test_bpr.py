import numpy as np
import pytest
import tensorflow as tf

from ncf_keras.baselines import BPR, bpr
from ncf_keras.baselines.bpr import descend

USERS, ITEMS, FACTORS = 6, 5, 3


@pytest.fixture
def factors(generator):
    return generator.normal(0, 1, (USERS, FACTORS)), generator.normal(0, 1, (ITEMS, FACTORS))


@pytest.fixture
def pairs(generator):
    """40 pairs over 6 users and 5 items: each row comes many times, an item as a positive and a negative."""
    positives = generator.integers(0, ITEMS, 40)
    return generator.integers(0, USERS, 40), positives, (positives + generator.integers(1, ITEMS, 40)) % ITEMS


def test_a_step_goes_down_the_gradient_of_the_loss_of_the_docstring(factors, pairs):
    tables = [tf.Variable(table) for table in factors]
    with tf.GradientTape() as tape:
        parts = zip((0, 1, 1), pairs, strict=True)
        user, positive, negative = (tf.gather(tables[side], index) for side, index in parts)
        difference = tf.reduce_sum(user * positive, 1) - tf.reduce_sum(user * negative, 1)
        size = sum(tf.reduce_sum(part**2) for part in (user, positive, negative))
        loss = -tf.reduce_sum(tf.math.log_sigmoid(difference)) + 0.3 / 2 * size
    slopes = [tf.convert_to_tensor(slope).numpy() for slope in tape.gradient(loss, tables)]
    expected = [table - 0.01 * slope for table, slope in zip(factors, slopes, strict=True)]
    descend(*factors, pairs, learning_rate=0.01, regularization=0.3)
    for table, right in zip(factors, expected, strict=True):
        np.testing.assert_allclose(table, right, rtol=1e-12)


def test_large_differences_do_not_overflow(factors, pairs):
    large = [1e5 * table for table in factors]
    descend(*large, pairs, learning_rate=0.01, regularization=0.0)
    assert all(np.isfinite(table).all() for table in large)


def test_an_epoch_takes_each_interaction_once_and_in_steps(monkeypatch, sample):
    seen = []
    monkeypatch.setattr(bpr, "descend", lambda users, items, pairs, *rates: seen.append((*pairs, *rates)))
    BPR(factors=2, learning_rate=0.5, regularization=0.25, epochs=2).fit(sample)
    assert max(len(step[0]) for step in seen) == 1024
    assert {step[3:] for step in seen} == {(0.5, 0.25)}
    users, positives, negatives = (np.concatenate(part) for part in zip(*(s[:3] for s in seen), strict=True))
    keys = users.astype(np.int64) * sample.num_items + positives
    known = sample.train_users.astype(np.int64) * sample.num_items + sample.train_items
    np.testing.assert_array_equal(np.sort(keys), np.repeat(known, 2))
    assert not np.isin(users.astype(np.int64) * sample.num_items + negatives, known).any()
