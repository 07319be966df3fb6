"""What a model is behind its tables: predictions from the rows that a batch looked up.

A model is split at what its inputs look up: embeddings, whose rows a step may keep apart from all else, and the
codes of features, which nothing trains. Everything behind them is the head, the features' embeddings included:
they are few, and move at every step.
"""

from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from tensorflow import Tensor

from ncf_keras.base.errors import InputError
from ncf_keras.models.checks import SIDES
from ncf_keras.models.factored import FactoredModel
from ncf_keras.models.features import FeatureCodes, IdentityDropout
from ncf_keras.training.precision import computing_in
from ncf_keras.training.steps.columns import ColumnsHead, can_use_columns
from ncf_keras.training.steps.feature_sums import FeatureSums
from ncf_keras.training.steps.state import OtherState, State


def on_gpu() -> bool:
    """Tell whether there is a GPU, on which TensorFlow then computes."""
    return bool(tf.config.list_physical_devices("GPU"))


def embeddings_of(model: keras.Model) -> list[list[keras.layers.Embedding]]:
    """Return, for each input of a model, the embeddings that it is looked up in."""
    return [_looked_up(model, keras.layers.Embedding, source) for source in model.inputs]


def splits_at_embeddings(model: keras.Model) -> bool:
    """Tell whether all embeddings are looked up by an input itself, and what is behind them is a model.

    The tables of each input must also have the same total width and dtype, for they share one array, and
    nothing but the embeddings and the codes of features may use the inputs.
    """
    embeddings = embeddings_of(model)
    widths = {sum(layer.output_dim for layer in layers) for layers in embeddings}
    found = [layer for layers in embeddings for layer in layers]
    everything = [layer for layer in model.layers if isinstance(layer, keras.layers.Embedding)]
    if len(widths) != 1 or widths == {0} or len(found) != len(everything):
        return False
    try:
        head = _behind(model)
    except ValueError:  # what Keras raises where the inputs lead to the output on other ways too
        return False
    # Keras 3.12 does not raise: its model then holds these inputs besides its own.
    inputs = [layer for layer in head.layers if isinstance(layer, keras.layers.InputLayer)]
    return len(inputs) == len(head.inputs)


class Head:
    """Computes predictions from the rows that a batch looked up.

    Args:
        model: one for which `splits_at_embeddings`.
        precision: of the products, see `computing_in`.

    Attributes:
        variables: what is trained behind the embeddings.
        others: its other state.
    """

    def __init__(self, model: keras.Model, precision: str = "float32"):
        self._precision = precision
        self._model = _behind(model)
        self._codes = [(place, layer) for place, layer in _codes_of(model)]
        self._known = [layer.codes.numpy() for _, layer in self._codes]
        self.variables = self._model.trainable_variables
        self.others = OtherState(self._model.non_trainable_variables)
        self._columns: ColumnsHead | None = None
        self._vectors: _Vectors | None = None
        if precision != "bfloat16" and not on_gpu() and can_use_columns(model):
            self._columns = ColumnsHead(model, self.variables)
            self._vectors = _Vectors(model, self._model)

    def require_same_features(self) -> None:
        """Raise InputError if users or items no longer have the features that the step was made with."""
        for (_, layer), codes in zip(self._codes, self._known, strict=True):
            if not np.array_equal(layer.codes.numpy(), codes):
                raise InputError(
                    f"`model` must have the features that its training began with. Received: other {layer.name}"
                )

    def features(self, ids: State) -> list[State]:
        """Return what is known of the rows of a batch, by the ids of each input; of sides with features."""
        if self._vectors:
            return self._vectors.features(ids)
        return [[layer(ids[place][:, None])] for place, layer in self._codes]

    def __call__(
        self, weights: State, others: State, rows: State, features: list[State]
    ) -> tuple[Tensor, State, list[Tensor]]:
        """Return the predictions, shape (examples, 1), the other state after them, and the penalties.

        Args:
            weights: like `variables`.
            others: the other state, as `others` keeps it.
            rows: of each embedding, shape (examples, width).
            features: those of the batch.
        """
        if self._columns and self._vectors:
            vectors, others = self._vectors(weights, self.others, others, rows, features)
            predictions, penalties = self._columns(weights, vectors)
            return predictions, others, penalties
        inputs = [*(part[:, None, :] for part in rows), *(codes for (codes,) in features)]
        with computing_in(self._model, self._precision):
            predictions, after, penalties = self._model.stateless_call(
                weights, self.others.given(others), inputs, training=True, return_losses=True
            )
        return predictions, self.others.kept(after), penalties


class _Vectors:
    """Makes the vectors of users and items, as `ColumnsHead` takes them, of what was looked up.

    The numbers are those of the Keras layers to rounding. The features of all towers of a side are looked up at
    once, in one table as wide as their vectors together.

    Args:
        model: one for which `can_factor`.
        head: what is behind its tables.
    """

    def __init__(self, model: keras.Model, head: keras.Model):
        factored = FactoredModel(model)
        flat = [layer for layers in embeddings_of(model) for layer in layers]
        places = {id(variable): place for place, variable in enumerate(head.trainable_variables)}
        seeds = {id(variable): place for place, variable in enumerate(head.non_trainable_variables)}
        layers: dict[str, Any] = {layer.name: layer for layer in model.layers}
        self._sides = []
        self._sums: list[tuple[int, FeatureSums]] = []
        for place, (side, tables) in enumerate(zip(SIDES, (factored.users, factored.items), strict=True)):
            if tables[0].features is not None and tables[0].codes is not None:
                codes = tables[0].codes.codes.numpy()
                self._sums.append((place, FeatureSums(codes, tables[0].features.num_features)))
            dropout = layers.get(f"{side}_identity_dropout")
            self._sides.append(
                _Side(
                    [None if each.identity is None else flat.index(each.identity) for each in tables],
                    [each.width for each in tables],
                    [places[id(each.features.embeddings)] for each in tables if each.features is not None],
                    dropout,
                    None if dropout is None else seeds[id(dropout.keys)],
                )
            )

    def features(self, ids: State) -> list[State]:
        """Return what is known of the rows of a batch: see `Head`."""
        return [sums.look_up(ids[place]) for place, sums in self._sums]

    def __call__(
        self, weights: State, kept: OtherState, others: State, rows: State, features: list[State]
    ) -> tuple[State, State]:
        """Return the vectors, shape (examples, width), and the other state after them."""
        vectors, after, following = [], kept.given(others), iter(zip(self._sums, features, strict=True))
        for side in self._sides:
            identities = [None if place is None else rows[place] for place in side.identities]
            if side.dropout is not None and side.keys is not None:
                identities, (after[side.keys],) = side.dropout.stateless_call(
                    [], [after[side.keys]], identities, training=True
                )
            if side.features:
                table = tf.concat([weights[place] for place in side.features], 1)
                (_, sum_up), found = next(following)
                sums = tf.split(sum_up(table, found), side.widths, 1)
                identities = [
                    one if identity is None else identity + one
                    for identity, one in zip(identities, sums, strict=True)
                ]
            vectors += identities
        return vectors, kept.kept(after)


class _Side(NamedTuple):
    """What the vectors of users, or of items, are made of.

    Attributes:
        identities: of each tower, where the identities are among the rows of the batch; None: it has none.
        widths: of each tower's vectors.
        features: of each tower, where the features' embedding is among the weights; empty without features.
        dropout: of the identities; None: all stay.
        keys: where its state is among the other state.
    """

    identities: list[int | None]
    widths: list[int]
    features: list[int]
    dropout: IdentityDropout | None
    keys: int | None


def _behind(model: keras.Model) -> keras.Model:
    """Return what is behind the tables: from the embeddings' outputs, then the codes', to the model's."""
    rows = [layer.output for layers in embeddings_of(model) for layer in layers]
    return keras.Model([*rows, *(layer.output for _, layer in _codes_of(model))], model.outputs[0])


def _codes_of(model: keras.Model) -> list[tuple[int, FeatureCodes]]:
    """Return the input and the layer of each table of codes that an input is looked up in."""
    return [
        (place, layer)
        for place, source in enumerate(model.inputs)
        for layer in _looked_up(model, FeatureCodes, source)
    ]


def _looked_up(model: keras.Model, kind: Any, source: keras.KerasTensor) -> list[Any]:
    layers: list[Any] = model.layers
    return [layer for layer in layers if isinstance(layer, kind) and layer.input is source]
