import datetime
import uuid

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st

from ncf_keras.base.errors import InputError
from ncf_keras.data import Dataset, read_dataset
from ncf_keras.data.dataset_writing import write_prepared
from ncf_keras.data.k_core import core_filter
from ncf_keras.data.prepare import PrepareOptions, prepare
from ncf_keras.data.tidy_log import tidy_log
from tests.data.slow_prepare import core

PAIRS = st.sets(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=40).map(sorted)


def prepared(rows, columns="user item rating timestamp", **options):
    frame = pd.DataFrame(rows, columns=columns.split())
    return prepare(tidy_log(dict(frame.items()), str), PrepareOptions(**{"negatives": 1, **options}))


def named(prepared_log, part):
    frame = getattr(prepared_log, part)
    rest = [frame[name] for name in frame.columns[2:]]
    users, items = prepared_log.user_ids[frame["user"]], prepared_log.item_ids[frame["item"]]
    return list(zip(users, items, *rest, strict=True))


REPEATS = [("a", "x", 1, 30), ("a", "y", 2, 20), ("a", "x", 3, 10), ("a", "x", 4, 30), ("a", "z", 5, 25),
           ("b", "w", 5, 1)]  # fmt: skip


def test_repeats_keep_the_first_or_the_last_in_time_and_of_ties_the_later_row():
    log = prepared(REPEATS)
    assert named(log, "train") == [("a", "y", 2, 20), ("a", "x", 3, 10), ("b", "w", 5, 1)]
    assert named(log, "test") == [("a", "z", 5, 25)]
    assert log.report()["dropped"] == {"repeated (user, item), first kept": 2}
    assert log.report()["counts"]["users_without_test"] == 1
    log = prepared(REPEATS, keep="last")
    assert named(log, "train") == [("a", "y", 2, 20), ("a", "z", 5, 25), ("b", "w", 5, 1)]
    assert named(log, "test") == [("a", "x", 4, 30)]
    for keep, rating in (("first", 1), ("last", 4)):
        log = prepared([row[:3] for row in REPEATS], "user item rating", keep=keep)
        everything = named(log, "train") + named(log, "test")
        assert ("a", "x", rating) in everything and len(everything) == 4


def test_low_ratings_go_before_repeats_and_rare_items_after():
    rows = [("a", "x", 1, 1), ("a", "x", 5, 9), ("a", "y", 5, 2), ("b", "x", 5, 1), ("b", "y", 4, 2),
            ("b", "q", 5, 3), ("c", "p", 5, 0), ("c", "x", 5, 1)]  # fmt: skip
    with pytest.raises(InputError, match="interacted with every item"):
        prepared(rows, min_rating=4, min_user_interactions=2, min_item_interactions=2)
    rows += [("d", "x", 5, 1), ("d", "z", 5, 2), ("e", "z", 5, 2), ("e", "y", 5, 7)]
    log = prepared(rows, min_rating=4, min_user_interactions=2, min_item_interactions=2)
    assert named(log, "test") == [("a", "x", 5, 9), ("b", "y", 4, 2), ("d", "z", 5, 2), ("e", "y", 5, 7)]
    assert (list(log.user_ids), list(log.item_ids)) == (["a", "b", "d", "e"], ["x", "y", "z"])
    report = log.report()
    assert report["dropped"] == {"rating below 4": 1, "user with fewer than 2 or item with fewer than 2": 3}
    assert report["counts"] == {
        "rows": 12, "users": 4, "items": 3, "interactions": 8, "train": 4, "test": 4, "users_without_test": 0,
        "negatives_per_test": 1,
    }  # fmt: skip
    assert report["sparsity"] == round(1 - 8 / 12, 6)
    assert report["options"]["min_rating"] == 4


def test_a_user_with_too_few_items_left_is_in_train_alone_and_counted():
    """b has all four items, c all but one, d and e a single one."""
    histories = [("a", "wx"), ("b", "xywz"), ("c", "wxz"), ("d", "z"), ("e", "y")]
    rows = [(user, item, 5, time) for user, items in histories for time, item in enumerate(items)]
    log = prepared(rows, negatives=2)
    assert named(log, "test") == [("a", "x", 5, 1)]
    assert named(log, "train") == [row for row in rows if row != ("a", "x", 5, 1)]
    assert set(log.item_ids[log.negatives[0]]) == {"y", "z"}
    counts = log.report()["counts"]
    assert (counts["train"], counts["test"], counts["users_without_test"]) == (10, 1, 4)
    assert (counts["users_without_negatives"], counts["fewest_items_left"]) == (2, 0)
    counts = prepared([row for row in rows if row[0] != "b"], negatives=2).report()["counts"]
    assert (counts["users_without_negatives"], counts["fewest_items_left"]) == (1, 1)
    frame = pd.DataFrame(rows, columns=["user", "item", "rating", "time"])
    dataset = Dataset.from_dataframe(frame, timestamp="time", negatives=1)
    assert list(zip(dataset.test_users, dataset.test_items, strict=True)) == [(0, 1), (2, 3)]
    with pytest.raises(InputError, match=r"at most 2, because no user .* has more items left .* Received: 3"):
        prepared(rows, negatives=3)


def test_nothing_left_and_nobody_to_hold_out():
    with pytest.raises(
        InputError, match=r"leave at least one interaction\. Received: 1 with rating not above 0"
    ):
        prepared([("a", "x", 0, 1)])
    with pytest.raises(InputError, match=r"a user with two interactions.*2 user\(s\) with one each"):
        prepared([("a", "x", 5, 1), ("b", "x", 5, 1), ("b", "x", 5, 2)])


@given(PAIRS, st.integers(1, 4), st.integers(1, 4), st.sampled_from([0, 1, 30]))
def test_equals_taking_out_one_interaction_at_a_time(pairs, min_user, min_item, rounds):
    users, items = np.array(pairs, dtype=np.int32).reshape(-1, 2).T
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("ncf_keras.data.k_core.ROUNDS", rounds)
        stays = core_filter(users, items, min_user, min_item)
    assert [pair for pair, kept in zip(pairs, stays, strict=True) if kept] == core(pairs, min_user, min_item)


def test_a_chain_is_taken_out_link_by_link_but_not_in_a_round_for_each(monkeypatch):
    links = 2000
    users, items = np.repeat(np.arange(links), 2), (np.arange(2 * links) + 1) // 2
    rounds = []
    count = np.bincount
    monkeypatch.setattr(np, "bincount", lambda ids: rounds.append(1) or count(ids))
    assert not core_filter(users.astype(np.int32), items.astype(np.int32), 2, 2).any()
    assert len(rounds) < 100


@pytest.fixture
def frame():
    return pd.DataFrame(
        {
            "u": ["ann", "bob", "ann", "bob", "ann", None, "cy"],
            "i": [10, 10, 11, 12, 13, 11, 14],
            "r": [5, 3, 0, 4, 2, 5, 1],
            "t": pd.to_datetime([f"2020-01-{day:02}" for day in (5, 1, 9, 2, 3, 1, 1)]),
        },
        index=list("gfedcba"),
    )  # fmt: skip


def test_a_small_log_by_hand(frame):
    dataset = Dataset.from_dataframe(
        frame, user="u", item="i", timestamp="t", negatives=1, name="mine", titles={10: "Ten", "13": "Thirteen"}
    )
    assert (dataset.name, dataset.user_ids) == ("mine", ["ann", "bob", "cy"])
    assert dataset.item_ids == ["10", "11", "12", "13", "14"]
    assert dataset.item_titles == ["Ten", "", "", "Thirteen", ""]
    assert list(zip(dataset.train_users, dataset.train_items, strict=True)) == [(0, 0), (0, 3), (1, 0), (2, 4)]
    assert list(zip(dataset.test_users, dataset.test_items, strict=True)) == [(0, 1), (1, 2)]
    assert dataset.test_negatives[0, 0] in (2, 4)
    assert dataset.test_negatives[1, 0] in (1, 3, 4)


@pytest.mark.parametrize("timestamps", [
    [3, 1, 2],
    [3.5, 1.0, 2.0],
    ["2020-03-01", "2020-01-01", "2020-02-01"],
    [datetime.date(2020, 3, 1), datetime.date(2020, 1, 1), datetime.date(2020, 2, 1)],
    pd.to_datetime(["2020-03-01", "2020-01-01", "2020-02-01"]).tz_localize("Asia/Seoul"),
    pd.Categorical(["30", "10", "20"]),
    pd.array([3, 1, 2], dtype="Int64"),
])  # fmt: skip
def test_timestamps_of_any_kind(timestamps):
    ids = [uuid.UUID(int=n) for n in range(5)]
    frame = pd.DataFrame({"user": [1, 1, 1], "item": ids[:3], "ts": timestamps})
    dataset = Dataset.from_dataframe(
        pd.concat([frame, pd.DataFrame({"user": [2], "item": [ids[3]], "ts": [timestamps[0]]})]),
        timestamp="ts", negatives=1,
    )  # fmt: skip
    assert dataset.item_ids[0] == "00000000-0000-0000-0000-000000000000"
    assert dataset.test_items.tolist() == [0]


def test_equals_what_is_written_and_read(tmp_path, frame):
    columns = {"user": "u", "item": "i", "rating": "r", "timestamp": "t"}
    log = tidy_log({role: frame[column] for role, column in columns.items()}, str)
    write_prepared(tmp_path / "mine", prepare(log, PrepareOptions(negatives=1)), {}, list("abcd"))
    read, before = read_dataset(tmp_path, "mine"), frame.copy(deep=True)
    titles = {10: "a", 12: "b", 13: "c", 14: "d"}
    made = Dataset.from_dataframe(frame, "u", "i", "r", "t", negatives=1, titles=titles)
    pd.testing.assert_frame_equal(frame, before)
    for field in Dataset.__dataclass_fields__:
        if field != "name":
            np.testing.assert_array_equal(getattr(read, field), getattr(made, field), err_msg=field)


@pytest.mark.parametrize(("change", "message"), [
    ({"user": "nobody"}, "`user` must be one of the columns u, i, r, t of `df`. Received: 'nobody'"),
    ({"rating": "u"}, r"`df`, row 0 \(counted from 0\) must have a finite number for the rating"),
    ({"timestamp": "u"}, "row 0 .*must have a number or an ISO 8601 date"),
    ({"keep": "best"}, "`keep` must be one of first, last. Received: 'best'"),
    ({"min_rating": 0}, "`min_rating` must be above 0"),
    ({"min_rating": 3}, "`min_rating` must be left out where a log has no ratings"),
    ({"negatives": 0}, "`negatives` must be a whole number of at least 1"),
    ({"negatives": 99}, "`negatives` must be at most 3"),
    ({"seed": -1}, "`seed` must be a whole number of at least 0"),
    ({"sed": 3}, r"`sed` must be an argument of Dataset.from_dataframe: did you mean `seed`\?.*: 'sed'"),
    ({"zzz": 3}, "`zzz` must be an argument of .*: it takes min_rating, .*, user, .*name."),
    ({"min_user_interactions": 9}, "must leave at least one interaction"),
    ({"titles": {99: "x"}}, "`titles` must hold items of the log"),
])  # fmt: skip
def test_mistakes(frame, change, message):
    with pytest.raises(InputError, match=message):
        Dataset.from_dataframe(frame, **{"user": "u", "item": "i", "timestamp": "t", "negatives": 1, **change})


def test_what_is_no_frame_or_empty(frame):
    with pytest.raises(InputError, match="must hold at least one interaction"):
        Dataset.from_dataframe(frame[:0], "u", "i")
    with pytest.raises(InputError, match="at least one complete interaction"):
        Dataset.from_dataframe(pd.DataFrame({"user": [None], "item": [1]}))
    with pytest.raises(InputError, match=r"row 0 .* must have a finite number for the rating"):
        Dataset.from_dataframe(pd.DataFrame({"user": [1], "item": [1], "stars": [[5]]}), rating="stars")
    for value in (10**400, 1j, b"\xff", "\ud800", float("inf")):
        for role, rule in (
            ("rating", "a finite number for the rating"),
            ("timestamp", "a number or an ISO 8601 date"),
        ):
            odd = pd.DataFrame({"user": [1, 1], "item": [1, 2], "odd": pd.Series([3, value], dtype=object)})
            with pytest.raises(InputError, match=rf"row 1 .* must have {rule}"):
                Dataset.from_dataframe(odd, **{role: "odd"})
    doubled = pd.concat([frame, frame["u"]], axis=1)
    with pytest.raises(InputError, match=r"`user` must name one column .*'u', the name of 2 columns"):
        Dataset.from_dataframe(doubled, "u", "i")
