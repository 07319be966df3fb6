"""Start a model where an earlier one ended, which has other users and items: rows go along with raw ids.

Users and items whom the earlier model does not know are folded in from their interactions: items first, from
their users whom it knows, then users, from items that are known or were folded in. Nothing is known of users
who are forgotten, so their rows are zeros. All other layers are copied.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import keras
import numpy as np

from ncf_keras.base.errors import InputError
from ncf_keras.data import Dataset
from ncf_keras.data.states import FORGOTTEN
from ncf_keras.models import ModelSpec
from ncf_keras.training.engines.learner_state import LearnerState
from ncf_keras.training.folding import Folding, FoldingProgress, Side
from ncf_keras.weights.groups import Layers
from ncf_keras.weights.loading import (
    assign_layers,
    expected_shapes,
    layers_of,
    model_sizes,
    require_shapes,
    shapes_of,
    tables_of,
)

# New users, and new items, that commands fold in: of a large NeuMF each takes half a second.
MOST_FOLDED = 2000


@dataclass(frozen=True)
class RowCounts:
    """How many rows of the users, or of the items, come from where.

    Attributes:
        kept: of the earlier model.
        folded_in: fitted to their interactions.
        as_drawn: as the model was built, because they have no interaction to fit to, or too many were new.
        forgotten: zeros.
    """

    kept: int
    folded_in: int
    as_drawn: int
    forgotten: int = 0

    def __str__(self) -> str:
        parts = [f"{self.kept:,} kept", f"{self.folded_in:,} folded in", f"{self.as_drawn:,} as drawn"]
        return ", ".join([*parts, f"{self.forgotten:,} forgotten"] if self.forgotten else parts)


@dataclass(frozen=True)
class WarmStart:
    """What `warm_start` did; as a text a sentence.

    Attributes:
        users, items: where the rows come from.
        learner: the earlier learner's state with its rows moved as the weights were; None if none was given.
    """

    users: RowCounts
    items: RowCounts
    learner: LearnerState | None = None

    def __str__(self) -> str:
        slots = f"; the learner goes on after {self.learner.steps:,} steps" if self.learner else ""
        return f"warm start: of the users {self.users}; of the items {self.items}{slots}"


def warm_start(
    model: keras.Model,
    dataset: Dataset,
    layers: Layers,
    user_ids: Sequence[str] | None,
    item_ids: Sequence[str] | None,
    num_neg: int = 4,
    learner: LearnerState | None = None,
    *,
    most_folded: int | None = None,
    source: str = "`layers`",
    on_progress: FoldingProgress | None = None,
) -> WarmStart:
    """Set the weights of a model from those of an earlier one, whose users and items are found by raw id.

    Args:
        model: a GMF, MLP or NeuMF for the users and items of the dataset, built; not yet trained.
        dataset: what the model will be trained on; newcomers are folded in from its train interactions.
        layers: the weights of the earlier model, as `read_weight_file` has them: of the same kind and widths.
        user_ids: the raw id of each of its users, by index; None: their indices, as of a dataset without ids.
        item_ids: the same of its items.
        num_neg: negatives that each positive had in training.
        learner: the state of the earlier learner, which is returned with its rows moved; see
            `read_earlier_training`.
        most_folded: fold in so many new users, and so many new items, at the most: those with the longest
            histories, for each takes milliseconds to tenths of a second; None: all.
        source: what an error calls the weights, such as their file.
        on_progress: called while newcomers are folded in.

    Returns:
        Where the rows come from, and the state of the learner for `Trainer.set_learner_state`. New rows have
        slots of zeros.

    Raises:
        InputError: the weights are of another kind or of other widths, or there are more or fewer ids than rows
            of weights, or none of them is one of the dataset. The model is as it was.

    Example:
        >>> earlier = read_weight_file("pretrain/yesterday.h5")
        >>> print(warm_start(model, today, earlier.layers, yesterday.user_ids, yesterday.item_ids))
    """
    drawn = {name: tuple(map(np.array, arrays)) for name, arrays in layers_of(model).items()}
    spec, earlier = model_sizes(drawn, "`model`"), model_sizes(layers, source)
    wanted = replace(spec, num_users=earlier.num_users, num_items=earlier.num_items)
    require_shapes(expected_shapes(wanted), shapes_of(layers), model.name, source)
    states = dataset.user_states
    forgotten = np.zeros(0, np.int64) if states is None else np.flatnonzero(states == FORGOTTEN)
    users = _side("user", dataset.num_users, dataset.user_ids, earlier.num_users, user_ids, forgotten)
    items = _side("item", dataset.num_items, dataset.item_ids, earlier.num_items, item_ids, forgotten[:0])
    user_tables, item_tables = tables_of(spec.kind)
    folding = Folding(dataset, _with_activation(spec, model), layers, users, items, num_neg)
    new_items, rows_of_items = folding.items(most_folded, on_progress)
    new_users, rows_of_users = folding.users(most_folded, on_progress)
    for side, tables, newcomers, rows in (
        (users, user_tables, new_users, rows_of_users),
        (items, item_tables, new_items, rows_of_items),
    ):
        for name, folded in zip(tables, rows, strict=True):
            table = drawn[name][0]
            table[side.here] = layers[name][0][side.there]
            table[newcomers] = folded
            table[side.forgotten] = 0
    sides = dict.fromkeys(user_tables, users) | dict.fromkeys(item_tables, items)
    assign_layers(model, {**layers, **{name: drawn[name] for name in sides}}, source)
    return WarmStart(
        _counts(users, len(new_users)),
        _counts(items, len(new_items)),
        learner and _moved(learner, model, sides),
    )


def _side(
    role: str,
    size: int,
    ids: Sequence[str] | None,
    earlier_size: int,
    earlier_ids: Sequence[str] | None,
    forgotten: np.ndarray,
) -> Side:
    """Find the rows that are known; `role` is `user` or `item`."""
    if earlier_ids is not None and len(earlier_ids) != earlier_size:
        raise InputError(
            f"`{role}_ids` must be those of the {earlier_size:,} {role}s of the weights. "
            f"Received: {len(earlier_ids):,}"
        )
    here, there = matching_rows(ids, size, earlier_ids, earlier_size)
    is_known = ~np.isin(here, forgotten)
    if not is_known.any():
        raise InputError(
            f"`{role}_ids` must have ids of the dataset among them, or nothing can be kept. "
            f"Received: {earlier_size:,}, none of which is one of the {size:,} {role}s"
        )
    return Side(size, here[is_known], there[is_known], forgotten)


def matching_rows(
    ids: Sequence[str] | None, size: int, earlier_ids: Sequence[str] | None, earlier_size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the indices whose raw id is an earlier one, ascending, and of each its earlier index: int64.

    Where there are no ids, None, the index is the id. An empty text is nobody's id.
    """
    if ids is None and earlier_ids is None:
        same = np.arange(min(size, earlier_size))
        return same, same
    earlier = map(str, range(earlier_size)) if earlier_ids is None else earlier_ids
    index_of = {id_: index for index, id_ in enumerate(earlier) if id_ != ""}
    now = map(str, range(size)) if ids is None else ids
    found = np.array([index_of.get(id_, -1) for id_ in now], np.int64)
    here = np.flatnonzero(found >= 0)
    return here, found[here]


def _with_activation(spec: ModelSpec, model: keras.Model) -> ModelSpec:
    """Return the spec with the activation of the hidden layers, which weights do not tell."""
    hidden = [layer for layer in model.layers if layer.name == "layer1"]
    return replace(spec, activation=keras.activations.serialize(hidden[0].activation)) if hidden else spec


def _counts(side: Side, folded_in: int) -> RowCounts:
    kept, forgotten = len(side.here), len(side.forgotten)
    return RowCounts(kept, folded_in, side.size - kept - folded_in - forgotten, forgotten)


def _moved(learner: LearnerState, model: keras.Model, sides: dict[str, Side]) -> LearnerState:
    """Return the state with the slots of each table's known rows in their places, and zeros elsewhere."""
    side_of = {model.get_layer(name).embeddings.path: side for name, side in sides.items()}

    def moved(path: str, slot: np.ndarray) -> np.ndarray:
        side = side_of.get(path)
        if side is None:
            return slot
        rows = np.zeros((side.size, slot.shape[1]), slot.dtype)
        rows[side.here] = slot[side.there]
        return rows

    return learner.mapped(moved)
