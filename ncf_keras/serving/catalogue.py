"""What an export knows besides the model: who has seen what, what is popular, raw ids and titles."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ncf_keras.base.errors import InputError


class Interactions(Protocol):
    """The part of a `ncf_keras.data.Dataset` that an export needs; see there."""

    num_users: int
    num_items: int
    train_offsets: np.ndarray
    train_items: np.ndarray
    user_ids: Sequence[str] | None
    item_ids: Sequence[str] | None
    item_titles: Sequence[str] | None


@dataclass(frozen=True, eq=False)
class Catalogue:
    """Users and items by index.

    Attributes:
        num_users: users are the indices 0 … num_users - 1.
        num_items: items are the indices 0 … num_items - 1.
        seen_offsets: int64, shape (num_users + 1,). The seen items of user u are
            `seen_items[seen_offsets[u]:seen_offsets[u + 1]]`.
        seen_items: int32, shape (interactions,), no item twice for a user.
        popular_items: int32, shape (num_items,), most train interactions first, of equal ones the lower index
            first; empty where nothing is known of interactions.
        popular_scores: float32, of that shape: the number of train interactions.
        user_ids: raw id of each user, or None.
        item_ids: raw id of each item, or None.
        item_titles: title of each item, empty where there is none.
    """

    num_users: int
    num_items: int
    seen_offsets: np.ndarray
    seen_items: np.ndarray
    popular_items: np.ndarray
    popular_scores: np.ndarray
    user_ids: Sequence[str] | None
    item_ids: Sequence[str] | None
    item_titles: Sequence[str]


def make_catalogue(num_users: int, num_items: int, interactions: Interactions | None) -> Catalogue:
    """Return what is known besides a model of this many users and items.

    Args:
        num_users: rows of the model's user tables.
        num_items: rows of the model's item tables.
        interactions: a Dataset, or None for indices alone: nothing is seen, nothing popular, nothing named.

    Raises:
        InputError: the dataset has other numbers of users or items, an id twice, or text that is no Unicode.
    """
    if interactions is None:
        nothing = np.zeros(0, np.int32)
        return Catalogue(
            num_users, num_items, np.zeros(num_users + 1, np.int64), nothing, nothing,
            np.zeros(0, np.float32), None, None, [""] * num_items,
        )  # fmt: skip
    if (interactions.num_users, interactions.num_items) != (num_users, num_items):
        raise InputError(
            f"`dataset` must have the {num_users} users and {num_items} items of the model. "
            f"Received: {interactions.num_users} and {interactions.num_items}"
        )
    titles = interactions.item_titles
    if titles is None:
        titles = [""] * num_items
    for texts, argument, distinct in (
        (interactions.user_ids, "user_ids", True),
        (interactions.item_ids, "item_ids", True),
        (titles, "item_titles", False),
    ):
        if texts is not None:
            _require_texts(texts, argument, distinct)
    counts = np.bincount(interactions.train_items, minlength=num_items)
    popular = np.argsort(-counts, kind="stable")
    return Catalogue(
        num_users, num_items, np.asarray(interactions.train_offsets, np.int64),
        np.asarray(interactions.train_items, np.int32), popular.astype(np.int32),
        counts[popular].astype(np.float32), interactions.user_ids, interactions.item_ids, titles,
    )  # fmt: skip


def _require_texts(texts: Sequence[str], argument: str, distinct: bool) -> None:
    for text in texts:
        try:
            text.encode("utf-8")
        except UnicodeError:
            raise InputError(f"`{argument}` must be texts in Unicode. Received: {text!r}") from None
    if distinct and len(set(texts)) < len(texts):
        twice = Counter(texts).most_common(1)[0][0]
        raise InputError(f"`{argument}` must have no id twice. Received: {twice!r} twice")
