import collections

import pytest

from ncf_keras.base.errors import InputError
from ncf_keras.recommending import popular_items
from tests.recommending.crowd import ITEM_IDS, TITLES, crowd


@pytest.mark.parametrize("k", [1, 5, 13, 50])
def test_the_most_frequent_items_come_first(k):
    dataset = crowd()
    counts = collections.Counter(dataset.train_items.tolist())
    order = sorted(range(len(ITEM_IDS)), key=lambda item: (-counts[item], item))[:k]
    frame = popular_items(dataset, k, ["new", 5])
    for user in ("new", 5):
        rows = frame[frame["user_id"] == user]
        assert list(rows["item_id"]) == [ITEM_IDS[item] for item in order]
        assert list(rows["title"]) == [TITLES[item] for item in order]
        assert list(rows["score"]) == [counts[item] for item in order]
        assert list(rows["rank"]) == list(range(1, len(order) + 1))
    assert set(frame["source"]) == {"popularity"}
    assert len(frame) == 2 * len(order)


def test_the_length_must_be_a_whole_number():
    with pytest.raises(InputError, match="`k` must be a whole number"):
        popular_items(crowd(), 0)
