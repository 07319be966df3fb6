"""The tuned preset: what the recipe says, nothing of the test pairs, and one command that does it."""

import dataclasses

import numpy as np
import pytest

from ncf_keras.baselines import ItemPop
from ncf_keras.data import read_dataset, split_validation
from ncf_keras.models import build_neumf
from ncf_keras.solvers.least_squares import factorise
from ncf_keras.training.tuned import TUNED, build_tuned_neumf, pretrain_tuned
from tests.cli.running import run
from tests.predicting import ranked
from tests.small_data import write_random_files

SWEEPS = dataclasses.replace(TUNED.least_squares, sweeps=3)
SMALL = dataclasses.replace(TUNED, num_factors=16, layers=(16, 8), least_squares=SWEEPS, mlp_epochs=1)
pytestmark = pytest.mark.usefixtures("shared_programs")
FLAGS = ("--preset", "tuned", "--num_factors", 8, "--layers", "[8,4]", "--seed", 1)


@pytest.fixture(scope="module")
def flags(tmp_path_factory):
    """Of a dataset that a command is through with in a moment."""
    return (*write_random_files(tmp_path_factory.mktemp("small")), *FLAGS)


@pytest.fixture(scope="module")
def built(sample):
    """A model, and what was told while it was built."""
    told = []
    return build_tuned_neumf(sample, SMALL, 1, lambda part, share: told.append((part, share))), told


@pytest.fixture(scope="module")
def model(built):
    return built[0]


def test_the_vectors_are_those_of_least_squares_and_the_output_leans_on_them(sample, model):
    users, items = factorise(sample, 16, SMALL.least_squares, seed=1)
    np.testing.assert_array_equal(model.get_layer("mf_embedding_user").get_weights()[0], users)
    np.testing.assert_array_equal(model.get_layer("mf_embedding_item").get_weights()[0], items)
    kernel, _ = model.get_layer("prediction").get_weights()
    assert kernel.shape == (16 + 8, 1)
    assert len(np.unique(kernel[:16])) == 1 and kernel[0, 0] > 0
    # The MLP has learnt: its embeddings are no longer of the spread that they start with.
    assert model.get_layer("mlp_embedding_item").get_weights()[0].std() > 0.015


def test_it_is_far_better_than_popularity_and_does_not_look_at_the_test_pairs(sample, model):
    popular = ItemPop()
    popular.fit(sample)
    assert ranked(sample, model).hr > ranked(sample, popular.score).hr + 0.05
    tests = {"test_items": np.roll(sample.test_items, 1), "test_negatives": sample.test_negatives[::-1].copy()}
    other = dataclasses.replace(sample, **tests)
    again = build_tuned_neumf(other, SMALL, seed=1)
    for one, same in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, same)


def test_progress_is_told_part_by_part_up_to_the_end(built):
    _, told = built
    gmf, mlp = ([share for part, share in told if part == name] for name in ("GMF", "MLP"))
    assert [part for part, _ in told] == ["GMF"] * len(gmf) + ["MLP"] * len(mlp)
    assert gmf == pytest.approx([1 / 3, 2 / 3, 1]) and mlp == sorted(mlp) and mlp[-1] == 1


def test_the_command_saves_the_model_before_any_training(tmp_path, flags):
    done = run("NeuMF", *flags, "--save_dir", tmp_path)
    assert done.status == 0
    assert [line.split(":")[0] for line in done.lines[1:]] == [
        "Init", "End. Best Iteration -1", f"The best NeuMF model is saved to {done.saved()}",
    ]  # fmt: skip
    assert "Pre-trained by --preset tuned" in done.errors
    again = run("NeuMF", *flags, "--out", 0)
    assert again.lines[1:2] == done.lines[1:2]


def test_with_validation_pairs_the_preset_learns_without_them(flags):
    done = run("NeuMF", *flags, "--select", "validation", "--out", 0)
    dataset = read_dataset(flags[1], "small")
    examples = split_validation(dataset)
    recipe = dataclasses.replace(TUNED, num_factors=8, layers=(8, 4))
    neumf = build_neumf(dataset.num_users, dataset.num_items, 8, (8, 4), (0, 0), seed=1)
    pretrain_tuned(neumf, examples, recipe, seed=1)
    assert f"Init: HR = {ranked(examples, neumf).hr:.4f}" in done.lines[1]
    assert f"HR = {ranked(dataset, neumf).hr:.4f}" in done.lines[-1]


def test_training_goes_on_from_the_preset_and_a_resumed_run_does_not_pretrain_again(tmp_path, flags):
    kept = (*flags, "--checkpoint_dir", tmp_path / "state", "--save_dir", tmp_path, "--learner", "sgd")
    first = run("NeuMF", *kept, "--epochs", 1)
    resumed = run("NeuMF", *kept, "--epochs", 2, "--resume")
    assert "Pre-trained" in first.errors and "Pre-trained" not in resumed.errors
    whole = run("NeuMF", *flags, "--learner", "sgd", "--epochs", 2, "--save_dir", tmp_path)
    assert resumed.without_clock() == whole.without_clock() and len(whole.iterations()) == 2


def test_what_goes_with_no_preset(tmp_path, flags):
    (tmp_path / "a.h5").touch()
    for others, name in (
        (("--mf_pretrain", tmp_path / "a.h5", "--mlp_pretrain", tmp_path / "a.h5"), "--mf_pretrain"),
        (("--strategy", "mirrored"), "--strategy"),
    ):
        done = run("NeuMF", *flags, *others)
        assert done.status == 2 and not done.lines
        assert f"`--preset` must come without `{name}`" in done.errors
    assert run("GMF", "--preset", "tuned").status == 2
