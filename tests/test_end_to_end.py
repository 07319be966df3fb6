"""From a raw log with titles to recommendations, through the commands alone: MovieLens-100K."""

import contextlib
import io
import json
import re

import numpy as np
import pandas as pd

from ncf_keras.cli import evaluate, prepare, recommend
from ncf_keras.data import read_dataset
from tests.cli.running import run
from tests.predicting import ranked
from tests.shared_files import shared


def printed(command, *arguments):
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        assert command.main([str(argument) for argument in arguments]) == 0
    return out.getvalue()


def test_ml_100k_from_the_raw_log_to_titles(tmp_path):
    log, titles = shared("data/ml-100k.u.data"), shared("data/ml-100k.items.tsv")
    printed(prepare, log, "--titles", titles, "--out", tmp_path / "Data" / "ml-100k")
    data = ("--path", tmp_path / "Data", "--dataset", "ml-100k")
    trained = run("GMF", *data, "--epochs", 12, "--seed", 1, "--lr", 0.005, "--save_dir", tmp_path)
    weights = trained.saved()

    table = printed(evaluate, "--model", "GMF", "--weights", weights, *data)
    hr, ndcg = map(float, re.search(r"HR@10 = (\d\.\d+), NDCG@10 = (\d\.\d+)", table).groups())
    assert (hr, ndcg) == trained.end()[1:]
    raw = pd.read_csv(log, sep="\t", names=["user", "item", "rating", "time"], dtype=str)
    # Clearly better than to recommend what most users have to everybody.
    dataset = read_dataset(tmp_path / "Data", "ml-100k")
    popularity = np.bincount(dataset.train_items, minlength=dataset.num_items)
    assert hr > ranked(dataset, lambda users, items: popularity[items]).hr + 0.1

    text = printed(recommend, "--weights", weights, *data, "--user", 196, "--k", 5, "--format", "json")
    rows = json.loads(text)
    known = pd.read_csv(titles, sep="\t", dtype=str).set_index("item_id:token")["movie_title:token_seq"]
    assert [row["title"] for row in rows] == [known[row["item_id"]] for row in rows]
    assert [row["rank"] for row in rows] == [1, 2, 3, 4, 5]
    of_user = raw[raw["user"] == "196"].sort_values("time", kind="stable")
    # All but the latest were trained on; none of those is recommended.
    assert not {row["item_id"] for row in rows} & set(of_user["item"].iloc[:-1])
