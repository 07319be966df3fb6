"""The weights of layers in groups that are called after classes, as Keras writes them since 2.12.

The arrays of a layer are `<container>/<class>_<number>/vars/<place>`. The container is `layers`, before Keras
2.15 `_layer_checkpoint_dependencies`; on Windows, before Keras 3, a path is one name with backslashes in it.
The layer's name is an attribute of `vars` since Keras 3.6; before, only the configuration in a `.keras` archive
tells it: the layers of a class are numbered in its order.

Sources: `_save_container_state` in `saving_lib.py` of Keras 2.12 to 3.6, and of Keras 2
`Functional._layer_checkpoint_dependencies`, which lists a layer with weights twice: before 2.14 each of them
takes two numbers, and has the first.
"""

import re
from collections.abc import Iterator, Sequence

import numpy as np

from ncf_keras.weights.configuration import ConfiguredLayer
from ncf_keras.weights.hdf5 import Hdf5Error, Hdf5Node

Layers = dict[str, tuple[np.ndarray, ...]]

_CONTAINERS = ("layers", "_layer_checkpoint_dependencies")


def has_groups(root: Hdf5Node) -> bool:
    """Tell whether the root of a file has a container of such groups."""
    return any(name.split("\\")[0] in _CONTAINERS for name in root.names())


def read_groups(root: Hdf5Node, configured: Sequence[ConfiguredLayer] | None) -> Layers:
    """Return the arrays of each layer with weights, as they are stored.

    Args:
        root: of a file for which `has_groups`.
        configured: the layers that the configuration beside the file lists, in order; None if there is none.

    Raises:
        Hdf5Error: it is not as Keras writes it, or does not say beyond doubt which layer a group is.
    """
    groups: dict[str, Hdf5Node] = {}
    for name, variables in _groups(root):
        if name in groups:
            raise Hdf5Error(f"is damaged: it has two groups of weights {name!r}")
        if variables.names():
            groups[name] = variables
    texts = {name: variables.text("name") for name, variables in groups.items()}
    names = {name: text[0] for name, text in texts.items() if text}
    if not names and configured is not None:
        names = _names_by_number(list(groups), configured)
    if names.keys() != groups.keys():
        raise Hdf5Error(
            "does not name its layers, as Keras 2.12 to 3.5 write .weights.h5; "
            "load it into its model there, and save that as .keras or .h5"
        )
    if len(set(names.values())) != len(names):
        raise Hdf5Error("is damaged: two of its groups of weights are of one layer")
    return {names[group]: _arrays(variables, names[group]) for group, variables in groups.items()}


def _groups(root: Hdf5Node) -> Iterator[tuple[str, Hdf5Node]]:
    """Yield the name of each group of a layer, such as `embedding_1`, and its `vars`."""
    containers = set()
    for member in root.names():
        container, *path = member.split("\\")
        if container not in _CONTAINERS:
            continue
        containers.add((container, bool(path)))
        node = root.group(member)
        if len(containers) > 1 or len(path) > 2 or path[1:] not in ([], ["vars"]):
            raise Hdf5Error(f"holds {node.path}, a layer with layers in it, or the weights of two models")
        if len(path) == 2:
            yield path[0], node
            continue
        for name, group in [(path[0], node)] if path else [(name, node.group(name)) for name in node.names()]:
            if not set(group.names()) <= {"vars"}:
                raise Hdf5Error(f"holds {group.path}, a layer with layers in it")
            if group.names():
                yield name, group.group("vars")


def _arrays(variables: Hdf5Node, layer: str) -> tuple[np.ndarray, ...]:
    places = variables.names()
    in_order = [str(place) for place in range(len(places))]
    if set(places) != set(in_order):
        raise Hdf5Error(f"is damaged: the arrays of layer {layer!r} are not in order")
    return tuple(variables.array(place) for place in in_order)


def _names_by_number(groups: Sequence[str], configured: Sequence[ConfiguredLayer]) -> dict[str, str]:
    """Return the layer's name for each group with weights, if one of the two ways to number them fits exactly.

    It must give each layer of a class with weights one of the groups, and leave none over. Else Keras has
    numbered other layers than those that are configured, as it does for a model that holds layers in
    attributes of its own, and a table could be taken for another of the same shape.
    """
    for step in (1, 2):
        names = _numbered(configured, step)
        classes = {names[group][0] for group in groups if group in names}
        if set(groups) == {group for group, (kind, _) in names.items() if kind in classes}:
            return {group: names[group][1] for group in groups}
    raise Hdf5Error(
        f"holds the weights {', '.join(groups)}, which are not numbered as the layers of its configuration: "
        "which is which can't be told; load it there, and save the weights as .h5"
    )


def _numbered(configured: Sequence[ConfiguredLayer], step: int) -> dict[str, tuple[str, str]]:
    """Return the class and the name of each layer by its group, whose numbers grow by `step` in each class."""
    names: dict[str, tuple[str, str]] = {}
    count: dict[str, int] = {}
    for layer in configured:
        kind = _snake_case(layer.class_name)
        number = count.get(kind, 0)
        count[kind] = number + step
        group = f"{kind}_{number}" if number else kind
        if group in names:
            raise Hdf5Error(f"has two layers in its configuration for one group of weights, {group!r}")
        names[group] = (kind, layer.name)
    return names


def _snake_case(name: str) -> str:
    """Return `name` as Keras spells it in its weight files; source: `keras.src.utils.naming.to_snake_case`."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()
