import math

import numpy as np
import pytest

from ncf_keras.evaluation import hit_ratio, ndcg

POSITIONS = np.array([0, 1, 2, 6, 9, 10, 99])


def test_a_hit_is_a_position_within_the_list():
    hits = hit_ratio(POSITIONS, 10)
    assert hits.tolist() == [1, 1, 1, 1, 1, 0, 0] and hits.dtype == np.float64
    assert hit_ratio(POSITIONS, 1).tolist() == [1, 0, 0, 0, 0, 0, 0]
    assert hit_ratio(POSITIONS, 100).tolist() == [1] * 7


def test_gains_by_hand():
    gains = ndcg(POSITIONS, 10)
    assert gains.dtype == np.float64
    # 1 / log2(position + 2): 1 / 1, 1 / log2(3), 1 / 2, 1 / 3, 1 / log2(11).
    assert gains == pytest.approx([1, 0.6309297536, 0.5, 1 / 3, 0.2890648263, 0, 0], abs=1e-9)
    assert ndcg(np.array([0, 1]), 1).tolist() == [1, 0]


def test_gains_are_the_authors_to_the_last_bit():
    authors = [math.log(2) / math.log(position + 2) for position in range(100)]
    np.testing.assert_array_equal(ndcg(np.arange(100), 100), authors)
