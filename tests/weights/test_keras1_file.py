"""Our Keras 1 files against those that Keras 1.0.7 wrote."""

import re

import h5py
import numpy as np
import pytest

from ncf_keras.weights import ModelSizes, load_model, save_weights
from ncf_keras.weights.keras1_file import keras1_layer_names
from tests.shared_files import golden, shared
from tests.weights.small_models import KINDS

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
        automatic = [name.decode() for name in layer_names if re.fullmatch(rf"{kind}_\d+".encode(), name)]
        numbers = [int(name.rsplit("_")[1]) for name in automatic]
        renamed |= {
            name: f"{kind}_{number - min(numbers) + 1}" for name, number in zip(automatic, numbers, strict=True)
        }
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


def assert_written_again_as_it_was(path, again):
    """Read the file, write it again, and hold the two against each other, in all but the numbering."""
    save_weights(load_model(path), again, "h5")
    ours, theirs = structure(again), structure(path)
    assert ours.keys() == theirs.keys()
    for name, expected in theirs.items():
        assert ours[name] == expected, name


@pytest.mark.parametrize("name", GOLDEN)
def test_equals_the_file_of_keras_1_in_all_but_numbering(name, tmp_path):
    assert_written_again_as_it_was(golden(name), tmp_path / "again.h5")


@pytest.mark.parametrize("name", PUBLISHED)
def test_equals_the_file_of_a_fresh_process_with_its_numbers(name, tmp_path):
    """The authors trained one model a process, so even the names and string lengths are the same."""
    assert_written_again_as_it_was(shared(name), tmp_path / "again.h5")
    with h5py.File(tmp_path / "again.h5", "r") as ours, h5py.File(shared(name), "r") as theirs:
        assert ours.attrs["layer_names"].dtype == theirs.attrs["layer_names"].dtype
        assert ours.attrs["layer_names"].tolist() == theirs.attrs["layer_names"].tolist()
        assert list(ours) == list(theirs)


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        # Keras 1.0.7 sorts by distance from the output, then by name; worked out by hand for MLP-0, whose
        # two parts are equally long, and for one hidden layer.
        (
            ModelSizes("NeuMF", 9, 9, 8, (10,)),
            "item_input user_input mf_embedding_item mf_embedding_user mlp_embedding_item mlp_embedding_user "
            "flatten_1 flatten_2 flatten_3 flatten_4 merge_1 merge_2 merge_3 prediction",
        ),
        (
            ModelSizes("NeuMF", 9, 9, 8, (10, 8)),
            "item_input user_input mlp_embedding_item mlp_embedding_user flatten_3 flatten_4 "
            "mf_embedding_item mf_embedding_user flatten_1 flatten_2 merge_2 layer1 merge_1 merge_3 prediction",
        ),
        (
            ModelSizes("MLP", 9, 9, None, (10,)),
            "item_input user_input item_embedding user_embedding flatten_1 flatten_2 merge_1 prediction",
        ),
    ],
)
def test_order_of_the_layers(sizes, expected):
    assert keras1_layer_names(sizes) == expected.split()


def test_loading_by_order_as_keras_1_does_gives_the_right_tables(tmp_path):
    """Keras 1 takes the layers that have weights in the order of the file and of its own sorted layers."""
    sizes = ModelSizes("NeuMF", 6, 6, 8, (16, 8))
    model = sizes.build()
    save_weights(model, tmp_path / "w.h5", "h5")
    with h5py.File(tmp_path / "w.h5", "r") as file:
        with_weights = [name for name in file.attrs["layer_names"] if len(file[name].attrs["weight_names"])]
        by_order = [file[name][file[name].attrs["weight_names"][0]][()] for name in with_weights]
    # The order of the layers with weights in a file of Keras 1.0.7: fusion_NeuMF.keras1.h5.
    expected = "mlp_embedding_item mlp_embedding_user mf_embedding_item mf_embedding_user layer1 prediction"
    for name, array in zip(expected.split(), by_order, strict=True):
        np.testing.assert_array_equal(array, model.get_layer(name).get_weights()[0])
