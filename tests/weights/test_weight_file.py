"""Reading weight files of every Keras, whole and damaged."""

import os
import random
import re
from pathlib import Path

import h5py
import numpy as np
import pytest

from ncf_keras.base.errors import InputError
from ncf_keras.weights import load_weights, read_weight_file
from tests.shared_files import golden
from tests.weights.small_models import (
    KINDS,
    WRITERS,
    arrays,
    assert_equal_bits,
    small_model,
    write_keras2,
    written,
)


@pytest.mark.parametrize("name", KINDS)
def test_reads_what_the_authors_code_wrote(name):
    """The arrays of a file of Keras 1.0.7 equal those that the same run stored with NumPy."""
    file = read_weight_file(golden(f"{name}_adam_plain.keras1.h5"))
    with np.load(golden(f"{name}_adam_plain.npz")) as run:
        final = {key: run[key] for key in run.files if key.startswith("final/")}
    assert file.layout == "keras1"
    assert sum(map(len, file.layers.values())) == len(final)
    for layer, found in file.layers.items():
        for role, array in zip("Wb", found, strict=False):
            np.testing.assert_array_equal(array, final[f"final/{layer}/{layer}_{role}"])


@pytest.mark.parametrize("backend_suffix", ["", ":0"])
def test_reads_weight_names_of_every_backend(backend_suffix, tmp_path):
    """TensorFlow appends `:0` to names, Theano nothing; a second model in a process has other scopes."""
    table, kernel, bias = np.ones((4, 2), "f4"), np.ones((2, 1), "f4"), np.ones(1, "f4")
    with h5py.File(tmp_path / "scopes.h5", "w") as file:
        file.attrs["layer_names"] = np.array([b"prediction", b"user_embedding"])
        for layer, weights in (
            ("prediction", {"prediction_1/bias": bias, "prediction_1/kernel": kernel}),
            ("user_embedding", {"user_embedding_W": table}),
        ):
            group = file.create_group(layer)
            group.update({name + backend_suffix: array for name, array in weights.items()})
            group.attrs["weight_names"] = np.array([name + backend_suffix for name in weights], dtype="S")
    layers = read_weight_file(tmp_path / "scopes.h5").layers
    assert_equal_bits(layers, {"prediction": (kernel, bias), "user_embedding": (table,)})


@pytest.mark.parametrize("text", ["fixed", "variable"])
def test_reads_a_very_deep_model(text, tmp_path):
    """The limit of reads is against loops, not against honest depth."""
    layers = {f"layer{number}": (np.full((2, 2), number, "f4"), np.ones(2, "f4")) for number in range(1, 81)}
    write_keras2(tmp_path / "deep.h5", layers, text=text)
    assert_equal_bits(read_weight_file(tmp_path / "deep.h5").layers, layers)


def test_reads_other_float_sizes_as_float32(tmp_path):
    layers = {"user_embedding": (np.arange(6, dtype=">f8").reshape(3, 2),), "x": (np.ones((1, 1), "f2"),)}
    write_keras2(tmp_path / "f.h5", layers)
    found = read_weight_file(tmp_path / "f.h5").layers
    assert_equal_bits(found, {name: (array.astype(np.float32),) for name, (array,) in layers.items()})


def test_refuses_numbers_that_are_not_finite(tmp_path):
    for value in (np.nan, np.inf, 1e300):
        write_keras2(tmp_path / "f.h5", {"user_embedding": (np.array([[0.0, value]]),)})
        with pytest.raises(InputError, match=r"finite numbers.*'user_embedding'"):
            read_weight_file(tmp_path / "f.h5")


def test_refuses_layers_under_foreign_names(tmp_path):
    """A group for items that lists the table of users: never taken for that of items."""
    with h5py.File(tmp_path / "f.h5", "w") as file:
        file.attrs["layer_names"] = np.array([b"item_embedding"])
        file["item_embedding/user_embedding_W"] = np.ones((2, 2), "f4")
        file["item_embedding"].attrs["weight_names"] = np.array([b"user_embedding_W"])
    with pytest.raises(InputError, match="'user_embedding_W' in layer 'item_embedding'"):
        read_weight_file(tmp_path / "f.h5")


def test_reads_groups_that_the_list_of_layers_leaves_out(tmp_path):
    """They are surplus to the model then, not overlooked."""
    write_keras2(tmp_path / "f.h5", {"a": (np.ones((2, 2), "f4"),), "b": (np.ones((2, 2), "f4"),)})
    with h5py.File(tmp_path / "f.h5", "a") as file:
        file.attrs["layer_names"] = np.array([b"a"])
    assert set(read_weight_file(tmp_path / "f.h5").layers) == {"a", "b"}


KERAS3 = "keras3.weights.h5"


@pytest.mark.parametrize(("layout", "change", "reason"), [
    (KERAS3, lambda it: it.update({"layers/x/layers/y/vars/0": np.ones(3)}), "a layer with layers in it"),
    (KERAS3, lambda it: it.move("layers/dense/vars/1", "layers/dense/vars/2"), "are not in order"),
    ("keras1.h5", lambda it: it.attrs.update(layer_names=[b"a", b"a"]), "is missing or repeats a layer"),
])  # fmt: skip
def test_layers_that_are_not_as_keras_writes_them(layout, change, reason, tmp_path):
    path = written(small_model("GMF"), layout, tmp_path)
    with h5py.File(path, "a") as file:
        change(file)
    with pytest.raises(InputError, match=reason):
        read_weight_file(path)


def test_layers_without_weights_are_passed_over(tmp_path):
    path = written(small_model("GMF"), KERAS3, tmp_path)
    with h5py.File(path, "a") as file:
        file.create_group("layers/dropout/vars")
        file.create_group("layers/reshape")
    assert_equal_bits(read_weight_file(path).layers, arrays(small_model("GMF")))


NO_WEIGHT_FILES = {
    "empty": b"",
    "text": b"not an HDF5 file\n" * 200,
    "image": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\2\0\0\0\x90wS\xde" + bytes(300),
    "HDF5 signature alone": b"\x89HDF\r\n\x1a\n",
    "zip signature alone": b"PK\x03\x04",
    "zeros": bytes(5000),
    "pickle": b"\x80\x04\x95\x10\0\0\0\0\0\0\0\x8c\x05posix\x94\x8c\x06system\x94\x93.",
}


@pytest.mark.parametrize("content", NO_WEIGHT_FILES)
def test_refuses_other_files(content, tmp_path):
    (tmp_path / "x.h5").write_bytes(NO_WEIGHT_FILES[content])
    with pytest.raises(InputError, match=r"^\S+/x\.h5 must be a weight file of Keras\. [^\n]*$"):
        read_weight_file(tmp_path / "x.h5")


def test_refuses_hdf5_of_other_programs_and_what_is_no_file(tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["temperature"] = np.ones(3)
    write_keras2(tmp_path / "empty.h5", {})
    os.mkfifo(tmp_path / "pipe.h5")
    reasons = {".": "directory", "absent.h5": "No such file", "n" * 5000: "can be read", "pipe.h5": "a pipe",
               "other.h5": "without the weights of a Keras", "empty.h5": "without any weights"}  # fmt: skip
    for name, reason in reasons.items():
        with pytest.raises(InputError, match=reason):
            read_weight_file(tmp_path / name)


@pytest.mark.parametrize("layout", WRITERS)
def test_a_cut_file_is_refused_and_a_damaged_one_loads_whole_or_not_at_all(layout, tmp_path):
    """One flipped bit, many times over; the bit of a number can't be noticed, that of a structure mostly is."""
    whole = written(small_model("GMF", seed=1), layout, tmp_path).read_bytes()
    model = small_model("GMF", seed=2)
    before, refused, chance = arrays(model), 0, random.Random(7)
    damaged = tmp_path / "damaged.h5"
    for size in range(0, len(whole), len(whole) // 60):
        damaged.write_bytes(whole[:size])
        with pytest.raises(InputError):
            read_weight_file(damaged)
    for _ in range(60):
        changed = bytearray(whole)
        changed[chance.randrange(len(whole))] ^= 1 << chance.randrange(8)
        damaged.write_bytes(changed)
        try:
            before = load_weights(model, damaged).layers
        except InputError:
            refused += 1
        assert_equal_bits(arrays(model), before)
        assert all(np.isfinite(array).all() for layer in before.values() for array in layer)
    assert refused > 0


def test_reading_needs_no_tensorflow():
    """The reader may be used where nothing else of Keras is wanted."""
    for module in ("weight_file", "archive", "hdf5"):
        source = Path(read_weight_file.__code__.co_filename).with_name(f"{module}.py").read_text()
        assert not re.search("import (keras\n|tensorflow|h5py)", source)
