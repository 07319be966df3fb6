"""Small models with random weights, and their files as each Keras writes them."""

import functools
import io
import json
import zipfile
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

import h5py
import keras
import numpy as np

from ncf_keras.models.spec import ModelSpec
from ncf_keras.weights import save_weights
from ncf_keras.weights.groups import Layers

KINDS = ("GMF", "MLP", "NeuMF")


def small_model(kind: str, num_users: int = 7, num_items: int = 5, seed: int = 0) -> keras.Model:
    """Return a model whose weights, biases too, are drawn from N(0, 1)."""
    model = ModelSpec(kind, num_users, num_items, 3, (8, 6, 4)).build()
    generator = np.random.default_rng(seed)
    model.set_weights([generator.normal(size=w.shape).astype(np.float32) for w in model.weights])
    return model


def arrays(model: keras.Model) -> Layers:
    """Return the weights of each layer, read through Keras's own attributes."""
    found = {}
    for layer in model.layers:
        if isinstance(layer, keras.layers.Embedding):
            found[layer.name] = (layer.embeddings.numpy(),)
        elif isinstance(layer, keras.layers.Dense):
            found[layer.name] = (layer.kernel.numpy(), layer.bias.numpy())
    return found


def assert_equal_bits(found: Layers, expected: Layers) -> None:
    def bits(layers):
        return {name: [(a.dtype, a.shape, a.tobytes()) for a in found] for name, found in layers.items()}

    assert bits(found) == bits(expected)
    assert all(array.dtype == np.float32 for layer in found.values() for array in layer)


def write_keras2(path: Path, layers: Layers, *, whole: bool = False, text: str = "fixed") -> None:
    """Write what `save_weights` (or `save`, if whole) of Keras 2 writes, seen on files of Keras 2.21.

    `text` is `fixed` for names as h5py 2 stored them, `variable` as h5py 3 does.
    """
    with h5py.File(path, "w") as file:
        if whole:
            file.attrs["model_config"] = '{"class_name": "Model", "config": {"name": "not read"}}'
            file.attrs["training_config"] = '{"loss": "binary_crossentropy"}'
            file.create_group("optimizer_weights").create_dataset("iteration:0", data=np.int64(3))
        weights = file.create_group("model_weights") if whole else file
        weights.attrs["backend"] = b"tensorflow"
        weights.attrs["keras_version"] = b"2.2.4"
        names = ["user_input", "item_input", *layers, "flatten_1", "flatten_2", "concatenate_1"]
        weights.attrs["layer_names"] = _names(names, text)
        for name in names:
            group = weights.create_group(name)
            found = layers.get(name, ())
            roles = ("embeddings",) if len(found) == 1 else ("kernel", "bias")
            paths = [f"{name}/{role}:0" for role, _ in zip(roles, found, strict=False)]
            group.attrs["weight_names"] = _names(paths, text) if paths else np.zeros(0)
            for place, array in zip(paths, found, strict=True):
                group.create_dataset(place, data=array)
        # TensorFlow's Keras adds this group since 2.7; `layer_names` does not list it.
        if text == "variable":
            weights.create_group("top_level_model_weights").attrs["weight_names"] = np.zeros(0)


def _names(names: list[str], text: str) -> np.ndarray | list[str]:
    return np.array(names, dtype="S") if text == "fixed" else names


def group_file(
    layers: Mapping[str, tuple[str, tuple]], container: str, step: int = 1, separator: str = "/"
) -> bytes:
    """Return the `.weights.h5` of a Keras between 2.12 and 3.5, as `_save_container_state` writes its groups.

    Args:
        layers: for each layer, in the order of the model, its class as in `input_layer`, and its arrays.
        container: `layers`, before Keras 2.15 `_layer_checkpoint_dependencies`.
        step: 2 before Keras 2.14, which met each layer with weights twice and counted it twice.
        separator: a backslash on Windows, where HDF5 takes the path for one name.
    """
    count: Counter[str] = Counter()
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        file.create_group("vars")
        file.create_group("optimizer/vars").create_dataset("0", data=np.int64(3))
        for kind, arrays in layers.values():
            group = f"{kind}_{count[kind]}" if count[kind] else kind
            count[kind] += step if arrays else 1
            variables = file.create_group(f"{container}{separator}{group}").create_group("vars")
            for place, array in enumerate(arrays):
                variables[str(place)] = array
    return content.getvalue()


def keras2_archive(path: Path, weights: bytes, layers: Mapping[str, tuple[str, tuple]]) -> None:
    """Write a `.keras` of Keras 2 around the weights; its configuration has no wiring."""
    configured = [
        {"class_name": kind.title().replace("_", ""), "config": {"name": name}, "name": name}
        for name, (kind, _) in layers.items()
    ]
    model = {"class_name": "Functional", "config": {"name": "model", "layers": configured}}
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("metadata.json", '{"keras_version": "2.13.1", "date_saved": "2023-10-02@11:04:05"}')
        file.writestr("config.json", json.dumps(model))
        file.writestr("model.weights.h5", weights)


def kinds_and_arrays(model: keras.Model) -> dict[str, tuple[str, tuple]]:
    """Return each layer of a model, in its order, for `group_file`."""
    found = arrays(model)
    snake = {"InputLayer": "input_layer"}
    return {
        layer.name: (
            snake.get(type(layer).__name__, type(layer).__name__.lower()),
            found.get(layer.name, ()),
        )
        for layer in model.layers
    }


def write_old_archive(model: keras.Model, path: Path, **how: object) -> None:
    layers = kinds_and_arrays(model)
    keras2_archive(path, group_file(layers, **how), layers)


OLD_GROUPS = "_layer_checkpoint_dependencies"
# How to write a model in each layout; Keras 3 writes its own.
WRITERS: dict[str, Callable[[keras.Model, Path], None]] = {
    "keras1.h5": lambda model, path: save_weights(model, path, "h5"),
    "keras2.h5": lambda model, path: write_keras2(path, arrays(model)),
    "keras2_text.h5": lambda model, path: write_keras2(path, arrays(model), text="variable"),
    "keras2_whole.h5": lambda model, path: write_keras2(path, arrays(model), whole=True, text="variable"),
    "keras3.weights.h5": keras.Model.save_weights,
    "keras3.keras": keras.Model.save,
    "keras3_whole.h5": keras.Model.save,
    "keras2_13.keras": functools.partial(write_old_archive, container=OLD_GROUPS, step=2),
    "keras2_14.keras": functools.partial(write_old_archive, container=OLD_GROUPS),
    "keras2_15_windows.keras": functools.partial(write_old_archive, container="layers", separator="\\"),
}
ARCHIVES = {name: "archive" for name in WRITERS if name.endswith(".keras")}
SPECIAL = ARCHIVES | {"keras1.h5": "keras1", "keras3.weights.h5": "keras3"}
LAYOUTS = {name: SPECIAL.get(name, "keras2") for name in WRITERS}


def written(model: keras.Model, layout: str, directory: Path) -> Path:
    """Write the model in one of the layouts of `WRITERS` and return the file."""
    path = directory / f"ml-1m_[64,32]_1.5_{layout}"
    WRITERS[layout](model, path)
    return path
