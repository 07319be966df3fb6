"""The rows of users, divided among replicas, and what all replicas hold: placed and gathered.

The chief reads and gives whole arrays; every worker calls the same methods in the same order.
"""

import math
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from ncf_keras.sampling import ShardedSampler
from ncf_keras.training.engines.workers import Workers
from ncf_keras.training.steps.sharded_step import ShardedStep


class DividedRows:
    """Moves rows and layers between the chief's arrays and the replicas of all workers.

    Args:
        workers: the replicas that train together.
        shards: whose users are divided.
        parts: the shards of each replica of this process.
        replicas: of this process.
    """

    def __init__(
        self,
        workers: Workers,
        shards: ShardedSampler,
        parts: list[list[int]],
        replicas: list[ShardedStep],
    ):
        self._workers, self._shards = workers, shards
        self._parts, self._replicas = parts, replicas
        self._first = replicas[0]

    def place_same(self, items: tf.Tensor, head: Sequence[tf.Tensor]) -> None:
        """Give every replica here the items' rows, or their first columns, and the head's state."""
        for replica in self._replicas:
            replica.items.assign(0, items)
            for variable, value in zip(replica.head, head, strict=True):
                variable.assign(value)

    def arrays_of_chief(
        self, arrays: Sequence[np.ndarray] | None, shapes: Sequence[tuple[int, ...]]
    ) -> list[tf.Tensor]:
        """Return the chief's arrays on every worker; `arrays` is None on the others."""
        sizes = [math.prod(shape) for shape in shapes]
        flat = np.zeros(sum(sizes)) if arrays is None else np.concatenate([array.ravel() for array in arrays])
        vector = self._workers.from_chief(tf.constant(flat, self._first.dtype))
        return [tf.reshape(part, shape) for part, shape in zip(tf.split(vector, sizes), shapes, strict=True)]

    def place_users(self, rows: np.ndarray | None, columns: int) -> None:
        """Give the owner of each user the row, or its first columns; `rows` is None but on the chief."""
        for shard, users in enumerate(self._shards.users):
            block = self._block(columns)
            if rows is not None:
                block[: len(users)] = rows[users]
            received = self._workers.from_chief(tf.constant(block))
            home = self._home(shard)
            if home:
                replica, start = home
                replica.users.assign(start, received[: len(users)])

    def users_rows(self, columns: int) -> np.ndarray:
        """Return the first columns of all users' rows, on the chief, by user; elsewhere no row."""
        is_chief = self._workers.is_chief
        result = self._block(columns, self._shards.num_users if is_chief else 0)
        for shard, users in enumerate(self._shards.users):
            block, home = self._block(columns), self._home(shard)
            if home:
                replica, start = home
                block[: len(users)] = replica.users.rows(start, start + len(users))[:, :columns]
            received = self._workers.from_one(tf.constant(block), home is not None)
            if is_chief:
                result[users] = received[: len(users)]
        return result

    def _home(self, shard: int) -> tuple[ShardedStep, int] | None:
        """Return the replica here that owns a shard, and where its users begin; None for another worker's."""
        for replica, part in zip(self._replicas, self._parts, strict=True):
            if shard in part:
                return replica, sum(len(self._shards.users[each]) for each in part if each < shard)
        return None

    def _block(self, columns: int, rows: int | None = None) -> np.ndarray:
        """Return zeros for so many rows, or for those of the largest shard."""
        most = max(map(len, self._shards.users)) if rows is None else rows
        return np.zeros((most, columns), self._first.dtype.as_numpy_dtype)

    def shape(self, name: str) -> tuple[int, int]:
        """Return the shape of all rows of `users` or `items` in a state."""
        table, rows = {
            "users": (self._first.users, self._shards.num_users),
            "items": (self._first.items, self._shards.num_items),
        }[name]
        return rows, table.rows(0, 0).shape[1]
