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

# Numbers of users' rows that are exchanged at a time, unless a shard has more.
MOST_EXCHANGED = 2**20


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
            (block,) = self._block(columns, 1)
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
        result = np.zeros((self._shards.num_users if is_chief else 0, columns), self._kind)
        for group in self._groups(columns):
            block = self._block(columns, len(group))
            for place, shard in enumerate(group):
                home, count = self._home(shard), len(self._shards.users[shard])
                if home:
                    replica, start = home
                    block[place, :count] = replica.users.rows(start, start + count)[:, :columns]
            # Each shard is zeros but with its owner.
            received = self._workers.summed(tf.constant(block))
            if is_chief:
                for rows, shard in zip(received.numpy(), group, strict=True):
                    users = self._shards.users[shard]
                    result[users] = rows[: len(users)]
        return result

    def _home(self, shard: int) -> tuple[ShardedStep, int] | None:
        """Return the replica here that owns a shard, and where its users begin; None for another worker's."""
        for replica, part in zip(self._replicas, self._parts, strict=True):
            if shard in part:
                return replica, sum(len(self._shards.users[each]) for each in part if each < shard)
        return None

    def _groups(self, columns: int) -> list[range]:
        """Return the shards whose rows are exchanged at a time, because each exchange takes a moment."""
        size = max(1, MOST_EXCHANGED // (self._most_users * columns))
        count = len(self._shards.users)
        return [range(start, min(start + size, count)) for start in range(0, count, size)]

    def _block(self, columns: int, shards: int) -> np.ndarray:
        """Return zeros for the rows of some shards, each as large as the largest one."""
        return np.zeros((shards, self._most_users, columns), self._kind)

    @property
    def _most_users(self) -> int:
        return max(map(len, self._shards.users))

    @property
    def _kind(self) -> np.dtype:
        return self._first.dtype.as_numpy_dtype

    def shape(self, name: str) -> tuple[int, int]:
        """Return the shape of all rows of `users` or `items` in a state."""
        table, rows = {
            "users": (self._first.users, self._shards.num_users),
            "items": (self._first.items, self._shards.num_items),
        }[name]
        return rows, table.rows(0, 0).shape[1]
