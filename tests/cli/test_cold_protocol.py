"""Items held out whole, through the commands: prepared, evaluated by `--protocol cold`, compared."""

import csv
import json

import numpy as np
import pandas as pd
import pytest
import pytrec_eval

from ncf_keras.baselines import BPR, ItemPop
from ncf_keras.cli.compare import main as compare
from ncf_keras.cli.evaluate import main as evaluate
from ncf_keras.cli.prepare import main as prepare
from ncf_keras.data import read_dataset
from ncf_keras.evaluation import paired_t_test
from ncf_keras.models import build_gmf
from ncf_keras.weights import save_weights

# 30 users with 20 items, of which each has three in four.
ROWS = [(u, i, (7 * u + 13 * i) % 31) for u in range(30) for i in range(20) if (u + 3 * i) % 4]
MEASURES = {"HR@2": "success_2", "NDCG@2": "ndcg_cut_2"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A dataset `d` with six of its items held out, and two baselines, which know nothing of these."""
    folder = tmp_path_factory.mktemp("cold")
    lines = [f"{user},{item},{time}\n" for user, item, time in ROWS]
    (folder / "log.csv").write_text("user,item,timestamp\n" + "".join(lines))
    line = [f"{folder}/log.csv", "--out", f"{folder}/d", "--split", "cold_items", "--at", "0.3"]
    assert prepare([*line, "--negatives", "3", "--seed", "4"]) == 0
    dataset = read_dataset(folder, "d")
    BPR(factors=2, epochs=1).fit(dataset).save(folder / "bpr.npz")
    ItemPop().fit(dataset).save(folder / "pop.npz")
    return folder


def run(command, folder, *line, **options):
    flags = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    return command([*map(str, line), "--path", f"{folder}/", "--dataset", "d", "--topk", "2", *flags])


def by_trec_eval(dataset, score):
    """Return the metrics of each user, the means over the user's lists: all cold items but the user's others.

    These are six, of which a user has three or more, so that there is nothing to draw: up to three are left.
    """
    cold = set(dataset.cold_items.tolist())
    judged, scored, users = {}, {}, []
    for user, item in zip(dataset.cold_users.tolist(), dataset.cold_items.tolist(), strict=True):
        own = set(dataset.cold_items[dataset.cold_users == user].tolist())
        items = np.array(sorted(cold - own | {item}), np.int32)
        scores = score(np.full_like(items, user), items)
        judged[str(len(users))] = {str(item): 1}
        scored[str(len(users))] = {str(i): float(s) for i, s in zip(items, scores, strict=True)}
        users.append(user)
    wanted = {".".join(name.rsplit("_", 1)) for name in MEASURES.values()}
    found = pytrec_eval.RelevanceEvaluator(judged, wanted).evaluate(scored)
    figures = {ours: [found[str(n)][name] for n in range(len(users))] for ours, name in MEASURES.items()}
    return pd.DataFrame({"user": users, **figures}).groupby("user").mean()


def test_the_command_says_what_is_held_out(tmp_path, folder, capsys):
    assert prepare([f"{folder}/log.csv", "--out", f"{tmp_path}/d", "--split", "cold_items", "--at", "0.1"]) == 2
    assert "`--negatives` must be at most 5, because no user" in capsys.readouterr().err
    line = ["--out", f"{tmp_path}/d", "--split", "cold_items", "--at", "0.1", "--negatives", "2"]
    assert prepare([f"{folder}/log.csv", *line]) == 0
    printed = capsys.readouterr().out.splitlines()
    dataset = read_dataset(tmp_path, "d")
    pairs = len(dataset.cold_items)
    assert (
        f"  cold: {pairs} pairs with 2 held-out item(s) are kept apart; these and 0 user(s) of no other item "
        "are inactive, in no list" in printed
    )
    assert any(
        line.startswith("  split: cold items: all interactions of 2 items, the share 0.1 ") for line in printed
    )


def test_pairs_are_ranked_among_cold_items_as_trec_eval_does(folder, tmp_path, capsys):
    dataset = read_dataset(folder, "d")
    files = {"json": tmp_path / "out.json", "per_user": tmp_path / "users.csv"}
    capsys.readouterr()
    assert run(evaluate, folder, "--segments", weights=folder / "bpr.npz", protocol="cold", **files) == 0
    out = capsys.readouterr().out
    score = BPR(factors=2, epochs=1).fit(dataset).score
    expected = by_trec_eval(dataset, score)
    document = json.loads(files["json"].read_text())
    assert document["protocol"] == "cold" and document["rankings"] == len(dataset.cold_items)
    assert document["users"] == len(expected) < len(dataset.cold_items)
    with files["per_user"].open() as stream:
        rows = {int(row["user"]): row for row in csv.DictReader(stream)}
    for name in MEASURES:
        assert document["metrics"][name]["mean"] == pytest.approx(expected[name].mean())
        assert {user: float(row[name]) for user, row in rows.items()} == pytest.approx(dict(expected[name]))
    assert f"\nProtocol cold: each of {len(dataset.cold_items)} held-out interactions with cold items " in out
    assert "Such figures can't be compared" in out and "(protocol cold)" in out
    # What was ranked is not called left out, and cold items differ in no popularity.
    assert "in no figure above" not in out and "cold" not in document
    assert [table["by"] for table in document["segments"]] == ["history"]


def test_fewer_left_than_asked_for_is_said(folder, capsys):
    capsys.readouterr()
    assert run(evaluate, folder, weights=folder / "bpr.npz", protocol="cold") == 0
    dataset = read_dataset(folder, "d")
    left = 6 - np.bincount(dataset.cold_users)[dataset.cold_users]
    assert left.min() < left.max() <= 3
    assert (
        f"ranked among {left.max()} sampled of the 6 cold items, without its user's others (for "
        f"{(left < left.max()).sum()} of them fewer are left and all are taken, {left.min()} at the fewest). "
    ) in capsys.readouterr().out


def test_equal_scores_count_against_a_model_and_two_are_compared(folder, tmp_path, capsys):
    """Popularity knows nothing of cold items, so that each comes last, behind one to three others."""
    dataset = read_dataset(folder, "d")
    file, models = tmp_path / "out.json", (folder / "pop.npz", folder / "bpr.npz")
    assert run(compare, folder, *models, protocol="cold", json=file) == 0
    found = json.loads(file.read_text())["metrics"]["NDCG@2"]
    left = pd.Series(6 - np.bincount(dataset.cold_users)[dataset.cold_users])
    last = (left == 1) / np.log2(3)
    of_users = last.groupby(dataset.cold_users).mean()
    other = by_trec_eval(dataset, BPR(factors=2, epochs=1).fit(dataset).score)["NDCG@2"]
    assert (found["mean_a"], found["mean_b"]) == pytest.approx((of_users.mean(), other.mean()))
    assert found["t_test"] == pytest.approx(paired_t_test((other - of_users).to_numpy()))


def test_a_model_without_features_is_refused(folder, capsys):
    dataset = read_dataset(folder, "d")
    save_weights(build_gmf(dataset.num_users, dataset.num_items, 2), folder / "gmf.h5")
    rule = "must hold a model that knows items by features with `--protocol` cold, because a cold item has no "
    assert run(evaluate, folder, weights=folder / "gmf.h5", protocol="cold") == 2
    error = capsys.readouterr().err
    assert f"`--weights` {rule}" in error and error.endswith("Received: GMF, without item features\n")
    assert run(compare, folder, folder / "bpr.npz", folder / "gmf.h5", protocol="cold") == 2
    assert f"`B` {rule}" in capsys.readouterr().err


def test_a_dataset_without_cold_pairs_is_told_how_to_get_some(capsys):
    assert evaluate(["--weights", __file__, "--dataset", "sample", "--protocol", "cold"]) == 2
    assert (
        "`--dataset` with `--protocol` cold must have held-out interactions of users with train interactions "
        "and items without, as `ncf prepare --split cold_items --at 0.05` makes them. Received: sample, with "
        "none"
    ) in capsys.readouterr().err
