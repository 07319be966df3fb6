import errno
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ncf_keras.base.errors import InputError
from ncf_keras.data import Dataset, prepared_files, read_dataset
from ncf_keras.data.prepare import PrepareOptions, prepare
from ncf_keras.data.prepared_files import SUFFIXES, write_prepared
from ncf_keras.data.tidy_log import tidy_log


def small_log(rating=(5, 3.5, 4, 5), timestamp=(1, 2, 3, 4)):
    frame = pd.DataFrame({"user": list("abab"), "item": list("xyzx"), "rating": rating, "timestamp": timestamp})
    log = tidy_log(frame["user"], frame["item"], frame["rating"], frame["timestamp"], where=str)
    return prepare(log, PrepareOptions(negatives=1))


def test_the_files_to_the_letter(tmp_path):
    write_prepared(tmp_path / "my.data", small_log(), {"name": "log"}, ["X", "", 'the "Z"'])
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted("my.data" + suffix for suffix in SUFFIXES)
    text = {suffix: (tmp_path / ("my.data" + suffix)).read_text() for suffix in SUFFIXES}
    assert text[".train.rating"] == "0\t0\t5.0\t1\n1\t1\t3.5\t2\n"
    assert text[".test.rating"] == "0\t2\t4\t3\n1\t0\t5\t4\n"
    assert text[".test.negative"] == "(0,2)\t1\n(1,0)\t2\n"
    assert text[".users.csv"] == '"index","user_id"\n0,"a"\n1,"b"\n'
    assert text[".items.csv"] == '"index","item_id","title"\n0,"x","X"\n1,"y",""\n2,"z","the ""Z"""\n'
    report = json.loads(text[".json"])
    assert report["source"] == {"name": "log"}
    assert report["counts"]["items_without_title"] == 1
    assert report["counts"]["test"] == 2


def test_whole_ratings_are_integers_and_dates_are_unix_seconds(tmp_path):
    texts = ["1970-01-01", "2000-01-01 00:00:00.9", "1969-12-31 23:59:59.5", "2038-01-19 03:14:08"]
    dates = pd.to_datetime(texts, format="ISO8601")
    write_prepared(tmp_path / "d", small_log((5.0, 3.0, 4.0, 5.0), dates), {})
    lines = (tmp_path / "d.train.rating").read_text() + (tmp_path / "d.test.rating").read_text()
    assert sorted(line.split("\t")[2:] for line in lines.splitlines()) == sorted(
        [["5", "0"], ["3", "946684800"], ["4", "-1"], ["5", "2147483648"]]
    )


def test_read_dataset_picks_up_ids_and_titles(tmp_path):
    write_prepared(tmp_path / "d", small_log(), {})
    dataset = read_dataset(tmp_path, "d")
    assert (dataset.user_ids, dataset.item_ids, dataset.item_titles) == (["a", "b"], ["x", "y", "z"], None)
    write_prepared(tmp_path / "d", small_log(), {}, ["X", "Y", "Z"])
    assert read_dataset(tmp_path, "d").item_titles == ["X", "Y", "Z"]
    (tmp_path / "d.items.csv").unlink()
    dataset = read_dataset(tmp_path, "d")
    assert dataset.item_ids is None and dataset.user_ids == ["a", "b"]
    (tmp_path / "d.users.csv").write_text("index,user_id\n0,a\n")
    with pytest.raises(InputError, match=r"d.users.csv must have a line for each of the 2 indices"):
        read_dataset(tmp_path, "d")


def test_the_json_file_is_named_when_the_others_are_complete(tmp_path, monkeypatch):
    named, rename = [], Path.replace

    def recorded(path, target):
        named.append(Path(target).suffixes[-1])
        return rename(path, target)

    monkeypatch.setattr(Path, "replace", recorded)
    write_prepared(tmp_path / "d", small_log(), {})
    assert len(named) == 6 and named[-1] == ".json"


def test_a_full_disk_leaves_the_files_that_were_there(tmp_path, monkeypatch):
    write_prepared(tmp_path / "d", small_log(), {"name": "first"})
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}

    def full(file: Path, *_):
        file.write_text("half a li")
        raise OSError(errno.ENOSPC, "No space left on device")

    for writer in ("_write_ratings", "_write_negatives", "write_ids"):
        with monkeypatch.context() as patch:
            patch.setattr(prepared_files, writer, full)
            with pytest.raises(InputError, match=r"room for the dataset\. Received: No space left on device"):
                write_prepared(tmp_path / "d", small_log(), {"name": "second"})
        assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_many_interactions_make_the_same_dataset_in_memory_and_on_disk(tmp_path):
    generator = np.random.default_rng(1)
    highest = {"user": 300, "item": 900, "timestamp": 99}
    frame = pd.DataFrame({name: generator.integers(0, most, 20_000) for name, most in highest.items()})
    made = Dataset.from_dataframe(frame, timestamp="timestamp", seed=5)
    log = tidy_log(frame["user"], frame["item"], None, frame["timestamp"], where=str)
    write_prepared(tmp_path / "d", prepare(log, PrepareOptions(seed=5)), {})
    read = read_dataset(tmp_path, "d")
    for field in ("train_offsets", "train_items", "test_users", "test_items", "test_negatives"):
        np.testing.assert_array_equal(getattr(read, field), getattr(made, field))
    assert read.user_ids == made.user_ids
