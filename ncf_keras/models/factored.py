"""GMF, MLP and NeuMF with their first hidden layer split into a user half and an item half.

That layer is linear in [p_u, q_i] before its activation: W [p_u, q_i] + b = (W_u p_u + b) + W_i q_i. So each
half is computed once for each user and item rather than once for each pair; of NeuMF with 64 factors that
saves 131,072 of 172,160 multiplications a pair. GMF's output weights go into its user half in the same way.
"""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from ncf_keras.base.errors import InputError
from ncf_keras.base.float32 import tensor_float_32
from ncf_keras.models.features import FeatureCodes, FeatureEmbedding, IdentityDropout
from ncf_keras.models.latent_tables import LatentTable
from ncf_keras.models.layer_names import feature_name, session_name, sum_name
from ncf_keras.models.recent import RECENT_INPUT, RECENT_ITEMS, RecentItems, SessionVector

JOINS = (keras.layers.Multiply, keras.layers.Concatenate)
# Those that hand on what they get, each tensor by itself.
PASSED_OVER = (keras.layers.Flatten, IdentityDropout)
LAYERS = (
    *JOINS,
    *PASSED_OVER,
    keras.layers.InputLayer,
    keras.layers.Embedding,
    keras.layers.Dense,
    keras.layers.Add,
    FeatureCodes,
    FeatureEmbedding,
    RecentItems,
    SessionVector,
)

# Names of the embeddings, `{}` for the side: of GMF and MLP, and of the towers of NeuMF.
TABLES = ("{}_embedding", "mf_embedding_{}", "mlp_embedding_{}")
# A layer's name (of a join, its class) and the wirings of what feeds it.
Wiring = tuple[Any, ...]
# What a second call of an embedding gives.
LOOKED_UP: Wiring = ("looked up",)


class Halves(NamedTuple):
    """What scoring needs of each user and each item; None for a tower that the model does not have.

    Attributes:
        mf_user: h * p_u of the GMF tower, shape (users, factors).
        mf_item: q_i of the GMF tower, shape (items, factors).
        mlp_user: W_u p_u + b of the first layer over the MLP tower's vectors, shape (users, width).
        mlp_item: W_i q_i of the same layer, shape (items, width).
    """

    mf_user: Any = None
    mf_item: Any = None
    mlp_user: Any = None
    mlp_item: Any = None

    def of_users(self, users: tf.Tensor) -> "Halves":
        """Return the halves with the rows of these users alone, in this order."""
        return self._changed(lambda half: rows_of(half, users), "mf_user", "mlp_user")

    def with_users_alone(self, known: tf.Tensor) -> "Halves":
        """Return the halves with zeros in the rows of users who are not among `known`: bool, shape (users,)."""
        return self._changed(lambda half: tf.where(known[:, None], half, 0), "mf_user", "mlp_user")

    def of_items(self, items: tf.Tensor) -> "Halves":
        """Return the halves with the rows of these items alone, in this order."""
        return self._changed(lambda half: rows_of(half, items), "mf_item", "mlp_item")

    def between(self, start: tf.Tensor, stop: tf.Tensor) -> "Halves":
        """Return the halves with the rows of the items from `start` to before `stop` alone."""
        return self._changed(lambda half: half[start:stop], "mf_item", "mlp_item")

    def _changed(self, change: Callable[[Any], Any], *names: str) -> "Halves":
        halves = {name: getattr(self, name) for name in names}
        return self._replace(**{name: None if half is None else change(half) for name, half in halves.items()})


def rows_of(table: Any, rows: tf.Tensor) -> tf.Tensor:
    """Return some rows of a table.

    A variable is read before rows are taken: `tf.gather` of the variable itself would put it into a state, for
    ever, in which whoever reads it, if only for a stretch of it, gets a copy of all of it.
    """
    return tf.gather(tf.convert_to_tensor(table), rows)


class FactoredModel:
    """Scores pairs, or all items, as the model does, to float32 rounding.

    Args:
        model: one for which `can_factor` is true.

    Attributes:
        users: the tables of the users, GMF tower's before MLP tower's.
        items: those of the items.
        hidden: the hidden layers of the MLP tower, the one next to the embeddings first.
        output: the layer of the prediction.
        mf_width: latent factors of the GMF tower, 0 without one.
    """

    def __init__(self, model: keras.Model):
        layers: dict[str, Any] = {layer.name: layer for layer in model.layers}
        self.hidden = _hidden_layers(layers)
        self.output = layers["prediction"]
        kind = _kind(model)
        plain, mf, mlp = (
            tuple(LatentTable.of(layers, name.format(side), side) for side in ("user", "item"))
            for name in TABLES
        )
        self._mf: Any = {"GMF": plain, "NeuMF": mf}.get(kind or "")
        self._mlp: Any = {"MLP": plain, "NeuMF": mlp}.get(kind or "")
        self.mf_width = self._mf[0].width if self._mf else 0
        self.users: list[LatentTable] = [pair[0] for pair in (self._mf, self._mlp) if pair]
        self.items: list[LatentTable] = [pair[1] for pair in (self._mf, self._mlp) if pair]

    @property
    def num_users(self) -> int:
        """Rows of the user tables."""
        return self.users[0].rows

    @property
    def num_items(self) -> int:
        """Rows of the item tables."""
        return self.items[0].rows

    @property
    def widest(self) -> int:
        """The most numbers that `score_grid` holds between two layers for one user and item."""
        return max([1, *(layer.units for layer in self.hidden)])

    @tensor_float_32(False)
    def halves(self) -> Halves:
        """Return the halves of all users and items from the model's current weights."""
        halves = self.with_users(Halves(), [each.table() for each in self.users])
        return self.with_items(halves, [each.table() for each in self.items])

    def with_users(self, halves: Halves, tables: Sequence[tf.Tensor]) -> Halves:
        """Return the halves with any other users, by float32 tables as wide as those of `users`."""
        mf_user = mlp_user = None
        if self._mf:
            mf_user = tables[0] * self.output.kernel[: self.mf_width, 0]
        if self._mlp:
            bias = self.hidden[0].bias if self.hidden else 0.0
            mlp_user = tables[-1] @ self._first_kernel()[: self._mlp[0].width] + bias
        return halves._replace(mf_user=mf_user, mlp_user=mlp_user)

    def with_items(self, halves: Halves, tables: Sequence[tf.Tensor]) -> Halves:
        """Return the halves with any other items, by float32 tables as wide as those of `items`."""
        mf_item = tables[0] if self._mf else None
        mlp_item = tables[-1] @ self._first_kernel()[self._mlp[0].width :] if self._mlp else None
        return halves._replace(mf_item=mf_item, mlp_item=mlp_item)

    def _first_kernel(self) -> tf.Tensor:
        """Return the kernel that the MLP tower's vectors meet first: of `layer1`, or of the output layer."""
        kernel = self.hidden[0].kernel if self.hidden else self.output.kernel[self.mf_width :]
        return tf.convert_to_tensor(kernel)

    def item_vectors(self) -> np.ndarray:
        """Return a vector for each item; the product of two is how similar the items are, from -1 to 1.

        - GMF: h * q_i, by which a user's vector is multiplied in equation 9 of the paper. The factors of h
          count because q alone may be scaled at will, factor by factor, as long as h is scaled back.
        - MLP: the vector q_i.
        - NeuMF: both, each divided by its length, so that the product is the mean of the two towers' cosines.

        Returns:
            float32, shape (items, width), of length 1; a part of zeros stays zero.
        """
        parts = [_near_1(each.table().numpy()) for each in self.items]
        if self._mf:
            parts[0] = _near_1(parts[0] * self.output.kernel.numpy()[: self.mf_width, 0])
        lengths = [np.linalg.norm(part, axis=1, keepdims=True) for part in parts]
        scaled = [part / np.where(length == 0, 1, length) for part, length in zip(parts, lengths, strict=True)]
        return np.concatenate(scaled, axis=1) / np.float32(np.sqrt(len(parts)))

    def score_pairs(self, halves: Halves, users: tf.Tensor, items: tf.Tensor) -> tf.Tensor:
        """Return the predictions of pairs: float32, shape (pairs,), for int32 indices of that shape."""
        return tf.sigmoid(self.logits_of(halves.of_users(users).of_items(items)))

    def logits_of(self, pairs: Halves) -> tf.Tensor:
        """Return the predictions before the sigmoid, float32, shape (pairs,); a single row stands for all."""
        logits = tf.convert_to_tensor(self.output.bias)
        if self._mf:
            logits += tf.reduce_sum(pairs.mf_user * pairs.mf_item, -1)
        if self._mlp:
            logits += self._rest_of_tower(pairs.mlp_user + pairs.mlp_item)
        return logits

    def logits_and_slopes(self, pairs: Halves) -> tuple[tf.Tensor, Halves]:
        """Return what `logits_of` does, and the derivatives of each pair's logit by its own halves."""
        if not self._mlp:
            return self.logits_of(pairs), Halves(pairs.mf_item, pairs.mf_user)
        both = pairs.mlp_user + pairs.mlp_item
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(both)
            logits = self.logits_of(pairs._replace(mlp_user=both, mlp_item=0.0))
        slope = tape.gradient(logits, both)
        return logits, Halves(pairs.mf_item, pairs.mf_user, slope, slope)

    def score_grid(self, halves: Halves) -> tf.Tensor:
        """Return the predictions of every user with every item in `halves`: float32, shape (users, items)."""
        return tf.sigmoid(self.logit_grid(halves))

    def logit_grid(self, halves: Halves) -> tf.Tensor:
        """Return the predictions before the sigmoid of every user with every item: float32, (users, items)."""
        logits = tf.convert_to_tensor(self.output.bias)
        if self._mf:
            logits += tf.matmul(halves.mf_user, halves.mf_item, transpose_b=True)
        if self._mlp:
            logits += self._rest_of_tower(halves.mlp_user[:, None, :] + halves.mlp_item)
        return logits

    def score_users(self, halves: Halves, users: tf.Tensor) -> tf.Tensor:
        """Return the predictions of every item for some users: float32, shape (users, items)."""
        return self.score_grid(halves.of_users(users))

    def _rest_of_tower(self, first: tf.Tensor) -> tf.Tensor:
        """Return what the MLP tower adds to the logits, from the sum of the two halves, shape (…, width)."""
        if not self.hidden:
            return first[..., 0]
        vector = self.hidden[0].activation(first)
        for layer in self.hidden[1:]:
            vector = layer.activation(vector @ layer.kernel + layer.bias)
        return tf.linalg.matvec(vector, self.output.kernel[self.mf_width :, 0])


def can_factor(model: keras.Model) -> bool:
    """Tell whether the model is wired as one of `build_gmf`, `build_mlp` or `build_neumf`, names included.

    With features or without, with recent items or without.

    Activations of the hidden layers are free; a model that differs in anything else is none of them.
    """
    return _kind(model) is not None


def require_sizes(model: keras.Model, num_users: int, num_items: int, dataset_name: str) -> None:
    """Raise InputError if a GMF, MLP or NeuMF is for other numbers of users or items than a dataset has."""
    if not can_factor(model):
        return
    factored = FactoredModel(model)
    sizes = (factored.num_users, factored.num_items)
    if sizes != (num_users, num_items):
        raise InputError(
            f"`model` must be for the {num_users} users and {num_items} items of {dataset_name}. "
            f"Received: one for {sizes[0]} users and {sizes[1]} items"
        )


def require_factored(model: keras.Model, purpose: str) -> FactoredModel:
    """Return the parts of a GMF, MLP or NeuMF with finite weights; InputError, with `purpose`, for others."""
    if not can_factor(model):
        name = getattr(model, "name", None) or repr(model)
        raise InputError(f"`model` must be a GMF, MLP or NeuMF {purpose}. Received: {name}")
    for weight in model.weights:
        if not np.isfinite(weight.numpy()).all():
            raise InputError(f"`model` must have finite weights. Received: {weight.path}, which has others")
    return FactoredModel(model)


def _kind(model: keras.Model) -> str | None:
    if not getattr(model, "inputs", None) or any(type(layer) not in LAYERS for layer in model.layers):
        return None
    layers: dict[str, Any] = {layer.name: layer for layer in model.layers}
    output = layers.get("prediction")
    if not isinstance(output, keras.layers.Dense) or output.units != 1:
        return None
    dense = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    if output.activation is not keras.activations.sigmoid or not all(layer.use_bias for layer in dense):
        return None
    hidden = [layer.name for layer in _hidden_layers(layers)]
    # `input` and `output` are of a layer's first call: a layer that is called twice in a model is no maker.
    maker_of = {id(tensor): (layer, place) for layer in model.layers for place, tensor in _listed(layer.output)}
    for kind, wiring in _wirings(hidden, layers).items():
        if _is_wired(model.outputs[0], ("prediction", wiring), maker_of):
            return kind if _looks_recent_items_up(model, layers) else None
    return None


def _looks_recent_items_up(model: keras.Model, layers: Mapping[str, Any]) -> bool:
    """Tell whether recent items, if the model takes any, are looked up in the item tables of their towers."""
    if RECENT_ITEMS not in layers:
        return True
    # A second call of a layer is in its configuration alone.
    nodes = {layer["name"]: layer["inbound_nodes"] for layer in model.get_config()["layers"]}
    for user, item in ((name.format("user"), name.format("item")) for name in TABLES):
        if session_name(user) not in layers:
            continue
        (table, number, _), _ = _sources(nodes[session_name(user)][0])
        if table != item or _sources(nodes[item][number]) != [(RECENT_ITEMS, 0, 0)]:
            return False
    return True


def _sources(node: Mapping[str, Any]) -> list[tuple[str, int, int]]:
    """Return of which layer, at which of its calls, each input of a call is which output."""
    tensors = node["args"][0] if isinstance(node["args"][0], (list, tuple)) else node["args"]
    return [tuple(tensor["config"]["keras_history"]) for tensor in tensors]


def _listed(tensors: Any) -> Iterator[tuple[int, keras.KerasTensor]]:
    return enumerate(tensors if isinstance(tensors, list) else [tensors])


def _wirings(hidden: list[str], layers: Mapping[str, Any]) -> dict[str, Wiring]:
    """Return what feeds the output layer of each kind of model."""
    plain, mf, mlp = (
        tuple(_vector_wiring(name.format(side), side, layers) for side in ("user", "item")) for name in TABLES
    )
    towers: list[Wiring] = [("Concatenate", *plain), ("Concatenate", *mlp)]
    for name in hidden:
        towers = [(name, tower) for tower in towers]
    neumf = ("Concatenate", ("Multiply", *mf), towers[1])
    return {"GMF": ("Multiply", *plain), "MLP": towers[0], "NeuMF": neumf}


def _vector_wiring(identity: str, side: str, layers: Mapping[str, Any]) -> Wiring:
    """Return the wiring of the vectors of a side: its identities, its features, or both."""
    plain = (identity, (f"{side}_input",))
    features = (feature_name(identity), (f"{side}_features", (f"{side}_input",)))
    parts: list[Wiring] = [plain] if identity in layers or features[0] not in layers else []
    if features[0] in layers:
        parts.append(features)
    if side == "user" and session_name(identity) in layers:
        parts.append((session_name(identity), LOOKED_UP, (RECENT_ITEMS, ("user_input",), (RECENT_INPUT,))))
    return parts[0] if len(parts) == 1 else (sum_name(identity), *parts)


def _is_wired(
    tensor: keras.KerasTensor, wiring: Wiring, maker_of: Mapping[int, tuple[keras.layers.Layer, int]]
) -> bool:
    """Tell whether a tensor is the output of the wired layer, and the layer's inputs those of its parts."""
    if wiring == LOOKED_UP:
        return id(tensor) not in maker_of
    if id(tensor) not in maker_of:
        return False
    layer, place = maker_of[id(tensor)]
    sources = [] if isinstance(layer, keras.layers.InputLayer) else layer.input
    sources = sources if isinstance(sources, list) else [sources]
    if isinstance(layer, PASSED_OVER):
        return _is_wired(sources[place], wiring, maker_of)
    name = type(layer).__name__ if type(layer) in JOINS else layer.name
    return (
        name == wiring[0]
        and len(sources) == len(wiring) - 1
        and all(_is_wired(source, part, maker_of) for source, part in zip(sources, wiring[1:], strict=True))
    )


def _hidden_layers(layers: dict[str, Any]) -> list[Any]:
    names = itertools.takewhile(layers.__contains__, (f"layer{number}" for number in itertools.count(1)))
    return [layers[name] for name in names]


def _near_1(rows: np.ndarray) -> np.ndarray:
    """Return each row times a power of two, near 1: its length then neither overflows nor vanishes.

    Its direction keeps every bit.
    """
    return np.ldexp(rows, -np.frexp(np.abs(rows).max(axis=1, keepdims=True))[1])
