"""A split in time: by hand, against a slow reference, and what must hold of any log."""

import collections
import datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st

from ncf_keras.base.errors import InputError
from ncf_keras.data import Dataset, split_validation
from ncf_keras.data.negatives import draw_negatives
from ncf_keras.data.prepare import PrepareOptions, prepare
from ncf_keras.data.resplit import with_tests_in_train
from ncf_keras.data.tidy_log import tidy_log
from ncf_keras.data.time_cut import Times, checked_moment, cut_at
from tests.data.slow_time_split import divided, drawable, slow_time_split, time_of
from tests.data.yesterday import named

# ann and bob are there all along, cy comes late; w and v come late, x, y and z are there from the first.
ROWS = [
    ("ann", "x", 1), ("bob", "y", 2), ("bob", "z", 3), ("ann", "y", 4), ("dee", "z", 5),
    ("bob", "x", 6), ("ann", "z", 7), ("cy", "x", 8), ("ann", "w", 9), ("cy", "v", 9), ("dee", "x", 10),
]  # fmt: skip
TIMES = st.integers(0, 6)
LOGS = st.dictionaries(st.tuples(st.sampled_from("abcdef"), st.sampled_from("opqrstuv")), TIMES, min_size=4)
SHARES = st.sampled_from([0.29, 0.5, 0.7, 0.8, 0.9])


def prepared(rows, **options):
    frame = pd.DataFrame(rows, columns=["user", "item", "timestamp"])
    return prepare(
        tidy_log(dict(frame.items()), str), PrepareOptions(**{"split": "time", "negatives": 1, **options})
    )


def parts_of(dataset, times):
    """Return train, test, cold and validation rows of raw ids and times."""

    def rows(users, items):
        ids = [
            (dataset.user_ids[user], dataset.item_ids[item]) for user, item in zip(users, items, strict=True)
        ]
        return [(*pair, times[pair]) for pair in ids]

    none = np.zeros(0, int)
    cold = (none, none) if dataset.cold_users is None else (dataset.cold_users, dataset.cold_items)
    marks = dataset.train_is_validation
    marks = np.zeros(dataset.num_train, bool) if marks is None else marks
    train = dataset.train_users, dataset.train_items
    return {
        "train": rows(*train),
        "test": rows(dataset.test_users, dataset.test_items),
        "cold": rows(*cold),
        "validation": rows(train[0][marks], train[1][marks]),
    }


def check_draws(dataset, rows, parts):
    """Negatives are items of train that the user has never interacted with, and differ within a line."""
    for user, drawn in zip(dataset.test_users, dataset.test_negatives, strict=True):
        names = [dataset.item_ids[item] for item in drawn]
        assert len(set(names)) == len(names)
        assert set(names) <= drawable(rows, parts, dataset.user_ids[user])


def check_states(dataset, train):
    """Active is who has a train interaction."""
    for ids, active, side in (
        (dataset.user_ids, dataset.active_users, 0), (dataset.item_ids, dataset.active_items, 1)
    ):  # fmt: skip
        known = {row[side] for row in train}
        assert {name for name, is_active in zip(ids, active, strict=True) if is_active} == known


def test_a_log_by_hand():
    log = prepared(ROWS, at=6, negatives=1)
    assert named(log, "train") == ROWS[:5]
    # In the end ann and bob have x, y and z, so that no item of train is left to draw a negative from.
    assert named(log, "test") == [("dee", "x", 10)]
    assert named(log, "cold") == ROWS[5:10]
    dataset = log.dataset("d")
    assert [dataset.item_ids[item] for item in dataset.test_negatives[0]] == ["y"]
    assert dataset.user_ids == ["ann", "bob", "dee", "cy"] and dataset.user_states.tolist() == [0, 0, 0, 1]
    assert dataset.item_ids == ["x", "y", "z", "w", "v"] and dataset.item_states.tolist() == [0, 0, 0, 1, 1]
    report = log.report()
    assert report["cuts"] == {"at": {"given": 6, "time": 6, "date": None}}
    assert report["split"] == "in time: held out is what is from 6 on"
    assert report["counts"] == {
        "rows": 11, "users": 4, "items": 5, "interactions": 11, "train": 5, "test": 1, "test_users": 1,
        "users_without_test": 2, "cold": 5, "cold_users": 1, "cold_items": 2, "pairs_without_negatives": 2,
        "fewest_items_left": 0, "negatives_per_test": 1,
    }  # fmt: skip
    # 5 train and 1 test pairs of 3 active users and 3 active items.
    assert report["sparsity"] == round(1 - 6 / 9, 6)


def test_validation_by_hand_is_held_out_as_the_test_was():
    rows = [*ROWS[:6], ("eve", "y", 6.5), ("dee", "q", 6.5), *ROWS[6:]]
    dataset = prepared(rows, at=8, validation_at=5).dataset("d")
    parts = parts_of(dataset, {row[:2]: row[2] for row in rows})
    assert sorted(parts["validation"]) == [
        ("ann", "z", 7), ("bob", "x", 6), ("dee", "q", 6.5), ("dee", "z", 5), ("eve", "y", 6.5)
    ]  # fmt: skip
    # Of the test, dee is warm, because the validation interactions are in train, and has y to be drawn.
    assert parts["test"] == [("dee", "x", 10)] and dataset.test_negatives.tolist() == [[1]]
    with pytest.raises(
        InputError, match=r"a user with a validation pair and 1 items to draw negatives from.* Received: 0 item"
    ):
        split_validation(dataset)
    # Before 5 there are ann and bob with x, y and z, which is all that can be drawn: nothing is left for them.
    more = [*rows, ("zoe", "p", 1), ("zoe", "o", 2)]
    split = split_validation(prepared(more, at=8, validation_at=5).dataset("d"))
    parts = parts_of(split, {row[:2]: row[2] for row in more})
    assert sorted(parts["train"]) == sorted([*rows[:4], *more[-2:]])
    assert parts["test"] == [("ann", "z", 7), ("bob", "x", 6)] and not parts["validation"]
    assert sorted(parts["cold"]) == [("dee", "q", 6.5), ("dee", "z", 5), ("eve", "y", 6.5)]
    check_states(split, parts["train"])
    assert {split.item_ids[item] for item in split.test_negatives.ravel()} <= {"o", "p"}


@given(LOGS, SHARES | TIMES, st.integers(1, 2), st.integers(0, 3))
def test_is_what_the_slow_reference_says(log, at, negatives, seed):
    rows = [(*pair, time) for pair, time in log.items()]
    time = time_of(rows, at)
    whole, expected = divided(rows, time), slow_time_split(rows, time, negatives)
    try:
        found = prepared(rows, at=at, negatives=negatives, seed=seed)
    except InputError as error:
        reasons = {
            "interactions before it": not whole.train,
            "from then on, to hold out": not (whole.warm or whole.cold),
            "to test, whose user and item": not whole.warm, "`negatives` must": not expected.warm,
        }  # fmt: skip
        assert next(words for words, holds in reasons.items() if holds) in str(error)
        return
    assert (named(found, "train"), sorted(named(found, "test"))) == (expected.train, sorted(expected.warm))
    assert sorted(named(found, "cold")) == sorted(expected.cold)
    assert found.report()["cuts"]["at"] == {"given": at, "time": time, "date": None}
    dataset = found.dataset("d")
    check_draws(dataset, rows, expected)
    check_states(dataset, expected.train)
    pairs = list(zip(dataset.test_users.tolist(), dataset.test_items.tolist(), strict=True))
    assert pairs == sorted(pairs)
    # A share holds no more before the cut than it says, and ties are on one side.
    if at < 1 and at:
        assert len(expected.train) <= at * len(rows)


# With these, a time of validation up to 3 and one of the test from 4 to 6 leave a warm pair to each.
CORE = [
    ("u", "o", -1),
    ("u", "p", -1),
    ("v", "q", -1),
    ("v", "r", -1),
    ("w", "s", -1),
    ("u", "q", 3),
    ("v", "o", 6),
]


@given(LOGS, st.integers(0, 3), st.integers(4, 6), st.integers(1, 2), st.integers(0, 3))
def test_nothing_learned_is_later_than_what_is_tested_and_everything_is_in_one_place(
    log, early, late, negatives, seed
):
    rows = [*CORE, *((*pair, time) for pair, time in log.items())]
    times = {row[:2]: row[2] for row in rows}
    dataset = prepared(rows, at=late, validation_at=early, negatives=negatives, seed=seed).dataset("d")
    parts = parts_of(dataset, times)
    assert sorted(parts["train"] + parts["test"] + parts["cold"]) == sorted(rows)
    assert max(row[2] for row in parts["train"]) < min(row[2] for row in parts["test"] + parts["cold"])
    split = split_validation(dataset, seed)
    smaller = parts_of(split, times)
    held_out = smaller["test"] + smaller["cold"]
    assert sorted(held_out) == sorted(parts["validation"]) and not smaller["validation"]
    assert sorted(smaller["train"] + held_out) == sorted(parts["train"])
    assert max(row[2] for row in smaller["train"]) < min(row[2] for row in held_out)
    # Nothing of the test is known to the validation.
    expected = slow_time_split(parts["train"], early, negatives)
    assert sorted(smaller["train"]) == sorted(expected.train)
    assert sorted(smaller["test"]) == sorted(expected.warm)
    check_draws(split, parts["train"], expected)
    check_states(split, smaller["train"])
    assert np.array_equal(split.test_negatives, split_validation(dataset, seed).test_negatives)


def test_draws_anew_for_each_pair_of_a_user_and_every_item_as_likely():
    """User 0 has items 0 and 1 of 8, and two pairs; any 2 of the 5 other active items may be drawn."""
    users, items = np.array([0, 0, 1], np.int32), np.array([0, 1, 2], np.int32)
    active = np.arange(8) != 7
    generator = np.random.default_rng(0)
    tested = np.zeros(4000, np.int32)
    drawn = draw_negatives(users, items, tested, active, 2, generator)
    counts = collections.Counter(map(tuple, np.sort(drawn, axis=1).tolist()))
    assert set(counts) == {(a, b) for a in range(2, 7) for b in range(a + 1, 7)}
    assert 400 - 5 * 20 < min(counts.values()) <= max(counts.values()) < 400 + 5 * 20
    # One pair says nothing of the next.
    assert 300 < sum(set(a) == set(b) for a, b in zip(drawn[::2], drawn[1::2], strict=True)) * 10 / 5 < 500


@pytest.mark.parametrize(("times", "at", "cut"), [
    # 0.29 * 100 is 28.999… in floats.
    (range(100), 0.29, 29),
    (range(100), "0.29", 29),
    ([5, 1, 3, 3, 3, 4], 0.5, 3),
    ([5, 1, 3, 3, 3, 4], 1e-9, 1),
    ([5, 1, 3, 3, 3, 4], 0.999, 5),
    ([0.5, 1.5, 2.5, 3.5], 0.5, 2.5),
    (np.array([0, 2**63 + 5, 2**63 + 6], np.uint64), 0.4, 2**63 + 5),
    ([888710399, 888710400], "1998-03-01", 888710400),
    ([888710399000, 888710400000], "1998-03-01", 888710400000),
    ([888710399, 888710400], "1998-03-01T02:00:00+02:00", 888710400),
    # Between two seconds, the cut is at the later one.
    ([888710399, 888710400], "1998-02-28T23:59:59.5", 888710400),
    ([888710399000, 888710400000], "1998-02-28T23:59:59.5", 888710399500),
    ([888710399, 888710400], datetime.date(1998, 3, 1), 888710400),
    ([888710399, 888710400], pd.Timestamp("1998-03-01", tz="Europe/Paris"), 888706800),
    (pd.to_datetime(["1998-02-28T23:59:59.9", "1998-03-01T00:00:00.1"]), "1998-03-01", 888710400),
    (pd.to_datetime(["1998-02-28T23:59:59.9", "1998-03-01T00:00:00.1"]), 888710400, 888710400),
    (pd.to_datetime(["1930-02-28", "1931-03-01"]), "1931-01-01", -1230768000),
])  # fmt: skip
def test_where_the_cut_is(times, at, cut):
    found = cut_at(Times.of(pd.Series(times)), checked_moment(at, "at"), "at")
    assert found.time == cut and type(found.time) is type(cut)


def test_a_cut_says_what_it_is():
    seconds = Times.of(pd.Series([888710399, 888710400, 999999999]))
    assert str(cut_at(seconds, "1998-03-01", "at")) == (
        "1998-03-01, which is the time 1998-03-01T00:00:00Z (888710400)"
    )
    assert str(cut_at(seconds, 0.5, "at")) == "0.5, which is the time 1998-03-01T00:00:00Z (888710400)"
    assert str(cut_at(seconds, 888710400, "at")) == "888710400 (1998-03-01T00:00:00Z)"
    # No date of any calendar.
    assert str(cut_at(seconds, 10**18, "at")) == f"{10**18}"
    assert str(cut_at(Times.of(pd.Series([1, 2, 3])), 0.5, "at")) == "0.5, which is the time 2"


@pytest.mark.parametrize("value", [
    "now", "today", "soon", "", "0x10", "1_000", "nan", "inf", float("nan"), float("-inf"), True, None, [0.5],
    "1998-13-01", "٠.٥", pd.NaT, np.datetime64("NaT"), "9" * 5000, "1998-03-01\0", 10**400,
    np.datetime64("20000-01-01"),
])  # fmt: skip
def test_what_is_no_moment_is_refused(value):
    with pytest.raises(
        InputError, match=r"`at` must be a share of the interactions such as 0\.8, a date such as"
    ):
        checked_moment(value, "at")


# At 4, b's x is warm, and y is left to be drawn.
WITH_TIMES = {"user": list("aabbc"), "item": list("xyzxw"), "time": [1, 2, 3, 4, 5]}


@pytest.mark.parametrize(("options", "message"), [
    ({}, "`at` must say where a log is cut with `split` time. Received: none"),
    ({"split": "leave-one-out", "at": 0.8}, "`at` must come with `split` time or cold_items. Received: leave-"),
    ({"split": "leave-one-out", "validation_at": 0.8}, "`validation_at` must come with `split` time."),
    ({"split": "random", "at": 3}, "`split` must be one of leave-one-out, time, cold_items. Received: "),
    ({"at": 3, "timestamp": None}, "`split` must be leave-one-out where a log has no timestamps."),
    ({"at": "1998-03-01"}, "neither dates nor Unix seconds or milliseconds. Received: 1998-03-01"),
    ({"at": 1}, "`at` must have interactions before it, .* Received: 1, and the first is of the time 1"),
    ({"at": 6}, "`at` must have interactions from then on, .* Received: 6, and the last is of the time 5"),
    ({"at": 5}, "whose user and item have earlier ones. Received: 5, and none of the 1 later"),
    ({"at": 4, "validation_at": 4}, "`validation_at` must be before `at`, 4. Received: 4"),
    ({"at": 4, "validation_at": 0.9}, "must be before `at`, 4. Received: 0.9, which is the time 5"),
    ({"at": 4, "validation_at": 3.5}, "from then on until `at`, 4. Received: 3.5, and none"),
    ({"at": 4, "validation_at": 1}, "`validation_at` must have interactions before it"),
    ({"at": 4, "validation_at": 3}, "`validation_at` must have an interaction from then on to test"),
    ({"at": 4, "negatives": 2}, "`negatives` must be at most 1, because no user with a pair to test has more"),
])  # fmt: skip
def test_what_can_not_be_split_is_a_sentence(options, message):
    given = {"timestamp": "time", "negatives": 1, "split": "time"}
    with pytest.raises(InputError, match=message):
        Dataset.from_dataframe(WITH_TIMES, **(given | options))


def test_a_frame_is_split_in_time_with_dates_as_a_file_is():
    times = pd.to_datetime(["2020-01-01", "2020-01-02", "2020-01-02", "2020-02-01", "2020-02-01"])
    frame = pd.DataFrame({"user": list("aabba"), "item": list("xyzxz"), "timestamp": times})
    frame.loc[5] = ["c", "w", times[0]]
    for at in ("2020-02-01", datetime.date(2020, 2, 1), times[3], 0.7, times[3].timestamp()):
        dataset = Dataset.from_dataframe(frame, timestamp="timestamp", split="time", at=at, negatives=1)
        assert (dataset.test_users.tolist(), dataset.test_items.tolist()) == ([0, 1], [2, 0])
        assert dataset.test_negatives[0].tolist() == [3] and dataset.cold_users is None


def test_an_update_of_all_rows_keeps_cold_pairs_cold():
    dataset = prepared(ROWS, at=6, validation_at=4).dataset("d")
    whole = with_tests_in_train(dataset)
    assert whole.num_train == dataset.num_train + dataset.num_test and not whole.num_test
    assert np.array_equal(whole.cold_users, dataset.cold_users)
    assert np.array_equal(whole.user_states, dataset.user_states) and whole.train_is_validation is None
    # Without a time of validation the latest of each user is held out, as of any dataset.
    split = split_validation(prepared(ROWS, at=6).dataset("d"))
    assert split.test_users.tolist() == [0, 1] and split.cold_users is None
