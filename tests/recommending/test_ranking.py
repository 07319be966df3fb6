"""The best items in blocks, against sorting in NumPy: any scores, ties, hidden items, sizes of blocks."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, strategies as st
from hypothesis.extra.numpy import arrays

from ncf_keras.recommending.blocks import best_items, in_blocks_of_rows, ranks_among
from ncf_keras.recommending.ranking import Ranker
from tests.models import by_hand
from tests.recommending.crowd import MODELS, SIZES, crowd

# Few different values, so that there are ties within blocks and across them.
SCORES = st.sampled_from([0.0, -0.0, 0.25, 0.5, 0.75, 1.0])


@st.composite
def cases(draw):
    shape = draw(st.integers(0, 4)), draw(st.integers(1, 12))
    scores, hidden = draw(arrays(np.float32, shape, elements=SCORES)), draw(arrays(bool, shape))
    return scores, hidden, draw(st.integers(0, shape[1])), draw(st.integers(1, 13))


def by_sorting(scores, hidden, k):
    lists = np.full((len(scores), k), -1)
    for row, (values, gone) in enumerate(zip(scores, hidden, strict=True)):
        order = sorted((-value, item) for item, value in enumerate(values) if not gone[item])
        for place, (_, item) in enumerate(order[:k]):
            lists[row, place] = item
    return lists


@given(case=cases())
def test_as_sorting(case):
    scores, hidden, k, block = case
    rows, items = hidden.nonzero()
    asked = []

    def score_block(start, stop):
        asked.append((int(start), int(stop)))
        return tf.constant(scores)[:, start:stop]

    gone = tf.constant(rows, tf.int32), tf.constant(items, tf.int32)
    found, found_scores = best_items(score_block, scores.shape[1], *gone, tf.constant(k), block)
    expected = by_sorting(scores, hidden, k)
    np.testing.assert_array_equal(found.numpy(), expected)
    best = np.where(expected < 0, -1, np.take_along_axis(scores, expected, 1))
    np.testing.assert_array_equal(found_scores.numpy(), best)
    assert max(stop - start for start, stop in asked) <= block
    assert sum(stop - start for start, stop in asked) == scores.shape[1]


@given(rows=st.lists(st.integers(0, 99), max_size=9), a_block=st.integers(1, 10), k=st.integers(0, 3))
def test_rows_come_back_in_order_whatever_the_block(rows, a_block, k):
    asked = []

    def best(some):
        asked.append(len(some))
        items = some[:, None] + tf.range(k)
        return items, tf.cast(items, tf.float32) / 2

    items, scores = in_blocks_of_rows(best, tf.constant(rows, tf.int32), a_block, tf.constant(k))
    expected = np.array(rows, np.int32).reshape(-1, 1) + np.arange(k)
    np.testing.assert_array_equal(items.numpy(), expected)
    np.testing.assert_array_equal(scores.numpy(), expected / 2)
    assert all(count <= a_block for count in asked)


@pytest.mark.parametrize("blocks", [(4, 4 * 8 * 3), (5, 1), (13, 1)])
def test_blocks_of_items_and_users_change_nothing(blocks):
    model, dataset = MODELS["NeuMF"][0](), crowd()
    by_hand.randomise(model)
    whole = Ranker(model, *SIZES, dataset)
    parts = Ranker(model, *SIZES, dataset, items_a_block=blocks[0], numbers_a_block=blocks[1])
    rows = tf.constant([5, 12, -1, *range(8)])
    for name in ("recommend", "similar_items"):
        traced = tf.function(getattr(parts, name), autograph=False)
        traced = traced.get_concrete_function(tf.TensorSpec([None], tf.int32), tf.TensorSpec([], tf.int32))
        for k in (0, 1, 4, 5, SIZES[1]):
            expected, answer = getattr(whole, name)(rows, tf.constant(k)), traced(rows, tf.constant(k))
            np.testing.assert_array_equal(answer.items, expected.items)
            np.testing.assert_allclose(answer.scores, expected.scores, rtol=0, atol=1e-6)


@given(case=cases(), data=st.data())
def test_a_rank_is_counted(case, data):
    scores, hidden, _, block = case
    rows, items = hidden.nonzero()
    values = data.draw(arrays(np.float32, len(scores), elements=SCORES))
    ranks = ranks_among(
        lambda start, stop: tf.constant(scores)[:, start:stop], scores.shape[1],
        tf.constant(rows, tf.int32), tf.constant(items, tf.int32), tf.constant(values), block,
    )  # fmt: skip
    expected = [
        1 + sum(score >= value for score, gone in zip(*row, strict=True) if not gone)
        for *row, value in zip(scores, hidden, values, strict=True)
    ]
    assert ranks.numpy().tolist() == expected
