"""Copies of a GMF, MLP or NeuMF with other users or items, and with more of them."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from ncf_keras.models.builders import build_gmf, build_mlp, build_neumf
from ncf_keras.models.checks import SIDES, sides_in_word
from ncf_keras.models.factored import FactoredModel
from ncf_keras.models.features import FeatureRows
from ncf_keras.models.recent import NO_ITEM, tell_recent_items


def plain_copy(
    model: keras.Model,
    users: Sequence[np.ndarray] | None = None,
    items: Sequence[np.ndarray] | None = None,
) -> keras.Model:
    """Return a model of the same kind and layers that has one embedding for each table, and no penalties.

    Args:
        model: one for which `can_factor` is true.
        users: the tables of the users, GMF tower's before MLP tower's: float32, shape (users, width); None:
            those of the model, with what its features add to them.
        items: the same of the items.
    """
    factored = FactoredModel(model)
    users = [each.table().numpy() for each in factored.users] if users is None else users
    items = [each.table().numpy() for each in factored.items] if items is None else items
    copy, made = _like(factored, (len(users[0]), len(items[0])))
    for table, rows in zip([*made.users, *made.items], [*users, *items], strict=True):
        assert table.identity is not None
        table.identity.set_weights([rows])
    return copy


def grown_copy(
    model: keras.Model, users: Sequence[Sequence[int]] = (), items: Sequence[Sequence[int]] = ()
) -> keras.Model:
    """Return a copy of a model with more users and items, of whom nothing is known but their features.

    Args:
        model: one for which `can_factor` is true.
        users: of each new user, which comes behind those of the model, its features, numbered from 0; nobody
            where the model takes no features of users.
        items: the same of items.
    """
    factored = FactoredModel(model)
    sides = (factored.users, factored.items)
    grown: list[FeatureRows | None] = []
    for tables, new in zip(sides, (users, items), strict=True):
        codes, features = tables[0].codes, tables[0].features
        if codes is None or features is None:
            assert not new
            grown.append(None)
            continue
        known = codes.codes.numpy().astype(np.int32)
        rows = FeatureRows(known, features.num_features).widened(max([known.shape[1], *map(len, new)]))
        more = np.zeros((len(new), rows.codes.shape[1]), np.int32)
        for row, numbers in zip(more, new, strict=True):
            row[: len(numbers)] = np.asarray(numbers, np.int32) + 1
        grown.append(FeatureRows(np.concatenate([rows.codes, more]), features.num_features))
    present = [side for side, tables in zip(SIDES, sides, strict=True) if tables[0].identity is not None]
    counts = (factored.num_users + len(users), factored.num_items + len(items))
    session = factored.users[0].session
    copy, made = _like(
        factored,
        counts,
        user_features=grown[0],
        item_features=grown[1],
        identity=sides_in_word(present),
        recent=0 if session is None else session.length,
    )
    for table, source in zip([*made.users, *made.items], [*factored.users, *factored.items], strict=True):
        if table.identity is not None and source.identity is not None:
            rows_of = source.identity.embeddings.numpy()
            new_rows = np.zeros((table.rows - source.rows, table.width), np.float32)
            table.identity.set_weights([np.concatenate([rows_of, new_rows])])
        if table.features is not None and source.features is not None:
            table.features.set_weights(source.features.get_weights())
        if table.session is not None and source.session is not None:
            table.session.set_weights(source.session.get_weights())
    known = factored.users[0].recent
    if known is not None:
        nothing = np.full((len(users), known.length), NO_ITEM)
        tell_recent_items(copy, lambda length: np.concatenate([known.items.numpy(), nothing]))
    return copy


def _like(
    factored: FactoredModel, counts: tuple[int, int], **options: Any
) -> tuple[keras.Model, FactoredModel]:
    """Return a model of the same kind with the same layers behind the vectors, and its parts."""
    widths = [each.width for each in factored.users]
    layers = [2 * widths[-1], *(layer.units for layer in factored.hidden)]
    none = [0.0] * len(layers)
    if len(widths) == 2:
        copy = build_neumf(*counts, widths[0], layers, none, **options)
    elif factored.mf_width:
        copy = build_gmf(*counts, widths[0], **options)
    else:
        copy = build_mlp(*counts, layers, none, **options)
    made = FactoredModel(copy)
    for layer, source in zip([*made.hidden, made.output], [*factored.hidden, factored.output], strict=True):
        layer.activation = source.activation
        layer.set_weights(source.get_weights())
    return copy, made
