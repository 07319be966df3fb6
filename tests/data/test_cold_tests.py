"""Pairs with cold items and what they are ranked among: by hand, and against sets and pandas."""

import math
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st

from ncf_keras.base.errors import InputError
from ncf_keras.data import Dataset
from ncf_keras.data.cold_tests import cold_tests
from ncf_keras.evaluation import LeaveOneOut, ranking_metrics

# Items 0 to 4 are learned from, 5 to 10 are not; users 4 and 5 are new.
TRAIN = [(0, 0), (0, 1), (1, 2), (2, 3), (3, 4)]
COLD_PAIRS = st.lists(st.tuples(st.integers(0, 5), st.integers(3, 10)), min_size=1, max_size=30)


def dataset(cold, num_items=11, negatives=3):
    users, items = np.array(TRAIN).T
    cold_users, cold_items = np.array(cold, int).reshape(-1, 2).T
    return Dataset.from_pairs(
        users, items, np.array([0]), np.array([2]), np.array([list(range(3, 3 + negatives))]), name="d",
        num_users=6, num_items=num_items, cold_users=cold_users, cold_items=cold_items,
    )  # fmt: skip


def by_sets(cold):
    """Return what each pair that is to be ranked may be ranked among, and how many have nothing."""
    known_users, known_items = ({pair[side] for pair in TRAIN} for side in (0, 1))
    pairs = {pair for pair in cold if pair[1] not in known_items}
    items = {item for _, item in pairs}
    among = {
        (user, item): items - {other for own, other in pairs if own == user}
        for user, item in pairs
        if user in known_users
    }
    return {pair: left for pair, left in among.items() if left}, sum(not left for left in among.values())


def test_by_hand():
    # User 1's pair with item 3 is cold for another reason, user 4 is new, and item 10 is nobody's.
    tests = cold_tests(dataset([(1, 8), (0, 6), (0, 5), (1, 3), (4, 7), (2, 5), (2, 5), (4, 9)]))
    assert tests.users.tolist() == [0, 0, 1, 2] and tests.items.tolist() == [5, 6, 8, 5]
    assert (tests.num_cold, tests.without_negatives, tests.negatives.shape) == (5, 0, (4, 3))
    assert [set(row) for row in tests.negatives[:2].tolist()] == [{7, 8, 9}] * 2
    for row, own in zip(tests.negatives[2:].tolist(), (8, 5), strict=True):
        assert len(set(row)) == 3 and set(row) <= {5, 6, 7, 8, 9} - {own}
    assert tests.counts.tolist() == [3, 3, 3, 3]


@given(COLD_PAIRS, st.integers(1, 8), st.integers(0, 3))
def test_is_what_sets_say(cold, negatives, seed):
    among, without = by_sets(cold)
    if not among:
        with pytest.raises(InputError, match="`dataset` must have held-out interactions of "):
            cold_tests(dataset(cold), negatives, seed)
        return
    tests = cold_tests(dataset(cold), negatives, seed)
    assert list(zip(tests.users.tolist(), tests.items.tolist(), strict=True)) == sorted(among)
    assert tests.without_negatives == without
    for pair, row, count in zip(sorted(among), tests.negatives.tolist(), tests.counts, strict=True):
        assert set(row) <= among[pair]
        assert len(set(row)) == count == min(negatives, len(among[pair]))
    again = cold_tests(dataset(cold[::-1] * 2), negatives, seed)
    assert np.array_equal(again.negatives, tests.negatives)


@given(COLD_PAIRS, st.integers(1, 8), st.integers(0, 3))
def test_fewer_than_asked_for_are_ranked_as_pandas_says(cold, negatives, seed):
    """Few scores, so many ties, which count against the model; pairs of a user first, then users."""
    table = np.random.default_rng(seed).integers(0, 3, (6, 11)).astype(np.float32)
    if not by_sets(cold)[0]:
        return
    tests = cold_tests(dataset(cold), negatives, seed)
    rows = []
    for user, item, row in zip(tests.users, tests.items, tests.negatives, strict=True):
        ahead = sum(table[user, other] >= table[user, item] for other in set(row.tolist()))
        hit = ahead < 2
        rows.append((user, hit, hit / math.log2(ahead + 2)))
    expected = pd.DataFrame(rows, columns=["user", "HR@2", "NDCG@2"]).groupby("user").mean().mean()
    rankings = LeaveOneOut(tests.users, tests.items, tests.negatives).rankings(lambda u, i: table[u, i])
    found = ranking_metrics(rankings, (2,))
    for name in ("HR@2", "NDCG@2"):
        assert found[name].mean() == pytest.approx(expected[name])


def test_every_item_is_drawn_as_often():
    cold = [(0, 5), *((4, item) for item in range(6, 11))]
    drawn = Counter(item for seed in range(200) for item in cold_tests(dataset(cold), 2, seed).negatives[0])
    # 2 of 5 each time: 80 of each in expectation, with a standard deviation of 6.9.
    assert all(abs(drawn[item] - 80) < 4 * math.sqrt(200 * 0.4 * 0.6) for item in range(6, 11))


def test_as_many_as_the_test_pairs_have_unless_told():
    cold = [(0, item) for item in (5, 6)] + [(4, item) for item in range(7, 11)]
    assert cold_tests(dataset(cold, negatives=2)).negatives.shape == (2, 2)
    assert cold_tests(dataset(cold, negatives=2), 99).negatives.shape == (2, 4)
    with pytest.raises(InputError, match=r"`negatives` must be a whole number of at least 1\. Received: 0"):
        cold_tests(dataset(cold), 0)


@pytest.mark.parametrize(("cold", "message"), [
    ([], "users with train interactions and items without, as `ncf prepare --split cold_items .* Received: d,"),
    ([(4, 5), (0, 3)], "users with train interactions and items without, .* Received: d, with none"),
    ([(0, 5), (1, 5)], r"a user with some of the items .*, not all of them. Received: d, with 1 such item"),
])  # fmt: skip
def test_nothing_to_rank_is_a_sentence(cold, message):
    with pytest.raises(InputError, match=message):
        cold_tests(dataset(cold))
