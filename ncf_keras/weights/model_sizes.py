"""Which of the three models a set of weights belongs to, and its sizes, told from names and shapes alone."""

import itertools
import os
from dataclasses import dataclass

import keras

from ncf_keras.base.errors import InputError
from ncf_keras.models import build_gmf, build_mlp, build_neumf
from ncf_keras.weights.loading import Shapes, assign_layers, require_shapes, shapes_of
from ncf_keras.weights.weight_file import Layers, WeightFile, read_weight_file

_PLAIN = ("user_embedding", "item_embedding")
_MF = ("mf_embedding_user", "mf_embedding_item")
_MLP = ("mlp_embedding_user", "mlp_embedding_item")


@dataclass(frozen=True)
class ModelSizes:
    """What a builder needs to know to make room for some weights.

    Attributes:
        model: `GMF`, `MLP` or `NeuMF`.
        num_users: rows of the user tables.
        num_items: rows of the item tables.
        num_factors: width of the GMF embeddings; None for MLP.
        layers: widths of the MLP tower as `build_mlp` takes them; None for GMF.
    """

    model: str
    num_users: int
    num_items: int
    num_factors: int | None
    layers: tuple[int, ...] | None

    def __str__(self) -> str:
        factors = f", {self.num_factors} factors" if self.num_factors else ""
        layers = f", layers {list(self.layers)}" if self.layers else ""
        return f"{self.model}, {self.num_users} users, {self.num_items} items{factors}{layers}"

    def build(self) -> keras.Model:
        """Build the model, without regularisation, with fresh initial weights."""
        users_items = (self.num_users, self.num_items)
        if self.model == "GMF":
            return build_gmf(*users_items, self.num_factors)
        no_penalties = [0] * len(self.layers)
        if self.model == "MLP":
            return build_mlp(*users_items, self.layers, no_penalties)
        return build_neumf(*users_items, self.num_factors, self.layers, no_penalties)

    def shapes(self) -> Shapes:
        """Return the shapes of the arrays of each layer with weights: the table, or the kernel and the bias."""
        shapes, top = {}, 0
        if self.num_factors:
            user, item = _MF if self.layers else _PLAIN
            shapes[user] = [(self.num_users, self.num_factors)]
            shapes[item] = [(self.num_items, self.num_factors)]
            top = self.num_factors
        if self.layers:
            user, item = _MLP if self.num_factors else _PLAIN
            shapes[user] = [(self.num_users, self.layers[0] // 2)]
            shapes[item] = [(self.num_items, self.layers[0] // 2)]
            for number, (rows, columns) in enumerate(itertools.pairwise(self.layers), 1):
                shapes[f"layer{number}"] = [(rows, columns), (columns,)]
            top += self.layers[-1]
        return {**shapes, "prediction": [(top, 1), (1,)]}


def model_sizes(layers: Layers, source: str) -> ModelSizes:
    """Tell the model and its sizes from the weights of its layers.

    GMF and MLP have the same embeddings. They are told apart by the rows of the prediction kernel: in GMF as
    many as an embedding is wide, in an MLP without hidden layers (MLP-0) twice as many.

    Args:
        layers: the arrays of each layer, as in `WeightFile.layers`.
        source: where they come from, for the error.

    Raises:
        InputError: they are the layers of none of the three models, or contradict each other.
    """
    hidden = list(itertools.takewhile(layers.__contains__, (f"layer{n}" for n in itertools.count(1))))
    names = set(layers) - set(hidden)
    if names == {*_MF, *_MLP, "prediction"}:
        model, mf_user, (user, item) = "NeuMF", _MF[0], _MLP
    elif names == {*_PLAIN, "prediction"}:
        mf_user, (user, item) = _PLAIN[0], _PLAIN
        is_gmf = not hidden and _shape(layers, "prediction", source)[0] == _shape(layers, user, source)[1]
        model = "GMF" if is_gmf else "MLP"
    else:
        raise InputError(
            f"{source} must hold the layers of GMF, MLP or NeuMF. Received: {', '.join(sorted(layers))}"
        )
    num_users, half = _shape(layers, user, source)
    sizes = ModelSizes(
        model,
        num_users,
        _shape(layers, item, source)[0],
        None if model == "MLP" else _shape(layers, mf_user, source)[1],
        None if model == "GMF" else (2 * half, *(_shape(layers, name, source)[1] for name in hidden)),
    )
    require_shapes(sizes.shapes(), shapes_of(layers), model, source)
    return sizes


def _shape(layers: Layers, name: str, source: str) -> tuple[int, int]:
    shape = layers[name][0].shape
    if len(shape) != 2:
        raise InputError(
            f"{source} must hold tables and kernels of two dimensions. Received: {name} of {shape}"
        )
    return shape


def build_model_for(file: WeightFile) -> keras.Model:
    """Build the model that the weights of a file belong to, and give it these weights.

    Args:
        file: from `read_weight_file`.

    Returns:
        GMF, MLP or NeuMF as `build_gmf` and its kin make them, without regularisation.

    Raises:
        InputError: the weights are of none of the three.
    """
    model = model_sizes(file.layers, str(file.path)).build()
    assign_layers(model, file.layers, str(file.path))
    return model


def load_model(path: str | os.PathLike) -> keras.Model:
    """Return the GMF, MLP or NeuMF in a weight file of any Keras; its sizes are read from the file.

    Only names and numbers are taken from the file, never code or a configuration, so it may come from anyone.

    Raises:
        InputError: as `read_weight_file` and `build_model_for`.
    """
    return build_model_for(read_weight_file(path))
