"""Start a model where an earlier one ended, which has other users and items: rows go along with raw ids.

Users and items whom the earlier model does not know are folded in from their interactions: items first, from
their users whom it knows, then users, from items that are known or were folded in. Nothing is known of users
who are forgotten, so their rows are zeros. All other layers are copied.

Of a model with features those of today are taken: known categories keep their embeddings, new ones begin as
they are drawn. The identity of whoever has features and no interactions is zero, as training leaves it. So it
was in the earlier model of those who had none then, and they count as new.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import keras
import numpy as np

from ncf_keras.base.errors import InputError
from ncf_keras.data import Dataset
from ncf_keras.data.states import FORGOTTEN
from ncf_keras.models import ModelSpec
from ncf_keras.models.checks import SIDES
from ncf_keras.models.features import NO_FEATURE
from ncf_keras.models.layer_names import feature_name
from ncf_keras.training.engines.learner_state import LearnerState
from ncf_keras.training.folding import Described, Folding, FoldingProgress, Side
from ncf_keras.training.moved_features import Columns, columns_of, features_by_name, moved_features
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
        by_features: zeros, because features are all that is known of them; all of them where the model has no
            identities of that side.
    """

    kept: int
    folded_in: int
    as_drawn: int
    forgotten: int = 0
    by_features: int = 0

    def __str__(self) -> str:
        parts = [f"{self.kept:,} kept", f"{self.folded_in:,} folded in", f"{self.as_drawn:,} as drawn"]
        parts += [f"{self.by_features:,} by their features alone"] if self.by_features else []
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
    earlier_columns: tuple[Columns | None, Columns | None] = (None, None),
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
        earlier_columns: how the columns of features of its users, and of its items, are encoded, by name: those
            of the dataset that it was trained on. None: not known, so that it is found by the rows where
            columns have moved, if nearly all rows agree.
        most_folded: fold in so many new users, and so many new items, at the most: those with the longest
            histories, for each takes milliseconds to tenths of a second; None: all.
        source: what an error calls the weights, such as their file.
        on_progress: called while newcomers are folded in.

    Returns:
        Where the rows come from, and the state of the learner for `Trainer.set_learner_state`. New rows have
        slots of zeros.

    Raises:
        InputError: a model takes recent items; the weights are of another kind or of other widths, or there
            are more or fewer ids than rows of weights, or none of them is one of the dataset; or there is no
            telling which feature is which. The model is as it was.

    Example:
        >>> earlier = read_weight_file("pretrain/yesterday.h5")
        >>> print(warm_start(model, today, earlier.layers, yesterday.user_ids, yesterday.item_ids))
    """
    drawn = {name: tuple(map(np.array, arrays)) for name, arrays in layers_of(model).items()}
    spec, earlier = model_sizes(drawn, "`model`"), model_sizes(layers, source)
    wanted = replace(spec, num_users=earlier.num_users, num_items=earlier.num_items)
    for name in ("user_features", "item_features"):
        if getattr(spec, name) and getattr(earlier, name):
            wanted = replace(wanted, **{name: getattr(earlier, name)})
    if spec.recent or earlier.recent:
        rule = "models that take no recent items, which a warm start does not move"
        taken = earlier.recent or spec.recent
        raise InputError(f"`model` and {source} must be {rule}. Received: one that takes {taken}")
    require_shapes(expected_shapes(wanted), shapes_of(layers), model.name, source)
    states = dataset.user_states
    forgotten = np.zeros(0, np.int64) if states is None else np.flatnonzero(states == FORGOTTEN)
    users = _side("user", dataset.num_users, dataset.user_ids, earlier.num_users, user_ids, forgotten)
    items = _side("item", dataset.num_items, dataset.item_ids, earlier.num_items, item_ids, forgotten[:0])
    names = tables_of(spec.kind)
    moved: dict[str, Moved] = {}
    described: list[Described | None] = []
    sides = []
    for role, tables, side, columns in zip(SIDES, names, (users, items), earlier_columns, strict=True):
        known = None
        if f"{role}_features" in drawn:
            known, rows = _described(role, tables, drawn, layers, side, dataset, columns)
            moved |= dict.fromkeys(known.tables, rows)
            side = _with_identity(side, [layers[name][0] for name in tables if name in layers])
        described.append(known)
        sides.append(side)
    model_spec = _with_activation(spec, model)
    folding = Folding(dataset, model_spec, layers, sides[0], sides[1], num_neg, (described[0], described[1]))
    items_folded = folding.items(most_folded, on_progress)
    users_folded = folding.users(most_folded, on_progress)
    counts = []
    both = (users_folded, items_folded)
    for side, tables, folded, known in zip(sides, names, both, described, strict=True):
        present = [name for name in tables if name in drawn]
        ours, theirs = ([arrays[name][0] for name in present] for arrays in (drawn, layers))
        interacting = dataset.train_users if side is sides[0] else dataset.train_items
        counts.append(_place(side, ours, theirs, folded, known, interacting))
        moved |= dict.fromkeys(present, Moved(side.size, side.here, side.there))
        if known is not None:
            drawn |= {name: (table,) for name, table in known.tables.items()}
    changed = {name: arrays for name, arrays in drawn.items() if name in moved or name.endswith("_features")}
    assign_layers(model, {**layers, **changed}, source)
    return WarmStart(counts[0], counts[1], learner and _moved(learner, model, moved))


def _place(
    side: Side,
    tables: Sequence[np.ndarray],
    earlier: Sequence[np.ndarray],
    folded: tuple[np.ndarray, list[np.ndarray]],
    known: Described | None,
    interacting: np.ndarray,
) -> RowCounts:
    """Put rows of identities in their places in the tables of a side, as they were drawn; return the counts.

    `interacting` has the index of each train interaction on this side.
    """
    if not tables:
        # Without identities there is no row to keep or to fold in.
        return RowCounts(0, 0, 0, len(side.forgotten), side.size - len(side.forgotten))
    newcomers, rows = folded
    is_other = np.ones(side.size, bool)
    for placed in (side.here, newcomers, side.forgotten):
        is_other[placed] = False
    # Who has interactions will have an identity, though it was not folded in.
    is_bare = np.bincount(interacting, minlength=side.size) == 0
    is_described = np.zeros(side.size, bool) if known is None else (known.codes != NO_FEATURE).any(axis=1)
    others, by_features = np.flatnonzero(is_other), np.flatnonzero(is_other & is_bare & is_described)
    for table, before, new_rows in zip(tables, earlier, rows, strict=True):
        table[side.here] = before[side.there]
        table[newcomers] = new_rows
        table[side.forgotten] = 0
        table[by_features] = 0
    as_drawn = len(others) - len(by_features)
    return RowCounts(len(side.here), len(newcomers), as_drawn, len(side.forgotten), len(by_features))


class Moved(NamedTuple):
    """Where the rows of a table have gone.

    Attributes:
        size: rows that there are now.
        here: those that are known, int64.
        there: of each of these the row in the earlier table, int64.
    """

    size: int
    here: np.ndarray
    there: np.ndarray


def _described(
    role: str,
    names: Sequence[str],
    drawn: Layers,
    layers: Layers,
    side: Side,
    dataset: Dataset,
    columns: Columns | None,
) -> tuple[Described, Moved]:
    """Return the features of a side today with the earlier embeddings, and which each earlier one is now."""
    layer = f"{role}_features"
    codes, earlier = (arrays[layer][0].astype(np.int32) for arrays in (drawn, layers))
    tables = {feature_name(name): np.array(drawn[feature_name(name)][0]) for name in names}
    count, num_earlier = (len(arrays[feature_name(names[0])][0]) for arrays in (drawn, layers))
    features = getattr(dataset, layer)
    widths = [count] if features is None else [len(column.categories) for column in features.values()]
    # Columns only ever get more categories: of as many features in all, they are those of the training.
    if (
        columns
        and (today := columns_of(features))
        and sum(len(encoding.categories) for encoding in columns.values()) == num_earlier
    ):
        rows = Moved(count, *features_by_name(columns, today, f"{role}s"))
    else:
        numbers = moved_features(earlier[side.there], codes[side.here], num_earlier, widths, f"{role}s")
        rows = Moved(count, numbers, np.arange(num_earlier))
    # What nobody has any more is forgotten: it may have been learned from somebody who asked to be.
    is_held = np.bincount(codes.ravel(), minlength=count + 1)[1:] > 0
    rows = Moved(count, rows.here[is_held[rows.here]], rows.there[is_held[rows.here]])
    for name, table in tables.items():
        table[rows.here] = layers[name][0][rows.there]
        table[~is_held] = 0
    return Described(layer, codes, tables), rows


def _with_identity(side: Side, tables: Sequence[np.ndarray]) -> Side:
    """Return a side without those whose identity was zero, who had features alone and count as new."""
    if not tables:
        return side
    has_one = np.logical_or.reduce([(table[side.there] != 0).any(axis=1) for table in tables])
    return side._replace(here=side.here[has_one], there=side.there[has_one])


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


def _moved(learner: LearnerState, model: keras.Model, tables: dict[str, Moved]) -> LearnerState:
    """Return the state with the slots of each table's known rows in their places, and zeros elsewhere."""
    moved_of = {model.get_layer(name).embeddings.path: moved for name, moved in tables.items()}

    def moved(path: str, slot: np.ndarray) -> np.ndarray:
        table = moved_of.get(path)
        if table is None:
            return slot
        rows = np.zeros((table.size, slot.shape[1]), slot.dtype)
        rows[table.here] = slot[table.there]
        return rows

    return learner.mapped(moved)
