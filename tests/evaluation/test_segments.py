import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st

from ncf_keras.base.errors import InputError
from ncf_keras.evaluation import (
    Rankings,
    Segmentation,
    bootstrap_intervals,
    history_thirds,
    popularity_rankings,
    popularity_thirds,
    segment_metrics,
)
from ncf_keras.evaluation.segments import thirds
from tests.evaluation.test_metrics import trec_eval


def codes_of(segmentation):
    parts = np.split(segmentation.codes, segmentation.offsets[1:-1])
    return [[segmentation.segments[code] for code in part] for part in parts]


def test_popular_items_are_those_with_a_third_of_all_interactions():
    # 30 interactions: 10, then 5 + 5 + 1 in the middle of which stand the second ten, then the tail.
    segmentation = popularity_thirds(np.array([10, 5, 5, 4, 3, 2, 1, 0]))
    assert codes_of(segmentation) == [
        ["highest third (10 to 10 interactions)"],
        *[["middle third (5 to 5 interactions)"]] * 2,
        *[["lowest third (0 to 4 interactions)"]] * 5,
    ]
    assert segmentation.side == "item"


def test_users_by_history_are_thirds_of_the_test_users():
    segmentation = history_thirds(np.array([9, 1, 2, 3, 4, 5, 100]), np.array([1, 2, 3, 4, 5, 5, 6]))
    assert segmentation.side == "user"
    assert [part and part[0].split()[0] for part in codes_of(segmentation)] == [
        [], "lowest", "lowest", "middle", "middle", "highest", "highest",
    ]  # fmt: skip
    assert segmentation.segments[2] == "highest third (5 to 100 interactions)"
    assert history_thirds(np.array([3, 3]), np.array([0, 1])).segments[0] == "lowest third (empty)"


@given(st.lists(st.integers(0, 30), min_size=1, max_size=40))
def test_thirds_keep_equal_values_together_and_hold_about_a_third(values):
    values, weights = np.array(values), np.ones(len(values))
    codes = thirds(values, weights)
    for value in set(values.tolist()):
        assert len(set(codes[values == value].tolist())) == 1
    assert (np.diff(codes[np.argsort(values)]) >= 0).all()
    # No further from a third than half of what stays together, at both of its ends.
    most = np.bincount(values).max()
    assert all(abs(np.count_nonzero(codes == code) - len(values) / 3) <= most + 1e-9 for code in range(3))


# Three users; of items 0 to 5, the even ones are red, the first three round, item 5 neither.
RANKINGS = Rankings(
    np.array([4, 7, 9], np.int32), np.array([0, 3, 4, 6]), np.array([0, 3, 9, 2, 1, 4]),
    np.array([0, 1, 5, 1, 4, 2], np.int32),
)  # fmt: skip
COLOURS = Segmentation(
    "kind", "item", ("red", "round"), np.array([0, 2, 3, 5, 5, 6, 6]), np.array([0, 1, 1, 0, 1, 0], np.int32)
)
INSIDE = {
    "red": {4: [0], 9: [1, 4]},
    "round": {4: [0, 3], 7: [2], 9: [4]},
    "(none)": {4: [9]},
}  # fmt: skip


@pytest.mark.parametrize("top_k", [1, 3, 5])
def test_a_segment_of_items_has_the_positions_of_the_whole_list(top_k):
    table = segment_metrics(RANKINGS, COLOURS.with_others(), (top_k,))
    assert (table.name, table.side, table.left_out) == ("kind", "item", 0)
    assert [row.segment for row in table.rows] == list(INSIDE)
    for row in table.rows:
        inside = INSIDE[row.segment]
        assert (row.users, row.tests) == (len(inside), sum(map(len, inside.values())))
        for name, theirs in trec_eval(list(inside.values()), top_k).items():
            values = np.array(theirs)[:, None]
            assert row.metrics[name] == pytest.approx(bootstrap_intervals(values)[0], abs=1e-12), name


def test_a_segment_of_users_and_a_user_with_several_rankings():
    """Users 4 and 7 are old; user 4 has two lists, which are averaged as pandas does."""
    rankings = Rankings.of_single_items(np.array([4, 9, 4, 7]), np.array([0, 2, 30, 1]), np.arange(4))
    ages = Segmentation.of_codes("age", "user", ("young", "old"), np.array([-1, 0, 0, 0, 1, -1, -1, 1, 0, 0]))
    table = segment_metrics(rankings, ages, (2,))
    hits = pd.DataFrame({"age": ["old", "young", "old", "old"], "user": [4, 9, 4, 7], "hit": [1, 0, 0, 1]})
    expected = hits.groupby(["age", "user"])["hit"].mean().groupby("age").mean()
    assert {row.segment: row.metrics["HR@2"].mean for row in table.rows} == expected.to_dict()
    assert [(row.segment, row.users, row.tests) for row in table.rows] == [("young", 1, 1), ("old", 2, 3)]


def test_of_many_segments_those_with_the_most_relevant_items_are_kept():
    names = tuple("abcde")
    segmentation = Segmentation.of_codes("letter", "item", names, np.array([4, 4, 3, 2, 1, 0]))
    rankings = Rankings.of_single_items(np.arange(4), np.arange(4), np.array([0, 1, 2, 3]))
    table = segment_metrics(rankings, segmentation, (1,), most=2)
    # c and d are alike, and c comes first; nobody was tested on a and b.
    assert [row.segment for row in table.rows] == ["c", "e"] and table.left_out == 1
    assert segmentation.with_others() is segmentation
    # A category of that name is the same one.
    some = Segmentation.of_codes("kind", "item", ("(none)", "b"), np.array([1, -1, 0])).with_others()
    assert some.segments == ("(none)", "b") and some.codes.tolist() == [1, 0, 0]


def test_what_cannot_be_segmented_is_refused():
    rankings = Rankings.of_single_items(np.arange(2), np.arange(2))
    with pytest.raises(InputError, match="Rankings must have `items`"):
        segment_metrics(rankings, COLOURS, (1,))
    with pytest.raises(InputError, match=r"`side` must be user or item\. Received: 'both'"):
        Segmentation.of_codes("letter", "both", ("a",), np.array([0]))
    with pytest.raises(InputError, match="`items` must have as many entries as `positions`"):
        Rankings.of_single_items(np.arange(2), np.arange(2), np.arange(3))


def test_positions_in_the_popularity_list():
    """The list is 2, 0, 3: items 0 and 3 are alike popular, and 1 and 4 are not active."""
    counts, active = np.array([2, 9, 5, 2, 0]), np.array([True, False, True, True, False])
    users, items = np.array([6, 3, 3, 3, 6, 3, 8]), np.array([3, 0, 2, 1, 4, 0, 1])
    rankings = popularity_rankings(counts, active, users, items)
    assert rankings.users.tolist() == [3, 6] and rankings.offsets.tolist() == [0, 2, 3]
    assert rankings.positions.tolist() == [0, 1, 2] and rankings.items.tolist() == [2, 0, 3]
    assert popularity_rankings(counts, active, users[-1:], items[-1:]) is None
