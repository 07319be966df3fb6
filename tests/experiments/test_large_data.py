"""What 100 million interactions go through, with 60 thousand: Parquet, and an epoch in a computed order."""

import importlib
import sys
import tracemalloc

import numpy as np
import pytest

from ncf_keras.cli.prepare import main as prepare
from ncf_keras.data import read_dataset
from ncf_keras.models import build_gmf
from ncf_keras.sampling import NegativeSampler
from ncf_keras.training import CompiledEngine
from tests.predicting import ranked
from tests.shared_files import PROJECT

pytest.importorskip("pyarrow")
INTERACTIONS = 60_000
FLAGS = ["--users", "1000", "--items", "4000", "--interactions", str(INTERACTIONS), "--tests", "300"]


@pytest.fixture(scope="module")
def generate():
    sys.path.insert(0, str(PROJECT / "run" / "experiments"))
    yield importlib.import_module("generate_interactions").main
    sys.path.remove(str(PROJECT / "run" / "experiments"))


@pytest.fixture(scope="module")
def directory(generate, tmp_path_factory):
    directory = tmp_path_factory.mktemp("generated")
    assert generate(["--out", f"{directory}/one", *FLAGS]) == 0
    return directory


@pytest.fixture(scope="module")
def dataset(directory):
    return read_dataset(f"{directory}/", "one")


def test_what_is_generated_is_a_dataset_of_about_that_size(dataset):
    assert 0.7 * INTERACTIONS < dataset.num_train < 1.3 * INTERACTIONS
    assert (dataset.num_users, dataset.num_test, dataset.test_negatives.shape[1]) == (1_000, 300, 99)
    pairs = set(zip(dataset.train_users.tolist(), dataset.train_items.tolist(), strict=True))
    assert len(pairs) == dataset.num_train
    assert not pairs & set(zip(dataset.test_users.tolist(), dataset.test_items.tolist(), strict=True))


def test_the_same_seed_generates_the_same_and_too_few_items_are_refused(generate, directory, capsys):
    assert generate(["--out", f"{directory}/again", *FLAGS]) == 0
    assert generate(["--out", f"{directory}/other", *FLAGS, "--seed", "2"]) == 0
    one, again, other = ((directory / f"{name}.test.rating").read_bytes() for name in ("one", "again", "other"))
    assert one == again != other
    assert (directory / "one.train.parquet").read_bytes() == (directory / "again.train.parquet").read_bytes()
    flags = ["--users", "100", "--items", "2000", "--interactions", "100000"]
    assert generate(["--out", f"{directory}/x", *flags]) == 2
    assert "`--items` must be at least" in capsys.readouterr().err and not [*directory.glob("x*")]


def test_a_raw_log_is_generated_in_blocks_and_prepared(generate, tmp_path, monkeypatch):
    script = importlib.import_module("generate_log")
    monkeypatch.setattr(script, "BLOCK", 1_500)
    flags = ["--rows", "4000", "--users", "50", "--items", "200"]
    for suffix in ("csv", "parquet"):
        assert script.main(["--out", f"{tmp_path}/log.{suffix}", *flags]) == 0
        arguments = [f"{tmp_path}/log.{suffix}", "--out", f"{tmp_path}/{suffix}", "--negatives", "9"]
        assert prepare([*arguments, "--memory", "600MB"]) == 0
    assert read_dataset(tmp_path, "csv").num_test == 50
    for file in (".train.rating", ".test.negative", ".users.csv"):
        assert (tmp_path / f"csv{file}").read_bytes() == (tmp_path / f"parquet{file}").read_bytes()
    assert script.main(["--out", f"{tmp_path}/log.txt", *flags]) == 2


def test_a_computed_order_has_every_positive_once_and_no_false_negative_and_takes_no_memory(dataset):
    sampler = NegativeSampler(dataset, 4, seed=1)
    sampler.most_in_memory = 1_000
    tracemalloc.start()
    for _ in sampler.chunks(0, 1_000):
        pass
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    users, items, labels = map(np.concatenate, zip(*sampler.chunks(0, 50_000), strict=True))
    assert len(users) == 5 * dataset.num_train
    keys, positives = users.astype(np.int64) * 4_000 + items, labels == 1
    wanted = dataset.train_users.astype(np.int64) * 4_000 + dataset.train_items
    assert peak < sampler.num_examples  # a shuffle has 4 bytes an example
    np.testing.assert_array_equal(np.sort(keys[positives]), wanted)
    assert not np.isin(keys[~positives], wanted).any()
    assert (np.bincount(users, minlength=1_000) == 5 * np.diff(dataset.train_offsets)).all()
    # Any stretch of the epoch is a fifth positives, as after a shuffle: mean 10,000, standard deviation 89.
    assert all(abs(part.sum() - 10_000) < 5 * 90 for part in np.split(labels[:250_000], 5))


def test_training_in_a_computed_order_learns_as_much(dataset, shared_programs):
    hit_ratios = []
    for most in (NegativeSampler.most_in_memory, 1_000):
        sampler, model = NegativeSampler(dataset, 4, seed=1), build_gmf(1_000, 4_000, 8, seed=1)
        sampler.most_in_memory = most
        engine = CompiledEngine(model, sampler, "adam", 0.005, 256)
        losses = [engine.train_epoch() for _ in range(3)]
        assert losses[-1] < losses[0]
        hit_ratios.append(ranked(dataset, model).hr)
    assert min(hit_ratios) > 0.3  # chance is 0.1
    assert hit_ratios[0] == pytest.approx(hit_ratios[1], abs=0.08)


def test_more_steps_than_float32_counts_are_refused():
    class Sampler:
        num_examples = 2**25 + 1

    with pytest.raises(ValueError, match="`batch_size` must be at least 3"):
        CompiledEngine(build_gmf(10, 10, 2), Sampler(), "sgd", 0.1, 1)
