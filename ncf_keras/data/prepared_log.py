"""What `prepare` makes of a log: train and test interactions, and what has become of the rest."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ncf_keras.data.dataset import Dataset
from ncf_keras.data.features import Features
from ncf_keras.data.sealed_files import Seal
from ncf_keras.data.split import Split
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
        frame: columns `user` and `item`, int32 indices, and `rating` and `timestamp` where the log has them;
            in the order of the log.
        split: which rows are in which part.
        dropped: number of rows of the log that were dropped, by reason, in the order of the steps.
        rows: number of rows of the log.
        user_states, item_states: uint8, see `states.py`.
        waiting: the rows that smallest numbers of interactions took out, with the columns of `frame` but raw
            ids: appended rows may bring them back.
        ids_from: the dataset before, if there is one.
        user_features, item_features: a row a user or an item, those of before among them; None where there are
            none.
        said_of_features: by `users` and `items`, how many rows of tables of features are of others (`unknown`),
            and how many items are there for such a row alone (`new`).
    """

    frame: pd.DataFrame = field(repr=False)
    split: Split = field(repr=False)
    user_ids: np.ndarray = field(repr=False)
    item_ids: np.ndarray = field(repr=False)
    options: "PrepareOptions"
    dropped: Mapping[str, int]
    rows: int
    user_states: np.ndarray = field(repr=False)
    item_states: np.ndarray = field(repr=False)
    waiting: pd.DataFrame = field(repr=False)
    ids_from: IdsFrom | None
    user_features: Features | None = field(default=None, repr=False)
    item_features: Features | None = field(default=None, repr=False)
    said_of_features: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    @property
    def train(self) -> pd.DataFrame:
        """The train interactions, in the order of the log; columns as of `frame`."""
        return self.frame[self.split.in_train]

    @property
    def test(self) -> pd.DataFrame:
        """The test pairs, by user."""
        return self.frame.iloc[self.split.tested]

    @property
    def negatives(self) -> np.ndarray:
        """The negatives of each test pair: int32, shape (tests, negatives)."""
        return self.split.negatives

    @property
    def cold(self) -> pd.DataFrame:
        """The held-out interactions that are no test pairs, in the order of the log."""
        return self.frame.iloc[self.split.cold]

    def titles(self, titles: Mapping[str, str] | None) -> list[str] | None:
        """Return the title of each item: by raw id from `titles`, else that of before; None without either."""
        before = None if self.ids_from is None else self.ids_from.titles
        if titles is not None:
            return titles_of(self.item_ids, titles, before)
        return None if before is None else [*before, *[""] * (len(self.item_ids) - len(before))]

    def dataset(self, name: str, titles: Sequence[str] | None = None) -> Dataset:
        """Return the same as a Dataset, what `read_dataset` returns once it is written and read."""
        train, test, cold = self.train, self.test, self.cold
        return Dataset.from_pairs(
            train["user"].to_numpy(),
            train["item"].to_numpy(),
            test["user"].to_numpy(),
            test["item"].to_numpy(),
            self.split.negatives,
            name=name,
            num_users=len(self.user_ids),
            num_items=len(self.item_ids),
            user_ids=list(self.user_ids),
            item_ids=list(self.item_ids),
            item_titles=titles,
            train_timestamps=train["timestamp"].to_numpy() if "timestamp" in train else None,
            user_states=self.user_states,
            item_states=self.item_states,
            cold_users=cold["user"].to_numpy(),
            cold_items=cold["item"].to_numpy(),
            train_is_validation=self.split.is_validation,
            user_features=self.user_features,
            item_features=self.item_features,
        )

    def report(self) -> dict[str, Any]:
        """Return the options, what was dropped, the counts and the sparsity, for people and for JSON."""
        split = self.split
        active_users, active_items = (
            int(np.count_nonzero(states == ACTIVE)) for states in (self.user_states, self.item_states)
        )
        train, test = int(np.count_nonzero(split.in_train)), len(split.tested)
        counts = {
            "rows": self.rows,
            "users": len(self.user_ids),
            "items": len(self.item_ids),
            "interactions": len(self.frame),
            "train": train,
            "test": test,
        }
        more = self._counts_in_time(active_users) if split.cuts else self._counts_of_users(active_users)
        if self.options.split == "cold_items":
            more |= self._counts_of_cold()
        return {
            "options": asdict(self.options),
            **self._said_of_split(),
            "dropped": {reason: count for reason, count in self.dropped.items() if count},
            "counts": {**counts, **more, "negatives_per_test": int(split.negatives.shape[1])},
            "sparsity": sparsity(train + test, active_users, active_items),
            **({} if self.ids_from is None else self.ids_from.report(self.user_states, self.item_states)),
            **self._said_of_features(),
        }

    def _said_of_features(self) -> dict[str, Any]:
        """Return what each column of features is, and how many rows have nothing in any; none without one."""
        sides = {"users": self.user_features, "items": self.item_features}
        said = {
            side: {
                "columns": {name: column.encoding.in_words() for name, column in features.items()},
                "without": features.num_empty,
                **self.said_of_features.get(side, {}),
            }
            for side, features in sides.items()
            if features is not None
        }
        return {"features": said} if said else {}

    def _said_of_split(self) -> dict[str, Any]:
        """Return how the log was split, as a sentence, and any times, as given and as found."""
        if not self.split.cuts:
            one = said_of_leave_one_out("timestamp" in self.frame)
            if self.options.split != "cold_items":
                return {"split": one}
            items = len(np.unique(self.cold["item"]))
            whole = f"cold items: all interactions of {items:,} items, the share {self.options.at} of all"
            return {"split": f"{whole}, drawn by the seed {self.options.seed}; of the others {one}"}
        validation = self.split.cuts.get("validation_at")
        return {
            "split": f"in time: held out is what is from {self.split.cuts['at']} on"
            + ("" if validation is None else f"; for validation, train from {validation} on"),
            "cuts": {name: asdict(cut) for name, cut in self.split.cuts.items()},
        }

    def _counts_of_users(self, active_users: int) -> dict[str, int]:
        """Return how many users leave-one-out did not test, and why."""
        free = self.split.too_few_free
        users = np.delete(self.frame["user"].to_numpy(), self.split.cold)
        with_two = int(np.count_nonzero(np.bincount(users) > 1))
        nothing_new = with_two - len(self.split.tested) - len(free)
        return {
            **counts_without_test(active_users, len(self.split.tested), free),
            **({"users_without_new": nothing_new} if nothing_new else {}),
        }

    def _counts_in_time(self, active_users: int) -> dict[str, int]:
        """Return what became of the later interactions, and how many train ones are for validation."""
        split, free = self.split, self.split.too_few_free
        marked = split.is_validation
        tested = self.frame["user"].to_numpy()[split.tested]
        return {
            **({} if marked is None else {"validation": int(np.count_nonzero(marked))}),
            "test_users": len(np.unique(tested)),
            "users_without_test": active_users - len(np.unique(tested)),
            **self._counts_of_cold(),
            **(
                {"pairs_without_negatives": len(free), "fewest_items_left": int(free.min())}
                if free.size
                else {}
            ),
        }

    def _counts_of_cold(self) -> dict[str, int]:
        """Return how many pairs are cold, and how many of their users and items have no train interaction."""
        train, cold = self.train, self.cold
        return {
            "cold": len(cold),
            **{
                f"cold_{side}s": len(np.setdiff1d(cold[side].to_numpy(), train[side].to_numpy()))
                for side in ("user", "item")
            },
        }


def said_of_leave_one_out(has_times: bool) -> str:
    """Return how leave-one-out split a log, as a sentence."""
    how = "the latest, of equal timestamps the later row" if has_times else "a random one (no timestamps)"
    return f"leave-one-out: of each user with two or more interactions {how}"


def counts_without_test(active_users: int, tests: int, free: np.ndarray) -> dict[str, int]:
    """Return how many users have no test pair, and for how many that is for want of negatives.

    `free` says of each of these how many items are left to draw from.
    """
    few = {"users_without_negatives": len(free), "fewest_items_left": int(free.min())} if free.size else {}
    return {"users_without_test": active_users - tests, **few}


def sparsity(interactions: int, users: int, items: int) -> float:
    """Return the share of pairs without an interaction, rounded."""
    return round(1 - interactions / (users * items), 6)
