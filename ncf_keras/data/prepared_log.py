"""What `prepare` makes of a log: train and test interactions, and what has become of the rest."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ncf_keras.data.dataset import Dataset
from ncf_keras.data.sealed_files import Seal
from ncf_keras.data.states import ACTIVE, FORGOTTEN, INACTIVE
from ncf_keras.data.titles import titles_of

if TYPE_CHECKING:
    from ncf_keras.data.earlier import EarlierDataset
    from ncf_keras.data.prepare import PrepareOptions

# Each takes 40 bytes of the JSON file, which is bounded; an older model than that is no use.
MOST_SIZES = 1000


@dataclass(frozen=True)
class IdsFrom:
    """The earlier dataset whose ids kept their indices.

    Attributes:
        dataset: its name.
        users, items: how many it had.
        sizes: as of an EarlierDataset.
        titles: of its items.
        unknown: how many users were to be forgotten of whom nothing is known.
        seal: as of an EarlierDataset.
    """

    dataset: str
    users: int
    items: int
    sizes: Sequence[tuple[int, int]] = field(repr=False)
    titles: Sequence[str] | None = field(repr=False)
    unknown: int
    seal: Seal | None = field(repr=False)

    @classmethod
    def of(cls, earlier: "EarlierDataset", unknown: int) -> "IdsFrom":
        """Return what is kept of an earlier dataset when another has been prepared from it."""
        users, items = len(earlier.user_ids), len(earlier.item_ids)
        return cls(earlier.name, users, items, earlier.sizes, earlier.titles, unknown, earlier.seal)

    def report(self, user_states: np.ndarray, item_states: np.ndarray) -> dict[str, Any]:
        """Return what has become of the ids, for people and for JSON."""
        present = (len(user_states), len(item_states))
        sizes = [*self.sizes, present] if self.sizes[-1] != present else self.sizes
        return {
            "ids_from": {
                "dataset": self.dataset,
                "users": self.users,
                "items": self.items,
                "new_users": len(user_states) - self.users,
                "new_items": len(item_states) - self.items,
                "inactive_users": int(np.count_nonzero(user_states == INACTIVE)),
                "inactive_items": int(np.count_nonzero(item_states == INACTIVE)),
                "forgotten_users": int(np.count_nonzero(user_states == FORGOTTEN)),
                "unknown_users_to_forget": self.unknown,
            },
            "sizes": [list(size) for size in sizes[-MOST_SIZES:]],
        }


@dataclass(frozen=True)
class PreparedLog:
    """A cleaned log, split.

    Attributes:
        train: columns `user` and `item`, int32 indices, and `rating` and `timestamp` where the log has them;
            in the order of the log.
        test: the same columns, one row a test user, by user.
        dropped: number of rows of the log that were dropped, by reason, in the order of the steps.
        rows: number of rows of the log.
        too_few_free: of each user with two or more interactions who is in train alone, because too few items
            are left to draw negatives from, how many are left: int64.
        user_states, item_states: uint8, see `states.py`.
        waiting: the rows that smallest numbers of interactions took out, with the columns of `train` but raw
            ids: appended rows may bring them back.
        ids_from: the dataset before, if there is one.
    """

    train: pd.DataFrame = field(repr=False)
    test: pd.DataFrame = field(repr=False)
    negatives: np.ndarray = field(repr=False)
    user_ids: np.ndarray = field(repr=False)
    item_ids: np.ndarray = field(repr=False)
    options: "PrepareOptions"
    dropped: Mapping[str, int]
    rows: int
    too_few_free: np.ndarray = field(repr=False)
    user_states: np.ndarray = field(repr=False)
    item_states: np.ndarray = field(repr=False)
    waiting: pd.DataFrame = field(repr=False)
    ids_from: IdsFrom | None

    def titles(self, titles: Mapping[str, str] | None) -> list[str] | None:
        """Return the title of each item: by raw id from `titles`, else that of before; None without either."""
        before = None if self.ids_from is None else self.ids_from.titles
        if titles is not None:
            return titles_of(self.item_ids, titles, before)
        return None if before is None else [*before, *[""] * (len(self.item_ids) - len(before))]

    def dataset(self, name: str, titles: Sequence[str] | None = None) -> Dataset:
        """Return the same as a Dataset, what `read_dataset` returns once it is written and read."""
        return Dataset.from_pairs(
            self.train["user"].to_numpy(),
            self.train["item"].to_numpy(),
            self.test["user"].to_numpy(),
            self.test["item"].to_numpy(),
            self.negatives,
            name=name,
            num_users=len(self.user_ids),
            num_items=len(self.item_ids),
            user_ids=list(self.user_ids),
            item_ids=list(self.item_ids),
            item_titles=titles,
            train_timestamps=self.train["timestamp"].to_numpy() if "timestamp" in self.train else None,
            user_states=self.user_states,
            item_states=self.item_states,
        )

    def report(self) -> dict[str, Any]:
        """Return the options, what was dropped, the counts and the sparsity, for people and for JSON."""
        users, items = len(self.user_ids), len(self.item_ids)
        active_users, active_items = (
            int(np.count_nonzero(states == ACTIVE)) for states in (self.user_states, self.item_states)
        )
        interactions = len(self.train) + len(self.test)
        by_time = "timestamp" in self.train
        without_negatives = {}
        if self.too_few_free.size:
            without_negatives = {
                "users_without_negatives": len(self.too_few_free),
                "fewest_items_left": int(self.too_few_free.min()),
            }
        interactions_of = np.bincount(self.train["user"], minlength=users)
        interactions_of[self.test["user"]] += 1
        with_two = int(np.count_nonzero(interactions_of > 1))
        nothing_new = with_two - len(self.test) - len(self.too_few_free)
        return {
            "options": asdict(self.options),
            "split": "leave-one-out: of each user with two or more interactions "
            + ("the latest, of equal timestamps the later row" if by_time else "a random one (no timestamps)"),
            "dropped": {reason: count for reason, count in self.dropped.items() if count},
            "counts": {
                "rows": self.rows,
                "users": users,
                "items": items,
                "interactions": interactions,
                "train": len(self.train),
                "test": len(self.test),
                "users_without_test": active_users - len(self.test),
                **without_negatives,
                **({"users_without_new": nothing_new} if nothing_new else {}),
                "negatives_per_test": int(self.negatives.shape[1]),
            },
            "sparsity": round(1 - interactions / (active_users * active_items), 6),
            **({} if self.ids_from is None else self.ids_from.report(self.user_states, self.item_states)),
        }
