import collections
import itertools

import numpy as np
import pytest
from hypothesis import given, strategies as st

from ncf_keras.base.errors import InputError
from ncf_keras.data import Dataset, read_dataset, split_validation
from ncf_keras.data.leave_one_out import latest_interactions, random_interactions
from ncf_keras.data.negatives import draw_negatives, free_items
from ncf_keras.data.resplit import with_tests_in_train
from tests.small_data import write_files

ITEMS = 12
LOGS = st.dictionaries(
    st.tuples(st.integers(0, 4), st.integers(0, ITEMS - 6)), st.integers(0, 3), min_size=2, max_size=25
).filter(lambda log: max(collections.Counter(user for user, _ in log).values()) > 1)


def dataset_of(log, timestamps=True):
    """Return a dataset of the interactions {(user, item): time}; each user has a test item and 3 negatives."""
    users, items = np.array(list(log)).T
    times = np.array(list(log.values())) if timestamps else None
    tested = np.unique(users)
    test_items = np.full(len(tested), ITEMS - 1)
    negatives = np.tile(np.arange(ITEMS - 4, ITEMS - 1), (len(tested), 1))
    options = {"num_items": ITEMS, "train_timestamps": times, "item_titles": list(map(str, range(ITEMS)))}
    return Dataset.from_pairs(users, items, tested, test_items, negatives, **options)


def pairs(users, items):
    return list(zip(users.tolist(), items.tolist(), strict=True))


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(-3, 3)), min_size=1, max_size=40))
def test_the_latest_is_the_last_row_of_the_highest_timestamp(rows):
    present = sorted({user for user, _ in rows})
    users = np.array([present.index(user) for user, _ in rows], np.int32)
    timestamps = np.array([timestamp for _, timestamp in rows])
    expected = []
    for user in range(len(present)):
        mine = [row for row in range(len(rows)) if users[row] == user]
        if len(mine) > 1:
            expected.append(max(mine, key=lambda row: (timestamps[row], row)))
    assert latest_interactions(users, timestamps).tolist() == expected


def test_random_held_out_items_are_any_of_a_user_with_the_same_chance():
    users = np.array([0, 1, 0, 2, 0, 1], np.int32)
    generator = np.random.default_rng(0)
    counts = collections.Counter(tuple(random_interactions(users, generator)) for _ in range(3000))
    assert set(counts) == set(itertools.product([0, 2, 4], [1, 5]))
    # Binomial(3000, 1/6): five standard deviations are 102.
    assert all(abs(count - 500) < 102 for count in counts.values())


@given(
    st.lists(st.sets(st.integers(0, 9), min_size=1, max_size=8), min_size=1, max_size=6),
    st.integers(1, 5),
    st.integers(0, 100),
)
def test_negatives_are_distinct_items_without_interaction(histories, negatives, seed):
    users = np.repeat(np.arange(len(histories), dtype=np.int32), [len(h) for h in histories])
    items = np.concatenate([np.array(sorted(h, reverse=True)) for h in histories]).astype(np.int32)
    test_users = np.arange(0, len(histories), 2, dtype=np.int32)
    free = free_items(users, test_users, 10)
    assert free.tolist() == [10 - len(histories[user]) for user in test_users]
    test_users = test_users[free >= negatives]
    generator = np.random.default_rng(seed)
    drawn = draw_negatives(users, items, test_users, np.ones(10, bool), negatives, generator)
    assert drawn.shape == (len(test_users), negatives) and drawn.dtype == np.int32
    for user, row in zip(test_users, drawn.tolist(), strict=True):
        assert len(set(row)) == negatives
        assert set(row) <= set(range(10)) - histories[user]


def test_every_set_of_negatives_has_the_same_chance():
    users, items = np.array([0, 0, 1], np.int32), np.array([1, 4, 0], np.int32)
    generator = np.random.default_rng(3)
    tests = np.array([0, 1] * 3000, np.int32)
    drawn = draw_negatives(users, items, tests, np.ones(7, bool), 2, generator)
    for user, free in ((0, [0, 2, 3, 5, 6]), (1, [1, 2, 3, 4, 5, 6])):
        counts = collections.Counter(tuple(sorted(row)) for row in drawn[tests == user].tolist())
        subsets = set(itertools.combinations(free, 2))
        assert set(counts) == subsets
        expected = 3000 / len(subsets)
        chi_square = sum((counts[subset] - expected) ** 2 / expected for subset in subsets)
        # The 0.999 quantiles of chi-square with 9 and 14 degrees of freedom.
        assert chi_square < {0: 27.9, 1: 36.1}[user]


@given(LOGS, st.booleans(), st.integers(0, 9), st.sampled_from([None, 1, 5]))
def test_one_of_the_latest_of_each_user_is_held_out(log, timestamps, seed, negatives):
    dataset = dataset_of(log, timestamps)
    split = split_validation(dataset, seed, negatives)
    histories = collections.defaultdict(set)
    for user, item in log:
        histories[user].add(item)
    held_out = dict(pairs(split.test_users, split.test_items))
    assert list(held_out) == sorted(user for user, items in histories.items() if len(items) > 1)
    for user, item in held_out.items():
        latest = max(log[user, other] for other in histories[user])
        assert item in histories[user] and (log[user, item] == latest or not timestamps)
    assert pairs(split.train_users, split.train_items) == sorted(set(log) - set(held_out.items()))
    assert split.test_negatives.shape == (len(held_out), negatives or 3)
    for user, drawn in zip(held_out, split.test_negatives.tolist(), strict=True):
        assert len(set(drawn)) == len(drawn) and histories[user].isdisjoint(drawn)
    assert (split.num_users, split.num_items) == (dataset.num_users, dataset.num_items)
    assert split.item_titles == dataset.item_titles and split.name == dataset.name


def test_the_dataset_stays_as_it_is_and_the_split_can_be_drawn_again(sample):
    before = sample.train_items.copy()
    first, again, other = (split_validation(sample, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(sample.train_items, before)
    assert first.num_train == sample.num_train - sample.num_users
    for name in ("train_items", "test_items", "test_negatives"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
        assert not np.array_equal(getattr(first, name), getattr(other, name))


def test_of_equal_timestamps_each_is_as_likely():
    log = {(0, 0): 9, (0, 1): 3, (0, 2): 9, (0, 3): 9, (1, 4): 1, (1, 5): 2}
    dataset = dataset_of(log)
    counts = collections.Counter(tuple(split_validation(dataset, seed).test_items) for seed in range(600))
    assert set(counts) == {(0, 5), (2, 5), (3, 5)}
    # Binomial(600, 1/3): five standard deviations are 58.
    assert all(abs(count - 200) < 58 for count in counts.values())


@pytest.mark.parametrize("last", ["", "\t", "\tyesterday", "\tNaN", "\t2024-01-01\tat \udcff\t"])
def test_without_a_timestamp_in_every_line_any_is_held_out(tmp_path, last):
    train = f"0\t0\t1\t9\n0\t1\t1{last}\n0\t2\t1\t8\n"
    write_files(tmp_path, train=train, test="0\t3\t3\t102\n", negatives="(0,3)\t4\t5\n")
    dataset = read_dataset(tmp_path, "small")
    assert dataset.train_is_latest is None
    assert {int(split_validation(dataset, seed).test_items[0]) for seed in range(40)} == {0, 1, 2}


def test_timestamps_of_dropped_ratings_do_not_count_and_of_repeats_the_latest_does(tmp_path):
    train = "0\t0\t1\t-1\n0\t1\t0\t9\n0\t2\t5\t2.5\n0\t4\t5\t2\n"
    write_files(tmp_path, train=train, test="0\t3\t3\t102\n", negatives="(0,3)\t4\t5\n")
    dataset = read_dataset(tmp_path, "small")
    assert {int(split_validation(dataset, seed).test_items[0]) for seed in range(5)} == {2}
    options = {"train_timestamps": np.array([1, 7, 9, 2, 8])}
    dataset = Dataset.from_pairs(np.zeros(5, int), [0, 1, 0, 1, 2], [0], [3], [[4]], **options)
    assert dataset.train_is_latest.tolist() == [True, False, False]


@pytest.mark.parametrize("kind", ["datetime64[s]", "datetime64[ns]", np.float32, np.int64])
def test_timestamps_of_any_kind(kind):
    times = np.array([5, 9, 9, 2], np.int64).astype(kind)
    dataset = Dataset.from_pairs([0, 0, 1, 1], [0, 1, 0, 2], [0], [3], [[4]], train_timestamps=times)
    assert dataset.train_is_latest.tolist() == [False, True, True, False]
    assert not dataset.train_is_latest.flags.writeable


@pytest.mark.parametrize(("times", "rule"), [
    (np.array([1.0, np.nan]), "must have no missing values. Received: 1 missing"),
    (np.array(["NaT", "2020-01-01"], "M8[s]"), "must have no missing values. Received: 1 missing"),
    (np.array([1]), "must have one entry for each train interaction. Received: 1 for 2"),
])  # fmt: skip
def test_timestamps_that_are_missing_are_refused(times, rule):
    with pytest.raises(InputError, match=f"`train_timestamps` {rule}"):
        Dataset.from_pairs([0, 0], [0, 1], [0], [3], [[4]], train_timestamps=times)


@pytest.mark.parametrize(("users", "negatives", "rule"), [
    ([0, 1], 1, r"must have a user with two interactions.* Received: 2 interaction"),
    ([0, 0], 0, "`negatives` must be a whole number of at least 1. Received: 0"),
    # The item of the test pair can be a negative.
    ([0, 0], 3, "`negatives` must be at most 2, .*Received: 3"),
    ([0, 0], None, r"or more interactions and 3 items to draw negatives from, .* Received: 2 item\(s\) at the"),
])  # fmt: skip
def test_what_cannot_be_split_is_said(users, negatives, rule):
    with pytest.raises(InputError, match=rule):
        split_validation(Dataset.from_pairs(users, [0, 1], [0], [2], [[3, 3, 3]]), negatives=negatives)


def test_a_user_with_too_few_items_left_keeps_all_of_them_and_has_no_validation_pair():
    """User 0 has all items, user 1 all but one; the pairs of user 2 are those of the data without the two."""
    others = [(2, 0), (2, 3), (3, 1)]
    full = [(0, item) for item in range(5)] + [(1, item) for item in range(4)]
    test = [2], [1], [[2, 4]]
    users, items = np.array(full + others).T
    split = split_validation(Dataset.from_pairs(users, items, *test, train_timestamps=items), seed=1)
    assert pairs(split.test_users, split.test_items) == [(2, 3)]
    assert set(split.test_negatives[0]) <= {1, 2, 4}
    assert pairs(split.train_users, split.train_items) == [*full, (2, 0), (3, 1)]
    one_each = split_validation(Dataset.from_pairs(users, items, *test, train_timestamps=items), negatives=1)
    assert pairs(one_each.test_users, one_each.test_items) == [(1, 3), (2, 3)]
    assert one_each.test_negatives[0].tolist() == [4]


@given(LOGS)
def test_with_test_pairs_in_train_all_that_is_known_is_there(log):
    before = dataset_of(log)
    whole = with_tests_in_train(before)
    tests = {(user, ITEMS - 1) for user, _ in log}
    assert set(pairs(whole.train_users, whole.train_items)) == {*log, *tests}
    assert whole.num_test == 0
    for name in ("num_users", "num_items", "user_ids", "item_ids", "item_titles"):
        assert getattr(whole, name) == getattr(before, name)
