"""Dataset: the interactions to learn from and the held-out test, validated once, never changed."""

import os
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ncf_keras.base.checks import require_count
from ncf_keras.base.errors import InputError
from ncf_keras.base.memory import require_memory
from ncf_keras.data.dataset_checks import (
    cold_indices,
    require_indices,
    require_order,
    require_sizes,
    texts_of_ids,
    validation_marks,
    whole_numbers,
)
from ncf_keras.data.sorted_pairs import sorted_pairs
from ncf_keras.data.states import ACTIVE, FORGOTTEN, INACTIVE, checked_states, contradicted
from ncf_keras.data.time_order import ItemsInTime

if TYPE_CHECKING:
    import pandas as pd
    import scipy.sparse

    from ncf_keras.data.features import Features


@dataclass(frozen=True, eq=False)
class Dataset:
    """Implicit feedback of users on items, split leave-one-out as in section 4.1 of the paper, or otherwise.

    Build it with `Dataset.from_dataframe`, `Dataset.from_pairs`, `read_dataset` or `sample_dataset`; all
    arrays are read-only.

    Attributes:
        name: what output files are named after.
        num_users: users are the indices from 0.
        num_items: items are the indices from 0.
        train_offsets: int64, shape (num_users + 1,). The train items of user u are
            `train_items[train_offsets[u]:train_offsets[u + 1]]`.
        train_items: int32, shape (interactions,), ascending within a user, no item twice for a user.
        test_users: int32, shape (tests,). Split leave-one-out, a user has one test pair at the most; split in
            time, any number.
        test_items: int32, shape (tests,): the held-out item of each test pair.
        test_negatives: int32, shape (tests, negatives): items to rank the held-out item against.
        user_ids: raw id of each user index, or None where the source has only indices. Whatever they are given
            as, they are kept as texts by the rule for ids (docs/data.md); an empty text is nobody's id.
        item_ids: the same of each item index.
        item_titles: title of each item index, or None.
        train_is_latest: bool, shape (interactions,): whether none of its user's train interactions has a later
            timestamp; None where the source has no timestamps.
        train_order: int32, shape (interactions,): where each train interaction stands in time among
            those of its user, from 0, the earliest; of equal timestamps the earlier row comes first. None where
            the source tells no order.
        user_states: uint8, shape (num_users,): which users are kept for their index alone, inactive or
            forgotten (`states.py`), so that nothing is known of them; None where all are active.
        item_states: the same of the items, none of which is forgotten; an inactive one is in no list.
        cold_users: int32, shape (pairs,). Of a split in time, the users of those later interactions that are no
            test pairs, because their user or their item has no train interaction, or too few items are left to
            draw negatives from; of one of cold items, those of all interactions with held-out items. Who has
            interactions here alone is inactive. None where there are none.
        cold_items: the same of their items.
        train_is_validation: bool, shape (interactions,): the train interactions that `split_validation` holds
            out, all from some time on; None where it holds out one of each user.
        user_features: columns of features, a row a user; None where there are none.
        item_features: the same of the items.
    """

    name: str
    num_users: int
    num_items: int
    train_offsets: np.ndarray
    train_items: np.ndarray
    test_users: np.ndarray
    test_items: np.ndarray
    test_negatives: np.ndarray
    user_ids: Sequence[str] | None = None
    item_ids: Sequence[str] | None = None
    item_titles: Sequence[str] | None = None
    train_is_latest: np.ndarray | None = None
    user_states: np.ndarray | None = None
    item_states: np.ndarray | None = None
    cold_users: np.ndarray | None = None
    cold_items: np.ndarray | None = None
    train_is_validation: np.ndarray | None = None
    user_features: "Features | None" = None
    item_features: "Features | None" = None
    train_order: np.ndarray | None = None

    def __post_init__(self):
        require_sizes(self.num_users, self.num_items)
        if len(self.train_offsets) != self.num_users + 1:
            raise InputError(
                f"`train_offsets` must have num_users + 1 = {self.num_users + 1} entries. "
                f"Received: {len(self.train_offsets)}"
            )
        if len(self.train_items) == 0:
            raise InputError("The train interactions must hold at least one positive. Received: none")
        if not len(self.test_users) == len(self.test_items) == len(self.test_negatives):
            raise InputError(
                "`test_users`, `test_items` and `test_negatives` must be of one length. Received: "
                f"{len(self.test_users)}, {len(self.test_items)} and {len(self.test_negatives)}"
            )
        require_indices(self.test_users, self.num_users, "test_users")
        for argument in ("train_items", "test_items", "test_negatives"):
            require_indices(getattr(self, argument), self.num_items, argument)
        for argument, count, each in (
            ("user_ids", self.num_users, ""),
            ("item_ids", self.num_items, ""),
            ("item_titles", self.num_items, ""),
            ("train_is_latest", self.num_train, ", one for each train interaction"),
            ("train_is_validation", self.num_train, ", one for each train interaction"),
            ("train_order", self.num_train, ", one for each train interaction"),
        ):
            values = getattr(self, argument)
            if values is not None and len(values) != count:
                raise InputError(f"`{argument}` must have {count} entries{each}. Received: {len(values)}")
        for argument in ("user_ids", "item_ids"):
            if getattr(self, argument) is not None:
                object.__setattr__(self, argument, texts_of_ids(getattr(self, argument), argument))
        for argument, highest in (("user_states", FORGOTTEN), ("item_states", INACTIVE)):
            self._check_states(argument, highest)
        self._check_later()
        if self.train_order is not None:
            require_order(self.train_order, self.train_offsets)
        for argument, count in (("user_features", self.num_users), ("item_features", self.num_items)):
            features = getattr(self, argument)
            if features is not None and features.num_rows != count:
                raise InputError(f"`{argument}` must have {count} rows. Received: {features.num_rows}")
        arrays = [self.train_offsets, self.train_items, self.test_users, self.test_items, self.test_negatives]
        optional = [self.train_is_latest, self.cold_users, self.cold_items, self.train_is_validation]
        optional.append(self.train_order)
        for array in [*arrays, *(array for array in optional if array is not None)]:
            array.setflags(write=False)

    @classmethod
    def from_pairs(
        cls,
        train_users: np.ndarray,
        train_items: np.ndarray,
        test_users: np.ndarray,
        test_items: np.ndarray,
        test_negatives: np.ndarray,
        *,
        name: str = "dataset",
        num_users: int | None = None,
        num_items: int | None = None,
        user_ids: Sequence[str] | None = None,
        item_ids: Sequence[str] | None = None,
        item_titles: Sequence[str] | None = None,
        train_timestamps: np.ndarray | None = None,
        user_states: np.ndarray | None = None,
        item_states: np.ndarray | None = None,
        cold_users: np.ndarray | None = None,
        cold_items: np.ndarray | None = None,
        train_is_validation: np.ndarray | None = None,
        user_features: "Features | None" = None,
        item_features: "Features | None" = None,
    ) -> "Dataset":
        """Make a dataset of index pairs in any order; repeated train pairs collapse to one.

        The arguments are as the attributes. `num_users` and `num_items` are the highest index + 1 if not given,
        as the authors' `Dataset.py` counts. `train_timestamps` are numbers or dates of any unit, none missing;
        kept is only their order within a user. `train_is_validation` is of the pairs as they are given.
        """
        train_users = whole_numbers(train_users, "train_users")
        train_items = whole_numbers(train_items, "train_items")
        test_users = whole_numbers(test_users, "test_users")
        test_items = whole_numbers(test_items, "test_items")
        test_negatives = whole_numbers(test_negatives, "test_negatives")
        if cold_users is not None:
            cold_users = whole_numbers(cold_users, "cold_users")
        if cold_items is not None:
            cold_items = whole_numbers(cold_items, "cold_items")
        if len(train_users) != len(train_items):
            raise InputError(
                "`train_users` and `train_items` must be of one length. "
                f"Received: {len(train_users)} and {len(train_items)}"
            )
        if test_negatives.ndim != 2:
            raise InputError(
                f"`test_negatives` must have shape (tests, negatives). Received: shape {test_negatives.shape}"
            )
        if num_users is None:
            num_users = _highest(train_users, test_users, cold_users) + 1
        if num_items is None:
            num_items = _highest(train_items, test_items, test_negatives, cold_items) + 1
        require_sizes(num_users, num_items)
        # Where each user's items begin, found from the numbers of all users; and each one's latest time.
        whole = f"A dataset of {num_users:,} users and {num_items:,} items"
        require_memory(num_users * (16 if train_timestamps is None else 24), whole)
        for argument, indices, count in (
            ("train_users", train_users, num_users),
            ("train_items", train_items, num_items),
            ("test_users", test_users, num_users),
            ("test_items", test_items, num_items),
            ("test_negatives", test_negatives, num_items),
        ):
            require_indices(indices, count, argument)
        pairs = sorted_pairs(
            pair_numbers(train_users, train_items, num_items),
            train_users,
            train_timestamps,
            train_is_validation,
        )
        users, items = np.divmod(pairs.keys, max(num_items, 1))
        return cls(
            name=name,
            num_users=num_users,
            num_items=num_items,
            train_offsets=np.searchsorted(users, np.arange(num_users + 1)),
            train_items=items.astype(np.int32),
            test_users=test_users.astype(np.int32),
            test_items=test_items.astype(np.int32),
            test_negatives=test_negatives.astype(np.int32),
            user_ids=user_ids,
            item_ids=item_ids,
            item_titles=item_titles,
            train_is_latest=pairs.is_latest,
            train_order=pairs.order,
            user_states=user_states,
            item_states=item_states,
            cold_users=cold_users,
            cold_items=cold_items,
            train_is_validation=pairs.is_validation,
            user_features=user_features,
            item_features=item_features,
        )

    @classmethod
    def from_dataframe(
        cls,
        df: Any,
        user: Hashable = "user",
        item: Hashable = "item",
        rating: Hashable | None = None,
        timestamp: Hashable | None = None,
        *,
        titles: "Mapping[Any, object] | pd.Series | None" = None,
        name: str = "dataset",
        missing: Sequence[str] = (),
        time_format: str | None = None,
        user_features: Any = None,
        item_features: Any = None,
        feature_kinds: Mapping[str, str] | None = None,
        with_new_items: bool = False,
        **options: Any,
    ) -> "Dataset":
        """Split a log of interactions leave-one-out, in time or by items, as `ncf prepare` does with a file.

        Args:
            df: a row an interaction; rows that lack a value are dropped. A DataFrame of pandas or polars, a
                table of pyarrow or what else has the Arrow interface, a dict of columns, a list of dicts, a
                NumPy array with named fields; or a list of tuples or an array of two dimensions, whose columns
                are numbers from 0.
            user, item: the columns of ids, which become texts by the rule of docs/data.md.
            rating: the column of ratings; a rating of 0 or below is no positive. None: every row is one.
            timestamp: the column of timestamps, numbers or dates; the latest interaction of each user is held
                out, or with `split="time"` all from the time `at` on. None: a random one of each user is. With
                `split="cold_items"` the share `at` of the items is held out whole besides.
            titles: title of each item id, in a dict or a Series.
            name: what output files are named after.
            missing: texts that stand for a missing value, such as `["NULL"]`; so does a number of that value.
            time_format: what texts of dates look like if not as in ISO 8601, such as `"%m/%d/%Y"`.
            user_features, item_features: tables of features, of any kind that `df` may be: the id in the first
                column, each other one a column of features, in which a list is several categories.
            feature_kinds: `categories`, `number`, `date` or `text` of columns, by name, where that is not to be
                found out.
            with_new_items: keep the items of `item_features` that are not in `df`, as inactive ones.
            **options: as in `ncf_keras.data.prepare.PrepareOptions`: `min_rating`, `min_user_interactions`,
                `min_item_interactions`, `keep`, `negatives`, `seed`, `split`, `at`, `validation_at`.

        Example:
            >>> Dataset.from_dataframe(df, user="u", item="i", timestamp="t", negatives=20)
        """
        from ncf_keras.data.frames import FeatureFrames, dataset_from_dataframe

        columns = {"user": user, "item": item, "rating": rating, "timestamp": timestamp}
        features = FeatureFrames(user_features, item_features, feature_kinds, with_new_items)
        return dataset_from_dataframe(df, columns, titles, name, missing, time_format, features, options)

    def save(self, path: "str | os.PathLike[str]", name: str) -> None:
        """Write the files that the commands and `read_dataset` read, which make a Dataset equal to this one.

        They appear together or not at all; those of an earlier dataset of that name are replaced.

        Args:
            path: the directory, such as `Data/`; made if it is missing.
            name: what the files, and the Dataset that is read from them, are named.

        Raises:
            InputError: they can't be written, or this Dataset holds what they could not: users or items behind
                the last that has an interaction, no test pair, no negatives, ids or titles that are no text in
                UTF-8, or a user with train interactions of which none is the latest.

        Example:
            >>> dataset.save("Data/", "clicks")  # then: ncf neumf --path Data/ --dataset clicks
        """
        from ncf_keras.data.dataset_writing import write_dataset
        from ncf_keras.data.savable import saving_prefix

        write_dataset(saving_prefix(path, name), self)

    @property
    def num_train(self) -> int:
        """Number of train interactions, each (user, item) pair once."""
        return len(self.train_items)

    @property
    def num_test(self) -> int:
        """Number of test pairs."""
        return len(self.test_users)

    @property
    def train_users(self) -> np.ndarray:
        """The user of each entry of `train_items`: int32, shape (interactions,), made anew at each call."""
        return np.repeat(np.arange(self.num_users, dtype=np.int32), np.diff(self.train_offsets))

    @property
    def train_matrix(self) -> "scipy.sparse.csr_matrix":
        """The train interactions as a sparse matrix of ones: float32, shape (users, items), made anew."""
        import scipy.sparse

        ones = np.ones(self.num_train, np.float32)
        shape = (self.num_users, self.num_items)
        return scipy.sparse.csr_matrix((ones, self.train_items, self.train_offsets), shape)

    @cached_property
    def items_in_time(self) -> ItemsInTime:
        """The train items of each user in the order of time.

        Raises:
            InputError: the source tells no order.
        """
        if self.train_order is None:
            raise InputError(
                f"`dataset` must have timestamps of train interactions for their order in time. "
                f"Received: {self.name}, which tells no order"
            )
        require_memory(24 * self.num_train, f"The order in time of {self.num_train:,} train interactions")
        return ItemsInTime(self.train_items, self.train_order, self.train_offsets)

    def recent_items(self, length: int) -> np.ndarray:
        """Return the last train items of each user: int32, shape (num_users, length), the newest first.

        They are indices, and -1 where a user has no more. InputError if the source tells no order.
        """
        require_count(length, "length")
        require_memory(12 * length * self.num_users, f"The last {length} items of {self.num_users:,} users")
        return self.items_in_time.last(length)

    def feature_matrices(self) -> "tuple[scipy.sparse.csr_matrix | None, scipy.sparse.csr_matrix | None]":
        """Return which user, and which item, has which feature, as `Features.matrix` does; None: not known."""
        users, items = (
            None if features is None else features.matrix()
            for features in (self.user_features, self.item_features)
        )
        return users, items

    @cached_property
    def item_counts(self) -> np.ndarray:
        """Number of train interactions of each item, its popularity: int64, shape (items,), read-only."""
        require_memory(8 * self.num_items, f"The number of interactions of each of {self.num_items:,} items")
        counts = np.bincount(self.train_items, minlength=self.num_items)
        counts.setflags(write=False)
        return counts

    @cached_property
    def active_users(self) -> np.ndarray:
        """Which users something is known of, those with no other state: bool, shape (users,), read-only."""
        return _active(self.user_states, self.num_users)

    @cached_property
    def active_items(self) -> np.ndarray:
        """Which items may be in a list, those with no other state: bool, shape (items,), read-only."""
        return _active(self.item_states, self.num_items)

    def _check_states(self, argument: str, highest: int) -> None:
        """Keep states as uint8, or None if all are active; raise InputError if one contradicts interactions."""
        given, of_users = getattr(self, argument), argument == "user_states"
        if given is None:
            return
        states = checked_states(given, self.num_users if of_users else self.num_items, highest, argument)
        train, test = (self.train_users, self.test_users) if of_users else (self.train_items, self.test_items)
        wrong = contradicted(states, train, test)
        if wrong is not None:
            raise InputError(
                f"`{argument}` must be {ACTIVE} (active) where there are interactions. "
                f"Received: {states[wrong]} for index {wrong}, which has some"
            )
        object.__setattr__(self, argument, states if states.any() else None)

    def _check_later(self) -> None:
        """Keep cold pairs and marks of validation where there are some; raise InputError if they are none."""
        users, items = (0 if each is None else len(each) for each in (self.cold_users, self.cold_items))
        if users != items:
            raise InputError(
                f"`cold_users` and `cold_items` must be of one length. Received: {users} and {items}"
            )
        checked = {
            "cold_users": cold_indices(self.cold_users, self.num_users, self.user_states, "cold_users"),
            "cold_items": cold_indices(self.cold_items, self.num_items, self.item_states, "cold_items"),
            "train_is_validation": validation_marks(self.train_is_validation),
        }
        for argument, values in checked.items():
            object.__setattr__(self, argument, values)

    def __repr__(self) -> str:
        density = self.num_train / (self.num_users * self.num_items)
        return (
            f"<Dataset {self.name}: {self.num_users:,} users{_inactive(self.user_states)} x "
            f"{self.num_items:,} items{_inactive(self.item_states)}, "
            f"{self.num_train:,} train interactions ({density:.2%} of pairs), {self.num_test:,} test pairs "
            f"against {self.test_negatives.shape[1]} negatives each{self._later()}>"
        )

    def _later(self) -> str:
        """Return what a split in time has besides, for `__repr__`."""
        marked, cold = self.train_is_validation, self.cold_users
        parts = [
            "" if marked is None else f", {np.count_nonzero(marked):,} of train for validation",
            "" if cold is None else f", {len(cold):,} cold pairs",
        ]
        return "".join(parts)


def _active(states: np.ndarray | None, count: int) -> np.ndarray:
    active = np.ones(count, dtype=bool) if states is None else states == ACTIVE
    active.setflags(write=False)
    return active


def _inactive(states: np.ndarray | None) -> str:
    return "" if states is None else f" ({np.count_nonzero(states):,} not active)"


def pair_numbers(users: np.ndarray, items: np.ndarray, num_items: int) -> np.ndarray:
    """Return user * num_items + item of each pair, int64: one number a pair, in the order of the pairs."""
    return users.astype(np.int64) * num_items + items


def _highest(*arrays: np.ndarray | None) -> int:
    """Return the highest index, -1 where there is none."""
    return max((int(array.max()) for array in arrays if array is not None and array.size), default=-1)
