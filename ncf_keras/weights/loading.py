"""Weights into a model: by layer name, all of them or none."""

import os

import keras

from ncf_keras.base.errors import InputError
from ncf_keras.weights.weight_file import Layers, WeightFile, read_weight_file

Shapes = dict[str, list[tuple[int, ...]]]


def load_weights(model: keras.Model, path: str | os.PathLike) -> WeightFile:
    """Load the weights of a file of any Keras into a model, layer by layer by name.

    Args:
        model: built; its layers have the names that the file has, as those of `build_gmf` and its kin do.
        path: see `read_weight_file`.

    Returns:
        What was read.

    Raises:
        InputError: the file can't be read, or a layer is missing in it, is not in the model, or has another
            shape; the message is a table. The model is then as it was.
    """
    file = read_weight_file(path)
    assign_layers(model, file.layers, source=str(file.path))
    return file


def assign_layers(model: keras.Model, layers: Layers, source: str) -> None:
    """Set all weights of a model after checking that all of them fit.

    Args:
        model: built.
        layers: the arrays of each layer that has weights.
        source: where they come from, for the error.

    Raises:
        InputError: as `load_weights`.
    """
    expected = {layer.name: [tuple(weight.shape) for weight in layer.weights] for layer in model.layers}
    expected = {name: shapes for name, shapes in expected.items() if shapes}
    require_shapes(expected, shapes_of(layers), model.name, source)
    for layer in model.layers:
        if layer.weights:
            layer.set_weights(list(layers[layer.name]))


def layers_of(model: keras.Model) -> Layers:
    """Return a copy of the arrays of each layer of a model that has weights: (table,) or (kernel, bias)."""
    return {layer.name: tuple(layer.get_weights()) for layer in model.layers if layer.weights}


def shapes_of(layers: Layers) -> Shapes:
    """Return the shapes of the arrays of each layer."""
    return {name: [array.shape for array in arrays] for name, arrays in layers.items()}


def require_shapes(expected: Shapes, found: Shapes, model_name: str, source: str) -> None:
    """Raise InputError with a table unless the layers and their shapes are the expected ones."""
    if expected != found:
        raise InputError(
            f"{source} must have exactly the layers of the model {model_name}. "
            f"Received:\n{_table(expected, found)}"
        )


def sizes_in_words(shapes: list[tuple[int, ...]] | None) -> str:
    """Return shapes as people write them: `6040 x 8` for a table, `16 x 8 + 8` for a kernel and a bias."""
    if shapes is None:
        return "-"
    return " + ".join(" x ".join(str(size) for size in shape) or "1 number" for shape in shapes)


def _table(expected: Shapes, found: Shapes) -> str:
    rows = [("layer", "expected", "found", "")]
    for name in [*expected, *(name for name in found if name not in expected)]:
        wanted, got = expected.get(name), found.get(name)
        if wanted == got:
            remark = "ok"
        elif got is None:
            remark = "missing"
        else:
            remark = "not in the model" if wanted is None else "another shape"
        rows.append((name, sizes_in_words(wanted), sizes_in_words(got), remark))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return "\n".join(
        "  "
        + "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3]]).rstrip()
        for row in rows
    )
