"""Weights in groups called after classes, as Keras 2.12 to 3.5 wrote them: no table under another's name."""

import itertools
import json
import zipfile

import h5py
import numpy as np
import pytest

from ncf_keras.base.errors import InputError
from ncf_keras.weights import load_model, read_weight_file
from tests.shared_files import shared
from tests.weights.small_models import OLD_GROUPS, assert_equal_bits, group_file, keras2_archive

# Four tables of one shape, in an order that no guess would have. As many users as items.
ORDER = ("mlp_embedding_item", "mf_embedding_user", "mf_embedding_item", "mlp_embedding_user")
DRAW = np.random.default_rng(3)
LAYERS = {
    "item_input": ("input_layer", ()),
    "user_input": ("input_layer", ()),
    **{name: ("embedding", (DRAW.normal(size=(6, 4)).astype("f4"),)) for name in ORDER},
    "flatten": ("flatten", ()),
    **{
        name: ("dense", tuple(DRAW.normal(size=shape).astype("f4") for shape in ((rows, columns), columns)))
        for name, rows, columns in (("layer1", 8, 8), ("prediction", 12, 1))
    },
}
EXPECTED = {name: arrays for name, (_, arrays) in LAYERS.items() if arrays}
VERSIONS = {"2.12": (OLD_GROUPS, 2), "2.13": (OLD_GROUPS, 2), "2.14": (OLD_GROUPS, 1), "2.15": ("layers", 1)}


@pytest.mark.parametrize("separator", ["/", "\\"])
@pytest.mark.parametrize("version", VERSIONS)
def test_the_configuration_names_the_groups(version, separator, tmp_path):
    """The groups were compared with files that Keras 2.12.0, 2.13.1, 2.14.0 and 2.15.0 wrote."""
    container, step = VERSIONS[version]
    keras2_archive(tmp_path / "m.keras", group_file(LAYERS, container, step, separator), LAYERS)
    assert_equal_bits(read_weight_file(tmp_path / "m.keras").layers, EXPECTED)


def test_the_paths_of_windows_as_one_name(tmp_path):
    """Should `vars` be in the name too."""
    keras2_archive(tmp_path / "m.keras", b"", LAYERS)
    with h5py.File(tmp_path / "w.h5", "w") as file:
        for number, name in enumerate(ORDER):
            group = file.create_group(f"{OLD_GROUPS}\\embedding{f'_{2 * number}' * bool(number)}\\vars")
            group["0"] = EXPECTED[name][0]
    keras2_archive(tmp_path / "m.keras", (tmp_path / "w.h5").read_bytes(), LAYERS)
    assert_equal_bits(read_weight_file(tmp_path / "m.keras").layers, {name: EXPECTED[name] for name in ORDER})


CASE = "cases/neumf-of-keras-2.14"
# By hand, from the order of the layers in the configuration.
CASE_GROUPS = {
    "mlp_embedding_user": "embedding", "mlp_embedding_item": "embedding_1", "mf_embedding_user": "embedding_2",
    "mf_embedding_item": "embedding_3", "layer1": "dense", "prediction": "dense_1",
}  # fmt: skip


def test_the_archive_that_a_user_sent():
    model = load_model(shared(f"{CASE}.keras"))
    with h5py.File(shared(f"{CASE}.weights.h5")) as file:
        for layer, group in CASE_GROUPS.items():
            stored = file[f"{OLD_GROUPS}/{group}/vars"]
            for place, array in enumerate(model.get_layer(layer).get_weights()):
                np.testing.assert_array_equal(array, stored[str(place)][()])


@pytest.mark.parametrize(("container", "step"), VERSIONS.values())
def test_a_file_without_names_says_so_and_what_to_do(container, step, tmp_path):
    path = tmp_path / "m.weights.h5"
    path.write_bytes(group_file(LAYERS, container, step))
    reason = (
        r"does not name its layers, as Keras 2\.12 to 3\.5 write \.weights\.h5; load .* save that as \.keras or"
    )
    for rename in (None, {"embedding": "user_embedding"}):
        with pytest.raises(InputError, match=reason):
            read_weight_file(path, rename=rename)


def without(*names):
    return {name: layer for name, layer in LAYERS.items() if name not in names}


@pytest.mark.parametrize("missing", ORDER)
@pytest.mark.parametrize("version", VERSIONS)
def test_refuses_groups_that_are_numbered_as_other_layers(version, missing, tmp_path):
    """Of a model that holds a table in an attribute Keras writes that one elsewhere, and numbers the rest."""
    container, step = VERSIONS[version]
    keras2_archive(tmp_path / "m.keras", group_file(without(missing), container, step), LAYERS)
    with pytest.raises(InputError, match="not numbered as the layers of its configuration"):
        read_weight_file(tmp_path / "m.keras")


def test_refuses_a_configuration_with_fewer_layers(tmp_path):
    for missing, step in itertools.product(ORDER, (1, 2)):
        keras2_archive(tmp_path / "m.keras", group_file(LAYERS, OLD_GROUPS, step), without(missing))
        with pytest.raises(InputError, match="not numbered as the layers of its configuration"):
            read_weight_file(tmp_path / "m.keras")


def changed(change, step=1):
    """Return the bytes of the weights after a change to the file."""

    def content(directory):
        path = directory / "changed.h5"
        path.write_bytes(group_file(LAYERS, OLD_GROUPS, step))
        with h5py.File(path, "a") as file:
            change(file)
        return path.read_bytes()

    return content


def mixed_numbers(file):
    file.move(f"{OLD_GROUPS}/dense_1", f"{OLD_GROUPS}/dense_2")


def a_second_container(file):
    file.copy(OLD_GROUPS, "layers")


def a_path_of_windows_beside(file):
    file[f"{OLD_GROUPS}\\embedding\\vars/0"] = np.ones((6, 4), "f4")


def layers_in_a_layer(file):
    del file[OLD_GROUPS]
    file[f"{OLD_GROUPS}\\model\\layers\\dense/vars/0"] = np.ones((6, 4), "f4")


def some_names(file):
    file[f"{OLD_GROUPS}/embedding/vars"].attrs["name"] = "mf_embedding_user"


def one_name(file):
    for name in file[OLD_GROUPS]:
        file[f"{OLD_GROUPS}/{name}/vars"].attrs["name"] = "mf_embedding_user"


@pytest.mark.parametrize(("change", "reason"), [
    (mixed_numbers, "not numbered as"),
    (a_second_container, "the weights of two models"),
    (a_path_of_windows_beside, "the weights of two models"),
    (layers_in_a_layer, "a layer with layers in it"),
    (some_names, "does not name its layers"),
    (one_name, "two of its groups of weights are of one layer"),
])  # fmt: skip
def test_refuses_what_could_be_read_in_two_ways(change, reason, tmp_path):
    keras2_archive(tmp_path / "m.keras", changed(change)(tmp_path), LAYERS)
    with pytest.raises(InputError, match=reason):
        read_weight_file(tmp_path / "m.keras")


def test_refuses_one_group_for_two_configured_layers(tmp_path):
    """A class `Embedding_1` would have the group of the second `Embedding`."""
    layers = {"a": LAYERS[ORDER[0]], "b": LAYERS[ORDER[1]], "c": ("embedding_1", ())}
    path = tmp_path / "m.keras"
    keras2_archive(path, group_file({"a": layers["a"], "b": layers["b"]}, "layers"), layers)
    with zipfile.ZipFile(path) as file:
        names = [layer["class_name"] for layer in json.loads(file.read("config.json"))["config"]["layers"]]
        weights = file.read("model.weights.h5")
    config = {"config": {"layers": [
        {"class_name": kind, "config": {"name": name}}
        for kind, name in zip([*names[:2], "Embedding_1"], layers, strict=True)
    ]}}  # fmt: skip
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("config.json", json.dumps(config))
        file.writestr("model.weights.h5", weights)
    with pytest.raises(InputError, match="two layers in its configuration for one group"):
        read_weight_file(path)
