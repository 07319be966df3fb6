"""Users and items that a dataset does not have, by their features alone: the dataset grown by them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import compress
from typing import Any

import numpy as np

from ncf_keras.base.errors import InputError
from ncf_keras.base.terminal import LONGEST_SHOWN, listed
from ncf_keras.data.dataset import Dataset
from ncf_keras.data.feature_tables import FeatureTable
from ncf_keras.data.features import Features
from ncf_keras.data.grown_features import titles_apart, with_known_years
from ncf_keras.data.states import FORGOTTEN, INACTIVE


def with_newcomers(
    dataset: Dataset,
    *,
    users: Any = None,
    items: Any = None,
) -> Dataset:
    """Return a dataset with more users and items behind its own: inactive ones, with features.

    Columns that the dataset has no features in are passed over, and a column `title` of items has their titles,
    and the features that `ncf prepare` makes of them. An unknown category counts for nothing; an empty cell, or
    a column that is left out, is a missing value.

    Args:
        dataset: with features of that side, and raw ids.
        users: a column of raw ids and one or more of features, a row a new user: a `FeatureTable`, or a table
            in memory as `Dataset.from_dataframe` takes it.
        items: the same of new items.

    Raises:
        InputError: the dataset has no features or no ids of that side, a table has none of its columns, or an
            id of the dataset.
    """
    changes: dict[str, Any] = {}
    if users is not None:
        changes |= _users(dataset, _table(users, "users"))
    if items is not None:
        changes |= _items(dataset, _table(items, "items"))
    return replace(dataset, **changes)


def _table(given: Any, argument: str) -> FeatureTable:
    if isinstance(given, FeatureTable):
        return given
    # It imports Arrow and pandas, which files do without.
    from ncf_keras.data.frames import feature_table_in_memory

    return feature_table_in_memory(given, argument)._replace(source=f"`{argument}`")


def _users(dataset: Dataset, table: FeatureTable) -> dict[str, Any]:
    ids = _known_ids(dataset.user_ids, "user", dataset)
    features = _grown(dataset.user_features, table, "user", dataset)
    _require_new(ids, dataset.user_states, table, "user")
    return {
        "num_users": dataset.num_users + len(table.ids),
        "train_offsets": np.pad(dataset.train_offsets, (0, len(table.ids)), mode="edge"),
        "user_ids": [*ids, *table.ids],
        "user_states": _with_inactive(dataset.user_states, dataset.num_users, len(table.ids)),
        "user_features": features,
    }


def _items(dataset: Dataset, table: FeatureTable) -> dict[str, Any]:
    table, titles = titles_apart(table)
    ids = _known_ids(dataset.item_ids, "item", dataset)
    features = _grown(dataset.item_features, table, "item", dataset)
    _require_new(ids, dataset.item_states, table, "item")
    changes: dict[str, Any] = {
        "num_items": dataset.num_items + len(table.ids),
        "item_ids": [*ids, *table.ids],
        "item_states": _with_inactive(dataset.item_states, dataset.num_items, len(table.ids)),
        "item_features": features,
    }
    if dataset.item_titles is not None:
        changes["item_titles"] = [*dataset.item_titles, *(titles.get(raw, "") for raw in table.ids)]
    return changes


def _known_ids(ids: Sequence[str] | None, side: str, dataset: Dataset) -> Sequence[str]:
    if ids is None:
        raise InputError(
            f"`{side}s` must come with a dataset that has raw ids of its {side}s, or new ones have no name. "
            f"Received: {dataset.name}, which has none"
        )
    return ids


def _grown(known: Features | None, table: FeatureTable, side: str, dataset: Dataset) -> Features:
    if known is None:
        raise InputError(
            f"`{side}s` must come with a dataset that has features of its {side}s (`ncf prepare "
            f"--{side}_features`). Received: {dataset.name}, which has none"
        )
    table = with_known_years(table, known)
    cells: Mapping[str, Sequence[str]] = {name: table.cells[name] for name in known if name in table.cells}
    if not cells:
        raise InputError(
            f"{table.source} must have one or more of the columns that {dataset.name} has of its {side}s: "
            f"{listed(list(known))}. Received: {listed(list(table.cells)) or 'none'}"
        )
    return known.with_rows(cells, len(table.ids))


def _require_new(ids: Sequence[str], states: np.ndarray | None, table: FeatureTable, side: str) -> None:
    # Who is forgotten is nobody: of them nothing may be told, not even that they were there.
    known = set(ids if states is None else compress(ids, states != FORGOTTEN))
    wrong = next((raw for raw in table.ids if raw in known), None)
    if wrong is not None:
        raise InputError(
            f"{table.source} must have {side}s that the dataset does not have. "
            f"Received: {wrong[:LONGEST_SHOWN]!r}, which it has"
        )


def _with_inactive(states: np.ndarray | None, count: int, new: int) -> np.ndarray:
    before = np.zeros(count, np.uint8) if states is None else states
    return np.concatenate([before, np.full(new, INACTIVE, np.uint8)])
