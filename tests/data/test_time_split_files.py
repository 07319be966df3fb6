"""The files of a split in time: written, read, replaced, broken, and gone on from."""

import json

import numpy as np
import pytest

from ncf_keras.base.errors import InputError
from ncf_keras.data import read_dataset
from ncf_keras.data.dataset_files import COLD, VALIDATION
from ncf_keras.data.earlier import read_earlier
from ncf_keras.data.prepare import PrepareOptions, prepare
from tests.data.yesterday import go_on, log_of, named, write

ROWS = [
    ("ann", "x", 1), ("bob", "y", 2), ("cy", "z", 3), ("ann", "y", 4), ("bob", "z", 5), ("eve", "y", 5),
    ("bob", "x", 6), ("dee", "x", 7), ("ann", "w", 8), ("cy", "x", 9),
]  # fmt: skip
FIELDS = (
    "train_offsets", "train_items", "test_users", "test_items", "test_negatives", "train_is_latest",
    "user_states", "item_states", "cold_users", "cold_items", "train_is_validation",
)  # fmt: skip
OPTIONS = PrepareOptions(negatives=1, split="time", at=7, validation_at=4)


@pytest.fixture
def folder(tmp_path):
    """A folder with the dataset `d`, of which cy's x is tested, and dee and w are cold."""
    write(tmp_path, "d", prepare(log_of(ROWS), OPTIONS))
    return tmp_path


def as_plain(dataset):
    arrays = {name: getattr(dataset, name) for name in FIELDS}
    return {
        "sizes": (dataset.num_users, dataset.num_items), "ids": (dataset.user_ids, dataset.item_ids),
        **{name: None if array is None else array.tolist() for name, array in arrays.items()},
    }  # fmt: skip


def lines(folder, suffix, name="d"):
    return (folder / f"{name}{suffix}").read_text().splitlines()


def test_files_give_back_what_was_prepared_and_what_was_saved(folder):
    prepared = prepare(log_of(ROWS), OPTIONS)
    assert named(prepared, "test") == [("cy", "x", 9)]
    dataset = read_dataset(folder, "d")
    assert as_plain(dataset) == as_plain(prepared.dataset("d"))
    assert lines(folder, COLD) == ["4\t0\t1\t7", "0\t3\t1\t8"]
    assert lines(folder, VALIDATION) == ["0\t1\t1\t4", "1\t2\t1\t5", "3\t1\t1\t5", "1\t0\t1\t6"]
    assert set(lines(folder, VALIDATION)) < set(lines(folder, ".train.rating"))
    report = json.loads((folder / "d.json").read_text())
    assert report["files"].keys() >= {COLD, VALIDATION} and report["options"]["validation_at"] == 4
    assert (report["counts"]["validation"], report["counts"]["cold"]) == (4, 2)
    dataset.save(folder / "more", "saved")
    assert as_plain(read_dataset(folder / "more", "saved")) == as_plain(dataset)
    report = json.loads((folder / "more" / "saved.json").read_text())
    assert (report["counts"]["validation"], report["counts"]["cold"]) == (4, 2)


def test_what_replaces_a_split_in_time_leaves_nothing_of_it(folder):
    whole = prepare(log_of(ROWS), PrepareOptions(negatives=1))
    for replace in (lambda: write(folder, "d", whole), lambda: whole.dataset("e").save(folder, "d")):
        write(folder, "d", prepare(log_of(ROWS), OPTIONS))
        replace()
        assert lines(folder, COLD) == lines(folder, VALIDATION) == []
        dataset = read_dataset(folder, "d")
        assert as_plain(dataset) == as_plain(whole.dataset("d"))
        assert dataset.cold_users is dataset.train_is_validation is None


def test_files_without_ids_or_json_are_read_too(folder):
    for suffix in (".json", ".users.csv", ".items.csv"):
        (folder / f"d{suffix}").unlink()
    dataset = read_dataset(folder, "d")
    # dee and w have an index, by the cold lines alone.
    assert (dataset.num_users, dataset.num_items) == (5, 4)
    assert (dataset.cold_users.tolist(), dataset.cold_items.tolist()) == ([4, 0], [0, 3])
    assert dataset.train_is_validation.sum() == 4
    dataset.save(folder / "more", "saved")
    assert as_plain(read_dataset(folder / "more", "saved")) == as_plain(dataset)


@pytest.mark.parametrize(("suffix", "content", "message"), [
    (COLD, "4\t0\t1\t7\n0\tw\t1\t8\n", r"d\.cold\.rating, line 2 must have an item between .*: 'w'"),
    (COLD, "4\t0\n", r"d\.cold\.rating, line 1 must be `user TAB item TAB rating .* Received: 2 columns"),
    (COLD, "4\t0\t\n", r"d\.cold\.rating, line 1 must have a number for the rating"),
    (COLD, "\n", r"d\.cold\.rating must hold at least one line"),
    (COLD, "-1\t0\t1\n", r"d\.cold\.rating, line 1 must have a user between 0"),
    (COLD, b"\xff\xfe\0\0\n", r"d\.cold\.rating, line 1 must be"),
    (VALIDATION, "0\t1\t1\t4\n2\t0\t1\t9\n", r"n\.rating, line 2 must be of an interaction of .*user 2"),
    (VALIDATION, "0\t1\t1\t4\n9999\t9999\t1\n", r"n\.rating, line 2 must be of .*user 9999, item 9999"),
    (VALIDATION, "x\n", r"d\.validation\.rating, line 1 must be `user TAB item"),
])  # fmt: skip
def test_broken_files_are_named_with_their_line(folder, suffix, content, message):
    (folder / "d.json").unlink()
    (folder / f"d{suffix}").write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError, match=message):
        read_dataset(folder, "d")


def test_files_that_contradict_others_are_refused(folder):
    (folder / f"d{COLD}").write_text("")
    with pytest.raises(InputError, match=r"d\.cold\.rating must be the file that .*d\.json describes"):
        read_dataset(folder, "d")
    with pytest.raises(InputError, match=r"d\.cold\.rating must be the file that"):
        read_earlier(folder, "d")
    write(folder, "d", prepare(log_of(ROWS), OPTIONS))
    (folder / f"d{VALIDATION}").unlink()
    with pytest.raises(InputError, match=r"d\.validation\.rating must be .* Received: no such file"):
        read_dataset(folder, "d")
    write(folder, "d", prepare(log_of(ROWS), OPTIONS))
    (folder / "d.json").unlink()
    (folder / f"d{VALIDATION}").write_text((folder / "d.train.rating").read_text())
    with pytest.raises(
        InputError, match=r"d\.validation\.rating must leave an interaction of .* Received: all"
    ):
        read_dataset(folder, "d")
    (folder / f"d{VALIDATION}").unlink()
    users = (folder / "d.users.csv").read_text()
    (folder / "d.users.csv").write_text(users.replace("inactive", "forgotten"))
    with pytest.raises(
        InputError, match=r"d\.cold\.rating, line 1 must be of a user who is not forgotten. .*: 4"
    ):
        read_dataset(folder, "d")


def rows_of(prepared, part):
    """Rows of raw ids and times, ascending by them, without the ratings that appended rows have."""
    return sorted((user, item, time) for user, item, *_, time in named(prepared, part))


def test_a_share_is_cut_anew_and_a_time_stays_when_rows_are_appended(folder):
    more = [("dee", "z", 20), ("ann", "v", 21), ("eve", "x", 21), ("dee", "y", 22)]
    after = go_on(folder, more)
    assert after.options == OPTIONS and rows_of(after, "train") == sorted(ROWS[:7])
    assert rows_of(after, "test") == [("cy", "x", 9), ("eve", "x", 21)]
    assert rows_of(after, "cold") == sorted([*ROWS[7:9], more[0], more[1], more[3]])
    write(folder, "d", go_on(folder, None, at=0.8, validation_at=0.5))
    assert read_dataset(folder, "d").item_states.tolist() == [0, 0, 0, 1]
    # Of 10 rows, those from 8 on are later; of 14, those from 21 on: dee and w have become active.
    after = go_on(folder, more)
    assert after.report()["cuts"] == {
        "at": {"given": 0.8, "time": 21, "date": None}, "validation_at": {"given": 0.5, "time": 7, "date": None}
    }  # fmt: skip
    assert rows_of(after, "train") == sorted([*ROWS, more[0]])
    assert rows_of(after, "test") == [("dee", "y", 22), ("eve", "x", 21)]
    assert rows_of(after, "cold") == [("ann", "v", 21)]
    dataset = after.dataset("d")
    assert dataset.user_ids == ["ann", "bob", "cy", "eve", "dee"] and dataset.user_states is None
    assert dataset.item_ids == ["x", "y", "z", "w", "v"] and dataset.item_states.tolist() == [0, 0, 0, 0, 1]
    write(folder, "d", after)
    # Another split of the same rows: what was cold is learned from.
    back = go_on(folder, None, split="leave-one-out", at=None, validation_at=None)
    assert sorted(rows_of(back, "train") + rows_of(back, "test")) == sorted([*ROWS, *more])
    assert not len(back.cold) and not back.item_states.any()


def test_who_asks_to_be_forgotten_leaves_the_cold_pairs_too(folder):
    write(folder, "d", go_on(folder, None, forget=["dee"]))
    assert lines(folder, COLD) == ["0\t3\t1\t8"]
    dataset = read_dataset(folder, "d")
    assert dataset.user_ids[4] == "dee" and dataset.user_states.tolist() == [0, 0, 0, 0, 2]
    earlier = read_earlier(folder, "d")
    assert earlier.num_train == 7 and len(earlier.frame) == 9
    assert np.array_equal(earlier.frame["timestamp"], [1, 2, 3, 4, 5, 5, 6, 9, 8])
