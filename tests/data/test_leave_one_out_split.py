import collections
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ncf_keras.base.errors import InputError
from ncf_keras.data.leave_one_out_split import draw_negatives, latest_interactions, random_interactions


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(-3, 3)), min_size=1, max_size=40))
def test_the_latest_is_the_last_row_of_the_highest_timestamp(rows):
    present = sorted({user for user, _ in rows})
    users = np.array([present.index(user) for user, _ in rows], np.int32)
    timestamps = np.array([timestamp for _, timestamp in rows])
    expected = []
    for user in range(len(present)):
        mine = [row for row in range(len(rows)) if users[row] == user]
        if len(mine) > 1:
            expected.append(max(mine, key=lambda row: (timestamps[row], row)))
    assert latest_interactions(users, timestamps).tolist() == expected


def test_random_held_out_items_are_any_of_a_user_with_the_same_chance():
    users = np.array([0, 1, 0, 2, 0, 1], np.int32)
    generator = np.random.default_rng(0)
    drawn = [tuple(random_interactions(users, generator)) for _ in range(3000)]
    counts = collections.Counter(drawn)
    assert set(counts) == set(itertools.product([0, 2, 4], [1, 5]))
    # Binomial(3000, 1/6): five standard deviations are 102.
    assert all(abs(count - 500) < 102 for count in counts.values())


@given(
    st.lists(st.sets(st.integers(0, 9), min_size=1, max_size=8), min_size=1, max_size=6),
    st.integers(1, 5),
    st.integers(0, 100),
)
def test_negatives_are_distinct_items_without_interaction(histories, negatives, seed):
    users = np.repeat(np.arange(len(histories), dtype=np.int32), [len(h) for h in histories])
    items = np.concatenate([np.array(sorted(h, reverse=True)) for h in histories]).astype(np.int32)
    test_users = np.arange(0, len(histories), 2, dtype=np.int32)
    fewest = min(10 - len(histories[user]) for user in test_users)
    generator = np.random.default_rng(seed)
    if fewest < negatives:
        with pytest.raises(InputError, match=f"`negatives` must be at most {fewest}"):
            draw_negatives(users, items, test_users, 10, negatives, generator)
        return
    drawn = draw_negatives(users, items, test_users, 10, negatives, generator)
    assert drawn.shape == (len(test_users), negatives)
    assert drawn.dtype == np.int32
    for user, row in zip(test_users, drawn.tolist(), strict=True):
        assert len(set(row)) == negatives
        assert set(row) <= set(range(10)) - histories[user]


def test_every_set_of_negatives_has_the_same_chance():
    users = np.array([0, 0, 1], np.int32)
    items = np.array([1, 4, 0], np.int32)
    generator = np.random.default_rng(3)
    tests = np.array([0, 1] * 3000, np.int32)
    drawn = draw_negatives(users, items, tests, 7, 2, generator)
    for user, free in ((0, [0, 2, 3, 5, 6]), (1, [1, 2, 3, 4, 5, 6])):
        counts = collections.Counter(tuple(sorted(row)) for row in drawn[tests == user].tolist())
        subsets = list(itertools.combinations(free, 2))
        assert set(counts) == set(subsets)
        expected = 3000 / len(subsets)
        chi_square = sum((counts[subset] - expected) ** 2 / expected for subset in subsets)
        # The 0.999 quantiles of chi-square with 9 and 14 degrees of freedom.
        assert chi_square < {0: 27.9, 1: 36.1}[user]


def test_a_user_who_has_seen_everything_is_said_so():
    users, items = np.array([0, 0], np.int32), np.array([0, 1], np.int32)
    with pytest.raises(InputError, match=r"1 user\(s\) have interacted with every item"):
        draw_negatives(users, items, np.array([0], np.int32), 2, 1, np.random.default_rng(0))
