"""The real logs: MovieLens-1M gives the authors' split, MovieLens-100K goes through with titles."""

import json

import numpy as np
import pandas as pd

from ncf_keras.cli.prepare import main
from ncf_keras.data import read_dataset
from tests.shared_files import shared


def test_ml_1m_gives_the_authors_split(tmp_path):
    log, titles = shared("data/ml-1m.ratings.dat"), shared("data/ml-1m.movies.dat")
    assert main([str(log), "--out", str(tmp_path / "mine"), "--titles", str(titles)]) == 0
    lines = (tmp_path / "mine.test.rating").read_text().splitlines()
    theirs = shared("data/ml-1m.test.rating").read_text().splitlines()
    assert len(lines) == len(theirs) == 6040
    assert [line.split("\t")[:3] for line in lines] == [line.split("\t")[:3] for line in theirs]
    mine, theirs = (
        pd.read_csv(file, sep="\t", header=None, usecols=[0, 1, 2]).sort_values([0, 1]).to_numpy()
        for file in (tmp_path / "mine.train.rating", shared("data/ml-1m.train.rating"))
    )
    assert len(mine) == 994_169
    np.testing.assert_array_equal(mine, theirs)
    dataset = read_dataset(tmp_path, "mine")
    assert dataset.test_negatives.shape == (6040, 99)
    assert dataset.user_ids == [str(user) for user in range(1, 6041)]
    assert dataset.item_ids[:3] == ["1193", "661", "914"]
    assert dataset.item_titles[0] == "One Flew Over the Cuckoo's Nest (1975)"
    assert json.loads((tmp_path / "mine.json").read_text())["sparsity"] == 0.955316


def test_ml_100k_end_to_end(tmp_path, capsys):
    log, titles = shared("data/ml-100k.u.data"), shared("data/ml-100k.items.tsv")
    arguments = [str(log), "--titles", str(titles), "--out"]
    assert main([*arguments, str(tmp_path / "one")]) == main([*arguments, str(tmp_path / "two")]) == 0
    assert "one: 943 users, 1,682 items, 99,057 train and 943 test interactions" in capsys.readouterr().out
    dataset = read_dataset(tmp_path, "one")
    raw = pd.read_csv(log, sep="\t", names=["user", "item", "rating", "time"], dtype=str)
    known = pd.read_csv(titles, sep="\t", dtype=str).set_index("item_id:token")["movie_title:token_seq"]
    last = {}
    for user, item, _, time in raw.itertuples(index=False):
        if user not in last or int(time) >= last[user][0]:
            last[user] = (int(time), item)
    for user, item in zip(dataset.test_users, dataset.test_items, strict=True):
        assert dataset.item_ids[item] == last[dataset.user_ids[user]][1]
    assert dataset.item_titles == [known[item] for item in dataset.item_ids]
    assert dataset.item_ids == list(dict.fromkeys(raw["item"]))
    for suffix in ("train.rating", "test.rating", "test.negative", "users.csv", "items.csv", "json"):
        assert (tmp_path / f"one.{suffix}").read_bytes() == (tmp_path / f"two.{suffix}").read_bytes()
