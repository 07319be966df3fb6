"""A dataset that goes on from an earlier one, by hand; `test_stable_ids.py` draws sequences of them."""

import datetime
import json

import numpy as np
import pytest

from ncf_keras.base.errors import InputError
from ncf_keras.data import Dataset, read_dataset, split_validation
from ncf_keras.data.earlier import read_earlier
from ncf_keras.data.leave_one_out import newer_interactions
from ncf_keras.data.negatives import draw_negatives
from ncf_keras.data.prepare import PrepareOptions, prepare
from ncf_keras.data.states import ACTIVE, FORGOTTEN, INACTIVE
from tests.data.yesterday import YESTERDAY, go_on, log_of, named, write


@pytest.fixture
def folder(tmp_path):
    """A directory with the dataset `d` of yesterday: ann 0, bob 1, cy 2; x 0, y 1, z 2, w 3."""
    write(tmp_path, "d", prepare(log_of(YESTERDAY), PrepareOptions(negatives=1)))
    return tmp_path


def test_what_is_read_is_what_was_written(folder):
    earlier = read_earlier(f"{folder}/", "d")
    assert (list(earlier.user_ids), list(earlier.item_ids)) == (["ann", "bob", "cy"], ["x", "y", "z", "w"])
    assert (earlier.name, earlier.sizes, earlier.num_train) == ("d", [(3, 4)], 3)
    assert (earlier.titles, earlier.waiting, earlier.options) == (None, None, PrepareOptions(negatives=1))
    assert not earlier.user_states.any() and not earlier.item_states.any()
    assert earlier.frame.to_numpy().tolist() == [
        [0, 0, 1, 1], [1, 1, 1, 2], [2, 3, 1, 5], [0, 1, 1, 3], [1, 2, 1, 4],
    ]  # fmt: skip


def test_appended_rows_come_behind_and_ids_too(folder):
    prepared = go_on(folder, [("dee", "y", 6), ("ann", "v", 7), ("dee", "x", 8), ("ann", "x", 9)])
    assert list(prepared.user_ids) == ["ann", "bob", "cy", "dee"]
    assert list(prepared.item_ids) == ["x", "y", "z", "w", "v"]
    assert named(prepared, "test") == [("ann", "v", 1, 7), ("bob", "z", 1, 4), ("dee", "x", 1, 8)]
    assert sorted(named(prepared, "train")) == [
        ("ann", "x", 1, 1), ("ann", "y", 1, 3), ("bob", "y", 1, 2), ("cy", "w", 1, 5), ("dee", "y", 1, 6),
    ]  # fmt: skip
    report = prepared.report()
    assert report["dropped"] == {"repeated (user, item), first kept": 1}
    assert report["counts"]["rows"] == 9
    assert report["sizes"] == [[3, 4], [4, 5]]
    assert report["ids_from"] == {
        "dataset": "d", "users": 3, "items": 4, "new_users": 1, "new_items": 1, "inactive_users": 0,
        "inactive_items": 0, "forgotten_users": 0, "unknown_users_to_forget": 0,
    }  # fmt: skip


def test_in_a_whole_log_known_ids_keep_their_indices_and_what_is_gone_is_inactive(folder):
    rows = [("dee", "v", 1), ("dee", "z", 2), ("bob", "z", 1), ("bob", "y", 2)]
    write(folder, "today", go_on(folder, rows, append=False))
    dataset = read_dataset(folder, "today")
    assert (dataset.user_ids, dataset.item_ids) == (["ann", "bob", "cy", "dee"], ["x", "y", "z", "w", "v"])
    assert dataset.user_states.tolist() == [INACTIVE, ACTIVE, INACTIVE, ACTIVE]
    assert dataset.item_states.tolist() == [INACTIVE, ACTIVE, ACTIVE, INACTIVE, ACTIVE]
    assert list(zip(dataset.train_users, dataset.train_items, strict=True)) == [(1, 2), (3, 4)]
    assert list(zip(dataset.test_users, dataset.test_items, strict=True)) == [(1, 1), (3, 2)]
    # Of the three items that are active each has one left.
    assert dataset.test_negatives.tolist() == [[4], [1]]
    report = json.loads((folder / "today.json").read_text())
    assert (report["ids_from"]["inactive_users"], report["ids_from"]["inactive_items"]) == (2, 2)
    assert report["sparsity"] == round(1 - 4 / 6, 6)
    assert report["counts"]["users_without_test"] == 0
    # And the day after ann is back.
    prepared = go_on(folder, [("ann", "x", 7), ("ann", "v", 8)], name="today")
    assert list(prepared.user_ids) == ["ann", "bob", "cy", "dee"]
    assert prepared.user_states.tolist() == [ACTIVE, ACTIVE, INACTIVE, ACTIVE]
    assert prepared.item_states.tolist() == [ACTIVE, ACTIVE, ACTIVE, INACTIVE, ACTIVE]


def test_of_a_forgotten_user_nothing_is_left_but_the_id_and_no_log_brings_it_back(folder):
    rows = [("eve", "y", 6), ("dee", "x", 7), ("dee", "y", 8), ("bob", "w", 9)]
    write(folder, "d", go_on(folder, rows, forget=["bob", "eve", "nobody", " bob "]))
    dataset = read_dataset(folder, "d")
    # The tombstone of one who is new comes last.
    assert dataset.user_ids == ["ann", "bob", "cy", "dee", "eve"]
    assert dataset.user_states.tolist() == [ACTIVE, FORGOTTEN, ACTIVE, ACTIVE, FORGOTTEN]
    assert dataset.item_states.tolist() == [ACTIVE, ACTIVE, INACTIVE, ACTIVE]
    report = json.loads((folder / "d.json").read_text())
    assert report["dropped"] == {"forgotten user": 4}
    assert (report["ids_from"]["forgotten_users"], report["ids_from"]["unknown_users_to_forget"]) == (2, 1)
    for suffix in (".train.rating", ".test.rating"):
        users = {line.split("\t")[0] for line in (folder / f"d{suffix}").read_text().splitlines()}
        assert users.isdisjoint({"1", "4"})
    for append in (True, False):
        again = go_on(folder, [("bob", "x", 10), ("eve", "y", 11), *YESTERDAY], append=append)
        assert again.user_states[[1, 4]].tolist() == [FORGOTTEN, FORGOTTEN]
        assert not np.isin([1, 4], again.train["user"]).any() and not np.isin([1, 4], again.test["user"]).any()
    with pytest.raises(
        InputError, match=r"leave at least one interaction.*5 with forgotten user, and none left"
    ):
        go_on(folder, None, forget=["ann", "cy", "dee"])


def test_forgotten_rows_leave_the_waiting_ones_even_where_none_is_left(folder):
    waiting = folder / "d.waiting.csv"
    write(
        folder, "d", go_on(folder, [("ann", "w", 6), ("cy", "x", 7), ("dee", "v", 8)], min_item_interactions=2)
    )
    assert waiting.read_text() == '"user_id","item_id","rating","timestamp"\n"bob","z",1,4\n"dee","v",1,8\n'
    write(folder, "d", go_on(folder, None, forget=["dee"]))
    assert waiting.read_text() == '"user_id","item_id","rating","timestamp"\n"bob","z",1,4\n'
    write(folder, "d", go_on(folder, [("cy", "z", 9)]))
    assert waiting.read_text() == '"user_id","item_id","rating","timestamp"\n'
    assert "v" not in read_dataset(folder, "d").item_ids
    assert read_earlier(folder, "d").waiting is None
    # A file that the JSON file does not know is nobody's.
    write(folder, "e", prepare(log_of(YESTERDAY), PrepareOptions(negatives=1)))
    (folder / "e.waiting.csv").write_text("no waiting rows\n")
    assert read_earlier(folder, "e").waiting is None


WITHOUT_TIMES = [
    ("ann", "x"),
    ("ann", "y"),
    ("ann", "z"),
    ("bob", "x"),
    ("bob", "w"),
    ("cy", "v"),
    ("eve", "u"),
]


def test_without_timestamps_something_new_is_held_out_or_what_was(tmp_path):
    write(tmp_path, "d", prepare(log_of(WITHOUT_TIMES, "user item"), PrepareOptions(negatives=1)))
    before = dict(named(go_on(tmp_path, None), "test")[n][:2] for n in range(2))
    rows = [("ann", "v"), ("ann", "w"), ("cy", "x"), ("ann", "x"), ("dee", "x"), ("dee", "y")]
    held_out = set()
    for seed in range(40):
        prepared = go_on(tmp_path, rows, "user item", seed=seed)
        test = {user: item for user, item, _ in named(prepared, "test")}
        assert test["bob"] == before["bob"] and test["cy"] == "x"
        held_out |= set(test.items())
    assert {item for user, item in held_out if user == "ann"} == {"v", "w"}
    assert {item for user, item in held_out if user == "dee"} == {"x", "y"}
    write(tmp_path, "d", prepared)
    files = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.suffix != ".json"}
    write(tmp_path, "d", go_on(tmp_path, rows, "user item"))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.suffix != ".json"} == files


def test_a_user_with_nothing_new_and_no_test_pair_gets_none(tmp_path):
    """Yesterday ann had every item but one, and two negatives were to be drawn."""
    rows = [("ann", "x"), ("ann", "y"), ("bob", "x"), ("bob", "z")]
    with_more = [*rows, ("cy", "x"), ("cy", "w"), ("ann", "w")]
    write(tmp_path, "d", prepare(log_of(with_more, "user item"), PrepareOptions(negatives=2)))
    prepared = go_on(tmp_path, [("cy", "v"), ("bob", "v")], "user item")
    assert {user for user, *_ in named(prepared, "test")} == {"bob", "cy"}
    assert prepared.report()["counts"]["users_without_new"] == 1


def test_positions_of_what_is_newer():
    users = np.array([1, 0, 1, 0, 2, 3, 3, 3], np.int32)
    items = np.array([5, 1, 4, 2, 0, 1, 2, 3], np.int32)
    is_new = np.array([1, 0, 0, 0, 1, 0, 0, 0], bool)
    was_test = np.array([0, 0, 1, 1, 0, 0, 0, 0], bool)
    held_out = newer_interactions(users, items, is_new, was_test, np.random.default_rng(0))
    # User 2 has a single interaction, user 3 nothing new and nothing that was held out.
    assert held_out.tolist() == [3, 0]


def test_negatives_are_active_and_as_if_there_were_no_other_items():
    users, items, tests = (
        np.array([0, 0, 1], np.int32),
        np.array([1, 3, 1], np.int32),
        np.array([0, 1], np.int32),
    )
    every, few = np.ones(4, bool), np.array([0, 1, 1, 1, 0, 0, 1, 0], bool)
    dense = draw_negatives(users, np.array([0, 2, 0], np.int32), tests, every, 2, np.random.default_rng(5))
    sparse = draw_negatives(users, items, tests, few, 2, np.random.default_rng(5))
    assert sparse.tolist() == np.array([1, 2, 3, 6])[dense].tolist()


def test_validation_negatives_are_active():
    states = np.array([0, 0, 0, 1, 1, 0], np.uint8)
    pairs = ([0, 0, 1], [0, 1, 2], [0], [2], [[5]])
    dataset = Dataset.from_pairs(*map(np.array, pairs), num_items=6, item_states=states)
    for seed in range(20):
        assert set(split_validation(dataset, seed, 2).test_negatives[0]) <= {0, 1, 2, 5}
    with pytest.raises(InputError, match="at most 2"):
        split_validation(dataset, 0, 4)


def test_large_timestamps_are_compared_exactly_and_dates_become_seconds(tmp_path):
    huge = 2**60
    rows = [("a", "x", huge + 1), ("a", "y", huge), ("b", "z", huge)]
    write(tmp_path, "d", prepare(log_of(rows), PrepareOptions(negatives=1)))
    prepared = go_on(tmp_path, [("a", "w", huge + 2), ("b", "y", huge + 3), ("b", "x", huge + 1)])
    assert named(prepared, "test") == [("a", "w", 1, huge + 2), ("b", "y", 1, huge + 3)]
    unsigned = 2**63 + 5
    assert go_on(tmp_path, [("a", "w", unsigned)]).test["timestamp"].tolist() == [unsigned]
    day = datetime.datetime(2020, 1, 1, 12)
    rows = [("a", "x", day), ("a", "y", day), ("b", "z", day)]
    write(tmp_path, "dates", prepare(log_of(rows), PrepareOptions(negatives=1)))
    later = day + datetime.timedelta(seconds=1.5)
    assert named(go_on(tmp_path, [("b", "x", later)], name="dates"), "test")[1] == ("b", "x", 1, 1577880001)
    # In the seconds of the file both are as late, and what was held out is the later row.
    assert named(go_on(tmp_path, None, name="dates"), "test") == [("a", "y", 1, 1577880000)]


def test_timestamps_that_can_not_be_compared_are_refused(folder):
    with pytest.raises(
        InputError, match=r"appended to d, which has timestamps, must have some too. Received: no"
    ):
        go_on(folder, [("ann", "w")], "user item")
    recent = [(*row[:2], 1_700_000_000) for row in YESTERDAY]
    write(folder, "seconds", prepare(log_of(recent), PrepareOptions(negatives=1)))
    for time in (1_700_000_000_000, 20_240_131):
        with pytest.raises(InputError, match=r"of the same unit, about 1.7e\+09. Received: some of about"):
            go_on(folder, [("ann", "w", time)], name="seconds")
    go_on(folder, [("ann", "w", 1_100_000_000)], name="seconds")
    write(folder, "none", prepare(log_of(WITHOUT_TIMES, "user item"), PrepareOptions(negatives=1)))
    with pytest.raises(InputError, match=r"which has no timestamps, must have none too. Received: some"):
        go_on(folder, YESTERDAY, name="none")
    # A whole log is nobody else's business.
    go_on(folder, WITHOUT_TIMES, "user item", append=False)


def test_ratings_and_options_go_on(tmp_path):
    columns = "user item rating timestamp"
    rows = [("a", "x", 5, 1), ("a", "y", 4.5, 2), ("b", "z", 4, 3), ("b", "y", 2, 4)]
    write(tmp_path, "d", prepare(log_of(rows, columns), PrepareOptions(min_rating=4, negatives=1, keep="last")))
    earlier = read_earlier(tmp_path, "d")
    assert earlier.options == PrepareOptions(min_rating=4, negatives=1, keep="last")
    prepared = go_on(tmp_path, [("b", "y", 3, 5), ("b", "x", 4, 6), ("a", "x", 4, 7)], columns)
    assert named(prepared, "train") == [("b", "z", 4, 3), ("a", "y", 4.5, 2)]
    assert named(prepared, "test") == [("a", "x", 4, 7), ("b", "x", 4, 6)]
    with pytest.raises(InputError, match="appended to d must have ratings, because `min_rating`"):
        go_on(tmp_path, [("b", "y", 5)])
    with pytest.raises(InputError, match=r"`append` must come with an earlier dataset"):
        prepare(log_of(rows, columns), PrepareOptions(), append=True)
    with pytest.raises(InputError, match=r"`forget` must come with an earlier dataset"):
        prepare(log_of(rows, columns), PrepareOptions(), forget=["a"])


def test_titles_stay_and_new_ones_are_added(tmp_path):
    first = prepare(log_of(YESTERDAY), PrepareOptions(negatives=1))
    write(tmp_path, "d", first, ["X", "Y", "", "W"])
    prepared = go_on(tmp_path, [("dee", "v", 6)])
    assert prepared.titles(None) == ["X", "Y", "", "W", ""]
    assert prepared.titles({"v": "V", "z": "Z", "x": "new X"}) == ["new X", "Y", "Z", "W", "V"]
    write(tmp_path, "d", prepared)
    assert read_dataset(tmp_path, "d").item_titles == ["X", "Y", "", "W", ""]
    with pytest.raises(InputError, match="`titles` must hold items of the log"):
        prepared.titles({"nothing": "N"})
    assert first.titles(None) is None


def test_sizes_are_remembered_where_they_change_and_not_without_end(folder):
    write(folder, "d", go_on(folder, None))
    assert read_earlier(folder, "d").sizes == [(3, 4)]
    for number in range(5, 9):
        write(folder, "d", go_on(folder, [("ann", f"new {number}", number)]))
    assert read_earlier(folder, "d").sizes == [(3, items) for items in range(4, 9)]
    report = json.loads((folder / "d.json").read_text())
    report["sizes"] = [[1, 1]] * 2000 + report["sizes"]
    (folder / "d.json").write_text(json.dumps(report))
    assert len(go_on(folder, None).report()["sizes"]) == 1000
