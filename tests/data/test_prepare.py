import pandas as pd
import pytest

from ncf_keras.base.errors import InputError
from ncf_keras.data.prepare import PrepareOptions, prepare
from ncf_keras.data.tidy_log import tidy_log


def prepared(rows, columns="user item rating timestamp", **options):
    frame = pd.DataFrame(rows, columns=columns.split())
    series = [frame.get(role) for role in ("user", "item", "rating", "timestamp")]
    return prepare(tidy_log(*series, where=str), PrepareOptions(**{"negatives": 1, **options}))


def named(prepared_log, part):
    frame = getattr(prepared_log, part)
    rest = [frame[name] for name in frame.columns[2:]]
    users, items = prepared_log.user_ids[frame["user"]], prepared_log.item_ids[frame["item"]]
    return list(zip(users, items, *rest, strict=True))


REPEATS = [
    ("a", "x", 1, 30),
    ("a", "y", 2, 20),
    ("a", "x", 3, 10),
    ("a", "x", 4, 30),
    ("a", "z", 5, 25),
    ("b", "w", 5, 1),
]


def test_repeats_keep_the_first_in_time():
    log = prepared(REPEATS)
    assert named(log, "train") == [("a", "y", 2, 20), ("a", "x", 3, 10), ("b", "w", 5, 1)]
    assert named(log, "test") == [("a", "z", 5, 25)]
    assert log.report()["dropped"] == {"repeated (user, item), first kept": 2}


def test_repeats_keep_the_last_in_time_and_of_ties_the_later_row():
    log = prepared(REPEATS, keep="last")
    assert named(log, "train") == [("a", "y", 2, 20), ("a", "z", 5, 25), ("b", "w", 5, 1)]
    assert named(log, "test") == [("a", "x", 4, 30)]


def test_repeats_without_timestamps_go_by_row():
    rows = [row[:3] for row in REPEATS]
    for keep, rating in (("first", 1), ("last", 4)):
        log = prepared(rows, "user item rating", keep=keep)
        everything = named(log, "train") + named(log, "test")
        assert ("a", "x", rating) in everything
        assert len(everything) == 4


def test_low_ratings_go_before_repeats_and_rare_items_after():
    rows = [("a", "x", 1, 1), ("a", "x", 5, 9), ("a", "y", 5, 2), ("b", "x", 5, 1), ("b", "y", 4, 2),
            ("b", "q", 5, 3), ("c", "p", 5, 0), ("c", "x", 5, 1)]  # fmt: skip
    with pytest.raises(InputError, match="interacted with every item"):
        prepared(rows, min_rating=4, min_user_interactions=2, min_item_interactions=2)
    rows += [("d", "x", 5, 1), ("d", "z", 5, 2), ("e", "z", 5, 2), ("e", "y", 5, 7)]
    log = prepared(rows, min_rating=4, min_user_interactions=2, min_item_interactions=2)
    assert named(log, "test") == [("a", "x", 5, 9), ("b", "y", 4, 2), ("d", "z", 5, 2), ("e", "y", 5, 7)]
    assert list(log.user_ids) == ["a", "b", "d", "e"]
    assert list(log.item_ids) == ["x", "y", "z"]
    report = log.report()
    assert report["dropped"] == {
        "rating below 4": 1,
        "user with fewer than 2 or item with fewer than 2": 3,
    }
    assert report["counts"] == {
        "rows": 12, "users": 4, "items": 3, "interactions": 8, "train": 4, "test": 4, "users_without_test": 0,
        "negatives_per_test": 1,
    }  # fmt: skip
    assert report["sparsity"] == round(1 - 8 / 12, 6)
    assert report["options"]["min_rating"] == 4


def test_a_user_with_one_interaction_is_in_train_only():
    log = prepared([("a", "x", 5, 1), ("b", "x", 5, 1), ("b", "y", 5, 2), ("c", "z", 5, 3)])
    assert named(log, "test") == [("b", "y", 5, 2)]
    assert {user for user, *_ in named(log, "train")} == {"a", "b", "c"}
    assert log.report()["counts"]["users_without_test"] == 2


def test_ids_keep_the_order_of_the_whole_log():
    rows = [("a", "q", 0, 1), ("b", "x", 5, 1), ("b", "y", 5, 2), ("a", "z", 5, 3), ("a", "q", 5, 4)]
    log = prepared(rows)
    assert list(log.user_ids) == ["a", "b"]
    assert list(log.item_ids) == ["q", "x", "y", "z"]
    assert log.report()["dropped"] == {"rating not above 0": 1}


def test_nothing_left_and_nobody_to_hold_out():
    with pytest.raises(
        InputError, match=r"must leave at least one interaction\. Received: 1 with rating below 9"
    ):
        prepared([("a", "x", 5, 1)], min_rating=9)
    with pytest.raises(InputError, match=r"a user with two interactions.*2 user\(s\) with one each"):
        prepared([("a", "x", 5, 1), ("b", "x", 5, 1), ("b", "x", 5, 2)])


def test_the_report_says_which_item_is_held_out():
    with_time = prepared(REPEATS).report()["split"]
    without = prepared([row[:2] for row in REPEATS], "user item").report()["split"]
    assert "the latest" in with_time and "random" not in with_time
    assert "a random one (no timestamps)" in without
