"""The rows of a warm start's newcomers: users and items whom the earlier model does not know.

They are fitted to the rows of those on the other side whom it knows: see `ncf_keras/solvers/fold_in.py`.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import keras
import numpy as np

from ncf_keras.data import Dataset
from ncf_keras.models import ModelSpec
from ncf_keras.solvers.fold_in import ItemFolder, UserFolder
from ncf_keras.weights.groups import Layers
from ncf_keras.weights.loading import assign_layers, tables_of

# New users or items that are folded in between two calls of `on_progress`.
FOLDED_AT_A_TIME = 64

Folder = Callable[..., list[np.ndarray]]
# Called with what is folded in, `users` or `items`, and the share of them that is done.
FoldingProgress = Callable[[str, float], None]


class Side(NamedTuple):
    """The users, or the items, of a dataset: which of them the earlier model knows. All indices are int64.

    Attributes:
        size: how many there are.
        here: indices of those that the earlier model knows, ascending.
        there: of each of these the index in the earlier model.
        forgotten: indices of those who are.
    """

    size: int
    here: np.ndarray
    there: np.ndarray
    forgotten: np.ndarray


class Described(NamedTuple):
    """What is known of the users, or the items, of a dataset by their features.

    Attributes:
        name: of the layer with the codes.
        codes: of all of them, as in `FeatureRows`.
        tables: the layers with the embeddings of the features, one for each tower.
    """

    name: str
    codes: np.ndarray
    tables: dict[str, np.ndarray]

    def sums(self, rows: np.ndarray) -> list[np.ndarray]:
        """Return what the features of some rows add to them in each tower: float32, shape (rows, width)."""
        codes = self.codes[rows].astype(np.int64)
        return [
            np.concatenate([np.zeros_like(table[:1]), table])[codes].sum(axis=1)
            for table in self.tables.values()
        ]


class Folding:
    """Folds newcomers into the rows of the earlier model that are kept: first `items`, then `users`.

    Args:
        dataset: whose train interactions the newcomers are fitted to.
        spec: of the model that is started, with its activation.
        layers: the weights of the earlier model.
        users, items: whom it knows.
        num_neg: negatives that each positive had in training.
        described: what is known of users and of items by features; None: nothing.
    """

    def __init__(
        self,
        dataset: Dataset,
        spec: ModelSpec,
        layers: Layers,
        users: Side,
        items: Side,
        num_neg: int,
        described: tuple[Described | None, Described | None] = (None, None),
    ):
        self._train = dataset.train_users, dataset.train_items
        self._spec, self._num_neg = spec, num_neg
        self._users, self._items = users, items
        self._user_tables, self._item_tables = (
            [name for name in tables if name in layers] for tables in tables_of(spec.kind)
        )
        self._layers, (self._described_users, self._described_items) = dict(layers), described
        for side, tables, known in (
            (users, self._user_tables, self._described_users),
            (items, self._item_tables, self._described_items),
        ):
            for name in tables:
                self._layers[name] = (layers[name][0][side.there],)
            if known is not None:
                self._layers[known.name] = (known.codes[side.here],)
                self._layers |= {name: (table,) for name, table in known.tables.items()}
        # Of each user and item the row in the tables of the known ones; -1 for the others.
        self._row_of_user, self._row_of_item = (_rows_of(side.size, side.here) for side in (users, items))

    def items(
        self, most: int | None, on_progress: FoldingProgress | None
    ) -> tuple[np.ndarray, list[np.ndarray]]:
        """Return the new items that known users interacted with, and their rows, one array for each table.

        From now on these items are known, so that new users are folded in from them, too. `most` is as of
        `histories_of`.
        """
        users, items = self._train
        new, histories = histories_of(items, self._row_of_item, self._row_of_user[users], most)
        counts = np.bincount(users, minlength=self._users.size)[self._users.here]
        folder = partial(ItemFolder, user_counts=counts)
        known = self._described_items
        rows = self._folded("items", folder, self._item_tables, new, histories, known, on_progress)
        for name, folded in zip(self._item_tables, rows, strict=True):
            self._layers[name] = (np.concatenate([self._layers[name][0], folded]),)
        if known is not None:
            self._layers[known.name] = (np.concatenate([self._layers[known.name][0], known.codes[new]]),)
        self._row_of_item[new] = len(self._items.here) + np.arange(len(new))
        return new, rows

    def users(
        self, most: int | None, on_progress: FoldingProgress | None
    ) -> tuple[np.ndarray, list[np.ndarray]]:
        """Return the new users who interacted with items that are known by now, and their rows: see `items`."""
        users, items = self._train
        new, histories = histories_of(users, self._row_of_user, self._row_of_item[items], most)
        known = self._described_users
        return new, self._folded("users", UserFolder, self._user_tables, new, histories, known, on_progress)

    def _folded(
        self,
        what: str,
        kind: Callable[[keras.Model, int], Folder],
        tables: Sequence[str],
        new: np.ndarray,
        histories: list[np.ndarray],
        described: Described | None,
        on_progress: FoldingProgress | None,
    ) -> list[np.ndarray]:
        """Return the rows of the identities of newcomers, one array for each of their tables."""
        if not histories or not tables:
            return [self._layers[name][0][:0] for name in tables]
        users, items = (
            len(self._layers[tables[0] if known is None else known.name][0])
            for tables, known in (
                (self._user_tables, self._described_users),
                (self._item_tables, self._described_items),
            )
        )
        model = replace(self._spec, num_users=users, num_items=items).build()
        assign_layers(model, self._layers, "the known rows")
        # As for the commands that fold in: at least one negative.
        folder = kind(model, max(self._num_neg, 1))
        parts = []
        for start in range(0, len(histories), FOLDED_AT_A_TIME):
            some = slice(start, start + FOLDED_AT_A_TIME)
            if described is None:
                parts.append(folder(histories[some]))
            else:
                # Of the row that is fitted the features' part is known: what is left is the identity's.
                sums = described.sums(new[some])
                fitted = folder(histories[some], sums)
                parts.append([row - known for row, known in zip(fitted, sums, strict=True)])
            if on_progress:
                on_progress(what, min(1.0, (start + FOLDED_AT_A_TIME) / len(histories)))
        return [np.concatenate(rows) for rows in zip(*parts, strict=True)]


def _rows_of(size: int, known: np.ndarray) -> np.ndarray:
    """Return of each index its place in `known`, -1 where it has none: int64, shape (size,)."""
    rows = np.full(size, -1, np.int64)
    rows[known] = np.arange(len(known))
    return rows


def histories_of(
    newcomers: np.ndarray, row_of: np.ndarray, others: np.ndarray, most: int | None
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return those without a row who have interactions with known others, ascending, and their histories.

    Args:
        newcomers: of each interaction the index on their side.
        row_of: of each index of that side its row, or -1.
        others: of each interaction the row of the other one, or -1.
        most: return those with the longest histories, so many at the most; None: all.
    """
    counts = (row_of[newcomers] < 0) & (others >= 0)
    newcomers, others = newcomers[counts], others[counts]
    order = np.argsort(newcomers, kind="stable")
    found, starts = np.unique(newcomers[order], return_index=True)
    histories = np.split(others[order], starts[1:]) if len(found) else []
    lengths = np.diff(starts, append=len(order))
    longest = np.sort(np.argsort(-lengths, kind="stable")[:most])
    return found[longest], [histories[place] for place in longest]
