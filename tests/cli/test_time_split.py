"""A log that is split in time, through the commands: prepared, trained with validation, evaluated, lists."""

import json

import numpy as np
import pandas as pd
import pytest
import pytrec_eval

from ncf_keras.base.errors import InputError
from ncf_keras.cli.evaluate import main as evaluate
from ncf_keras.cli.prepare import main as prepare
from ncf_keras.data import read_dataset, split_validation
from ncf_keras.models import model_scores
from ncf_keras.recommending import Recommender
from ncf_keras.weights import load_model
from tests.cli.running import run
from tests.updating.nights import DAY, NIGHTS, write_log


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The flags that name a dataset and a GMF trained on it, the dataset, the model and the run."""
    folder = tmp_path_factory.mktemp("time")
    log = write_log(folder / "log.csv", [*DAY, *NIGHTS[0], *NIGHTS[1]])
    line = [str(log), "--out", f"{folder}/d", "--split", "time", "--at", "3000", "--validation_at", "2000"]
    assert prepare([*line, "--negatives", "5"]) == 0
    data = ("--path", f"{folder}/", "--dataset", "d")
    result = run(
        "GMF", *data, "--num_factors", 4, "--epochs", 1, "--lr", 0.05, "--topk", 2, "--seed", 1,
        "--save_dir", folder / "saved", "--select", "validation",
    )  # fmt: skip
    assert result.status == 0, result.errors
    return data, read_dataset(folder, "d"), load_model(result.saved()), result


def by_trec_eval(lists):
    """Return the metrics at 2 as NIST's trec_eval works them out, of several lists of a user the mean first.

    `lists` are users, each with the relevant items and the scores of all ranked ones, by item.
    """
    judged, scored = {}, {}
    for number, (_, relevant, scores) in enumerate(lists):
        judged[str(number)] = {str(item): 1 for item in relevant}
        scored[str(number)] = {str(item): float(score) for item, score in scores.items()}
    measures = {"HR@2": "success_2", "NDCG@2": "ndcg_cut_2", "recall@2": "recall_2"}
    wanted = {".".join(name.rsplit("_", 1)) for name in measures.values()}
    found = pytrec_eval.RelevanceEvaluator(judged, wanted).evaluate(scored)
    figures = {ours: [found[str(n)][name] for n in range(len(lists))] for ours, name in measures.items()}
    return pd.DataFrame({"user": [user for user, *_ in lists], **figures}).groupby("user").mean().mean()


def sampled_lists(dataset, score):
    """Return a list a test pair, of its item and its negatives."""
    lists = []
    for user, item, negatives in zip(
        dataset.test_users, dataset.test_items, dataset.test_negatives, strict=True
    ):
        items = np.array([item, *negatives], np.int32)
        lists.append((user, [item], dict(zip(items, score(np.full_like(items, user), items), strict=True))))
    return lists


def full_lists(dataset, score):
    """Return a list a test user, of the active items without the user's train items."""
    lists = []
    for user in np.unique(dataset.test_users):
        own = dataset.train_items[dataset.train_offsets[user] : dataset.train_offsets[user + 1]]
        items = np.setdiff1d(np.flatnonzero(dataset.active_items), own).astype(np.int32)
        scores = score(np.full_like(items, user), items)
        relevant = dataset.test_items[dataset.test_users == user]
        lists.append((user, relevant, dict(zip(items, scores, strict=True))))
    return lists


def test_a_night_is_for_validation_and_the_next_for_the_test(trained):
    _, dataset, _, result = trained
    night = {row[:2] for row in NIGHTS[0]} - {row[:2] for row in DAY}
    marked = dataset.train_is_validation
    pairs = zip(dataset.train_users[marked], dataset.train_items[marked], strict=True)
    assert {(dataset.user_ids[user], dataset.item_ids[item]) for user, item in pairs} == night
    assert len(set(dataset.test_users.tolist())) < dataset.num_test
    assert "Test of the best iteration, picked on validation pairs as all lines above" in result.lines[-1]


@pytest.mark.parametrize("protocol", ["sampled", "validation", "full"])
def test_every_protocol_ranks_several_pairs_of_a_user_as_trec_eval_does(trained, protocol, tmp_path):
    data, dataset, model, result = trained
    line = ["--weights", str(result.saved()), *data, "--protocol", protocol, "--topk", "2"]
    assert evaluate([*line, "--json", str(tmp_path / "out.json")]) == 0
    found = json.loads((tmp_path / "out.json").read_text())["metrics"]
    tests = split_validation(dataset) if protocol == "validation" else dataset
    lists = (full_lists if protocol == "full" else sampled_lists)(tests, model_scores(model))
    assert len(np.unique(tests.test_users)) < tests.num_test, "a user has several pairs"
    for name, figure in by_trec_eval(lists).items():
        assert found[name]["mean"] == pytest.approx(figure), name


def test_cold_items_are_in_no_list_and_cold_users_are_unknown(trained):
    _, dataset, model, _ = trained
    recommender = Recommender(model, dataset)
    cold = np.flatnonzero(~dataset.active_users)
    cold_items = {dataset.item_ids[item] for item in np.flatnonzero(~dataset.active_items)}
    assert len(cold) and cold_items
    lists = [
        recommender.recommend([dataset.user_ids[user] for user in np.unique(dataset.test_users)], 40),
        recommender.recommend([dataset.user_ids[user] for user in cold], 40, popular_for_unknown=True),
    ]
    assert [set(found["source"]) for found in lists] == [{"model"}, {"popularity"}]
    for found in lists:
        assert len(found) and not set(found["item_id"]) & cold_items
    with pytest.raises(InputError, match=f"`users` must hold ids .* Received: '{dataset.user_ids[cold[0]]}'"):
        recommender.recommend([dataset.user_ids[cold[0]]])
