"""Negatives that are drawn by weight, such as popularity."""

import numpy as np
import pytest
from scipy import stats

from ncf_keras.base.errors import InputError
from ncf_keras.data import Dataset
from ncf_keras.sampling.negatives import NegativeSampler, popularity_weights

NOTHING = np.zeros((0, 1), int)


@pytest.fixture
def dataset():
    """User 0 has items 0 and 1, user 1 item 1, user 2 item 2; nobody has item 3."""
    return Dataset.from_pairs([0, 0, 1, 2], [0, 1, 1, 2], [], [], NOTHING, num_items=4)


def negatives_of(dataset, user, num_neg, item_weights, seed=1):
    sampler = NegativeSampler(dataset, num_neg, seed, item_weights)
    users, items, labels = (np.concatenate(part) for part in zip(*sampler.chunks(0, 1000), strict=True))
    return items[(users == user) & (labels == 0)]


@pytest.mark.parametrize(
    ("user", "shares"),
    [(0, {2: 0.3 / 0.4, 3: 0.1 / 0.4}), (1, {0: 0.2 / 0.6, 2: 0.3 / 0.6, 3: 0.1 / 0.6})],
)
def test_negatives_come_in_the_shares_of_their_weights(dataset, user, shares):
    drawn = negatives_of(dataset, user, 20_000, [0.2, 0.4, 0.3, 0.1])
    counts = np.bincount(drawn, minlength=4)
    assert set(np.flatnonzero(counts)) == set(shares)
    expected = [share * len(drawn) for share in shares.values()]
    assert stats.chisquare(counts[list(shares)], expected).pvalue > 1e-3


def test_an_item_of_weight_zero_is_never_drawn(dataset):
    for weights, only in (([0, 0, 1, 0], 2), ([5, 5, 0, 1e-3], 3)):
        assert set(negatives_of(dataset, 0, 500, weights)) == {only}


def test_a_user_for_whom_only_items_of_weight_zero_are_left_gets_any_of_those(dataset):
    assert set(negatives_of(dataset, 0, 500, [1, 1, 0, 0])) == {2, 3}


def test_the_last_resort_keeps_to_the_shares():
    """A user with all items but two comes to the list of non-positives."""
    items = np.arange(3, 2000)
    dataset = Dataset.from_pairs(np.zeros(len(items), int), items, [], [], NOTHING)
    weights = np.ones(2000)
    weights[:3] = 1e-3, 3e-3, 0
    counts = np.bincount(negatives_of(dataset, 0, 10, weights), minlength=3)
    assert counts[2:].sum() == 0
    assert stats.chisquare(counts[:2], counts.sum() * np.array([0.25, 0.75])).pvalue > 1e-3


def test_equal_weights_are_no_weights_in_law(dataset):
    drawn = np.bincount(negatives_of(dataset, 1, 20_000, np.ones(4)), minlength=4)
    plain = np.bincount(negatives_of(dataset, 1, 20_000, None), minlength=4)
    assert drawn[1] == plain[1] == 0
    assert stats.chi2_contingency([drawn[[0, 2, 3]], plain[[0, 2, 3]]]).pvalue > 1e-3


def test_popularity_by_hand(dataset):
    assert popularity_weights(dataset, 1.0).tolist() == [1, 2, 1, 0]
    assert popularity_weights(dataset, 0.0).tolist() == [1, 1, 1, 0]
    np.testing.assert_allclose(popularity_weights(dataset), [1, 2**0.75, 1, 0])


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.ones(3), r"`item_weights` must have shape \(4,\)\. Received: shape \(3,\)"),
        ([1, 1, -1, 1], r"`item_weights` must be finite numbers of at least 0.* from -1\.0 to 1\.0"),
        ([0, 0, 0, 0], r"`item_weights` must be finite numbers of at least 0, some above"),
        ([1, np.inf, 1, 1], r"`item_weights` must be finite .* to inf"),
        ([1, np.nan, 1, 1], r"`item_weights` must be finite .*nan"),
    ],
)
def test_weights_that_break_their_rule_are_named(dataset, weights, message):
    with pytest.raises(InputError, match=message):
        NegativeSampler(dataset, 4, 1, weights)
