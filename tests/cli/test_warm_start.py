"""A training command that begins where another ended: `--warm_start` and `--warm_ids`."""

import shutil

import numpy as np
import pandas as pd
import pytest

from ncf_keras.base.errors import InputError
from ncf_keras.cli import prepare
from ncf_keras.models import ModelSpec
from ncf_keras.training.checkpoints import Checkpoint, read_checkpoint, write_checkpoint
from ncf_keras.training.earlier_training import read_earlier_training
from ncf_keras.weights import save_weights
from ncf_keras.weights.weight_file import read_weight_file
from tests.cli.resuming import Killed, assert_same_end, at_program, die
from tests.cli.running import run

pytestmark = pytest.mark.usefixtures("shared_programs")

FACTORS, LAYERS = ("--num_factors", 4), ("--layers", "[8,4]")
SIZES = {"GMF": FACTORS, "MLP": LAYERS, "NeuMF": (*FACTORS, *LAYERS)}
NOTE = (
    "Note: warm start: of the users 20 kept, 3 folded in, 0 as drawn; "
    "of the items 15 kept, 2 folded in, 0 as drawn"
)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Two datasets: of 20 users and 15 items, and of 3 users and 2 items more, in another order."""
    directory = tmp_path_factory.mktemp("days")
    generator = np.random.default_rng(4)
    rows = [(f"u{user}", f"i{item}") for user in range(23) for item in generator.permutation(17)[:7]]
    log = pd.DataFrame(rows, columns=["user", "item"])
    log["timestamp"] = range(len(log))
    known = log.user.str[1:].astype(int).lt(20) & log.item.str[1:].astype(int).lt(15)
    log[known].to_csv(directory / "1.csv", index=False)
    log.iloc[::-1].to_csv(directory / "2.csv", index=False)
    for number, name in ((1, "yesterday"), (2, "today")):
        arguments = [str(directory / f"{number}.csv"), "--out", str(directory / name), "--negatives", "5"]
        assert prepare.main(arguments) == 0
    return directory


def train(data, dataset, kind, save_dir, *more):
    flags = (*SIZES[kind], "--batch_size", 64, "--seed", 3, "--topk", 2)
    return run(kind, "--path", f"{data}/", "--dataset", dataset, *flags, "--save_dir", save_dir, *more)


@pytest.fixture(scope="module")
def yesterday(data, tmp_path_factory):
    """The checkpoints of yesterday's NeuMF, and its weights in each format."""
    directory = tmp_path_factory.mktemp("trained")
    checkpoints = ("--checkpoint_dir", directory / "checkpoints")
    found = {"checkpoints": directory / "checkpoints"}
    for layout, more in (("h5", checkpoints), ("keras", ()), ("weights", ())):
        result = train(
            data, "yesterday", "NeuMF", directory, "--epochs", 2, "--lr", 0.02, "--format", layout, *more
        )
        assert result.status == 0, result.errors
        found[layout] = result.saved()
    return found


def init_of(result):
    assert result.status == 0, result.errors
    return next(line for line in result.lines if line.startswith("Init: "))


def test_every_format_begins_alike_and_better_than_chance(data, yesterday, tmp_path):
    warm = ("--epochs", 0, "--warm_ids", data / "yesterday")
    results = [
        train(data, "today", "NeuMF", tmp_path, "--warm_start", yesterday[layout], *warm)
        for layout in ("h5", "keras", "weights")
    ]
    assert len({init_of(result) for result in results}) == 1
    assert init_of(results[0]) != init_of(train(data, "today", "NeuMF", tmp_path, "--epochs", 0))
    for result in results:
        assert f"{NOTE}\n" in result.errors
        assert "the pre-trained weights, not trained further" in result.errors
    rows = [read_weight_file(result.saved()).layers["mf_embedding_user"][0] for result in results]
    np.testing.assert_array_equal(rows[0], rows[1])


@pytest.mark.parametrize("kind", ["GMF", "MLP"])
def test_the_other_models_begin_so_too(data, tmp_path, kind):
    file = tmp_path / "yesterday.h5"
    save_weights(ModelSpec(kind, 20, 15, num_factors=4, layers=(8, 4)).build(1), file)
    warm = ("--warm_start", file, "--warm_ids", data / "yesterday")
    assert NOTE in train(data, "today", kind, tmp_path, "--epochs", 0, *warm).errors


def test_a_checkpoint_brings_the_learner_and_goes_on_after_a_kill(data, yesterday, tmp_path, monkeypatch):
    directory = yesterday["checkpoints"]
    newest = directory / "epoch-000002.checkpoint"
    warm = ("--epochs", 3, "--warm_ids", data / "yesterday", "--warm_start")
    whole = train(data, "today", "NeuMF", tmp_path / "whole", *warm, newest)
    assert f"{NOTE}; the learner goes on after " in whole.errors
    same = train(data, "today", "NeuMF", tmp_path / "same", *warm, directory)
    assert_same_end(same, whole)
    kept = ("--checkpoint_dir", tmp_path / "kept")
    with monkeypatch.context() as patch:
        at_program(patch, 2, die)
        with pytest.raises(Killed):
            train(data, "today", "NeuMF", tmp_path / "whole", *warm, directory, *kept)
    # What it began with may be gone by then.
    resumed = train(data, "today", "NeuMF", tmp_path / "whole", *warm, directory, *kept, "--resume")
    assert "warm start" not in resumed.errors and "Resumed from" in resumed.errors
    assert_same_end(resumed, whole)
    other = train(data, "today", "NeuMF", tmp_path, "--epochs", 3, *kept, "--resume")
    assert other.status == 2 and "`--warm_start` must be " in other.errors


def test_the_datasets_own_ids_are_meant_where_none_are_named(data, yesterday, tmp_path):
    for dataset in ("yesterday", "today"):
        shutil.copytree(data, tmp_path, dirs_exist_ok=True)
        result = train(tmp_path, dataset, "NeuMF", tmp_path, "--epochs", 0, "--warm_start", yesterday["h5"])
        if dataset == "yesterday":
            assert "of the users 20 kept, 0 folded in" in result.errors
        else:
            assert result.status == 2
            assert "`--warm_ids`, or `--dataset` where it is left out, must be of the dataset" in result.errors
    # The dataset grows where it is.
    grown = [str(tmp_path / "2.csv"), "--out", str(tmp_path / "yesterday"), "--negatives", "5", "--ids_from"]
    assert prepare.main([*grown, str(tmp_path / "yesterday")]) == 0
    result = train(tmp_path, "yesterday", "NeuMF", tmp_path, "--epochs", 0, "--warm_start", yesterday["h5"])
    assert NOTE in result.errors


H5, OF_YESTERDAY = ("--warm_start", "{h5}"), ("--warm_ids", "{data}/yesterday")
MISUSES = {
    "`--warm_ids` must come with `--warm_start`": ("GMF", OF_YESTERDAY),
    "`--warm_start` must be a weight file, a checkpoint or a": ("GMF", ["--warm_start", "{data}/none"]),
    "1.csv must be a weight file of Keras": ("GMF", ["--warm_start", "{data}/1.csv"]),
    "must have a whole checkpoint of a training command. Received: none": ("GMF", ["--warm_start", "{data}"]),
    "must have exactly the layers of the model GMF": ("GMF", [*H5, *OF_YESTERDAY]),
    "`--warm_ids` must be what the names of a dataset's": ("NeuMF", [*H5, "--warm_ids", "{data}/none"]),
    "`--warm_ids` must be of the dataset that the weights": ("NeuMF", [*H5, "--warm_ids", "{data}/today"]),
    "`--warm_start` must come without `--preset`": ("NeuMF", [*H5, "--preset", "tuned"]),
    "`--warm_start` must come without `--mf_pretrain`": (
        "NeuMF", [*H5, "--mf_pretrain", "{h5}", "--mlp_pretrain", "{h5}"]
    ),
    "`--learner` must be adam": ("NeuMF", ["--learner", "sgd", "--warm_start", "{checkpoints}"]),
    "`--checkpoint_dir` must not be a file that `--warm_start` names": (
        "NeuMF", ["--checkpoint_dir", "{checkpoints}", "--warm_start", "{checkpoints}"]
    ),
    "`--log_csv` must not be a file that `--warm_ids` names": (
        "NeuMF", [*H5, *OF_YESTERDAY, "--log_csv", "{data}/yesterday.users.csv"]
    ),
}  # fmt: skip


@pytest.mark.parametrize("sentence", MISUSES)
def test_a_misuse_is_told_in_a_sentence(data, yesterday, tmp_path, sentence):
    kind, flags = MISUSES[sentence]
    given = [flag.format(data=data, **yesterday) for flag in flags]
    result = train(data, "today", kind, tmp_path / "saved", "--epochs", 0, *given)
    assert result.status == 2 and sentence in result.errors and "Traceback" not in result.errors
    assert not any(tmp_path.glob("saved/*"))


def test_a_damaged_checkpoint_is_refused_or_the_one_before_it_used(data, yesterday, tmp_path):
    shutil.copytree(yesterday["checkpoints"], tmp_path / "copy")
    before, newest = sorted((tmp_path / "copy").glob("epoch-*"))[-2:]
    newest.write_bytes(newest.read_bytes()[:-1] + b"x")
    names = sorted(file.name for file in (tmp_path / "copy").iterdir())
    warm = ("--epochs", 0, "--warm_ids", data / "yesterday", "--warm_start")
    refused = train(data, "today", "NeuMF", tmp_path, *warm, newest)
    assert refused.status == 2 and "a checksum that does not fit the content" in refused.errors
    used = train(data, "today", "NeuMF", tmp_path, *warm, tmp_path / "copy")
    assert used.status == 0 and "The one before it is used." in used.errors and NOTE in used.errors
    assert sorted(file.name for file in (tmp_path / "copy").iterdir()) == names
    before.write_bytes(b"")
    none = train(data, "today", "NeuMF", tmp_path, *warm, tmp_path / "copy")
    assert none.status == 2 and "Received: 2 damaged ones alone" in none.errors


def test_a_checkpoint_that_does_not_say_what_it_is_of_is_refused(yesterday, tmp_path):
    whole = read_checkpoint(yesterday["checkpoints"] / "epoch-000002.checkpoint")
    file = tmp_path / "other.checkpoint"
    of = whole.metadata["training"]
    without = {name: value for name, value in whole.metadata.items() if name != "training"}
    for metadata, sentence in (
        (without, "must say what model it is of"),
        ({}, "must be a checkpoint of a training command in format 2. Received: other content"),
        *(
            ({**without, "training": wrong}, "Received: other content")
            for wrong in ([], {}, {**of, "steps_per_epoch": 0}, {**of, "spec": {"x": 1}}, {**of, "model": 3})
        ),
        ({**without, "training": {**of, "model": {**of["model"], "num_users": 21}}}, "`state` must have"),
    ):
        write_checkpoint(file, Checkpoint(whole.arrays, metadata))
        with pytest.raises(InputError) as caught:
            read_earlier_training(file)
        assert sentence in str(caught.value)
