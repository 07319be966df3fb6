import datetime
import uuid

import numpy as np
import pandas as pd
import pytest

from ncf_keras.base.errors import InputError
from ncf_keras.data import Dataset, read_dataset
from ncf_keras.data.prepare import PrepareOptions, prepare
from ncf_keras.data.prepared_files import write_prepared
from ncf_keras.data.tidy_log import tidy_log


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
    assert dataset.name == "mine"
    assert dataset.user_ids == ["ann", "bob", "cy"]
    assert dataset.item_ids == ["10", "11", "12", "13", "14"]
    assert dataset.item_titles == ["Ten", "", "", "Thirteen", ""]
    assert list(zip(dataset.train_users, dataset.train_items, strict=True)) == [(0, 0), (0, 3), (1, 0), (2, 4)]
    assert list(zip(dataset.test_users, dataset.test_items, strict=True)) == [(0, 1), (1, 2)]
    assert dataset.test_negatives[0, 0] in (2, 4)
    assert dataset.test_negatives[1, 0] in (1, 3, 4)


def test_a_rating_of_0_is_no_positive(frame):
    dataset = Dataset.from_dataframe(frame, "u", "i", rating="r", timestamp="t", negatives=1)
    assert dataset.item_ids == ["10", "12", "13", "14"]
    assert list(zip(dataset.test_users, dataset.test_items, strict=True)) == [(0, 0), (1, 1)]
    dataset = Dataset.from_dataframe(
        frame, "u", "i", "r", "t", negatives=1, min_rating=2, min_user_interactions=2
    )
    assert dataset.user_ids == ["ann", "bob"]


def test_without_timestamps_the_seed_picks_the_held_out_items():
    frame = pd.DataFrame({"user": np.repeat(np.arange(50), 4), "item": np.tile(np.arange(20), 10)})
    first, again, other = (
        Dataset.from_dataframe(frame, negatives=3, seed=seed).test_items.tolist() for seed in (1, 1, 2)
    )
    assert first == again != other


def test_the_frame_is_left_as_it_was(frame):
    before = frame.copy(deep=True)
    Dataset.from_dataframe(frame, "u", "i", "r", "t", negatives=1)
    pd.testing.assert_frame_equal(frame, before)


@pytest.mark.parametrize(
    "timestamps",
    [
        [3, 1, 2],
        [3.5, 1.0, 2.0],
        ["2020-03-01", "2020-01-01", "2020-02-01"],
        [datetime.date(2020, 3, 1), datetime.date(2020, 1, 1), datetime.date(2020, 2, 1)],
        pd.to_datetime(["2020-03-01", "2020-01-01", "2020-02-01"]).tz_localize("Asia/Seoul"),
        pd.Categorical(["30", "10", "20"]),
        pd.array([3, 1, 2], dtype="Int64"),
        pd.to_timedelta([3, 1, 2], unit="D"),
    ],
)
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
    log = tidy_log(frame["u"], frame["i"], frame["r"], frame["t"], where=str)
    write_prepared(tmp_path / "mine", prepare(log, PrepareOptions(negatives=1)), {}, list("abcd"))
    read = read_dataset(tmp_path, "mine")
    made = Dataset.from_dataframe(
        frame, "u", "i", "r", "t", negatives=1, titles={10: "a", 12: "b", 13: "c", 14: "d"}
    )
    for field in Dataset.__dataclass_fields__:
        if field != "name":
            np.testing.assert_array_equal(getattr(read, field), getattr(made, field), err_msg=field)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"user": "nobody"}, "`user` must be one of the columns u, i, r, t of `df`. Received: 'nobody'"),
        ({"rating": "u"}, r"`df`, row 0 \(counted from 0\) must have a finite number for the rating"),
        ({"timestamp": "u"}, "row 0 .*must have a number or an ISO 8601 date"),
        ({"keep": "best"}, "`keep` must be first or last"),
        ({"min_rating": 0}, "`min_rating` must be above 0"),
        ({"min_rating": 3}, "`min_rating` must be left out where a log has no ratings"),
        ({"negatives": 0}, "`negatives` must be an integer of at least 1"),
        ({"negatives": 99}, "`negatives` must be at most 2"),
        ({"min_user": 3}, "The options must be min_rating, min_user_interactions, .*min_user"),
        ({"min_user_interactions": 9}, "must leave at least one interaction"),
        ({"titles": {99: "x"}}, "`titles` must hold items of the log"),
    ],
)  # fmt: skip
def test_mistakes(frame, change, message):
    with pytest.raises(InputError, match=message):
        Dataset.from_dataframe(frame, **{"user": "u", "item": "i", "timestamp": "t", "negatives": 1, **change})


def test_what_is_no_frame_or_empty(frame):
    with pytest.raises(InputError, match="`df` must be a pandas DataFrame"):
        Dataset.from_dataframe([1])
    with pytest.raises(InputError, match="an empty DataFrame"):
        Dataset.from_dataframe(frame[:0], "u", "i")
    with pytest.raises(InputError, match="at least one complete interaction"):
        Dataset.from_dataframe(pd.DataFrame({"user": [None], "item": [1]}))
    doubled = pd.concat([frame, frame["u"]], axis=1)
    with pytest.raises(InputError, match="`user` must be one of the columns"):
        Dataset.from_dataframe(doubled, "u", "i")
