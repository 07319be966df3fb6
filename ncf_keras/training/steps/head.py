"""What a model is behind its tables: predictions from the rows that a batch looked up.

A model is split at what its inputs look up: embeddings, whose rows a step may keep apart from all else, and the
codes of features, which nothing trains. Everything behind them is the head, the features' embeddings included:
they are few, and move at every step.
"""

from typing import Any

import keras
import tensorflow as tf
from tensorflow import Tensor

from ncf_keras.models.factored import FactoredModel
from ncf_keras.models.features import FeatureCodes
from ncf_keras.models.latent_tables import LatentTable
from ncf_keras.models.layer_names import sum_name
from ncf_keras.training.precision import computing_in
from ncf_keras.training.steps.columns import ColumnsHead, can_use_columns
from ncf_keras.training.steps.state import OtherState, State


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
        self.variables = self._model.trainable_variables
        self.others = OtherState(self._model.non_trainable_variables)
        on_gpu = bool(tf.config.list_physical_devices("GPU"))
        self._columns: ColumnsHead | None = None
        self._vectors: _Vectors | None = None
        if precision != "bfloat16" and not on_gpu and can_use_columns(model):
            self._columns = ColumnsHead(model, self.variables)
            self._vectors = _Vectors(model, self._model)

    def codes(self, ids: State) -> State:
        """Return which features the rows of a batch have, by the ids of each input; of sides that have any."""
        return [layer(ids[place][:, None]) for place, layer in self._codes]

    def __call__(
        self, weights: State, others: State, rows: State, codes: State
    ) -> tuple[Tensor, State, list[Tensor]]:
        """Return the predictions, shape (examples, 1), the other state after them, and the penalties.

        Args:
            weights: like `variables`.
            others: the other state, as `others` keeps it.
            rows: of each embedding, shape (examples, width).
            codes: those of the batch.
        """
        if self._columns and self._vectors:
            vectors, others = self._vectors(weights, self.others, others, rows, codes)
            predictions, penalties = self._columns(weights, vectors)
            return predictions, others, penalties
        inputs = [*(part[:, None, :] for part in rows), *codes]
        with computing_in(self._model, self._precision):
            predictions, after, penalties = self._model.stateless_call(
                weights, self.others.given(others), inputs, training=True, return_losses=True
            )
        return predictions, self.others.kept(after), penalties


class _Vectors:
    """Makes the vectors of users and items, as `ColumnsHead` takes them, of what was looked up."""

    def __init__(self, model: keras.Model, head: keras.Model):
        factored = FactoredModel(model)
        flat = [layer for layers in embeddings_of(model) for layer in layers]
        self._tables: list[LatentTable] = [*factored.users, *factored.items]
        # Where in the rows the identity of each vector is.
        self._places = [None if each.identity is None else flat.index(each.identity) for each in self._tables]
        described = [each for each in self._tables if each.features is not None]
        self._front = _front(model, described) if described else None
        if self._front:
            identities = [flat.index(each.identity) for each in described if each.identity is not None]
            self._inputs = [*identities, *range(len(flat), len(head.inputs))]
            places = {id(variable): place for place, variable in enumerate(head.trainable_variables)}
            self._weights = [places[id(variable)] for variable in self._front.trainable_variables]

    def __call__(
        self, weights: State, kept: OtherState, others: State, rows: State, codes: State
    ) -> tuple[State, State]:
        """Return the vectors, shape (examples, width), and the other state after them."""
        if not self._front:
            return [rows[place] for place in self._places if place is not None], others
        everything = [*(part[:, None, :] for part in rows), *codes]
        made, after = self._front.stateless_call(
            [weights[place] for place in self._weights],
            kept.given(others),
            [everything[place] for place in self._inputs],
            training=True,
        )
        following = iter(made if isinstance(made, list) else [made])
        vectors = [
            next(following) if table.features is not None else rows[place or 0]
            for table, place in zip(self._tables, self._places, strict=True)
        ]
        return vectors, kept.kept(after)


def _behind(model: keras.Model) -> keras.Model:
    """Return what is behind the tables: from the embeddings' outputs, then the codes', to the model's."""
    rows = [layer.output for layers in embeddings_of(model) for layer in layers]
    return keras.Model([*rows, *(layer.output for _, layer in _codes_of(model))], model.outputs[0])


def _front(model: keras.Model, described: list[LatentTable]) -> keras.Model:
    """Return what makes vectors of identities and codes, for the sides that have features."""
    layers: dict[str, Any] = {layer.name: layer for layer in model.layers}
    inputs, outputs = [], []
    for table in described:
        last: Any = table.features
        if table.identity is not None:
            last = layers[sum_name(table.identity.name)]
            inputs.append(table.identity.output)
        outputs.append(last.output)
    codes = [layer.output for _, layer in _codes_of(model)]
    return keras.Model([*inputs, *codes], outputs)


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
