"""What tables say of the users and items of a prepared log, put into it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ncf_keras.base.checks import require_one_of
from ncf_keras.base.errors import InputError
from ncf_keras.data.feature_kinds import KINDS
from ncf_keras.data.feature_tables import FeatureTable, require_header, require_some_known
from ncf_keras.data.grown_features import grown_features, require_columns, titles_apart, with_years
from ncf_keras.data.prepared_log import PreparedLog
from ncf_keras.data.states import FORGOTTEN, INACTIVE


class SaidOfFeatures(NamedTuple):
    """What somebody says of users and items.

    Attributes:
        users, items: tables of features.
        kinds: of columns, by name, where they are not to be found.
        with_new_items: whether items of the tables that have no interaction are kept, as inactive ones.
    """

    users: Sequence[FeatureTable] = ()
    items: Sequence[FeatureTable] = ()
    kinds: Mapping[str, str] | None = None
    with_new_items: bool = False


def with_features(prepared: PreparedLog, said: SaidOfFeatures) -> tuple[PreparedLog, dict[str, str] | None]:
    """Return a prepared log with the features that tables have, and the titles among them by raw id of item.

    Raises:
        InputError: a table is about no user or item of the log, or breaks a rule of `grown_features`; or kinds
            are of other columns, or of none.
    """
    if said.with_new_items and not said.items:
        raise InputError("`with_new_items` must come with `item_features`. Received: it alone")
    if not (said.users or said.items or said.kinds):
        return prepared, None
    kinds = said.kinds or {}
    for kind in kinds.values():
        require_one_of(kind, KINDS, "feature_kinds")
    apart = [titles_apart(table) for table in said.items]
    tables = {
        "users": [with_years(table) for table in said.users],
        "items": [with_years(table) for table, _ in apart],
    }
    notes = {}
    for side, ids in (("users", prepared.user_ids), ("items", prepared.item_ids)):
        known = {raw: index for index, raw in enumerate(ids)}
        unknown = list(dict.fromkeys(raw for table in tables[side] for raw in table.ids if raw not in known))
        for table in tables[side]:
            require_header(table, known)
        keeps = side == "items" and said.with_new_items
        if not keeps:
            for table in tables[side]:
                require_some_known(table, known)
        elif unknown:
            prepared = _with_items(prepared, unknown)
        if tables[side]:
            notes[side] = {"new" if keeps else "unknown": len(unknown)}
    forgotten = np.flatnonzero(prepared.user_states == FORGOTTEN)
    users = grown_features(prepared.user_features, prepared.user_ids, tables["users"], forgotten, kinds)
    items = grown_features(prepared.item_features, prepared.item_ids, tables["items"], kinds=kinds)
    require_columns(kinds, users, items)
    items_known = set(prepared.item_ids)
    titles = {
        raw: title for _, found in apart for raw, title in (found or {}).items() if title and raw in items_known
    }
    prepared = replace(prepared, user_features=users, item_features=items, said_of_features=notes)
    return prepared, titles or None


def _with_items(prepared: PreparedLog, new: Sequence[str]) -> PreparedLog:
    """Return a prepared log with items behind the others that have no interactions."""
    ids = np.concatenate([prepared.item_ids, np.array(new, dtype=object)])
    states = np.concatenate([prepared.item_states, np.full(len(new), INACTIVE, np.uint8)])
    return replace(prepared, item_ids=ids, item_states=states)
