"""The configuration of a Keras model, JSON from a stranger: which layers it has and what they are wired to.

Nothing is built of it. Keras 1 to 3 describe a functional model by the list `config.layers`, each layer with
its class, its name, and its calls under `inbound_nodes`. A tensor is named by the layer that made it and two
numbers, `["flatten", 0, 0]`: in Keras 1 and 2 in a list, in Keras 3 as the `keras_history` of a tensor.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

# Read as objects of Python, JSON takes up to thirty times its size. That of a model of the paper has some KiB.
LARGEST_CONFIGURATION = 2**22
# Keras nests the description of a tensor six levels deep at most.
_DEEPEST = 20


class ConfigurationError(Exception):
    """This is no configuration of a functional model; the message says why, to follow the word `that`."""


@dataclass(frozen=True)
class ConfiguredLayer:
    """A layer as a configuration describes it.

    Attributes:
        class_name: such as `Embedding`.
        name: such as `user_embedding`.
        operation: what a layer of a general class does, such as `math.multiply` or `concat`; "" if not said.
        activation: such as `relu`; "" if not said.
        calls: for each call of the layer, the layers whose tensors it was given, in order.
    """

    class_name: str
    name: str
    operation: str
    activation: str
    calls: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Configuration:
    """A model as its configuration describes it: all layers, and the names of those at both ends."""

    layers: tuple[ConfiguredLayer, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


def read_configuration(text: str | bytes) -> Configuration:
    """Return what the JSON of a configuration says.

    Raises:
        ConfigurationError: it is not JSON, or does not describe a functional model.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise ConfigurationError("is not JSON") from None
    model = _member(document, "config")
    layers = _member(model, "layers")
    if not isinstance(layers, list):
        raise ConfigurationError("does not describe a functional Keras model")
    ends = [tuple(_tensors(model.get(f"{end}_layers"))) for end in ("input", "output")]
    return Configuration(tuple(map(_layer, layers)), *ends)


def _layer(described: Any) -> ConfiguredLayer:
    class_name, settings = _member(described, "class_name"), _member(described, "config")
    name = _member(settings, "name")
    if not isinstance(class_name, str) or not isinstance(name, str):
        raise ConfigurationError("does not describe a functional Keras model")
    # What the class `TFOpLambda` of Keras 2 does, and `Merge` of Keras 1.
    operation = settings.get("function", settings.get("mode"))
    calls = described.get("inbound_nodes")
    return ConfiguredLayer(
        class_name,
        name,
        operation if isinstance(operation, str) else "",
        _activation(class_name, settings),
        tuple(tuple(_tensors(call)) for call in calls) if isinstance(calls, list) else (),
    )


def _activation(class_name: str, settings: dict[str, Any]) -> str:
    if class_name == "ReLU":
        is_plain = not any(settings.get(bend) for bend in ("max_value", "negative_slope", "threshold"))
        return "relu" if is_plain else "another relu"
    said = settings.get("activation", "")
    return said if isinstance(said, str) else "a function"


def _member(described: object, key: str) -> Any:
    if not isinstance(described, dict) or key not in described:
        raise ConfigurationError("does not describe a functional Keras model")
    return described[key]


def _tensors(value: object, depth: int = 0) -> Iterator[str]:
    """Yield the layers whose tensors a value names, in order."""
    if depth > _DEEPEST:
        raise ConfigurationError("does not describe a functional Keras model")
    if isinstance(value, list):
        if len(value) >= 3 and isinstance(value[0], str) and isinstance(value[1], int):
            yield value[0]
            value = value[3:]
        for part in value:
            yield from _tensors(part, depth + 1)
    elif isinstance(value, dict):
        for part in value.values():
            yield from _tensors(part, depth + 1)
