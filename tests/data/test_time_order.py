"""The order in time of train interactions: found from timestamps, kept by splits and files."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from ncf_keras.base.errors import InputError
from ncf_keras.data import Dataset, read_dataset, split_validation
from ncf_keras.data.resplit import with_tests_in_train

USERS, ITEMS = 4, 9


def made(rows: list[tuple[int, int, int]], **more) -> Dataset:
    """Return a dataset of (user, item, timestamp), with a test pair of user 0."""
    users, items, times = (np.array(column) for column in zip(*rows, strict=True))
    return Dataset.from_pairs(
        users, items, [0], [8], [[7]], num_users=USERS, num_items=ITEMS, train_timestamps=times, **more
    )


def slow_history(rows: list[tuple[int, int, int]], user: int) -> list[int]:
    """Return a user's items in the order of time, of equal times by row, each where it is last."""
    history: list[int] = []
    for _, item in sorted(((time, item) for who, item, time in rows if who == user), key=lambda pair: pair[0]):
        if item in history:
            history.remove(item)
        history.append(item)
    return history


def slow_recent(history: list[int], length: int) -> list[int]:
    newest_first = history[::-1][:length]
    return newest_first + [-1] * (length - len(newest_first))


ROWS = st.lists(
    st.tuples(st.integers(0, USERS - 1), st.integers(0, 6), st.integers(0, 5)), min_size=1, max_size=30
)


@given(ROWS, st.integers(1, 5))
def test_recent_items_equal_a_slow_count(rows, length):
    dataset = made(rows)
    times = {who: {time for user, _, time in rows if user == who} for who in range(USERS)}
    if all(len(some) < 2 for some in times.values()):
        assert dataset.train_order is None
        return
    histories = [slow_history(rows, user) for user in range(USERS)]
    expected = [slow_recent(history, length) for history in histories]
    assert dataset.recent_items(length).tolist() == expected
    places = np.arange(dataset.num_train)
    before = dataset.items_in_time.before(places, length)
    for place, found in zip(places, before.tolist(), strict=True):
        history, item = histories[dataset.train_users[place]], dataset.train_items[place]
        assert found == slow_recent(history[: history.index(item)], length)


def test_a_source_that_tells_no_order_has_none():
    same = made([(0, 1, 5), (0, 2, 5), (1, 3, 9)])
    without = Dataset.from_pairs([0, 0], [1, 2], [0], [3], [[4]])
    for dataset in (same, without):
        assert dataset.train_order is None
        with pytest.raises(InputError, match="must have timestamps of train interactions"):
            dataset.recent_items(2)


def test_validation_keeps_the_order_of_what_stays():
    rows = [(0, 5, 30), (0, 1, 10), (0, 3, 40), (0, 2, 20), (1, 4, 2), (1, 6, 1)]
    smaller = split_validation(made(rows), negatives=2)
    assert smaller.test_items.tolist() == [3, 4]
    assert smaller.recent_items(3).tolist() == [[5, 2, 1], [6, -1, -1], [-1] * 3, [-1] * 3]


def test_a_test_pair_put_into_train_is_the_latest():
    rows = [(0, 5, 30), (0, 1, 10), (1, 4, 2)]
    whole = with_tests_in_train(made(rows))
    assert whole.recent_items(3)[0].tolist() == [8, 5, 1]


@pytest.mark.parametrize("rows", [
    [(0, 5, 30), (0, 1, 10), (0, 3, 40), (0, 2, 20), (1, 4, 2), (1, 6, 1), (2, 0, 3), (3, 0, 3)],
    # Several latest ones, in an order of their own.
    [(0, 5, 30), (0, 1, 30), (0, 3, 10), (1, 4, 2), (2, 2, 1), (2, 1, 1), (3, 0, 3)],
])  # fmt: skip
def test_files_keep_the_order(tmp_path, rows):
    dataset = made(rows)
    dataset.save(tmp_path, "small")
    read = read_dataset(tmp_path, "small")
    np.testing.assert_array_equal(read.train_order, dataset.train_order)
    np.testing.assert_array_equal(read.train_is_latest, dataset.train_is_latest)


def test_a_log_is_in_the_order_of_its_timestamps():
    log = {"user": ["a"] * 4, "item": ["x", "y", "z", "w"], "timestamp": [3, 1, 4, 2]}
    more = {"user": ["b"] * 3, "item": ["x", "q", "r"], "timestamp": [1, 2, 3]}
    joined = {name: log[name] + more[name] for name in log}
    dataset = Dataset.from_dataframe(joined, timestamp="timestamp", negatives=1)
    user = list(dataset.user_ids).index("a")
    names = [dataset.item_ids[item] for item in dataset.recent_items(3)[user]]
    assert names == ["x", "w", "y"]


def test_an_order_must_number_the_interactions_of_each_user():
    dataset = made([(0, 1, 1), (0, 2, 2), (1, 3, 1)])
    fields = {name: getattr(dataset, name) for name in (
        "name", "num_users", "num_items", "train_offsets", "train_items", "test_users", "test_items",
        "test_negatives",
    )}  # fmt: skip
    for wrong in ([0, 0, 0], [0, 2, 0], [-1, 1, 0], [0.0, 1.0, 0.0]):
        with pytest.raises(InputError, match="`train_order` must have the numbers from 0 on"):
            Dataset(**fields, train_order=np.array(wrong))
