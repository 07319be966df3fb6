import math

import numpy as np
from hypothesis import given, strategies as st

from ncf_keras.evaluation.top_items import NO_ITEM, top_items

ITEMS = 6
SCORES = st.sampled_from([0.0, 0.25, 0.5, -math.inf, math.inf, math.nan])
ROW = st.tuples(
    st.lists(SCORES, min_size=ITEMS, max_size=ITEMS), st.lists(st.booleans(), min_size=ITEMS, max_size=ITEMS)
)


@given(st.lists(ROW, min_size=1, max_size=5), st.integers(1, ITEMS))
def test_equals_sorting_each_row(rows, top_k):
    scores, candidates = (np.array(part) for part in zip(*rows, strict=True))
    lists = top_items(scores.astype(np.float32), candidates, top_k)
    assert lists.shape == (len(rows), top_k) and lists.dtype == np.int32
    for row, allowed, found in zip(scores, candidates, lists.tolist(), strict=True):
        costs = [math.inf if math.isnan(score) else -score for score in row]
        # `sorted` leaves equal ones in the order of their indices.
        expected = sorted(np.flatnonzero(allowed).tolist(), key=costs.__getitem__)[:top_k]
        assert found == expected + [NO_ITEM] * (top_k - len(expected))
