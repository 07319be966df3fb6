"""What says whose the rows of an earlier model are: ids and columns of a dataset, read without interactions."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ncf_keras.base.errors import InputError
from ncf_keras.base.inputs import kind_of
from ncf_keras.base.terminal import LONGEST_SHOWN
from ncf_keras.data.dataset import Dataset
from ncf_keras.data.dataset_checks import INDEX_LIMIT
from ncf_keras.data.dataset_files import FEATURES, prepared_paths
from ncf_keras.data.feature_encoding import Encoding
from ncf_keras.data.feature_file import read_encodings
from ncf_keras.data.held_files import held_together
from ncf_keras.data.id_files import any_ids
from ncf_keras.data.sealed_files import JSON, report_in

USERS, ITEMS = ".users.csv", ".items.csv"


class EarlierIds(NamedTuple):
    """The ids of a dataset, and how its columns of features are encoded.

    Attributes:
        user_ids, item_ids: raw id of each index; None where the dataset has none, so that indices are the ids.
        sizes: numbers of users and items that the dataset has had, the present ones last; None where the
            present ones are not known, for want of ids.
        user_columns, item_columns: how columns of features are encoded, by name; None where that is not known.
    """

    user_ids: Sequence[str] | None
    item_ids: Sequence[str] | None
    sizes: Sequence[tuple[int, int]] | None
    user_columns: Mapping[str, Encoding] | None = None
    item_columns: Mapping[str, Encoding] | None = None

    def of_model(self, users: int, items: int) -> tuple[Sequence[str] | None, Sequence[str] | None]:
        """Return the ids of a model of so many users and items, trained on the dataset as it is or once was.

        An index never gets another id, so those of an earlier size are the first ones.

        Raises:
            InputError: the dataset never had that size.
        """
        if self.sizes is not None and (users, items) not in self.sizes:
            now = "{:,} users and {:,} items".format(*self.sizes[-1])
            raise InputError(
                f"`prefix` must be of the dataset that the weights are of, with {users:,} users and {items:,} "
                f"items now or once. Received: one with {now}"
            )
        return self.user_ids and self.user_ids[:users], self.item_ids and self.item_ids[:items]


def read_earlier_ids(prefix: str | os.PathLike) -> EarlierIds:
    """Read the ids of the dataset whose files' names begin with `prefix`, such as `Data/yesterday`.

    Raises:
        InputError: there is no such dataset, or a file breaks the format or is not the one that the JSON file
            describes.
    """
    paths = prepared_paths(prefix)
    if not any(map(kind_of, paths.values())):
        raise InputError(
            "`prefix` must be what the names of a dataset's files begin with, such as Data/yesterday. "
            f"Received: {os.fspath(prefix)}, and there is no {paths[USERS]}"
        )
    with held_together(paths, (USERS, ITEMS, FEATURES)):
        users, items = any_ids(paths[USERS], "user_id").ids, any_ids(paths[ITEMS], "item_id").ids
        sizes = None
        if users is not None and items is not None:
            sizes = sizes_in(paths[JSON], (len(users), len(items)))
        encodings = read_encodings(paths[FEATURES]) or {}
    return EarlierIds(users, items, sizes, encodings.get("users"), encodings.get("items"))


def ids_of_dataset(dataset: Dataset, prefix: str | os.PathLike | None) -> EarlierIds:
    """Return the ids of a dataset; `prefix` is what the names of its files begin with, None without files."""
    present = (dataset.num_users, dataset.num_items)
    sizes = [present] if prefix is None else sizes_in(prepared_paths(prefix)[JSON], present)
    users, items = (
        None if features is None else {name: column.encoding for name, column in features.items()}
        for features in (dataset.user_features, dataset.item_features)
    )
    return EarlierIds(dataset.user_ids, dataset.item_ids, sizes, users, items)


def sizes_in(file: Path, present: tuple[int, int]) -> list[tuple[int, int]]:
    """Return the numbers of users and items that a dataset has had, by its JSON file, the present ones last.

    Those are the only ones where the file says nothing, or is missing. InputError if it says other than sizes.
    """
    said = (report_in(file) or {}).get("sizes", [list(present)])
    if not (isinstance(said, list) and said and all(map(_is_size, said)) and tuple(said[-1]) == present):
        raise InputError(
            f"{file} must have the sizes that `ncf prepare` wrote, {present[0]} and {present[1]} the last. "
            f"Received: {str(said)[:LONGEST_SHOWN]}"
        )
    return [(users, items) for users, items in said]


def _is_size(pair: Any) -> bool:
    is_pair = isinstance(pair, list) and len(pair) == 2
    return is_pair and all(type(size) is int and 0 < size <= INDEX_LIMIT for size in pair)
