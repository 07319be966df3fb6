import heapq
import math

import numpy as np
import pytest
from hypothesis import given, strategies as st

from ncf_keras.base.errors import InputError
from ncf_keras.evaluation import LeaveOneOut


def authors_evaluation(score, user, test_item, negatives, top_k):
    """`eval_one_rating`, `getHitRatio` and `getNDCG` of the authors' evaluate.py; a dict keeps its order."""
    map_item_score = {item: score(user, item) for item in [*negatives, test_item]}
    ranklist = heapq.nlargest(top_k, map_item_score, key=map_item_score.get)
    hit = 1 if test_item in ranklist else 0
    gain = math.log(2) / math.log(ranklist.index(test_item) + 2) if hit else 0
    return hit, gain


def evaluate(table, tests, top_k):
    """Return what `LeaveOneOut` makes of tests (user, item, negatives) scored by a table."""
    users, items, negatives = (np.array(column, np.int32) for column in zip(*tests, strict=True))
    return LeaveOneOut(users, items, negatives).evaluate(lambda users, items: table[users, items], top_k)


@st.composite
def rankings(draw):
    """Tests over 3 users and 8 items: few scores, so many ties; items twice, the test item among them."""
    width = draw(st.integers(1, 12))
    scores = st.sampled_from([0.0, 0.25, 0.5, 1.0])
    table = draw(st.lists(st.lists(scores, min_size=8, max_size=8), min_size=3, max_size=3))
    items = st.integers(0, 7)
    test = st.tuples(st.integers(0, 2), items, st.lists(items, min_size=width, max_size=width))
    return np.array(table, np.float32), draw(st.lists(test, min_size=1, max_size=12)), draw(st.integers(1, 12))


@given(rankings())
def test_equals_the_authors_evaluation(ranking):
    table, tests, top_k = ranking
    result = evaluate(table, tests, top_k)
    # Of each user, in the order of the tests, a hit and a gain for each test pair.
    expected: dict[int, list] = {}
    for test in tests:
        expected.setdefault(test[0], []).append(authors_evaluation(lambda u, i: table[u, i], *test, top_k))
    means = np.array([np.mean(pairs, axis=0) for pairs in expected.values()])
    assert result.hits == pytest.approx(means[:, 0]) and result.ndcgs == pytest.approx(means[:, 1])
    assert (result.hr, result.ndcg) == pytest.approx(tuple(means.mean(axis=0)))
    alone = [number for number, pairs in enumerate(expected.values()) if len(pairs) == 1]
    assert result.hits[alone].tolist() == means[alone, 0].tolist()
    assert result.ndcgs[alone].tolist() == means[alone, 1].tolist()


@pytest.mark.parametrize("broken", ["the test item", "the negatives", "everything"])
def test_scores_that_are_no_numbers_are_misses(broken):
    protocol = LeaveOneOut(np.arange(5), np.full(5, 200), np.tile(np.arange(99), (5, 1)))

    def score(users, items):
        is_test = items == 200
        scores = np.where(is_test, 9.0, 1.0).astype(np.float32)
        scores[{"the test item": is_test, "the negatives": ~is_test, "everything": items >= 0}[broken]] = np.nan
        return scores

    result = protocol.evaluate(score)
    assert result.hr == 0 and result.ndcg == 0


def test_nothing_to_rank_against_is_refused():
    with pytest.raises(InputError, match=r"`test_negatives` must have at least one .*Received: shape \(3, 0\)"):
        LeaveOneOut(np.zeros(3, int), np.zeros(3, int), np.zeros((3, 0), int))
