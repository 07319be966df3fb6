"""The ids of an earlier dataset, without its interactions."""

import json
import shutil

import pandas as pd
import pytest

from ncf_keras.base.errors import InputError
from ncf_keras.cli import prepare
from ncf_keras.data import read_dataset
from ncf_keras.data.earlier_ids import ids_of_dataset, read_earlier_ids
from tests.small_data import write_files


@pytest.fixture(scope="module")
def grown(tmp_path_factory):
    """A dataset of 3 users and 4 items that has got a user and an item more, of raw ids u0 … and i0 …."""
    directory = tmp_path_factory.mktemp("grown")
    logs = []
    for number, (users, items) in enumerate(((3, 4), (4, 5))):
        pairs = [(user, item) for user in range(users) for item in range(items) if (user + item) % 3]
        rows = [(f"u{user}", f"i{item}", user + item) for user, item in pairs]
        logs.append(directory / f"{number}.csv")
        pd.DataFrame(rows, columns=["user", "item", "timestamp"]).to_csv(logs[-1], index=False)
    out = ("--out", str(directory / "data"), "--negatives", "1")
    assert prepare.main([str(logs[0]), *out]) == 0
    assert prepare.main([str(logs[1]), *out, "--ids_from", str(directory / "data")]) == 0
    return directory


def test_the_first_ids_are_those_of_an_earlier_size(grown):
    for ids in (
        read_earlier_ids(grown / "data"),
        ids_of_dataset(read_dataset(f"{grown}/", "data"), grown / "data"),
    ):
        assert ids.sizes == [(3, 4), (4, 5)]
        users, items = ids.of_model(3, 4)
        assert sorted(users) == ["u0", "u1", "u2"] and sorted(items) == ["i0", "i1", "i2", "i3"]
        assert [*map(len, ids.of_model(4, 5))] == [4, 5]
        with pytest.raises(InputError, match="`prefix` must be of the dataset that the weights are of"):
            ids.of_model(3, 5)


def test_the_interactions_are_not_read(grown, tmp_path):
    for suffix in (".users.csv", ".items.csv", ".json"):
        shutil.copy(grown / f"data{suffix}", tmp_path / f"data{suffix}")
    assert read_earlier_ids(tmp_path / "data") == read_earlier_ids(grown / "data")
    with (tmp_path / "data.users.csv").open("a") as file:
        file.write("\n")
    with pytest.raises(InputError, match=r"must be the file that .* describes"):
        read_earlier_ids(tmp_path / "data")


def test_without_ids_the_indices_are_the_ids(tmp_path):
    write_files(tmp_path)
    assert read_earlier_ids(tmp_path / "small") == (None,) * 5
    assert read_earlier_ids(tmp_path / "small").of_model(7, 8) == (None, None)
    dataset = read_dataset(f"{tmp_path}/", "small")
    for prefix in (tmp_path / "small", None):
        ids = ids_of_dataset(dataset, prefix)
        assert ids.of_model(dataset.num_users, dataset.num_items) == (None, None)
        with pytest.raises(InputError, match="Received: one with 2 users and 4 items"):
            ids.of_model(1, 1)


def test_what_is_no_dataset_or_has_damaged_sizes_is_refused(grown, tmp_path):
    with pytest.raises(InputError, match=r"Received: .*nothing, and there is no .*nothing.users.csv"):
        read_earlier_ids(tmp_path / "nothing")
    for suffix in (".users.csv", ".items.csv"):
        shutil.copy(grown / f"data{suffix}", tmp_path / f"data{suffix}")
    report = json.loads((grown / "data.json").read_text())
    for sizes in ([], [[4, 5], [3, 4]], [[4]], "4 5", [[4, 5.0]]):
        (tmp_path / "data.json").write_text(json.dumps(report | {"sizes": sizes}))
        with pytest.raises(InputError, match=r"data.json must have the sizes"):
            read_earlier_ids(tmp_path / "data")
