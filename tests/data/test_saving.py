"""`Dataset.save`: what is read back is equal, and what files can't hold is refused."""

import dataclasses
import hashlib
import json
import os

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st

from ncf_keras.base.errors import InputError
from ncf_keras.cli.recommend import main as recommend
from ncf_keras.data import Dataset, read_dataset
from tests.data.test_dataset import ARRAYS, small

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)


@st.composite
def datasets(draw):
    """Draw a dataset whose every index comes up to the highest, as files count them, unless it has states."""
    pairs = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 9)), min_size=1, max_size=30)
    train, test = np.array(draw(pairs)), np.array(draw(pairs))
    width = draw(st.integers(1, 3))
    rows = st.lists(st.integers(0, 9), min_size=width, max_size=width)
    negatives = np.array(draw(st.lists(rows, min_size=len(test), max_size=len(test))))
    users = int(1 + max(train[:, 0].max(), test[:, 0].max()))
    items = int(1 + max(train[:, 1].max(), test[:, 1].max(), negatives.max()))
    states = {}
    if draw(st.booleans()):
        users, states["user_states"] = with_states(draw, users, {*train[:, 0], *test[:, 0]}, 2)
        items, states["item_states"] = with_states(draw, items, {*train[:, 1], *test[:, 1]}, 1)
    times = st.lists(st.integers(-3, 3), min_size=len(train), max_size=len(train)).map(np.array)
    options = {
        "user_ids": st.lists(TEXTS, min_size=users, max_size=users),
        "item_ids": st.lists(TEXTS, min_size=items, max_size=items),
        "item_titles": st.lists(TEXTS, min_size=items, max_size=items),
        "train_timestamps": times,
    }
    needed = ("user_ids", "item_ids") if states else ()
    given = {name: draw(values if name in needed else st.none() | values) for name, values in options.items()}
    sizes = {"num_users": users, "num_items": items}
    return Dataset.from_pairs(*train.T, *test.T, negatives, name="drawn", **sizes, **states, **given)


def with_states(draw, count, used, highest):
    """Draw a state for each index without interactions, and more such indices behind the last."""
    more = draw(st.integers(0, 3))
    least = [0] * count + [1] * more
    states = [0 if index in used else draw(st.integers(low, highest)) for index, low in enumerate(least)]
    return count + more, states


def require_equal(found, expected):
    for name in (*ARRAYS, "train_is_latest", "user_states", "item_states"):
        one, other = getattr(found, name), getattr(expected, name)
        assert (one is None) == (other is None), name
        if one is not None:
            assert one.dtype == other.dtype
            np.testing.assert_array_equal(one, other)
    for name in ("num_users", "num_items"):
        assert getattr(found, name) == getattr(expected, name)
    for name in ("user_ids", "item_ids", "item_titles"):
        one, other = getattr(found, name), getattr(expected, name)
        assert (one is None) == (other is None) and list(one or []) == list(other or []), name


@given(datasets())
def test_what_is_read_back_is_equal(tmp_path_factory, dataset):
    directory = tmp_path_factory.mktemp("saved") / "new" / "Data"
    dataset.save(directory, "mine")
    found = read_dataset(directory, "mine")
    assert found.name == "mine"
    require_equal(found, dataset)
    # Each file is held against its digest when it is read.
    report = json.loads((directory / "mine.json").read_text())
    files = {path.name.removeprefix("mine"): path for path in directory.iterdir() if path.suffix != ".json"}
    assert report["files"] == {
        suffix: hashlib.sha256(path.read_bytes()).hexdigest() for suffix, path in files.items()
    }
    assert report["source"] == {"dataset": "drawn"} and report["counts"]["train"] == dataset.num_train


def test_a_frame_is_saved_and_the_commands_read_it(tmp_path, capsys):
    frame = pd.DataFrame({
        "user": ["ann", "ann", "007", "007", "bob"], "item": ["x", "y", "x", "y", "z"],
        "timestamp": [3, 1, 5, 4, 9],
    })  # fmt: skip
    titles = {"x": 'The "X"', "y": "Y, the second"}
    dataset = Dataset.from_dataframe(frame, timestamp="timestamp", titles=titles, negatives=1)
    dataset.save(f"{tmp_path}/", "mine")
    require_equal(read_dataset(f"{tmp_path}/", "mine"), dataset)
    flags = ["--popular", "--path", f"{tmp_path}/", "--dataset", "mine", "--k", "1", "--format", "csv"]
    assert recommend(flags) == 0
    # The latest of ann and of 007, x, is held out.
    assert capsys.readouterr().out.splitlines()[1] == '1,"y","Y, the second",2.0,"popularity"'


def test_the_built_in_sample_is_saved_with_its_titles(sample, tmp_path):
    sample.save(tmp_path, "films")
    require_equal(read_dataset(tmp_path, "films"), sample)
    assert (tmp_path / "films.items.csv").read_text().startswith('"index","title"\n0,"')


def test_states_are_a_column_of_the_files_of_ids(tmp_path):
    ids = {"user_ids": ["ann", "", "bob", "cleo"], "item_ids": list("abcde")}
    states = {"user_states": [0, 2, 0, 1], "item_states": [0, 0, 0, 0, 1]}
    dataset = small(
        train_users=[2, 0, 2], train_items=[2, 0, 0], test_users=[0, 2], test_negatives=[[2, 3], [3, 0]],
        num_users=4, num_items=5, item_titles=list("ABCDE"), **ids, **states,
    )  # fmt: skip
    dataset.save(tmp_path, "d")
    assert (tmp_path / "d.users.csv").read_text() == (
        '"index","user_id","state"\n0,"ann",""\n1,"","forgotten"\n2,"bob",""\n3,"cleo","inactive"\n'
    )
    lines = (tmp_path / "d.items.csv").read_text().splitlines()
    assert (lines[0], lines[4:]) == (
        '"index","item_id","title","state"',
        ['3,"d","D",""', '4,"e","E","inactive"'],
    )
    require_equal(read_dataset(tmp_path, "d"), dataset)
    # A dataset without states takes its place, and nothing is left of them.
    small(user_ids=["u", "v"], item_ids=list("abcde")).save(tmp_path, "d")
    assert read_dataset(tmp_path, "d").user_states is None
    assert "state" not in (tmp_path / "d.users.csv").read_text()


def test_an_earlier_dataset_is_replaced_whole_or_the_name_is_refused(tmp_path):
    with_ids = small(user_ids=["u", "v"], item_ids=list("abcde"))
    small(train_items=np.array([2, 1, 0])).save(tmp_path, "d")
    with_ids.save(tmp_path, "d")
    require_equal(read_dataset(tmp_path, "d"), with_ids)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(InputError, match=r"`name` must be one without a file .*d\.users\.csv, which would be"):
        small().save(tmp_path, "d")
    (tmp_path / "e.train.rating").mkdir()
    with pytest.raises(InputError, match=r"e\.train\.rating must be a file that can be written"):
        small().save(tmp_path, "e")
    (tmp_path / "e.train.rating").rmdir()
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize(("changes", "message"), [
    ({"num_users": 3}, "`num_users` must be 2, one more than the highest index .* Received: 3"),
    ({"num_items": 9}, "`num_items` must be 5, one more than the highest index .* Received: 9"),
    ({"test_users": [], "test_items": [], "test_negatives": np.zeros((0, 2), int)}, "Received: 0 with 2 each"),
    ({"test_negatives": np.zeros((2, 0), int)}, "must have test pairs, each with 1 .* Received: 2 with 0 each"),
    ({"item_titles": ["a", "b", "c", "d", 7]}, "`item_titles` must be texts .* Received: '7', a int"),
    ({"item_ids": ["a", "b", "c", "\udcff", "e"]}, "`item_ids` must be texts in UTF-8"),
    ({"item_titles": ["a", "b", None, "d", "e"]}, "`item_titles` must be .* Received: 'None', a NoneType"),
    ({"item_titles": ["a", "b", "x" * 131_073, "d", "e"]}, "`item_titles` must be texts .* at most 131,072"),
    ({"num_users": 3, "user_states": [0, 0, 1]}, "`user_states` must come with `user_ids` to be saved"),
    ({"item_states": [0, 0, 0, 1, 0], "item_titles": list("abcde")}, "`item_states` must come with `item_ids`"),
    ({"item_titles": ["a", "b", "c\0", "d", "e"]}, "`item_titles` must be texts .*, no NUL"),
])  # fmt: skip
def test_what_files_cannot_hold_is_refused(changes, message, tmp_path):
    arrays = {
        name: np.array(value, int) for name, value in changes.items() if name.startswith(("train", "test"))
    }
    if "num_items" not in changes:
        changes = {"num_items": 4 if "test_negatives" in changes else 5, **changes}
    with pytest.raises(InputError, match=message):
        small(**(changes | arrays)).save(tmp_path, "d")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("changes", "message"), [
    ({"train_items": np.array([0, 2, 0], np.int32)}, "`train_items` must be ascending within each user"),
    ({"train_items": np.array([0, 2, 2], np.int32)}, "`train_items` must be ascending within each user"),
    ({"train_offsets": np.array([0, 4, 3])}, "`train_items` must be ascending within each user"),
    ({"train_is_latest": np.array([True, False, False])}, "`train_is_latest` must be true .* none of user 1"),
])  # fmt: skip
def test_a_dataset_put_together_by_hand_is_looked_at(changes, message, tmp_path):
    with pytest.raises(InputError, match=message):
        dataclasses.replace(small(), **changes).save(tmp_path, "d")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["", "a/b", "..", ".", "a/", "directory"])
def test_a_name_is_that_of_files_in_the_directory(name, tmp_path):
    (tmp_path / "directory").mkdir()
    with pytest.raises(InputError, match=r"`name` must be the name of a dataset in the directory `path`"):
        small().save(tmp_path, name)
    with pytest.raises(InputError, match="`name` must be another than that of the built-in data"):
        small().save(tmp_path, "sample")
    for path, number in ((None, "d"), (tmp_path, 3)):
        with pytest.raises(InputError, match=r"`(path|name)` must be .* Received: (None|3)$"):
            small().save(path, number)
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"`path` must be a directory that can be written to"):
        small().save(tmp_path / "file", "d")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["directory", "file"]


def test_what_no_dataset_can_be_read_from_is_not_written_into(tmp_path):
    os.mkfifo(tmp_path / "pipe.train.rating")
    (tmp_path / "link.test.rating").symlink_to(os.devnull)
    for name, kind in (("pipe", "a pipe"), ("link", "a device")):
        rule = rf"{name}\.t.*ing must be a file that can be written and read. Received: {kind}"
        with pytest.raises(InputError, match=rule):
            small().save(tmp_path, name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link.test.rating", "pipe.train.rating"]
