"""Raw ids and titles in an export: tables that find the index of an id, and lists of indices by name."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ncf_keras.recommending.blocks import NO_ITEM

Outputs = Mapping[str, tf.Tensor]


class IdTable(tf.saved_model.experimental.TrackableResource):
    """A hash table from raw ids to indices, filled when the export is loaded.

    The ids are read from a variable rather than kept as constants: a variable lies in the checksummed part of
    an export, and may be larger than the 2 GB that a graph can be.

    Args:
        ids: no id twice.
        name: tells the tables of an export apart.
        indices: the index of each id; None: `ids[index]` is the id of `index`.
    """

    def __init__(self, ids: Sequence[str], name: str, indices: np.ndarray | None = None):
        super().__init__()
        # A resource doesn't track its attributes by itself.
        self.ids = self._track_trackable(_texts(ids), "ids")
        self._indices = None
        if indices is not None:
            kept = tf.Variable(indices, trainable=False, dtype=tf.int32)
            self._indices = self._track_trackable(kept, "indices")
        self._name = name

    def _create_resource(self) -> tf.Tensor:
        return tf.raw_ops.HashTableV2(key_dtype=tf.string, value_dtype=tf.int32, shared_name=self._name)

    def _initialize(self) -> None:
        indices = tf.range(tf.size(self.ids)) if self._indices is None else self._indices
        tf.raw_ops.InitializeTableV2(table_handle=self.resource_handle, keys=self.ids, values=indices)

    def find(self, ids: tf.Tensor) -> tf.Tensor:
        """Return the index of each id, white space around it aside, -1 where there is none: int32."""
        # A table made inside the trace that asks for it first would be another one than is filled.
        with tf.init_scope():
            table = self.resource_handle
        found = tf.raw_ops.LookupTableFindV2(table_handle=table, keys=tf.strings.strip(ids), default_value=-1)
        return tf.ensure_shape(found, ids.shape)


class Names:
    """The names of users and items in an export.

    Args:
        item_ids: raw id of each item.
        titles: of each item, empty where there is none.
        user_ids: raw id of each user; None: users have none.
        listed_users: bool, shape (users,): whose ids are found; None: all. The others' are nowhere in the
            export.

    Attributes:
        items: the table of items.
        users: the table of users; None where they have no ids.
    """

    def __init__(
        self,
        item_ids: Sequence[str],
        titles: Sequence[str],
        user_ids: Sequence[str] | None,
        listed_users: np.ndarray | None,
    ):
        self.items, self._titles = IdTable(item_ids, "items"), _texts(titles)
        self.users, self._places = None, None
        if user_ids is None:
            return
        if listed_users is None:
            self.users = IdTable(user_ids, "users")
        else:
            found = list(itertools.compress(user_ids, listed_users))
            self.users = IdTable(found, "users", np.flatnonzero(listed_users))
            # Of each user the place in that table; that of one who is not listed is never asked for.
            places = np.maximum(np.cumsum(listed_users) - 1, 0)
            self._places = tf.Variable(places, trainable=False, dtype=tf.int32)

    @property
    def tables(self) -> list[IdTable]:
        """What an archive must track."""
        return [self.items] if self.users is None else [self.items, self.users]

    def of_items(self, lists: Outputs) -> Outputs:
        """Return lists of items with their ids and titles in place of indices, empty in empty places."""
        empty = lists["items"] == NO_ITEM
        indices = tf.where(empty, 0, lists["items"])
        return {
            "item_ids": tf.where(empty, "", tf.gather(self.items.ids, indices)),
            "titles": tf.where(empty, "", tf.gather(self._titles, indices)),
            "scores": lists["scores"],
            "known": lists["known"],
        }

    def of_users(self, lists: Outputs) -> Outputs:
        """Return lists of users with their ids in place of indices, empty in empty places."""
        assert self.users is not None
        empty = lists["users"] == NO_ITEM
        indices = tf.where(empty, 0, lists["users"])
        if self._places is not None:
            indices = tf.gather(self._places, indices)
        user_ids = tf.where(empty, "", tf.gather(self.users.ids, indices))
        return {"user_ids": user_ids, "scores": lists["scores"], "known": lists["known"]}


def _texts(texts: Sequence[str]) -> Any:
    return tf.Variable(list(texts), trainable=False, dtype=tf.string)
