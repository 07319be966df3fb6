import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ncf_keras.data.core_filter import core_filter

PAIRS = st.sets(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=40).map(sorted)


def slow_core(pairs, min_user, min_item):
    """Take out one interaction at a time for as long as its user or its item has too few."""
    left = list(pairs)
    while True:
        for user, item in left:
            of_user = sum(u == user for u, _ in left)
            of_item = sum(i == item for _, i in left)
            if of_user < min_user or of_item < min_item:
                left.remove((user, item))
                break
        else:
            return left


@given(PAIRS, st.integers(1, 4), st.integers(1, 4))
def test_equals_taking_out_one_interaction_at_a_time(pairs, min_user, min_item):
    users, items = np.array(pairs, dtype=np.int32).reshape(-1, 2).T
    stays = core_filter(users, items, min_user, min_item)
    assert [pair for pair, kept in zip(pairs, stays, strict=True) if kept] == slow_core(
        pairs, min_user, min_item
    )


def test_a_chain_falls_down_to_nothing():
    # Each user shares one item with the next: taking out the first topples all.
    users = np.repeat(np.arange(50, dtype=np.int32), 2)
    items = np.arange(1, 101, dtype=np.int32) // 2
    assert core_filter(users, items, 2, 1).all()
    assert not core_filter(users, items, 2, 2).any()
