"""`--recent`: a model that knows the order, trained, resumed, evaluated and asked by the commands."""

import json

import numpy as np
import pytest

from ncf_keras.cli import compare, evaluate, recommend
from ncf_keras.data import read_dataset, split_validation
from ncf_keras.models.recent import recent_length, tell_recent_items
from ncf_keras.weights import load_model
from tests.cli.resuming import assert_same_end
from tests.cli.running import run
from tests.predicting import ranked
from tests.small_data import write_files

USERS, ITEMS = 20, 30
SMALL = ("--num_factors", 4, "--batch_size", 64, "--seed", 3, "--select", "validation")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Write a dataset whose lines are not in the order of time; return the flags that name it."""
    directory = tmp_path_factory.mktemp("timed")
    generator = np.random.default_rng(5)
    train, test, negatives = [], [], []
    for user in range(USERS):
        items, times = generator.permutation(ITEMS), generator.permutation(8)
        train += [f"{user}\t{item}\t1\t{time}\n" for item, time in zip(items[:8], times, strict=True)]
        test.append(f"{user}\t{items[8]}\t1\t9\n")
        negatives.append(f"({user},{items[8]})\t" + "\t".join(map(str, items[9:29])) + "\n")
    write_files(directory, "timed", "".join(train), "".join(test), "".join(negatives))
    return ("--path", f"{directory}/", "--dataset", "timed")


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    return run(
        "GMF", *data, *SMALL, "--recent", 3, "--epochs", 2, "--save_dir", tmp_path_factory.mktemp("saved")
    )


def test_the_lines_say_that_the_model_knows_the_order(trained):
    assert trained.status == 0
    assert "Note: the model knows the order (--recent)" in trained.errors
    assert "Note: every row of the embeddings moves at every step, because recent items" in trained.errors
    assert trained.lines[-1].startswith(
        "Test of the best iteration, picked on validation pairs as all lines above, "
    )
    assert "of a model that knows the order: HR = " in trained.lines[-1]


def test_the_lines_equal_a_reference(trained, data):
    """The saved model ranks validation pairs by what was before them, and test pairs by all of train."""
    dataset = read_dataset(data[1], data[3])
    model = load_model(trained.saved())
    assert recent_length(model) == 3
    for part, said in (
        (split_validation(dataset), trained.end()[1:]),
        (dataset, [float(word.rstrip(",")) for word in trained.lines[-1].split()[-4::3]]),
    ):
        tell_recent_items(model, part.recent_items)
        result = ranked(part, model)
        assert [round(result.hr, 4), round(result.ndcg, 4)] == pytest.approx(list(said))


def test_a_run_goes_on_with_the_same_flag_alone(data, tmp_path):
    flags = (*data, *SMALL, "--save_dir", tmp_path, "--checkpoint_dir")
    whole = run("GMF", *flags, tmp_path / "whole", "--recent", 3, "--epochs", 2)
    run("GMF", *flags, tmp_path / "parts", "--recent", 3, "--epochs", 1)
    assert_same_end(run("GMF", *flags, tmp_path / "parts", "--recent", 3, "--epochs", 2, "--resume"), whole)
    refused = run("GMF", *flags, tmp_path / "parts", "--epochs", 2, "--resume")
    assert refused.status == 2 and "--recent" in refused.errors


@pytest.mark.parametrize("protocol", ["sampled", "validation"])
def test_evaluate_ranks_it_and_says_so(trained, data, protocol, tmp_path, capsys):
    file = tmp_path / "figures.json"
    arguments = ["--weights", str(trained.saved()), *data, "--protocol", protocol, "--json", str(file)]
    assert evaluate.main(arguments) == 0
    assert capsys.readouterr().out.rstrip().endswith("(knows the order)")
    document = json.loads(file.read_text())
    assert document["model"] == "GMF (knows the order)"
    if protocol == "validation":
        assert round(document["metrics"]["HR@10"]["mean"], 4) == trained.end()[1]


def test_compare_says_so(trained, data, capsys):
    file = str(trained.saved())
    assert compare.main([file, file, *data]) == 0
    assert f"A: {file} (knows the order)" in capsys.readouterr().out


def test_recommend_lists_it(trained, data, capsys):
    assert recommend.main(["--weights", str(trained.saved()), *data, "--user", "0", "--k", "3"]) == 0
    assert len(capsys.readouterr().out.splitlines()) >= 3


@pytest.mark.parametrize("flags, message", [
    (("--shards", "2"), "`--recent` must be 0 with `--shards` 2. Received: 3"),
    (("--strategy", "mirrored"), "`--recent` must be 0 with `--strategy` mirrored. Received: 3"),
    (("--sampler", "device"), "`--recent` must be 0 with `--sampler` device. Received: 3"),
    (("--step", "deferred"), "`--recent` must be 0 with `--step` deferred. Received: 3"),
    (("--warm_start", "earlier.h5"), "`--recent` must be 0 with `--warm_start` earlier.h5. Received: 3"),
    (("--recent", "-1"), "--recent"),
])  # fmt: skip
def test_flags_that_do_not_go_with_it(data, flags, message):
    refused = run("GMF", *data, "--recent", 3, *flags)
    assert refused.status == 2 and message in refused.errors


def test_a_preset_does_not_go_with_it(data):
    refused = run("NeuMF", *data, "--recent", 3, "--preset", "tuned")
    assert refused.status == 2 and "`--recent` must be 0 with `--preset` tuned" in refused.errors


def test_a_dataset_without_timestamps_is_refused(tmp_path):
    write_files(tmp_path, train="0\t1\t5\n1\t0\t4\n")
    refused = run("GMF", "--path", f"{tmp_path}/", "--dataset", "small", "--recent", 3)
    assert refused.status == 2
    assert "`--recent` must be 0 where the train interactions of small have no timestamps" in refused.errors
