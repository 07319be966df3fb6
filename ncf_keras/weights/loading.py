"""Weights into a model, by layer name, all of them or none; and the model that the weights of a file belong to.

Only names and numbers are taken from a file, never code or a configuration, so it may come from anyone.
"""

import itertools
import os
import shlex
from collections.abc import Iterable, Mapping
from typing import Any

import keras
import numpy as np

from ncf_keras.base.errors import InputError
from ncf_keras.models.checks import SIDES, sides_in_word
from ncf_keras.models.features import IdentityDropout
from ncf_keras.models.layer_names import feature_name, session_name
from ncf_keras.models.recent import NO_ITEM, RECENT_ITEMS
from ncf_keras.models.spec import ModelSpec
from ncf_keras.weights.groups import Layers
from ncf_keras.weights.renaming import rename_command, renamed
from ncf_keras.weights.weight_file import WeightFile, read_weight_file

Shapes = dict[str, list[tuple[int, ...]]]

_PLAIN = ("user_embedding", "item_embedding")
_MF = ("mf_embedding_user", "mf_embedding_item")
_MLP = ("mlp_embedding_user", "mlp_embedding_item")
# Which features each user and each item has; layers that are there if any are known.
_CODES = ("user_features", "item_features")


class _OtherNames(InputError):
    """The layers are called otherwise than those of GMF, MLP and NeuMF."""


def load_weights(
    model: keras.Model, path: str | os.PathLike, *, rename: Mapping[str, str] | None = None
) -> WeightFile:
    """Load the weights of a file of Keras 1, 2 or 3 into a model, layer by layer by name; return what was read.

    The model is built, and its layers have the names that the file has, as those of `build_gmf`, `build_mlp`
    and `build_neumf` do, or those that `rename` gives them: `{"embedding": "user_embedding"}`. If a layer is
    missing in the file, is not in the model, or has another shape, the message of the InputError is a table,
    and the model stays as it was.
    """
    file = read_weight_file(path, rename=rename)
    assign_layers(model, file.layers, source=str(file.path))
    return file


def load_model(path: str | os.PathLike, *, rename: Mapping[str, str] | None = None) -> keras.Model:
    """Return the GMF, MLP or NeuMF in a weight file of Keras 1, 2 or 3; its sizes are read from the file.

    `rename` gives new names to layers that are called otherwise than ours: `{"embedding": "user_embedding"}`.
    """
    return build_model_for(read_weight_file(path, rename=rename))


def build_model_for(file: WeightFile) -> keras.Model:
    """Build the GMF, MLP or NeuMF that the weights of a file belong to, without penalties, and load them."""
    model = sizes_of_file(file).build()
    assign_layers(model, file.layers, str(file.path))
    return model


def sizes_of_file(file: WeightFile) -> ModelSpec:
    """Tell the model and its sizes from a file, as `model_sizes` does.

    Raises:
        InputError: as there; where the layers have other names than ours, the sentence ends with the command
            that gives them these, with the names filled in if the file's wiring tells which is which.
    """
    try:
        return model_sizes(file.layers, str(file.path))
    except _OtherNames as error:
        raise InputError(f"{error}{_way_on(file)}") from None


def _way_on(file: WeightFile) -> str:
    if file.our_names is not None:
        names, by_order = file.our_names
        command = rename_command(file.path, names)
        try:
            spec = model_sizes(renamed(file.layers, names, str(file.path)), str(file.path))
        except InputError:
            command = None
        if command:
            taken = ", if its first input is the users'" if by_order else ""
            return f", which are wired as {sizes_in_words(spec)}{taken}; to name them so: {command}"
    path = shlex.quote(str(file.path))
    return f"; if they are those under other names: ncf convert {path} --rename OLD=NEW,… --to OUT"


def model_sizes(layers: Layers, source: str) -> ModelSpec:
    """Tell the model and its sizes from the names and shapes of its weights; penalties leave no trace in them.

    GMF and MLP have the same embeddings. They are told apart by the rows of the prediction kernel: in GMF as
    many as an embedding is wide, in an MLP without hidden layers (MLP-0) twice as many.

    Args:
        layers: the arrays of each layer, as in `WeightFile.layers`.
        source: where they come from, for the error.

    Raises:
        InputError: they are the layers of none of the three models, or contradict each other.
    """
    hidden = list(itertools.takewhile(layers.__contains__, (f"layer{n}" for n in itertools.count(1))))

    def shape(name: str) -> tuple[int, int]:
        found = layers[name][0].shape
        if len(found) != 2:
            raise InputError(
                f"{source} must hold tables and kernels of two dimensions. Received: {name} of {found}"
            )
        return found

    def counts_and_width(tables: tuple[str, str]) -> tuple[int, int, int]:
        """Return the users, the items and the width of a tower, by its tables, or by those of features."""
        users, items = (
            shape(each if each in layers else codes)[0] for each, codes in zip(tables, _CODES, strict=True)
        )
        own = tables[0] if tables[0] in layers else feature_name(tables[0])
        return users, items, shape(own)[1]

    names = set(layers) - set(hidden)
    if _are_of(names, (_MF, _MLP)):
        kind, tables = "NeuMF", _MLP
    elif _are_of(names, (_PLAIN,)):
        kind, tables = "MLP", _PLAIN
        if not hidden and shape("prediction")[0] == counts_and_width(tables)[2]:
            kind = "GMF"
    else:
        raise _OtherNames(
            f"{source} must hold the layers of GMF, MLP or NeuMF. Received: {', '.join(sorted(layers))}"
        )
    num_users, num_items, width = counts_and_width(tables)
    sizes: dict[str, Any] = {"num_users": num_users, "num_items": num_items}
    for codes, table in zip(_CODES, tables, strict=True):
        if codes in layers:
            sizes[codes] = (shape(feature_name(table))[0], shape(codes)[1])
    if kind != "MLP":
        sizes["num_factors"] = width if kind == "GMF" else counts_and_width(_MF)[2]
    if kind != "GMF":
        sizes["layers"] = (2 * width, *(shape(name)[1] for name in hidden))
    if RECENT_ITEMS in layers:
        sizes["recent"] = shape(RECENT_ITEMS)[1]
    present = [side for side, table in zip(SIDES, tables, strict=True) if table in layers]
    sizes["identity"] = sides_in_word(present)
    spec = ModelSpec(kind, **sizes)
    require_shapes(expected_shapes(spec), shapes_of(layers), kind, source)
    if spec.recent:
        _require_items(layers[RECENT_ITEMS][0], num_items, source)
    return spec


def _require_items(recent: np.ndarray, num_items: int, source: str) -> None:
    """Raise InputError unless the recent items of a model are indices of its items, or `NO_ITEM`."""
    is_item = (recent >= NO_ITEM) & (recent < num_items) & (recent == np.trunc(recent))
    if not is_item.all():
        raise InputError(
            f"{source} must hold as {RECENT_ITEMS} whole numbers from {NO_ITEM} to {num_items - 1}. "
            f"Received: {recent[~is_item][0]}"
        )


def _are_of(names: set[str], towers: Iterable[tuple[str, str]]) -> bool:
    """Tell whether layers are those of some towers: of each side the identities, the features, or both."""
    expected = {"prediction"}
    for side, codes in enumerate(_CODES):
        tables = [tables[side] for tables in towers]
        if codes in names:
            expected |= {codes, *map(feature_name, tables)}
        if codes not in names or tables[0] in names:
            expected |= set(tables)
    if RECENT_ITEMS in names:
        expected |= {RECENT_ITEMS, *(session_name(tables[0]) for tables in towers)}
    return names == expected


def sizes_in_words(spec: ModelSpec) -> str:
    """Return the kind and the sizes of a model, such as `GMF, 6040 users, 3706 items, 8 factors`."""
    factors = f", {spec.num_factors} factors" if spec.kind != "MLP" else ""
    layers = f", layers {list(spec.layers)}" if spec.kind != "GMF" else ""
    features = [(spec.user_features, "of users"), (spec.item_features, "of items")]
    known = "".join(f", {sizes[0]} features {whose}" for sizes, whose in features if sizes)
    recent = f", {spec.recent} recent items" if spec.recent else ""
    identity = "" if spec.identity == "both" else f", identity: {spec.identity}"
    more = f"{factors}{layers}{known}{recent}{identity}"
    return f"{spec.kind}, {spec.num_users} users, {spec.num_items} items{more}"


def tables_of(kind: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names of the user embeddings and of the item embeddings of a model, GMF tower's first."""
    users, items = zip(*((_MF, _MLP) if kind == "NeuMF" else (_PLAIN,)), strict=True)
    return users, items


def expected_shapes(spec: ModelSpec) -> Shapes:
    """Return the shapes of the arrays of each layer with weights: the table, or the kernel and the bias."""
    shapes: Shapes = {}
    top = 0
    if spec.kind != "MLP":
        shapes |= _shapes_of_tables(spec, _MF if spec.kind == "NeuMF" else _PLAIN, spec.num_factors)
        top += spec.num_factors
    if spec.kind != "GMF":
        shapes |= _shapes_of_tables(spec, _MLP if spec.kind == "NeuMF" else _PLAIN, spec.layers[0] // 2)
        for number, (rows, columns) in enumerate(itertools.pairwise(spec.layers), 1):
            shapes[f"layer{number}"] = [(rows, columns), (columns,)]
        top += spec.layers[-1]
    return {**shapes, "prediction": [(top, 1), (1,)]}


def _shapes_of_tables(spec: ModelSpec, tables: tuple[str, str], width: int) -> Shapes:
    """Return the shapes of the tables of a tower, and of the codes of features."""
    shapes: Shapes = {}
    counts, features = (spec.num_users, spec.num_items), (spec.user_features, spec.item_features)
    for table, codes, count, sizes in zip(tables, _CODES, counts, features, strict=True):
        if spec.identity in ("both", codes.removesuffix("_features")):
            shapes[table] = [(count, width)]
        if sizes:
            shapes |= {codes: [(count, sizes[1])], feature_name(table): [(sizes[0], width)]}
    if spec.recent:
        shapes[RECENT_ITEMS] = [(spec.num_users, spec.recent)]
        shapes[session_name(tables[0])] = [(spec.recent,), (width, width)]
    return shapes


def assign_layers(model: keras.Model, layers: Layers, source: str) -> None:
    """Set all weights of a built model to the arrays of its layers, which came from `source`, if all fit."""
    kept = [layer for layer in model.layers if _has_weights(layer)]
    expected = {layer.name: [tuple(weight.shape) for weight in layer.weights] for layer in kept}
    require_shapes(expected, shapes_of(layers), model.name, source)
    _require_codes(layers, source)
    for layer in kept:
        layer.set_weights(list(layers[layer.name]))


def layers_of(model: keras.Model) -> Layers:
    """Return a copy of the arrays of each layer of a model that has weights: (table,) or (kernel, bias)."""
    return {layer.name: tuple(layer.get_weights()) for layer in model.layers if _has_weights(layer)}


def _require_codes(layers: Layers, source: str) -> None:
    """Raise InputError unless the features of each row are among those of the tables, each once."""
    for side, codes in enumerate(_CODES):
        names = [feature_name(tables[side]) for tables in (_PLAIN, _MF, _MLP)]
        tables = [layers[name][0] for name in names if name in layers]
        if codes not in layers or not tables:
            continue
        rows, count = layers[codes][0], len(tables[0])
        in_order = np.sort(rows, axis=1)
        repeated = (in_order[:, 1:] == in_order[:, :-1]) & (in_order[:, 1:] != 0)
        if not ((rows >= 0) & (rows <= count) & (rows == np.floor(rows))).all() or repeated.any():
            rule = f"hold in {codes} the features of each row, each once: whole numbers up to {count}"
            raise InputError(f"{source} must {rule}. Received: others")


def _has_weights(layer: keras.layers.Layer) -> bool:
    """Tell whether a layer has weights; what `IdentityDropout` draws from are none."""
    return bool(layer.weights) and not isinstance(layer, IdentityDropout)


def shapes_of(layers: Layers) -> Shapes:
    """Return the shapes of the arrays of each layer."""
    return {name: [array.shape for array in arrays] for name, arrays in layers.items()}


def shapes_in_words(shapes: list[tuple[int, ...]] | None) -> str:
    """Return shapes as people write them: `6040 x 8` for a table, `16 x 8 + 8` for a kernel and a bias."""
    if shapes is None:
        return "-"
    return " + ".join(" x ".join(str(size) for size in shape) or "1 number" for shape in shapes)


def require_shapes(expected: Shapes, found: Shapes, model_name: str, source: str) -> None:
    """Raise InputError with a table unless the layers and their shapes are the expected ones."""
    if expected == found:
        return
    rows = [("layer", "expected", "found", "")]
    for name in {**expected, **found}:
        wanted, got = expected.get(name), found.get(name)
        if wanted == got:
            remark = "ok"
        elif got is None:
            remark = "missing"
        else:
            remark = "not in the model" if wanted is None else "another shape"
        rows.append((name, shapes_in_words(wanted), shapes_in_words(got), remark))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    table = "\n".join(f"  {line}" for line in lines)
    raise InputError(f"{source} must have exactly the layers of the model {model_name}. Received:\n{table}")
