"""The raw ids that the users and items of an earlier model had, read without the interactions."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ncf_keras.base.errors import InputError
from ncf_keras.base.inputs import kind_of
from ncf_keras.data.dataset import Dataset
from ncf_keras.data.dataset_files import prepared_paths
from ncf_keras.data.earlier import checked_sizes
from ncf_keras.data.id_files import read_ids
from ncf_keras.data.sealed_files import JSON, held_together, report_in

USERS, ITEMS = ".users.csv", ".items.csv"


class EarlierIds(NamedTuple):
    """The ids of a dataset.

    Attributes:
        user_ids, item_ids: raw id of each index; None where the dataset has none, so that indices are the ids.
        sizes: numbers of users and items that the dataset has had, the present ones last; None where the
            present ones are not known, for want of ids.
    """

    user_ids: Sequence[str] | None
    item_ids: Sequence[str] | None
    sizes: Sequence[tuple[int, int]] | None

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
    with held_together(paths, (USERS, ITEMS)):
        users, items = _ids(paths[USERS], "user_id"), _ids(paths[ITEMS], "item_id")
        sizes = None
        if users is not None and items is not None:
            sizes = sizes_in(paths[JSON], (len(users), len(items)))
    return EarlierIds(users, items, sizes)


def _ids(file: Path, column: str) -> Sequence[str] | None:
    return read_ids(file, column).ids if kind_of(file) else None


def ids_of_dataset(dataset: Dataset, prefix: str | os.PathLike | None) -> EarlierIds:
    """Return the ids of a dataset; `prefix` is what the names of its files begin with, None without files."""
    present = (dataset.num_users, dataset.num_items)
    sizes = [present] if prefix is None else sizes_in(prepared_paths(prefix)[JSON], present)
    return EarlierIds(dataset.user_ids, dataset.item_ids, sizes)


def sizes_in(file: Path, present: tuple[int, int]) -> list[tuple[int, int]]:
    """Return the sizes that a dataset has had, by its JSON file; the present one where it does not say."""
    report = report_in(file) or {}
    return checked_sizes(file, report.get("sizes", [list(present)]), present)
