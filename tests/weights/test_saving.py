"""Weight files out: those of Keras 1 against files of Keras 1.0.7, the others as Keras 3 reads them."""

import gc
import json
import re
import resource
import zipfile
from types import SimpleNamespace

import h5py
import keras
import numpy as np
import pytest

from ncf_keras.base.errors import InputError
from ncf_keras.models.spec import ModelSpec
from ncf_keras.weights import format_of, load_model, save_weights
from ncf_keras.weights.saving import keras1_layer_names
from tests.shared_files import golden, shared
from tests.weights.small_models import KINDS, arrays, assert_equal_bits, small_model

PATHS = {"h5": "m_[64,32]_1.5_7.h5", "keras": "m_[64,32]_1.5_7.keras", "weights": "m_[64,32]_1.5_7.weights.h5"}
GOLDEN = [
    f"{start}{name}{end}.keras1.h5" for name in KINDS for start, end in (("", "_adam_plain"), ("fusion_", ""))
]
PUBLISHED = ["authors/ml-1m_GMF_8_1501651698.h5", "authors/ml-1m_MLP_[64,32,16,8]_1501652038.h5"]


def structure(path) -> dict:
    """Return all there is in an HDF5 file but the numbers of automatic layer names.

    Those count up in a process. The layers of `layer_names` are kept in their order, the attributes with
    their types down to the padding, the arrays with their bytes.
    """
    with h5py.File(path, "r") as file:
        numbers = renumbering(file.attrs["layer_names"])
        found = {"": attributes(file, numbers)}

        def note(name, node):
            name = "/".join(numbers.get(part, part) for part in name.split("/"))
            found[name] = attributes(node, numbers)
            if isinstance(node, h5py.Dataset):
                plist = node.id.get_create_plist()
                storage = (node.dtype, node.shape, node.maxshape, plist.get_layout(), plist.get_nfilters())
                found[name] = (*found[name], *storage, node[()].tobytes())

        file.visititems(note)
    return found


def renumbering(layer_names) -> dict[str, str]:
    """Map `flatten_33` to `flatten_1` where 33 is the lowest number of any flatten layer, and so on."""
    renamed = {}
    for kind in ("flatten", "merge"):
        numbers = [int(n) for n in re.findall(rf"{kind}_(\d+)", " ".join(map(bytes.decode, layer_names)))]
        renamed |= {f"{kind}_{number}": f"{kind}_{number - min(numbers) + 1}" for number in numbers}
    return renamed


def attributes(node, numbers) -> tuple:
    found = []
    for name in node.attrs:
        attribute = node.attrs.get_id(name)
        value = [numbers.get(text.decode(), text.decode()) for text in node.attrs[name].tolist()]
        kind = attribute.get_type()
        padding = kind.get_strpad() if isinstance(kind, h5py.h5t.TypeStringID) else None
        # The length of the strings depends on the digits in the numbers of the process.
        exact = attribute.dtype if not set(value) & set(numbers.values()) else attribute.dtype.kind
        found.append((name, attribute.shape, exact, padding, value))
    return tuple(found)


@pytest.mark.parametrize("name", GOLDEN + PUBLISHED)
def test_equals_the_file_of_keras_1_in_all_but_numbering(name, tmp_path):
    path, again = golden(name) if name in GOLDEN else shared(name), tmp_path / "again.h5"
    save_weights(load_model(path), again, "h5")
    assert structure(again) == structure(path)
    if name in PUBLISHED:
        # The authors trained one model a process, so even the names and string lengths are the same.
        with h5py.File(again, "r") as ours, h5py.File(path, "r") as theirs:
            names, expected = ours.attrs["layer_names"], theirs.attrs["layer_names"]
            assert names.dtype == expected.dtype and names.tolist() == expected.tolist()
            assert list(ours) == list(theirs)


# Keras 1.0.7 sorts by distance from the output, then by name; worked out by hand for MLP-0, whose two parts are
# equally long, and for one hidden layer.
@pytest.mark.parametrize(("sizes", "expected"), [
    (ModelSpec("NeuMF", 9, 9, 8, (10,)),
     "item_input user_input mf_embedding_item mf_embedding_user mlp_embedding_item mlp_embedding_user "
     "flatten_1 flatten_2 flatten_3 flatten_4 merge_1 merge_2 merge_3 prediction"),
    (ModelSpec("NeuMF", 9, 9, 8, (10, 8)),
     "item_input user_input mlp_embedding_item mlp_embedding_user flatten_3 flatten_4 "
     "mf_embedding_item mf_embedding_user flatten_1 flatten_2 merge_2 layer1 merge_1 merge_3 prediction"),
    (ModelSpec("MLP", 9, 9, layers=(10,)),
     "item_input user_input item_embedding user_embedding flatten_1 flatten_2 merge_1 prediction"),
])  # fmt: skip
def test_order_of_the_layers(sizes, expected):
    assert keras1_layer_names(sizes) == expected.split()


def test_keras_reads_its_own_formats_without_us(tmp_path):
    model = small_model("NeuMF")
    save_weights(model, tmp_path / "m.keras", "keras")
    save_weights(model, tmp_path / "m.weights.h5", "weights")
    loaded = keras.saving.load_model(tmp_path / "m.keras", custom_objects={})
    assert_equal_bits(arrays(loaded), arrays(model))
    other = small_model("NeuMF", seed=5)
    other.load_weights(tmp_path / "m.weights.h5")
    assert_equal_bits(arrays(other), arrays(model))
    pairs = [np.array([[0], [6]], np.int32), np.array([[4], [1]], np.int32)]
    np.testing.assert_array_equal(loaded(pairs), model(pairs))


class StrangerModel(keras.Model):
    """A class that no other program knows."""


def test_training_leaves_no_trace_in_the_files(tmp_path):
    """Neither optimizer, loss nor class; and the model goes on as it was."""
    plain = small_model("GMF")
    model = StrangerModel(plain.inputs, plain.outputs, name="GMF")
    optimizer = keras.optimizers.Adam(0.01)
    model.compile(optimizer, loss=lambda truth, prediction: keras.ops.mean(truth - prediction))
    model.train_on_batch([np.zeros((4, 1)), np.zeros((4, 1))], np.ones((4, 1)))
    before = arrays(model)
    state = [variable.numpy() for variable in optimizer.variables]
    for format, name in PATHS.items():
        save_weights(model, tmp_path / name, format)
        assert_equal_bits(arrays(load_model(tmp_path / name)), before)

    assert_equal_bits(arrays(model), before)
    assert model.optimizer is optimizer
    for variable, value in zip(optimizer.variables, state, strict=True):
        np.testing.assert_array_equal(variable, value)
    with zipfile.ZipFile(tmp_path / PATHS["keras"]) as archive:
        config = json.loads(archive.read("config.json"))
    assert config["class_name"] == "Functional" and not config.get("compile_config")
    assert not keras.saving.load_model(tmp_path / PATHS["keras"]).compiled
    with h5py.File(tmp_path / PATHS["weights"], "r") as file:
        assert "optimizer" not in file


# Python 3.13 complains of the buffer that Keras leaves open in an archive that it could not write.
@pytest.mark.filterwarnings("ignore:Exception ignored in. <_io.BytesIO:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("format", PATHS)
def test_a_full_disk_is_one_sentence_and_leaves_the_old_file(format, tmp_path, monkeypatch):
    """HDF5 ends the process with a segmentation fault when a file can't grow, so it must not come to that."""
    model, file = ModelSpec("GMF", 500, 500, 8).build(), tmp_path / PATHS[format]
    file.write_text("old")
    reason = "File too large"
    if format == "weights":
        reason = "No space left on device"
        monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=20_000))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    try:
        with pytest.raises(InputError) as caught:
            save_weights(model, file, format)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    sentence = str(caught.value)
    del caught
    gc.collect()
    assert sentence == f"{file} must be a file that can be written. Received: {reason}"
    assert list(tmp_path.iterdir()) == [file] and file.read_text() == "old"


@pytest.mark.parametrize(("path", "format", "reason"), [
    ("m.h5", "keras", "must end with .keras"),
    ("m.keras", "h5", "must end with .h5"),
    ("m.weights.h5", "h5", "must end with .h5 alone"),
    ("m.h5", "weights", "must end with .weights.h5"),
    ("m.h5", "pickle", "`format` must be one of"),
    ("absent/m.h5", "h5", "must be a file in a directory that exists"),
    ("folder.h5", "h5", "must be a file that can be written"),
])  # fmt: skip
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
        save_weights(keras.Sequential([keras.layers.Dense(1)]), tmp_path / "m.keras", "keras")
    assert not list(tmp_path.iterdir())


def test_format_of_a_suffix():
    assert {format: format_of(name) for format, name in PATHS.items()} == {format: format for format in PATHS}
    with pytest.raises(InputError, match=r"m\.npz must end with"):
        format_of("m.npz")
