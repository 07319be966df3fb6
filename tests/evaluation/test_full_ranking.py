import math

import numpy as np
import pytest
from hypothesis import given, strategies as st

from ncf_keras.base.errors import InputError
from ncf_keras.evaluation import FullRanking

USERS, ITEMS = 4, 7


def slow_ranking(scores, hidden, relevant):
    """Return the ranked list of one user, item by item: hidden items left out, test items after equal ones.

    A score that is no number puts another item at the top and a test item at the end: the worst for the test.
    """

    def place(item):
        is_relevant, score = item in relevant, scores[item]
        if math.isnan(score):
            return (2 if is_relevant else 0, 0, is_relevant)
        return (1, -score, is_relevant)

    return sorted((item for item in range(len(scores)) if item in relevant or item not in hidden), key=place)


def protocol_of(train, tests, num_items=ITEMS, active_items=None):
    offsets = np.cumsum([0, *map(len, train)])
    items = np.array([item for mine in train for item in sorted(mine)], np.int32)
    return FullRanking(offsets, items, *np.array(tests, np.int32).T, num_items, active_items)


SCORES = st.sampled_from([0.0, 0.25, 0.5, 1.0, -math.inf, math.inf, math.nan])
TRAIN = st.lists(st.sets(st.integers(0, ITEMS - 1)), min_size=USERS, max_size=USERS)
PAIRS = st.tuples(st.integers(0, USERS - 1), st.integers(0, ITEMS - 1))


@given(
    st.lists(st.lists(SCORES, min_size=ITEMS, max_size=ITEMS), min_size=USERS, max_size=USERS),
    TRAIN,
    st.lists(PAIRS, min_size=1, max_size=12),
    st.sampled_from([1, 2 * ITEMS, 1000]),
    st.none() | st.sets(st.integers(0, ITEMS - 1)),
)
def test_equals_a_slow_ranking_item_for_item(table, train, tests, scores_a_call, inactive):
    array, asked = np.array(table, np.float32), []

    def score_all(users):
        assert users.dtype == np.int32
        asked.extend(users.tolist())
        return array[users]

    active = None if inactive is None else ~np.isin(np.arange(ITEMS), list(inactive))
    rankings = protocol_of(train, tests, active_items=active).rankings(score_all, scores_a_call)
    assert asked == sorted({user for user, _ in tests}) and rankings.positions.dtype == np.int64
    assert rankings.users.tolist() == asked
    for user, ours in zip(asked, np.split(rankings.positions, rankings.offsets[1:-1]), strict=True):
        relevant = {item for tested, item in tests if tested == user}
        ranked = slow_ranking(table[user], train[user] | (inactive or set()), relevant)
        assert ours.tolist() == [place for place, item in enumerate(ranked) if item in relevant]


def test_scores_of_another_shape_and_tests_of_no_or_two_lengths_are_refused():
    protocol = protocol_of([set()] * USERS, [(0, 1)])
    with pytest.raises(InputError, match=r"must return scores of shape \(1, 7\). Received: shape \(1, 8\)"):
        protocol.rankings(lambda users: np.zeros((len(users), ITEMS + 1)))
    for users, items in (([], []), ([0, 1], [1])):
        with pytest.raises(InputError, match=r"must be of one length, at least 1. Received: "):
            FullRanking(np.array([0, 1]), np.array([0]), users, items, 2)
    for active in (np.ones(8, bool), np.ones(7, int)):
        with pytest.raises(InputError, match=r"`active_items` must be bool, shape \(7,\)\. Received: "):
            protocol_of([set()] * USERS, [(0, 1)], active_items=active)
