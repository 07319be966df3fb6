"""Data in which a user has interacted with every item, through the commands: from a log to lists."""

import json

import numpy as np
import pytest

from ncf_keras.cli import evaluate, prepare, recommend
from tests.cli.resuming import Killed, assert_same_end, at_program, die
from tests.cli.running import run

ITEMS = 15
NOTE = "Note: 1 user(s) have interacted with every item: their positives are trained on without negatives\n"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Twelve users of 4 to 7 items, and `all` with every item, whom `u0` has the held-out item from alone."""
    directory = tmp_path_factory.mktemp("data")
    generator = np.random.default_rng(4)
    histories = {f"u{user}": generator.permutation(ITEMS - 1)[: 4 + user % 4].tolist() for user in range(12)}
    histories["u0"].append(ITEMS - 1)
    histories["all"] = range(ITEMS)
    rows = [f"{user},i{item},{time}\n" for user, items in histories.items() for time, item in enumerate(items)]
    (directory / "log.csv").write_text("user,item,timestamp\n" + "".join(rows))
    status = prepare.main([str(directory / "log.csv"), "--out", str(directory / "d"), "--negatives", "5"])
    assert status == 0
    return ("--path", f"{directory}/", "--dataset", "d")


FLAGS = ("--num_factors", 4, "--seed", 8, "--epochs", 3, "--lr", 0.02, "--topk", 3)


@pytest.mark.parametrize("flags", [("--sampler", "device"), ("--engine", "keras"), ("--shards", 13)])
def test_training_goes_through_and_says_who_has_no_negatives(data, flags):
    result = run("GMF", *data, *FLAGS, *flags, "--out", 0)
    assert result.status == 0, result.errors
    assert result.errors.count(NOTE) == 1 and len(result.iterations()) == 3


def test_without_negatives_there_is_nothing_to_say(data):
    result = run("GMF", *data, *FLAGS, "--num_neg", 0, "--out", 0)
    assert result.status == 0 and NOTE not in result.errors


def test_a_killed_run_goes_on(data, tmp_path, monkeypatch):
    flags = (*data, *FLAGS, "--save_dir", tmp_path / "saved")
    whole = run("GMF", *flags)
    kept = (*flags, "--checkpoint_dir", tmp_path / "checkpoints")
    with monkeypatch.context() as patch:
        at_program(patch, 2, die)
        with pytest.raises(Killed):
            run("GMF", *kept)
    resumed = run("GMF", *kept, "--resume")
    assert "Resumed from" in resumed.errors and NOTE in resumed.errors
    assert_same_end(resumed, whole)


def test_such_a_user_has_an_empty_list_and_is_in_no_test(data, tmp_path, capsys):
    weights = run("GMF", *data, *FLAGS, "--save_dir", tmp_path).saved()
    arguments = ["--weights", str(weights), *data]
    capsys.readouterr()
    assert recommend.main([*arguments, "--user", "all", "--user", "u0", "--k", "99", "--format", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    # The four items that u0 is trained on are left out.
    assert [row["user_id"] for row in rows] == ["u0"] * (ITEMS - 4)
    for protocol in ("sampled", "validation", "full"):
        file = str(tmp_path / f"{protocol}.csv")
        assert evaluate.main([*arguments, "--protocol", protocol, "--topk", "3", "--per_user", file]) == 0
        users = [line.split(",")[1] for line in (tmp_path / f"{protocol}.csv").read_text().splitlines()[1:]]
        assert users == [f"u{user}" for user in range(12)]
