"""Weight files out, and back through every format."""

import json
import subprocess
import sys
import zipfile

import h5py
import keras
import numpy as np
import pytest

from ncf_keras.base.errors import InputError
from ncf_keras.weights import format_of, load_model, load_weights, save_weights
from tests.shared_files import PROJECT, golden
from tests.weights.small_models import KINDS, arrays, assert_equal_bits, small_model
from tests.weights.test_keras1_file import structure

PATHS = {"h5": "m_[64,32]_1.5_7.h5", "keras": "m_[64,32]_1.5_7.keras", "weights": "m_[64,32]_1.5_7.weights.h5"}


@pytest.mark.parametrize("format", PATHS)
@pytest.mark.parametrize("kind", KINDS)
def test_round_trip_keras1_to_every_format_and_back(kind, format, tmp_path):
    """Equal counts of users and items, so that a swap would go unnoticed by shapes."""
    start, middle, end = tmp_path / "start.h5", tmp_path / PATHS[format], tmp_path / "end.h5"
    model = small_model(kind, 6, 6)
    save_weights(model, start, "h5")
    save_weights(load_model(start), middle, format)
    save_weights(load_model(middle), end, "h5")
    assert_equal_bits(arrays(load_model(end)), arrays(model))
    assert structure(end) == structure(start)


@pytest.mark.parametrize("format", PATHS)
@pytest.mark.parametrize("name", KINDS)
def test_round_trip_of_the_authors_files(name, format, tmp_path):
    original = golden(f"fusion_{name}.keras1.h5")
    save_weights(load_model(original), tmp_path / PATHS[format], format)
    save_weights(load_model(tmp_path / PATHS[format]), tmp_path / "end.h5", "h5")
    assert structure(tmp_path / "end.h5") == structure(original)


@pytest.mark.parametrize("kind", KINDS)
def test_keras_reads_its_own_formats_without_us(kind, tmp_path):
    model = small_model(kind)
    save_weights(model, tmp_path / "m.keras", "keras")
    save_weights(model, tmp_path / "m.weights.h5", "weights")
    loaded = keras.saving.load_model(tmp_path / "m.keras", custom_objects={})
    assert_equal_bits(arrays(loaded), arrays(model))
    other = small_model(kind, seed=5)
    other.load_weights(tmp_path / "m.weights.h5")
    assert_equal_bits(arrays(other), arrays(model))
    pairs = [np.array([[0], [6]], np.int32), np.array([[4], [1]], np.int32)]
    np.testing.assert_array_equal(loaded(pairs), model(pairs))


class StrangerModel(keras.Model):
    """A class that no other program knows."""


class ModelWithoutGraph(keras.Model):
    """A subclass whose layers are not joined by Keras."""

    def call(self, inputs):
        return inputs


def strange_loss(truth, prediction):
    return keras.ops.mean(truth - prediction)


@pytest.mark.parametrize("format", PATHS)
def test_training_leaves_no_trace_in_the_file(format, tmp_path):
    """Neither optimizer, loss nor class; and the model goes on as it was."""
    plain = small_model("GMF")
    model = StrangerModel(plain.inputs, plain.outputs, name="GMF")
    optimizer = keras.optimizers.Adam(0.01)
    model.compile(optimizer, loss=strange_loss)
    model.fit([np.zeros((4, 1)), np.zeros((4, 1))], np.ones((4, 1)), verbose=0)
    before, path = arrays(model), tmp_path / PATHS[format]
    state = [variable.numpy() for variable in optimizer.variables]
    save_weights(model, path, format)

    assert_equal_bits(arrays(model), before)
    assert model.optimizer is optimizer
    for variable, value in zip(optimizer.variables, state, strict=True):
        np.testing.assert_array_equal(variable, value)
    if format == "keras":
        with zipfile.ZipFile(path) as archive:
            config = json.loads(archive.read("config.json"))
        assert config["class_name"] == "Functional"
        assert not config.get("compile_config")
        loaded = keras.saving.load_model(path)
        assert not loaded.compiled
    else:
        with h5py.File(path, "r") as file:
            assert "optimizer" not in file
    assert_equal_bits(arrays(load_model(path)), before)


@pytest.mark.parametrize("format", PATHS)
def test_a_failed_save_leaves_the_old_file(format, tmp_path, monkeypatch):
    path = tmp_path / PATHS[format]
    save_weights(small_model("GMF", seed=1), path, format)
    before = path.read_bytes()

    def fail(*arguments, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("h5py.Group.create_dataset", fail)
    monkeypatch.setattr("keras.Model.save", fail)
    monkeypatch.setattr("keras.Model.save_weights", fail)
    with pytest.raises(InputError, match="No space left"):
        save_weights(small_model("GMF", seed=2), path, format)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


FULL_DISK = """
import resource, sys
from pathlib import Path
from ncf_keras.base.errors import InputError
from ncf_keras.models import build_gmf
from ncf_keras.weights import saving

model = build_gmf(500, 500, 8)
for argument in sys.argv[1:]:
    format, path = argument.split("=")
    if format == "weights":
        saving.shutil.disk_usage = lambda path: type("Usage", (), {"free": 20_000})
    else:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, -1))
    try:
        saving.save_weights(model, path, format)
    except InputError as error:
        print(error)
"""


def test_a_full_disk_is_one_sentence_and_does_not_crash_the_process(tmp_path):
    """HDF5 ends the process with a segmentation fault when a file can't grow, so it must not come to that."""
    paths = {format: tmp_path / path for format, path in PATHS.items()}
    command = [sys.executable, "-c", FULL_DISK, *(f"{format}={path}" for format, path in paths.items())]
    ended = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    reasons = {"h5": "File too large", "keras": "File too large", "weights": "No space left on device"}
    assert ended.stdout.splitlines() == [
        f"{path} must be a file that can be written. Received: {reasons[format]}"
        for format, path in paths.items()
    ]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("path", "format", "reason"),
    [
        ("m.h5", "keras", "must end with .keras"),
        ("m.keras", "h5", "must end with .h5"),
        ("m.weights.h5", "h5", "must end with .h5 alone"),
        ("m.h5", "weights", "must end with .weights.h5"),
        ("m.h5", "pickle", "`format` must be one of"),
        ("absent/m.h5", "h5", "absent must be a directory"),
        ("folder.h5", "h5", "must be a file that can be written"),
    ],
)
def test_refuses_paths_and_formats_that_do_not_go_together(path, format, reason, tmp_path):
    (tmp_path / "folder.h5").mkdir()
    with pytest.raises(InputError, match=reason):
        save_weights(small_model("GMF"), tmp_path / path, format)
    assert [file.name for file in tmp_path.iterdir()] == ["folder.h5"]


def test_refuses_models_of_another_kind(tmp_path):
    with pytest.raises(InputError, match="layers of GMF, MLP or NeuMF"):
        inputs = keras.Input((3,))
        save_weights(keras.Model(inputs, keras.layers.Dense(1)(inputs)), tmp_path / "m.h5", "h5")
    with pytest.raises(InputError, match="must be a functional Keras model"):
        save_weights(ModelWithoutGraph(), tmp_path / "m.keras", "keras")
    assert not list(tmp_path.iterdir())


def test_format_of_a_suffix():
    assert format_of("a/m_[64,32]_1.h5") == "h5"
    assert format_of("m.weights.h5") == "weights"
    assert format_of("m.keras") == "keras"
    with pytest.raises(InputError, match=r"m\.npz must end with"):
        format_of("m.npz")


def test_a_saved_file_loads_into_the_model_it_came_from(tmp_path):
    model = small_model("NeuMF")
    before = arrays(model)
    for format, name in PATHS.items():
        save_weights(model, tmp_path / name, format)
        model.set_weights([weight * 0 for weight in model.get_weights()])
        load_weights(model, tmp_path / name)
        assert_equal_bits(arrays(model), before)
