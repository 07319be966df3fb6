"""Where each Keras keeps the arrays of a layer in its HDF5 files; found by layer name, never by order.

- Keras 1 and 2 (and the `.h5` of Keras 3): a group for each layer, at the root or under `model_weights`, whose
  attribute `weight_names` lists its arrays: `user_embedding_W`, `layer1_b` in Keras 1,
  `user_embedding/embeddings:0`, `layer1/bias:0` in Keras 2.
- Keras 3 `.weights.h5`, also inside `.keras`: arrays `layers/<class>_<number>/vars/<place>`. The layer's name
  is an attribute of `vars` since Keras 3.6; before, only the configuration in a `.keras` archive tells it.
"""

from collections.abc import Mapping

import numpy as np

from ncf_keras.weights.hdf5_bytes import Hdf5Error
from ncf_keras.weights.hdf5_file import Hdf5File, Hdf5Group

Layers = dict[str, tuple[np.ndarray, ...]]

_FIRST = ("W", "embeddings", "kernel")
_SECOND = ("b", "bias")
# A layer with more arrays than this is none of a recommender's.
_MOST_ARRAYS = 100


def read_layers(data: bytes, names_of_groups: Mapping[str, str] | None = None) -> tuple[str, Layers]:
    """Return the layout (`keras1`, `keras2` or `keras3`) and the arrays of each layer that has any.

    Args:
        data: the bytes of an HDF5 file.
        names_of_groups: the layer's name for each group of `layers`, from the configuration of an archive;
            used where the groups don't say it.

    Returns:
        The layout and `{layer: (table,)}` or `{layer: (kernel, bias)}`, as they are stored.

    Raises:
        Hdf5Error: the bytes are no weight file of these layouts.
    """
    root = Hdf5File(data).root
    members = root.names()
    if root.text("layer_names") is not None:
        return _legacy(root)
    if "model_weights" in members:
        return _legacy(root.group("model_weights"))
    if "layers" in members:
        return "keras3", _keras3(root.group("layers"), names_of_groups or {})
    raise Hdf5Error("is HDF5 without the weights of a Keras model")


def _legacy(weights: Hdf5Group) -> tuple[str, Layers]:
    listed = weights.text("layer_names")
    if listed is None or len(set(listed)) != len(listed):
        raise Hdf5Error("is damaged: its list `layer_names` is missing or repeats a layer")
    # A group that is not listed is read too: whatever it holds is then surplus rather than overlooked.
    unlisted = [name for name in weights.names() if name not in listed]
    layers, roles = {}, set()
    for layer in listed + unlisted:
        arrays = _legacy_layer(weights.group(layer), layer)
        roles.update(arrays)
        if arrays:
            layers[layer] = tuple(arrays[role] for role in _FIRST + _SECOND if role in arrays)
    return ("keras1" if roles & {"W", "b"} else "keras2"), layers


def _legacy_layer(group: Hdf5Group, layer: str) -> dict[str, np.ndarray]:
    """Return the arrays of a layer by role: W and b, or kernel, bias and embeddings."""
    paths = group.text("weight_names")
    if paths is None or len(paths) > _MOST_ARRAYS:
        raise Hdf5Error(f"is damaged: {group.path} has no proper list `weight_names`")
    arrays = {}
    for path in paths:
        *parents, name = path.split("/")
        inner = group
        for parent in parents:
            inner = inner.group(parent)
        role = name.removesuffix(":0").removeprefix(f"{layer}_")
        same_kind = _FIRST if role in _FIRST else _SECOND
        if role not in _FIRST + _SECOND or any(other in same_kind for other in arrays):
            raise Hdf5Error(
                f"holds {path!r} in layer {layer!r}, which is no kernel, bias or embedding table of it"
            )
        arrays[role] = inner.array(name)
    return arrays


def _keras3(layers: Hdf5Group, names_of_groups: Mapping[str, str]) -> Layers:
    found = {}
    for member in layers.names():
        group = layers.group(member)
        if not set(group.names()) <= {"vars"}:
            raise Hdf5Error(f"holds {group.path}, a layer with layers in it")
        variables = group.group("vars") if group.names() else None
        places = variables.names() if variables else []
        if not places:
            continue
        name = (variables.text("name") or [names_of_groups.get(member)])[0]
        if name is None:
            raise Hdf5Error(
                "does not name its layers, as Keras before 3.6 wrote .weights.h5; "
                "save the model as .keras or .h5 there"
            )
        numbered = set(places) == {str(place) for place in range(len(places))}
        if name in found or len(places) > _MOST_ARRAYS or not numbered:
            raise Hdf5Error(f"is damaged: the arrays of layer {name!r} are not in order")
        found[name] = tuple(variables.array(str(place)) for place in range(len(places)))
    return found
