"""A log that is split in time, through the commands: prepared, trained with validation, evaluated, lists."""

import json

import numpy as np
import pytest

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


def sampled_by_hand(dataset, score):
    """Return HR@2 of pairs, each among its negatives, worked out one by one; the mean of each user's."""
    hits = {}
    for user, item, negatives in zip(
        dataset.test_users, dataset.test_items, dataset.test_negatives, strict=True
    ):
        scores = score(np.full(6, user, np.int32), np.array([item, *negatives], np.int32))
        hits.setdefault(user, []).append(int((scores[1:] >= scores[0]).sum() < 2))
    return hits


def test_a_night_is_for_validation_and_the_next_for_the_test(trained):
    _, dataset, _, result = trained
    night = {row[:2] for row in NIGHTS[0]} - {row[:2] for row in DAY}
    marked = dataset.train_is_validation
    pairs = zip(dataset.train_users[marked], dataset.train_items[marked], strict=True)
    assert {(dataset.user_ids[user], dataset.item_ids[item]) for user, item in pairs} == night
    assert len(set(dataset.test_users.tolist())) < dataset.num_test
    assert "Test of the best iteration, picked on validation pairs as all lines above" in result.lines[-1]


@pytest.mark.parametrize("protocol", ["sampled", "validation", "full"])
def test_every_protocol_ranks_several_pairs_of_a_user(trained, protocol, tmp_path, capsys):
    data, dataset, model, result = trained
    line = ["--weights", str(result.saved()), *data, "--protocol", protocol, "--topk", "2"]
    assert evaluate([*line, "--json", str(tmp_path / "out.json")]) == 0
    found = json.loads((tmp_path / "out.json").read_text())["metrics"]["HR@2"]["mean"]
    if protocol != "full":
        tests = split_validation(dataset) if protocol == "validation" else dataset
        hits = sampled_by_hand(tests, model_scores(model))
        pairs, users = np.concatenate(list(hits.values())), [np.mean(own) for own in hits.values()]
        assert len(users) < len(pairs)
        assert found == pytest.approx(np.mean(pairs)) or found == pytest.approx(np.mean(users))
        return
    score, best = model_scores(model), []
    active = np.flatnonzero(dataset.active_items)
    for user in np.unique(dataset.test_users):
        own = dataset.train_items[dataset.train_offsets[user] : dataset.train_offsets[user + 1]]
        items = np.setdiff1d(active, own).astype(np.int32)
        first = items[np.argsort(-score(np.full(len(items), user, np.int32), items), kind="stable")][:2]
        best.append(bool(set(first) & set(dataset.test_items[dataset.test_users == user])))
    assert found == pytest.approx(np.mean(best))


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
