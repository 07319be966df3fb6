"""What the layers of a model are called in GMF, MLP and NeuMF, told from what they are wired to.

Keras calls layers `embedding`, `embedding_1`, `dense` unless it is told names. Which is the users' table and
which the items', and which belongs to which part, is then said by the wiring alone. A model that is wired in
any other way than the three is none of them: nothing is guessed. So is one with other activations: its weights
would give other scores in our layers.
"""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple, TypeVar

from ncf_keras.weights.configuration import Configuration, ConfiguredLayer

Value = TypeVar("Value")

# More than a file has arrays.
_MOST_LAYERS = 1000
# Layers without weights that leave each number where it is among the others, if not what it is.
_PASSING = {"Flatten", "Reshape", "Dropout", "Activation", "ReLU"}
# Classes, and for classes that do several things what a layer does.
_PRODUCTS = {("Multiply", ""), ("TFOpLambda", "math.multiply"), ("Merge", "mul")}
_CONCATENATIONS = {("Concatenate", ""), ("TFOpLambda", "concat"), ("Merge", "concat")}
_SIDES = ("user", "item")
# A sigmoid leaves the items of a user in the order that they have without it.
_OF_HIDDEN, _OF_PREDICTION = ("", "relu"), ("", "sigmoid", "linear")


class OurNames(NamedTuple):
    """The name in GMF, MLP or NeuMF of each layer with weights.

    Attributes:
        names: from the layer's own name to ours.
        by_order: whether the first input was taken for the users', because no name says so.
    """

    names: dict[str, str]
    by_order: bool


class _Table(NamedTuple):
    embedding: str
    input: str


class _Another(Exception):
    """The model is none of the three."""


def names_by_wiring(configuration: Configuration) -> OurNames | None:
    """Return what GMF, MLP or NeuMF call the layers of a model; None if it is wired as none of them."""
    try:
        return _Wiring(configuration).our_names()
    except _Another:
        return None


class _Wiring:
    """A configured model, walked from its output back to its inputs."""

    def __init__(self, configuration: Configuration):
        self._layers = {layer.name: layer for layer in configuration.layers}
        self._inputs = configuration.inputs
        self._outputs = configuration.outputs
        if len(self._inputs) != 2 or len(set(self._inputs)) != 2:
            raise _Another
        if len(self._layers) != len(configuration.layers) or len(self._layers) > _MOST_LAYERS:
            raise _Another

    def our_names(self) -> OurNames:
        """Return the names of all layers with weights."""
        prediction = self._maker(_only(self._outputs))
        top = self._source(prediction)
        joined = self._pair(top) if _is(top, _CONCATENATIONS) else ()
        joints: dict[str, ConfiguredLayer] = {}
        hidden: list[str] = []
        pattern = "{}_embedding"
        if joined and _is(joined[0], _PRODUCTS):
            (joints["mf_embedding_{}"], top), pattern = joined, "mlp_embedding_{}"
        if joints or not _is(top, _PRODUCTS):
            hidden, top = self._tower(top)
        joints[pattern] = top
        pairs = {pattern: self._tables(joint) for pattern, joint in joints.items()}
        users, by_order = self._input_of_users([table for pair in pairs.values() for table in pair])
        names: dict[str, str] = {}
        for pattern, pair in pairs.items():
            # The kernel behind a concatenation has the rows of the first vector first: the users', as ours has.
            if _is(joints[pattern], _CONCATENATIONS) and pair[0].input != users:
                raise _Another
            names |= {table.embedding: pattern.format(_SIDES[table.input != users]) for table in pair}
        names |= {name: f"layer{number}" for number, name in enumerate(hidden, 1)}
        names[self._dense(prediction, _OF_PREDICTION)] = "prediction"
        if len(names) != 2 * len(pairs) + len(hidden) + 1:
            raise _Another
        return OurNames(names, by_order)

    def _tower(self, top: ConfiguredLayer) -> tuple[list[str], ConfiguredLayer]:
        """Return the names of the hidden layers, the lowest first, and the concatenation below them."""
        hidden: list[str] = []
        while not _is(top, _CONCATENATIONS):
            if self._dense(top, _OF_HIDDEN) in hidden:
                raise _Another
            hidden.append(top.name)
            top = self._source(top)
        return hidden[::-1], top

    def _tables(self, joint: ConfiguredLayer) -> tuple[_Table, _Table]:
        """Return the tables whose vectors a product or a concatenation joins, of one input each."""
        first, second = map(self._table, self._pair(joint))
        if first.input == second.input or first.embedding == second.embedding:
            raise _Another
        return first, second

    def _table(self, layer: ConfiguredLayer) -> _Table:
        name = _only(_only(layer.calls))
        if layer.class_name != "Embedding" or layer.activation or name not in self._inputs:
            raise _Another
        return _Table(layer.name, name)

    def _input_of_users(self, tables: Sequence[_Table]) -> tuple[str, bool]:
        """Return the users' input, and whether no name tells it, so that it is the first."""
        told = set()
        for table in tables:
            place = self._inputs.index(table.input)
            for side in filter(None, map(_side_in, table)):
                told.add(place if side == "user" else 1 - place)
        if len(told) > 1:
            raise _Another
        return self._inputs[min(told, default=0)], not told

    def _dense(self, layer: ConfiguredLayer, activations: tuple[str, ...]) -> str:
        if layer.class_name != "Dense" or layer.activation not in activations:
            raise _Another
        return layer.name

    def _source(self, layer: ConfiguredLayer) -> ConfiguredLayer:
        return self._maker(_only(_only(layer.calls)))

    def _pair(self, layer: ConfiguredLayer) -> tuple[ConfiguredLayer, ConfiguredLayer]:
        sources = _only(layer.calls)
        if len(sources) != 2:
            raise _Another
        return self._maker(sources[0]), self._maker(sources[1])

    def _maker(self, name: str) -> ConfiguredLayer:
        """Return the layer that made the numbers of the layer `name`, which may merely pass them on.

        Its activation is all that was done to each number since.
        """
        activations: set[str] = set()
        for _ in self._layers:
            layer = self._layers.get(name)
            if layer is None:
                raise _Another
            activations.add(layer.activation)
            if layer.class_name not in _PASSING:
                done = " and ".join(sorted(activations - {"", "linear"}))
                return dataclasses.replace(layer, activation=done or layer.activation)
            name = _only(_only(layer.calls))
        raise _Another


def _only(values: Sequence[Value]) -> Value:
    if len(values) != 1:
        raise _Another
    return values[0]


def _is(layer: ConfiguredLayer, kinds: set[tuple[str, str]]) -> bool:
    return (layer.class_name, layer.operation) in kinds and not layer.activation


def _side_in(name: str) -> str | None:
    """Return the side that a name tells, if it tells one."""
    told = [side for side in _SIDES if side in name.lower()]
    return told[0] if len(told) == 1 else None
