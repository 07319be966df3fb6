"""Weight files as Keras 1.0.7 wrote them, so that the authors' code loads them.

Keras 1 loads by position, so the order of the layers is part of the format. It sorts them by their distance
from the output, the farthest first, and by name among equals, which puts items before users. Source:
`Container.__init__` and `save_weights` in `keras/engine/topology.py` of Keras 1.0.7.
"""

import io
import os
from pathlib import Path

import h5py
import numpy as np

from ncf_keras.weights.model_sizes import ModelSizes
from ncf_keras.weights.weight_file import Layers

_ROLES = ("W", "b")


def write_keras1_file(path: str | os.PathLike, sizes: ModelSizes, layers: Layers) -> None:
    """Write a file that equals one of Keras 1.0.7 in groups, attributes, order and dtypes.

    Args:
        path: the file.
        sizes: of the model.
        layers: its arrays, as in `WeightFile.layers`.
    """
    names = keras1_layer_names(sizes)
    # Not straight to the disk: HDF5 crashes the process when that is full.
    content = io.BytesIO()
    with h5py.File(content, "w", libver="earliest") as file:
        file.attrs["layer_names"] = np.array(names, dtype="S")
        for name in names:
            group = file.create_group(name)
            arrays = dict(zip(_ROLES, layers.get(name, ()), strict=False))
            # The attribute of a layer without weights is an empty array of float64, as NumPy made of [].
            kind = "S" if arrays else np.float64
            group.attrs["weight_names"] = np.array([f"{name}_{role}" for role in arrays], dtype=kind)
            for role, array in arrays.items():
                group.create_dataset(f"{name}_{role}", data=array.astype(np.float32, copy=False))
    with Path(path).open("wb") as file:
        file.write(content.getbuffer())


def keras1_layer_names(sizes: ModelSizes) -> list[str]:
    """Return the layers in the order of Keras 1.0.7, numbered as in a process that built no other model."""
    depths = {}
    _put(_graph(sizes), "prediction", 0, depths)
    return sorted(depths, key=lambda name: (-depths[name], name))


def _put(graph: dict[str, list[str]], name: str, depth: int, depths: dict[str, int]) -> None:
    """Note in `depths` the longest way from `name`, `depth` away from the output, and from all before it."""
    depths[name] = max(depth, depths.get(name, 0))
    for previous in graph[name]:
        _put(graph, previous, depth + 1, depths)


def _graph(sizes: ModelSizes) -> dict[str, list[str]]:
    """Return the layers of the authors' `get_model`, each with those that feed it."""
    graph = {"user_input": [], "item_input": []}
    if sizes.model == "NeuMF":
        product = _joined_pair(graph, "mf_embedding_user", "mf_embedding_item")
        top = _tower(graph, sizes, _joined_pair(graph, "mlp_embedding_user", "mlp_embedding_item"))
        graph["merge_3"] = [product, top]
        top = "merge_3"
    else:
        top = _joined_pair(graph, "user_embedding", "item_embedding")
        if sizes.model == "MLP":
            top = _tower(graph, sizes, top)
    graph["prediction"] = [top]
    return graph


def _joined_pair(graph: dict[str, list[str]], user: str, item: str) -> str:
    """Add two embeddings, their `flatten_N` and the `merge_N` over them; return the name of the last."""
    pairs = sum(name.startswith("merge_") for name in graph)
    graph[user], graph[item] = ["user_input"], ["item_input"]
    flattened = [f"flatten_{2 * pairs + 1}", f"flatten_{2 * pairs + 2}"]
    graph[flattened[0]], graph[flattened[1]] = [user], [item]
    graph[f"merge_{pairs + 1}"] = flattened
    return f"merge_{pairs + 1}"


def _tower(graph: dict[str, list[str]], sizes: ModelSizes, top: str) -> str:
    for number in range(1, len(sizes.layers)):
        graph[f"layer{number}"] = [top]
        top = f"layer{number}"
    return top
