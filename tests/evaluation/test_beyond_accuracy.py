import math

import numpy as np
import pytest
from hypothesis import given, strategies as st
from sklearn.metrics import auc
from sklearn.metrics.pairwise import cosine_similarity

from ncf_keras.base.errors import InputError
from ncf_keras.evaluation import FullRanking, ListStatistics
from ncf_keras.evaluation.beyond_accuracy import gini

# Five items, the last one inactive; what eight users have of them.
COUNTS = np.array([8, 4, 2, 1, 0])
ACTIVE = np.array([True, True, True, True, False])
LISTS = np.array([[0, 1, 2], [0, 2, -1], [1, -1, -1], [-1, -1, -1]], np.int32)


def statistics(lists, top_ks, **options):
    found = ListStatistics(top_ks, COUNTS, 8, ACTIVE, **options)
    for some in np.array_split(lists, 2):
        found.add(some)
    return found.result()


def test_measures_by_hand():
    # Items 0 and 1 at right angles, item 2 between them.
    vectors = np.array([[1, 0], [0, 1], [math.sqrt(0.5), math.sqrt(0.5)], [1, 0], [1, 0]], np.float32)
    found = statistics(LISTS, (1, 3), item_vectors=vectors)
    assert list(found) == [
        f"{name}@{top_k}"
        for top_k in (1, 3)
        for name in ("coverage", "Gini", "popularity", "novelty", "diversity")
    ]
    # At 1: items 0, 0 and 1 are listed; the Lorenz curve of 0, 0, 1, 2 lies 1/4 * (0 + 0 + 1/6 + 4/6) high.
    assert found["coverage@1"] == 2 / 4
    assert found["Gini@1"] == pytest.approx(1 - 2 / 4 * (0 + 0 + 1 / 6 + 4 / 6))
    assert found["popularity@1"] == pytest.approx((8 + 8 + 4) / 3)
    # -log2(8 / 8) = 0 and -log2(4 / 8) = 1 bit.
    assert found["novelty@1"] == pytest.approx((0 + 0 + 1) / 3)
    assert found["diversity@1"] is None
    # At 3 each of items 0, 1 and 2 is listed twice.
    assert found["coverage@3"] == 3 / 4
    assert found["Gini@3"] == pytest.approx(1 - 2 / 4 * (0 + 1 / 6 + 3 / 6 + 5 / 6))
    assert found["popularity@3"] == pytest.approx((14 / 3 + 10 / 2 + 4) / 3)
    assert found["novelty@3"] == pytest.approx(((0 + 1 + 2) / 3 + (0 + 2) / 2 + 1) / 3)
    # Cosines 0, sqrt(1/2) and sqrt(1/2); then sqrt(1/2) alone.
    assert found["diversity@3"] == pytest.approx(1 - (2 * math.sqrt(0.5) / 3 + math.sqrt(0.5)) / 2, rel=1e-6)


def test_an_item_without_interactions_and_lists_without_items():
    found = ListStatistics((2,), np.array([0, 3]), 4)
    found.add(np.array([[0, 1]], np.int32))
    assert found.result() == pytest.approx(
        {"coverage@2": 1, "Gini@2": 0, "popularity@2": 1.5, "novelty@2": (2 + math.log2(4 / 3)) / 2}
    )
    empty = ListStatistics((5,), np.array([0, 3]), 4)
    assert empty.longest == 2
    empty.add(np.full((3, 2), -1, np.int32))
    assert empty.result() == {"coverage@5": 0, "Gini@5": None, "popularity@5": None, "novelty@5": None}
    with pytest.raises(InputError, match="`top_ks` must be one or more lengths of at least 1"):
        ListStatistics((), COUNTS, 8)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=12).filter(any))
def test_gini_is_twice_the_area_between_the_lorenz_curve_and_the_diagonal(counts):
    shares = np.concatenate([[0], np.cumsum(np.sort(counts)) / sum(counts)])
    area = auc(np.linspace(0, 1, len(shares)), shares)
    assert gini(np.array(counts)) == pytest.approx(1 - 2 * area, abs=1e-12)


def test_diversity_is_that_of_scikit_learns_cosines(generator, monkeypatch):
    monkeypatch.setattr("ncf_keras.evaluation.beyond_accuracy.NUMBERS_A_CHUNK", 100)
    raw = generator.normal(size=(20, 4))
    vectors = (raw / np.linalg.norm(raw, axis=1, keepdims=True)).astype(np.float32)
    lists = np.array([generator.permutation(20)[:7] for _ in range(30)], np.int32)
    found = ListStatistics((2, 7), np.ones(20, int), 30, item_vectors=vectors)
    found.add(lists)
    for top_k in (2, 7):
        upper = np.triu_indices(top_k, 1)
        expected = [1 - cosine_similarity(raw[some[:top_k]])[upper].mean() for some in lists]
        assert found.result()[f"diversity@{top_k}"] == pytest.approx(np.mean(expected), rel=1e-6)


def test_a_full_ranking_hands_over_lists_without_train_items_and_inactive_ones():
    """User 0 has item 0, user 1 nothing; item 4 is inactive; items 1 and 2 are equal for user 0."""
    scores = np.array([[0.9, 0.5, 0.5, 0.1, 1.0], [0.1, 0.2, 0.3, 0.4, 1.0]], np.float32)
    protocol = FullRanking(np.array([0, 1, 1]), np.array([0]), np.array([0, 1]), np.array([2, 0]), 5, ACTIVE)
    seen = []
    watched = ListStatistics((3, 9), COUNTS, 8, ACTIVE)
    watched.add = lambda lists: seen.extend(lists.tolist())
    rankings = protocol.rankings(lambda users: scores[users], scores_a_call=5, lists=watched)
    assert seen == [[1, 2, 3, -1, -1], [3, 2, 1, 0, -1]]
    # A test item loses to one of the same score, whatever their indices.
    assert rankings.positions.tolist() == [1, 3] and rankings.items.tolist() == [2, 0]
