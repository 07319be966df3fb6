"""A trained model and its dataset as one object that is asked for lists, with raw ids and titles in them."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import pandas as pd

from ncf_keras.base.checks import require_count
from ncf_keras.base.errors import InputError
from ncf_keras.base.ids import id_text, listed_ids
from ncf_keras.base.memory import require_memory
from ncf_keras.data import Dataset
from ncf_keras.data.features import Feature
from ncf_keras.models.factored import can_factor
from ncf_keras.recommending.constraints import read_constraints
from ncf_keras.recommending.ids import Ids
from ncf_keras.recommending.listed import Listed
from ncf_keras.recommending.newcomers import model_for
from ncf_keras.recommending.programs import Programs, Steering
from ncf_keras.recommending.ranking import popularity
from ncf_keras.recommending.stages import Stages, Wanted
from ncf_keras.recommending.steered_ranking import steered_popularity
from ncf_keras.recommending.tables import Tables

# What a row of a table takes, with the arrays it is made from and its text in a file.
BYTES_A_ROW = 400


class Recommender:
    """Lists of items for the users of a dataset, for new ones and for anybody; similar items; new items' users.

    What does not depend on who asks (the halves of all users and items, see `ncf_keras.models.factored`) is
    computed once: make one object and ask it often. After further training call `refresh()`, or make a new one.

    An inactive item of the dataset is in no list and can't be asked for; a user who is inactive or forgotten is
    answered as an unknown one (`ncf_keras/data/states.py`). With a model that takes features of that side it is
    otherwise: by these it knows an inactive item or user that has any. `listed` says who is known.

    Users and items that came after the training take part by their features: give a dataset that
    `ncf_keras.data.with_newcomers` has grown by them, and the model that was trained on it before.

    Args:
        model: trained on `dataset`: GMF, MLP, NeuMF, or any other Keras model from `user_input` and
            `item_input` to one prediction; or a fitted baseline (`ncf_keras.baselines`). Similar items and
            new items need a GMF, MLP or NeuMF; a new user's history one of these, EASE or ItemKNN.
        dataset: where raw ids, titles and the items seen come from.
        item_features: what `max_per` may name, as `ncf_keras.data.feature_tables.read_features` returns it;
            None: the columns of the dataset.
        candidates: find the lists of users, sessions and histories in two stages, of which the second ranks so
            many items by the model, at least 10: for large catalogues (`ncf_keras.recommending.two_stage`). It
            takes a GMF, MLP or NeuMF. None: all items are ranked.
        recall: in place of `candidates`: as many as it takes to find this share of the exact lists' ten best
            items, measured on 1,000 users; 1 is exact, as is None.
        measured: in place of both, the `stages` of another Recommender of the same: nothing is measured again.

    Attributes:
        listed: who gets lists of their own, and which items are on them.
        stages: how the lists are found, and how many of the exact lists' items are found so.
        num_items: how many items the dataset has.

    Raises:
        InputError: the model is none of these, of other sizes, or trained with other features.

    **Steering.** `recommend`, `fold_in` and `popular` make the list of somebody who walks all items from the
    top and takes what these arguments allow:

    - `only_items`: raw ids (or indices, as everywhere), the only items to choose from; None: all.
      `not_items`: items to leave out. Ids that the dataset does not have are passed over; if `only_items` has
      no others, nothing is allowed.
    - `max_per`: such as `("genre", 2)`: of each category of this feature at most so many items. An item counts
      in every category that it has; one that has none is never left out.
    - `popularity_penalty`: p of at least 0: the score becomes score - p log(1 + n) / log(1 + max n), where n is
      the item's number of train interactions, and ranks are by it. The popularity list has no penalty.

    All lists are tables with a row an item:

    - `user_id`, `item_id`: raw ids, as texts, where the dataset has them, else indices;
    - `rank`: from 1; of equal scores the lower item index comes first;
    - `title`: only if the dataset has titles;
    - `score`: the model's prediction, float32;
    - `source`: what the list was made from: `model`, `folded in`, `session` or `popularity`.

    Example:
        >>> recommender = Recommender(model, dataset)
        >>> recommender.recommend(["ann", "007"], k=3)
    """

    def __init__(
        self,
        model: Any,
        dataset: Dataset,
        item_features: Mapping[str, Feature] | None = None,
        *,
        candidates: int | None = None,
        recall: float | None = None,
        measured: Stages | None = None,
    ):
        if not isinstance(model, keras.Model) and not callable(getattr(model, "score", None)):
            raise InputError(
                "`model` must be a Keras model or have a method `score(users, items)`, as baselines do. "
                f"Received: {model!r}"
            )
        self.num_items = dataset.num_items
        self._model, self._dataset, self._wanted = model, dataset, Wanted(candidates, recall, measured)
        if item_features is None:
            item_features = {} if dataset.item_features is None else dataset.item_features.groups()
        self._features = item_features
        self.refresh()

    def refresh(self) -> None:
        """Take over the weights that the model has now."""
        model = model_for(self._model, self._dataset)
        self.listed = Listed.of(self._dataset, model)
        self._tables = Tables(self._dataset, self.listed)
        self._programs = Programs(model, self._dataset, self._wanted)
        self.stages = self._programs.stages

    def recommend(
        self,
        users: object,
        k: int = 10,
        include_seen: bool = False,
        *,
        popular_for_unknown: bool = False,
        only_items: object = None,
        not_items: object = (),
        max_per: tuple[str, int] | None = None,
        popularity_penalty: float = 0.0,
    ) -> pd.DataFrame:
        """Return the items that the model ranks highest for each user.

        Args:
            users: raw ids if the dataset has `user_ids`, else indices; one, or any number in any order.
            k: length of a list; a user who has seen all but fewer items gets a shorter one.
            include_seen: rank the user's train items too. The held-out test item always counts as not seen.
            popular_for_unknown: give an unknown user the list of `popular` instead of an error. The ids in the
                table are then texts, and `score` is such a list's number of train interactions.
            only_items, not_items, max_per, popularity_penalty: see the class.

        The lists come in the order of `users`. InputError if the model's scores are not finite.
        """
        require_count(k, "k")
        ids = self._tables.users
        if popular_for_unknown:
            names = [_require_id(user, "users") for user in listed_ids(users)]
            indices, user_ids = ids.find(names), pd.Series(names).array
        else:
            indices = ids.require(users, "users")
            user_ids = ids.named(indices)
        steering = self._read(only_items, not_items, max_per, popularity_penalty)
        k = min(k, self._dataset.num_items)
        require_room(len(indices), k)
        lists = self._programs.recommend(indices, k, include_seen, steering)
        sources = np.where(lists.known, "model", "popularity").astype(object)
        return self._tables.of(lists.items, lists.scores, user_ids, sources)

    def similar_items(self, items: object, k: int = 10) -> pd.DataFrame:
        """Return the items whose vectors have the largest cosine with that of each given item.

        The vectors are those of `FactoredModel.item_vectors`: for NeuMF the cosine is the mean of its towers'.

        Args:
            items: raw ids if the dataset has `item_ids`, else indices; one, or any number in any order.
            k: length of a list; an item is not similar to itself, so there are fewer in a small catalogue.

        Returns:
            A row a pair: `item_id`, `rank` from 1, `similar_item_id`, its `title` (if the dataset has titles)
            and `cosine`, float32. Of equal ones the lower index comes first.
        """
        require_count(k, "k")
        ids = self._tables.items
        indices = ids.require(items, "items")
        k = min(k, self._dataset.num_items - 1)
        require_room(len(indices), k)
        return self._tables.of_pairs(indices, self._programs.similar_items(indices, k))

    def nearest(self, items: object, among: object, k: int = 3) -> pd.DataFrame:
        """Return those of some items, such as a history, that are most like each given item.

        They tell why an item stands in a user's list: what the user knows that is like it.

        Args:
            items: as in `similar_items`.
            among: the items to choose from, in the same form, in any order; there may be none.
            k: how many to choose for each item, fewer where there are no more; an item is never chosen for
                itself.

        Returns:
            A table as `similar_items` returns it, with the same cosines.
        """
        require_count(k, "k")
        ids = self._tables.items
        indices, candidates = ids.require(items, "items"), np.unique(ids.require(among, "among"))
        cells = f"The cosines of {len(indices):,} with {len(candidates):,} items"
        require_memory(8 * len(indices) * len(candidates), cells)
        lists = self._programs.nearest(indices, candidates, min(k, len(candidates)))
        return self._tables.of_pairs(indices, lists)

    def fold_in(
        self,
        history: object,
        k: int = 10,
        include_seen: bool = False,
        *,
        user: object = "",
        described_as: object = None,
        only_items: object = None,
        not_items: object = (),
        max_per: tuple[str, int] | None = None,
        popularity_penalty: float = 0.0,
    ) -> pd.DataFrame:
        """Fit a new user's vector to a history and return the items that the model ranks highest for that user.

        EASE and ItemKNN have no vectors: they score a history as they score that of a user.

        Args:
            history: the items the user interacted with, at least one: raw ids if the dataset has `item_ids`,
                else indices.
            k: length of the list.
            include_seen: rank the history too.
            user: what to write in the column `user_id`.
            described_as: the id of a user whose features the new one has, such as one that `with_newcomers` has
                added: the vector is then these and an identity that is fitted.
            only_items, not_items, max_per, popularity_penalty: see the class.
        """
        require_count(k, "k")
        items = self._tables.items.require(history, "history")
        seen = np.zeros(0, np.int32) if include_seen else np.unique(items)
        if not self.takes_histories:
            rule = "a GMF, MLP, NeuMF, EASE or ItemKNN to fold users into"
            received = getattr(self._model, "name", None) or repr(self._model)
            raise InputError(f"`model` must be {rule}. Received: {received}")
        steering = self._read(only_items, not_items, max_per, popularity_penalty)
        described = _index(self._tables.users, described_as)
        lists = self._programs.fold_in(items, seen, min(k, self._dataset.num_items), steering, described)
        user_ids, sources = pd.Series([user]).array, np.array(["folded in"], object)
        return self._tables.of(lists.items, lists.scores, user_ids, sources)

    def recommend_session(
        self, items: object, k: int = 10, include_seen: bool = False, *, user: object = ""
    ) -> pd.DataFrame:
        """Return the items that the model ranks highest for someone by the items chosen last, whoever it is.

        The model must take recent items (`recent`). Nothing else is known of the user, nor asked.

        Args:
            items: what was chosen, in the order of time, the newest last: raw ids if the dataset has
                `item_ids`, else indices. As many as the model takes count, the last ones; those that the
                dataset does not have are passed over. With none left the list is that of `popular`.
            k: length of the list.
            include_seen: rank the items of the session too.
            user: what to write in the column `user_id`.
        """
        require_count(k, "k")
        found = self._tables.items.find(listed_ids(items)).astype(np.int32)
        lists = self._programs.recommend_session(found, min(k, self._dataset.num_items), include_seen)
        sources = np.where(lists.known, "session", "popularity").astype(object)
        return self._tables.of(lists.items, lists.scores, pd.Series([user]).array, sources)

    def place_item(self, history: object, users: object, *, described_as: object = None) -> pd.DataFrame:
        """Fit a new item's vector to a history and return where the item would stand in users' lists.

        Args:
            history: the users who interacted with the item, at least one: raw ids if the dataset has
                `user_ids`, else indices.
            users: in the same form; one, or any number in any order.
            described_as: the id of an item whose features the new one has, such as one that `with_newcomers`
                has added: the vector is then these and an identity that is fitted.

        Returns:
            A row a user, in the order of `users`: `user_id`; `score`, the prediction, float32; and `rank` among
            the items that `recommend` ranks for this user, from 1. Of equal scores the new item comes last.
        """
        ids = self._tables.users
        interacted, indices = ids.require(history, "history"), ids.require(users, "users")
        places = self._programs.place_item(interacted, indices, _index(self._tables.items, described_as))
        columns = {"score": places.predictions, "rank": places.ranks}
        return pd.DataFrame({"user_id": ids.named(indices), **columns})

    def users_for_item(self, history: object, k: int = 10, *, described_as: object = None) -> pd.DataFrame:
        """Fit a new item's vector to a history and return the other users for whom its prediction is highest.

        Args:
            history, described_as: as in `place_item`.
            k: length of the list.

        Returns:
            A row a user: `rank` from 1, `user_id` and `score`, the prediction, float32. Of equal scores the
            lower index comes first.
        """
        require_count(k, "k")
        ids = self._tables.users
        indices = np.unique(ids.require(history, "history"))
        k = min(k, self._dataset.num_users)
        require_room(1, k)
        lists = self._programs.users_for_item(indices, k, _index(self._tables.items, described_as))
        found = lists.items[0] >= 0
        users, scores = lists.items[0, found], lists.scores[0, found]
        return pd.DataFrame(
            {"rank": np.arange(1, len(users) + 1), "user_id": ids.named(users), "score": scores}
        )

    def users_for_items(self, items: object, k: int = 10) -> pd.DataFrame:
        """Return the users for whom the prediction of each item is highest, those who have it left out.

        Args:
            items: raw ids if the dataset has `item_ids`, else indices; one, or any number in any order.
            k: length of a list.

        Returns:
            A row a pair: `item_id`, `rank` from 1, `user_id` and `score`, the prediction, float32. Of equal
            scores the lower index comes first.
        """
        require_count(k, "k")
        indices, k = self._tables.items.require(items, "items"), min(k, self._dataset.num_users)
        require_room(len(indices), k)
        lists = self._programs.users_for_items(indices, k)
        rows, places = np.nonzero(lists.items >= 0)
        columns = {
            "rank": places + 1,
            "user_id": self._tables.users.named(lists.items[rows, places]),
            "score": lists.scores[rows, places],
        }
        return pd.DataFrame({"item_id": self._tables.items.named(indices[rows]), **columns})

    def popular(
        self,
        k: int = 10,
        users: Sequence[object] = ("",),
        *,
        only_items: object = None,
        not_items: object = (),
        max_per: tuple[str, int] | None = None,
    ) -> pd.DataFrame:
        """Return what most users interacted with; see `popular_items`."""
        features = self._features
        return popular_items(
            self._dataset, k, users, features, only_items=only_items, not_items=not_items, max_per=max_per
        )

    def listed_users(self) -> list[Any]:
        """Return the ids of all users who get lists of their own, in the order of their indices.

        Raw ids where the dataset has them, else indices.
        """
        listed = self.listed.users
        indices = range(self._dataset.num_users) if listed is None else np.flatnonzero(listed).tolist()
        ids = self._dataset.user_ids
        return list(indices) if ids is None else [ids[index] for index in indices]

    def has_ids(self, side: str) -> bool:
        """Tell whether the dataset has raw ids of a side, `user` or `item`; else its indices are the ids."""
        return getattr(self._dataset, f"{side}_ids") is not None

    def _read(self, *steering: Any) -> Steering | None:
        return read_constraints(self._tables.items, self._features, self._dataset.num_items, *steering)

    @property
    def compares_items(self) -> bool:
        """Whether there are similar items: `similar_items` and `nearest` need a GMF, MLP or NeuMF."""
        return can_factor(self._model)

    @property
    def takes_histories(self) -> bool:
        """Whether a list can be made of a new user's history, by `fold_in`."""
        return hasattr(self._model, "score_history") or can_factor(self._model)


def recommend(
    model: Any, dataset: Dataset, users: object, k: int = 10, include_seen: bool = False
) -> pd.DataFrame:
    """Return what `Recommender(model, dataset).recommend(users, k, include_seen)` does, to ask only once."""
    return Recommender(model, dataset).recommend(users, k, include_seen)


def popular_items(
    dataset: Dataset,
    k: int = 10,
    users: Sequence[object] = ("",),
    item_features: Mapping[str, Feature] | None = None,
    *,
    only_items: object = None,
    not_items: object = (),
    max_per: tuple[str, int] | None = None,
) -> pd.DataFrame:
    """Rank the active items by train interactions; of equally popular ones the lower index comes first.

    The columns are those of `Recommender`: `score` is the number of interactions, `source` is `popularity`, and
    `user_id` holds `users`, who need not be in the dataset, with a list for each. `item_features`,
    `only_items`, `not_items` and `max_per` are those of `Recommender`.
    """
    require_count(k, "k")
    require_room(len(users), min(k, dataset.num_items))
    tables, num_items = Tables(dataset, Listed.of(dataset)), dataset.num_items
    steering = read_constraints(tables.items, item_features or {}, num_items, only_items, not_items, max_per)
    ranked = popularity(dataset) if steering is None else steered_popularity(dataset, k, *steering)
    items, scores = (np.tile(part[:k], (len(users), 1)) for part in ranked)
    sources = np.full(len(users), "popularity", object)
    return tables.of(items, scores, pd.Series(list(users)).array, sources)


def _index(ids: Ids, one: object) -> int | None:
    return None if one is None else int(ids.require([one], "described_as")[0])


def _require_id(value: object, argument: str) -> str:
    text = id_text(value, argument)
    if text is None:
        raise InputError(f"`{argument}` must hold ids. Received: {value!r}, which is none")
    return text


def require_room(lists: int, k: int) -> None:
    """Raise InputError if so many lists of `k` items need more memory than is free."""
    require_memory(lists * k * BYTES_A_ROW, f"{lists:,} lists of {k:,} items")
