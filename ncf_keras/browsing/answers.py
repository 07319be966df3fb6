"""What the page asks for, as values that JSON holds; users and items are named by their indices."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from ncf_keras.base.errors import InputError
from ncf_keras.browsing.search import Search
from ncf_keras.data import Dataset
from ncf_keras.recommending import Recommender
from ncf_keras.recommending.ids import ids_of_items
from ncf_keras.recommending.ranking import popularity

# What the page offers while somebody types.
MOST_FOUND = 20
# Of a history: more is not read by eye. The reasons are looked for in all of it.
MOST_SHOWN = 200
MOST_REASONS = 3
# Of a title or an id, in characters.
LONGEST_NAME = 300


class Answers:
    """Lists, histories, similar items and names, each answer bounded in size.

    Every answer is a dictionary. An item is `{"item": index, "id": raw id, "title": text or None,
    "interactions": number in train}`, a user `{"user": index, "id": raw id, "interactions": number in train}`.
    What can't be answered raises InputError. Users and items that are not listed (`recommending/listed.py`) are
    neither found nor shown.

    Args:
        recommender: made of `dataset`.
        dataset: where ids, titles, histories and popularity come from.
        seed: of the users that are offered while nothing is typed.
    """

    def __init__(self, recommender: Recommender, dataset: Dataset, seed: int | None = None):
        self._recommender, self._dataset = recommender, dataset
        self._listed_users, self._listed_items = (
            np.ones(count, bool) if listed is None else listed
            for count, listed in (
                (dataset.num_users, recommender.listed.users),
                (dataset.num_items, recommender.listed.items),
            )
        )
        self._item_ids = ids_of_items(dataset, recommender.listed)
        self._users = np.flatnonzero(self._listed_users)
        self._history_lengths = np.diff(dataset.train_offsets)
        self._tests: dict[int, list[int]] = {}
        for user, item in zip(dataset.test_users.tolist(), dataset.test_items.tolist(), strict=True):
            self._tests.setdefault(user, []).append(item)
        self._generator = np.random.default_rng(seed)
        titles = [] if dataset.item_titles is None else [dataset.item_titles]
        names = zip(*titles, _ids(dataset.item_ids, dataset.num_items), strict=True)
        popular = popularity(dataset)[0]
        cold = np.setdiff1d(np.flatnonzero(self._listed_items), popular)
        self._item_search = Search(list(names), np.concatenate([popular, cold]))
        users = _ids(dataset.user_ids, dataset.num_users)
        self._user_search = Search([(user,) for user in users], self._users)

    def dataset(self) -> dict[str, Any]:
        """Return the name and sizes of the dataset, whether it has ids and titles, and what the model can do.

        `compares_items`: there are similar items, and reasons in lists; `takes_histories`: there are lists for
        new users who like some items.
        """
        dataset = self._dataset
        return {
            "name": dataset.name,
            "users": len(self._users),
            "items": int(self._listed_items.sum()),
            "interactions": dataset.num_train,
            "has_user_ids": dataset.user_ids is not None,
            "has_item_ids": dataset.item_ids is not None,
            "has_titles": dataset.item_titles is not None,
            "compares_items": self._recommender.compares_items,
            "takes_histories": self._recommender.takes_histories,
        }

    def users(self, typed: str) -> dict[str, Any]:
        """Return the users whose id holds what was typed; if nothing was typed, a few at random."""
        if typed.strip():
            found = self._user_search.find(typed, MOST_FOUND)
        else:
            count = min(MOST_FOUND, len(self._users))
            found = self._generator.choice(self._users, count, replace=False).tolist()
        return {"users": [self._user(user) for user in found]}

    def items(self, typed: str) -> dict[str, Any]:
        """Return the items whose title or id holds what was typed; if nothing was typed, the most popular."""
        return {"items": [self._item(item) for item in self._item_search.find(typed, MOST_FOUND)]}

    def for_user(self, user: int, k: int) -> dict[str, Any]:
        """Return a user's history, the most popular first, the held-out items, and the list with its reasons.

        `previous` and `next` are the users before and behind this one; behind the last is the first.
        """
        _require_listed(user, self._listed_users, "user")
        place = int(np.searchsorted(self._users, user))
        start, stop = self._dataset.train_offsets[user : user + 2]
        history = self._dataset.train_items[start:stop]
        shown = history[np.argsort(-self._dataset.item_counts[history], kind="stable")][:MOST_SHOWN]
        held_out = self._tests.get(user, [])
        return {
            **self._user(user),
            "previous": int(self._users[place - 1]),
            "next": int(self._users[(place + 1) % len(self._users)]),
            "history": [self._item(item) for item in shown],
            "held_out": [self._item(item) for item in held_out[:MOST_SHOWN]],
            **self._list(self._recommender.recommend(self._raw_user(user), k), history, held_out),
        }

    def for_liked(self, liked: Sequence[int], k: int) -> dict[str, Any]:
        """Return a list for a new user who likes these items, or what is popular if there are none."""
        for item in liked:
            _require_listed(item, self._listed_items, "items")
        items = np.array(list(dict.fromkeys(liked)), np.int32)
        frame = self._recommender.fold_in(self._raw(items), k) if liked else self._recommender.popular(k)
        return {"liked": [self._item(item) for item in items], **self._list(frame, items, [])}

    def similar(self, item: int, k: int) -> dict[str, Any]:
        """Return the items that are most like an item, with the cosines."""
        _require_listed(item, self._listed_items, "item")
        frame = self._recommender.similar_items(self._raw([item]), k)
        similar = self._named(frame["similar_item_id"])
        return {**self._item(item), "similar": _with(similar, cosine=frame["cosine"])}

    def _list(self, frame: pd.DataFrame, history: np.ndarray, held_out: Sequence[int]) -> dict[str, Any]:
        source = "model" if frame.empty else frame["source"].iloc[0]
        items = self._named(frame["item_id"])
        reasons: list[list] = [[] for _ in items]
        if len(history) and items and self._recommender.compares_items:
            nearest = self._recommender.nearest(frame["item_id"], self._raw(history), MOST_REASONS)
            liked = _with(self._named(nearest["similar_item_id"]), cosine=nearest["cosine"])
            # The rows are in the order of the list; the first of each item has rank 1.
            for place, reason in zip(nearest["rank"].eq(1).cumsum() - 1, liked, strict=True):
                reasons[place].append(reason)
        is_held_out = [item["item"] in held_out for item in items]
        return {"source": source, "list": _with(items, score=frame["score"], why=reasons, held_out=is_held_out)}

    def _named(self, raw: pd.Series) -> list[dict[str, Any]]:
        return [self._item(item) for item in self._item_ids.find(raw)]

    def _raw(self, items: Sequence[int] | np.ndarray) -> list[Any]:
        """Return the raw ids of items, which a Recommender is asked with."""
        ids = self._dataset.item_ids
        return [int(item) if ids is None else ids[item] for item in items]

    def _raw_user(self, user: int) -> Any:
        return user if self._dataset.user_ids is None else self._dataset.user_ids[user]

    def _item(self, item: int) -> dict[str, Any]:
        dataset = self._dataset
        return {
            "item": int(item),
            "id": _short(str(item if dataset.item_ids is None else dataset.item_ids[item])),
            "title": (_short(dataset.item_titles[item]) or None) if dataset.item_titles is not None else None,
            "interactions": int(dataset.item_counts[item]),
        }

    def _user(self, user: int) -> dict[str, Any]:
        interactions = int(self._history_lengths[user])
        return {"user": user, "id": _short(str(self._raw_user(user))), "interactions": interactions}


def _ids(known: Sequence[str] | None, count: int) -> Sequence[str]:
    return [str(index) for index in range(count)] if known is None else known


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"


def _with(items: list[dict[str, Any]], **columns: Any) -> list[dict[str, Any]]:
    """Return each item with its value of each column; arrays of NumPy become numbers of Python."""
    lists = {name: column.tolist() if hasattr(column, "tolist") else column for name, column in columns.items()}
    return [
        {**item, **{name: values[place] for name, values in lists.items()}} for place, item in enumerate(items)
    ]


def _require_listed(index: int, listed: np.ndarray, argument: str) -> None:
    if not (0 <= index < len(listed) and listed[index]):
        which = "an index" if listed.all() else "an active index"
        raise InputError(f"`{argument}` must be {which} from 0 to {len(listed) - 1}. Received: {index}")
