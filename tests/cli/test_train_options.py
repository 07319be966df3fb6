"""Flags that change how a run goes, on files so small that an epoch takes no time."""

import re
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from ncf_keras.data import read_dataset, split_validation
from ncf_keras.models import build_neumf, model_scores
from ncf_keras.weights import load_weights
from tests.cli.resuming import assert_same_end, weights_in
from tests.cli.running import Run, run
from tests.predicting import ranked
from tests.shared_files import PROJECT
from tests.small_data import NUM_ITEMS, NUM_USERS, write_random_files

SMALL_TOWER = ("--num_factors", 3, "--layers", "[4,2]")
UNTRAINED = "Best Iteration -1 is the model before training: no iteration had a higher hit ratio."


def rounded(*arguments):
    result = ranked(*arguments)
    return round(result.hr, 4), round(result.ndcg, 4)


def neumf(path):
    model = build_neumf(NUM_USERS, NUM_ITEMS, 3, (4, 2), (0, 0))
    model.load_weights(path) if path.name.endswith(".weights.h5") else load_weights(model, path)
    return model


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Write a small random dataset; return the flags that name it."""
    directory = tmp_path_factory.mktemp("small")
    return (*write_random_files(directory), "--seed", 3, "--batch_size", 64)


@pytest.mark.parametrize("flags", [("--engine", "keras"), (), ("--sampler", "device")])
def test_the_same_seed_gives_the_same_lines_and_weights(data, tmp_path, flags):
    flags = (*data, *flags, *SMALL_TOWER, "--epochs", 2, "--save_dir", tmp_path)
    first, again = (run("NeuMF", *flags) for _ in range(2))
    assert first.saved() != again.saved() and len(weights_in(first.saved())) == 8
    assert_same_end(first, again)
    note = "Note: the device draws the examples"
    assert (note in first.errors) == ("--sampler" in flags)


def test_the_keras_engine_is_fed_by_the_host(data):
    result = run("NeuMF", *data, "--engine", "keras", "--sampler", "device", "--out", 0)
    assert result.status == 2
    assert result.errors == "error: `--sampler` must be host or auto for the keras engine. Received: 'device'\n"


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["keras", "compiled"])
def test_deterministic_operations_give_the_same_lines_weights_and_export(data, tmp_path, engine):
    """In another process, because nothing turns them off again."""
    flags = (*data, "--engine", engine, *SMALL_TOWER, "--epochs", 2, "--select", "validation")
    expected = run("NeuMF", *flags, "--save_dir", tmp_path / "usual")
    directory = tmp_path / "deterministic"
    command = [sys.executable, PROJECT / "run" / "NeuMF.py", *flags, "--deterministic", "--save_dir", directory]
    command += ["--export", directory / "ncf"]
    done = subprocess.run([str(each) for each in command], capture_output=True, text=True, check=True)
    found = Run(0, done.stdout.splitlines()[:-1], done.stderr)
    assert done.stdout.splitlines()[-1].startswith("The best NeuMF model is exported to")
    assert_same_end(expected, found)


def test_deterministic_operations_are_asked_of_tensorflow(data, monkeypatch):
    asked = []
    monkeypatch.setattr(tf.config.experimental, "enable_op_determinism", lambda: asked.append(True))
    flags = (*data, *SMALL_TOWER, "--epochs", 0, "--out", 0)
    assert run("NeuMF", *flags).status == 0 and not asked
    assert run("NeuMF", *flags, "--deterministic").status == 0 and asked


@pytest.mark.parametrize(("flags", "sentence"), [
    (("--learner", "sgd", "--beta_1", 0.5), "`--beta_1` must be left out for other learners than adam."),
    (("--lr_decay", "cosine"), "`--decay_steps` must be at least 1 with a decay of the learning rate"),
])  # fmt: skip
def test_flags_that_do_not_fit_each_other_are_refused_in_a_sentence(data, flags, sentence):
    result = run("GMF", *data, "--epochs", 1, "--out", 0, *flags)
    assert result.status == 2 and sentence in result.errors.splitlines()[-1]


def test_adam_that_moves_every_row_says_so(data):
    flags = (*data, *SMALL_TOWER[:2], "--epochs", 0, "--out", 0)
    note = "Note: every row of the embeddings moves at every step, because skipped steps can't be summed up"
    assert note in run("GMF", *flags, "--beta_2", 0.99).errors
    assert "Note" not in run("GMF", *flags, "--beta_1", 0.25, "--beta_2", 0.5).errors


def test_evaluates_and_prints_when_the_epoch_is_a_multiple_of_verbose(data, tmp_path):
    flags = (*SMALL_TOWER[:2], "--epochs", 6, "--verbose", 2, "--out", 0, "--save_dir", tmp_path)
    result = run("GMF", *data, *flags)
    assert [number for number, *_ in result.iterations()] == [0, 2, 4]
    assert len(result.lines) == 6 and result.lines[-1].startswith("End. Best Iteration ")


def test_nothing_is_saved_without_out(data, tmp_path):
    directory = tmp_path / "saved"
    result = run("NeuMF", *data, *SMALL_TOWER, "--epochs", 0, "--out", 0, "--save_dir", directory)
    assert result.status == 0 and not directory.exists()
    assert not any("saved" in line for line in result.lines) and result.errors == f"{UNTRAINED}\n"


@pytest.mark.parametrize(("model", "files", "end"), [
    ("GMF", 0, "So none is saved."),
    # Only NeuMF is saved before training, as in the authors' code.
    ("NeuMF", 1, "What is saved is untrained: random weights."),
])  # fmt: skip
def test_patience_ends_a_run_that_does_not_get_better(data, tmp_path, model, files, end):
    # Nothing is learned: no iteration is better than the model before training.
    flags = ("--lr", 1e-12, "--epochs", 30, "--patience", 3, "--save_dir", tmp_path)
    result = run(model, *data, *flags, *SMALL_TOWER[: 2 if model == "GMF" else None])
    assert [number for number, *_ in result.iterations()] == [0, 1, 2] and result.end()[0] == -1
    assert len(list(tmp_path.iterdir())) == len(result.lines) - 6 == files
    assert result.errors == f"{UNTRAINED} {end}\n"


@pytest.mark.parametrize(("layout", "suffix"), [("keras", ".keras"), ("weights", ".weights.h5"), ("h5", ".h5")])
def test_every_format_holds_the_model_that_was_evaluated(data, tmp_path, layout, suffix):
    flags = ("--epochs", 0, "--topk", 3, "--save_dir", tmp_path, "--format", layout)
    result = run("NeuMF", *data, *SMALL_TOWER, *flags)
    path = result.saved()
    assert path.name.startswith("small_NeuMF_3_[4,2]_") and path.name.endswith(suffix)
    assert list(tmp_path.iterdir()) == [path]
    model = keras.saving.load_model(path) if layout == "keras" else neumf(path)
    assert result.end() == (-1, *rounded(read_dataset(data[1], "small"), model, 3))


def test_a_seed_that_was_drawn_is_told(data, tmp_path):
    without_seed = [flag for flag in data if flag not in ("--seed", 3)]
    flags = ("--epochs", 0, "--out", 0, "--save_dir", tmp_path)
    first, second = (run("GMF", *without_seed, *flags) for _ in range(2))
    words = first.errors.split()
    assert words[0] == "--seed" and first.errors.splitlines()[0].endswith("(drawn, because none was given)")
    assert first.errors != second.errors
    again = run("GMF", *without_seed, *flags, "--seed", words[1])
    assert again.errors == f"{UNTRAINED}\n" and again.without_clock() == first.without_clock()


@pytest.mark.parametrize("text", ["[32, 16, 8]", "[2]"])
def test_layers_stand_in_the_name_as_they_were_typed_and_penalties_follow_them(data, tmp_path, text):
    flags = ("--num_factors", 3, "--layers", text, "--epochs", 0, "--save_dir", tmp_path)
    result = run("NeuMF", *data, *flags)
    assert result.status == 0 and result.saved().is_file()
    assert result.saved().name.startswith(f"small_NeuMF_3_{text}_")


def test_starts_from_pretrained_models(data, tmp_path):
    flags = (*data, "--lr", 0.05, "--epochs", 3, "--save_dir", tmp_path)
    gmf, mlp = run("GMF", *flags, *SMALL_TOWER[:2]), run("MLP", *flags, *SMALL_TOWER[2:])
    files = ("--mf_pretrain", gmf.saved(), "--mlp_pretrain", mlp.saved())
    result = run("NeuMF", *data, *SMALL_TOWER, *files, "--epochs", 0, "--save_dir", tmp_path / "fused")
    assert result.lines[1] == f"Load pretrained GMF ({gmf.saved()}) and MLP ({mlp.saved()}) models done. "
    assert result.errors == f"{UNTRAINED} What is saved are the pre-trained weights, not trained further.\n"
    fused, tower = weights_in(result.saved()), weights_in(mlp.saved())
    table = fused["mlp_embedding_user/mlp_embedding_user_W"]
    np.testing.assert_array_equal(table, tower["user_embedding/user_embedding_W"])


def test_validation_picks_the_iteration_and_the_test_comes_once_at_the_end(data, tmp_path):
    flags = (*data, *SMALL_TOWER, "--epochs", 4, "--lr", 0.05, "--save_dir", tmp_path)
    result = run("NeuMF", *flags, "--select", "validation")
    assert result.status == 0
    beginning = "Test of the best iteration, picked on validation pairs as all lines above: "
    found = re.fullmatch(rf"{beginning}HR = (\d\.\d{{4}}), NDCG = (\d\.\d{{4}})", result.lines[-1])
    dataset = read_dataset(data[1], "small")
    (saved,) = tmp_path.iterdir()
    assert rounded(dataset, neumf(saved)) == tuple(map(float, found.groups()))
    assert result.end()[1:] == rounded(split_validation(dataset), neumf(saved))


def test_the_best_model_is_exported_for_a_server(data, tmp_path):
    flags = (*data, *SMALL_TOWER, "--epochs", 3, "--lr", 0.05, "--save_dir", tmp_path / "saved")
    result = run("NeuMF", *flags, "--export", tmp_path / "served")
    assert result.status == 0
    assert result.lines[-1] == f"The best NeuMF model is exported to {tmp_path / 'served' / '1'}"
    model = neumf(next((tmp_path / "saved").iterdir()))
    served = tf.saved_model.load(tmp_path / "served" / "1").signatures["score"]
    users, items = np.arange(NUM_USERS, dtype=np.int32), np.arange(NUM_USERS, dtype=np.int32)
    answer = served(user_input=tf.constant(users), item_input=tf.constant(items))["prediction"]
    np.testing.assert_allclose(answer, model_scores(model)(users, items), atol=1e-6)


def test_a_run_whose_numbers_go_wrong_says_so_and_names_the_flag(data):
    sizes = ("--batch_size", 16, "--num_factors", 4, "--regs", "[10,10]", "--learner", "sgd", "--out", 0)
    result = run("GMF", *data, *sizes, "--lr", 1e30)
    assert result.status == 2 and len(result.errors.splitlines()) == 1
    assert "the learning rate (`--lr`) or the L2 penalties" in result.errors
    assert result.errors.endswith("Received: 1e+30 and 10\n")
    # With a rate of 0.6 and a penalty of 10 every step multiplies the embeddings by 1 - 2 * 6 = -11: past
    # float32 in an epoch of 38 steps. Halved three times, the factor is -0.5 and they shrink.
    result = run("GMF", *data, *sizes, "--lr", 0.6, "--epochs", 2, "--on_nan", "reload")
    assert result.status == 0 and len(result.iterations()) == 2
    halved = [line for line in result.errors.splitlines() if "halved to" in line]
    assert [line.split()[-1] for line in halved] == ["0.3", "0.15", "0.075"]
    result = run("GMF", *data, *sizes, "--epochs", 3, "--lr", 0.05)
    assert result.status == 0
    notes = [line for line in result.errors.splitlines() if line.startswith("Note: the model gives all items")]
    assert len(notes) == 1 and "`--regs`" in notes[0] and notes[0].endswith("the largest is 10.")
