"""What tables say of the users and items of a prepared log, put into it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ncf_keras.base.checks import require_one_of
from ncf_keras.base.errors import InputError
from ncf_keras.data.feature_kinds import KINDS, LEFT_OUT, NUMBER, TEXT
from ncf_keras.data.feature_tables import FeatureTable, require_header, require_some_known
from ncf_keras.data.grown_features import TITLE_WORDS, grown_features, require_columns, titles_apart, with_years
from ncf_keras.data.prepared_log import PreparedLog
from ncf_keras.data.states import FORGOTTEN, INACTIVE


class SaidOfFeatures(NamedTuple):
    """What somebody says of users and items.

    Attributes:
        users, items: tables of features.
        kinds: of columns, by name, where they are not to be found; `none` for those that are to be no feature.
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
    kinds = {} if said.kinds is None else said.kinds
    if not isinstance(kinds, Mapping):
        raise InputError(
            "`feature_kinds` must be a dict from the name of a column to its kind. "
            f"Received: {type(kinds).__name__}"
        )
    if not (said.users or said.items or kinds):
        return prepared, None
    for kind in kinds.values():
        require_one_of(kind, (*KINDS, LEFT_OUT), "feature_kinds")
    apart = [titles_apart(table) for table in said.items]
    titles = {raw: title for _, found in apart for raw, title in found.items() if title}
    users = [with_years(table) for table in said.users]
    items = [with_years(table) for table, _ in apart]
    # What is derived is of the kind that it is derived for, however few there are of it.
    columns = [name for table, _ in (*users, *items) for name in table.cells]
    left_out = [name for name, kind in kinds.items() if kind == LEFT_OUT and name in columns]
    kinds = {name: kind for name, kind in kinds.items() if name not in left_out}
    usual = {name: NUMBER for _, years in (*users, *items) for name in years}
    if titles:
        usual[TITLE_WORDS] = TEXT
    prepared, found = _with_columns(
        prepared, "users", [_without(table, left_out) for table, _ in users], kinds, usual
    )
    prepared, more = _with_columns(
        prepared, "items", [_without(table, left_out) for table, _ in items], kinds, usual, said.with_new_items
    )
    require_columns(kinds, prepared.user_features, prepared.item_features)
    known = set(prepared.item_ids)
    titles = {raw: title for raw, title in titles.items() if raw in known}
    return replace(prepared, said_of_features={**found, **more}), titles or None


def _without(table: FeatureTable, left_out: Sequence[str]) -> FeatureTable:
    """Return a table without some of its columns."""
    return table._replace(cells={name: cells for name, cells in table.cells.items() if name not in left_out})


def _with_columns(
    prepared: PreparedLog,
    side: str,
    tables: Sequence[FeatureTable],
    kinds: Mapping[str, str],
    usual: Mapping[str, str],
    with_new: bool = False,
) -> tuple[PreparedLog, dict[str, dict[str, int]]]:
    """Return a prepared log with what tables say of users, or of items, and how many rows were of others."""
    index_of = {raw: n for n, raw in enumerate(prepared.user_ids if side == "users" else prepared.item_ids)}
    for table in tables:
        require_header(table, index_of)
        if not with_new:
            require_some_known(table, index_of)
    unknown = list(dict.fromkeys(raw for table in tables for raw in table.ids if raw not in index_of))
    if with_new and unknown:
        prepared = _with_items(prepared, unknown)
    if side == "users":
        forgotten = np.flatnonzero(prepared.user_states == FORGOTTEN)
        had, ids = prepared.user_features, prepared.user_ids
        prepared = replace(prepared, user_features=grown_features(had, ids, tables, forgotten, kinds, usual))
    else:
        had, ids = prepared.item_features, prepared.item_ids
        prepared = replace(prepared, item_features=grown_features(had, ids, tables, (), kinds, usual))
    return prepared, {side: {"new" if with_new else "unknown": len(unknown)}} if tables else {}


def _with_items(prepared: PreparedLog, new: Sequence[str]) -> PreparedLog:
    """Return a prepared log with items behind the others that have no interactions."""
    ids = np.concatenate([prepared.item_ids, np.array(new, dtype=object)])
    states = np.concatenate([prepared.item_states, np.full(len(new), INACTIVE, np.uint8)])
    return replace(prepared, item_ids=ids, item_states=states)
