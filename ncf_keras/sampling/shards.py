"""An epoch drawn in shards of users, so that several workers can each draw a part of every batch."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from ncf_keras.base.checks import require_count
from ncf_keras.base.errors import InputError
from ncf_keras.data import Dataset
from ncf_keras.sampling.example_numbers import has_every_item, positives_alone, require_negatives
from ncf_keras.sampling.samplers import Examples, NegativeSampler

# The label of what only fills a batch up.
PADDING = -1.0


def users_of_shards(dataset: Dataset, count: int) -> list[np.ndarray]:
    """Deal the users to shards so that all have nearly the same number of train interactions.

    Users in order of decreasing interactions are dealt to the shards 0 … count - 1, then count - 1 … 0, and so
    on. No shard then has more users than another by more than one, nor more interactions than another by more
    than the most active user has.

    Returns:
        The users of each shard, int32, ascending.

    Raises:
        InputError: there are more shards than users with train interactions.
    """
    require_count(count, "shards")
    interactions = np.diff(dataset.train_offsets)
    active = int(np.count_nonzero(interactions))
    if count > active:
        raise InputError(
            f"`shards` must be at most {active}, the users with train interactions. Received: {count}"
        )
    dealt = np.arange(dataset.num_users)
    rounds, place = np.divmod(dealt, count)
    shard = np.empty(dataset.num_users, np.int32)
    shard[np.argsort(-interactions, kind="stable")] = np.where(rounds % 2, count - 1 - place, place)
    order = np.argsort(shard, kind="stable").astype(np.int32)
    return np.split(order, np.cumsum(np.bincount(shard, minlength=count))[:-1])


class ShardedSampler:
    """Draws the examples of each shard of users on their own, and says which of them each batch takes.

    The epoch's examples of a shard depend on the seed, the epoch and the shard (and, as in `Sampler`, on the
    parts they are drawn in). Of a shard with n examples, step k of the t steps of an epoch takes those from
    floor((k n + p) / t) to floor(((k + 1) n + p) / t): the same share of every shard, each example once an
    epoch. The phases p are spread over the shards, so that the batches are nearly of one size.

    Args:
        dataset, num_neg, seed: as in `NegativeSampler`.
        count: number of shards.

    Attributes:
        users: of each shard, int32, ascending. In the examples of a shard a user is the place in it.
        num_users: of the dataset.
        num_items: of the dataset.
        num_examples: of all shards in an epoch.

    Raises:
        InputError: there are more shards than users with train interactions, or as in `Sampler`.
    """

    def __init__(self, dataset: Dataset, num_neg: int, seed: int, count: int):
        require_negatives(dataset, num_neg)
        self.users = users_of_shards(dataset, count)
        self.num_users, self.num_items = dataset.num_users, dataset.num_items
        self._dataset, self._num_neg, self._seed = dataset, num_neg, seed
        examples = np.diff(dataset.train_offsets) * np.where(has_every_item(dataset), 1, 1 + num_neg)
        self._examples = np.array([int(examples[users].sum()) for users in self.users], np.int64)
        self.num_examples = int(self._examples.sum())
        # Made when they are first drawn from: a worker holds the positives of its own shards alone.
        self._samplers: dict[int, _ShardSampler] = {}

    def sizes(self, steps: int, first: int, last: int) -> np.ndarray:
        """Return the number of examples of the steps `first` … `last` - 1 of an epoch of `steps`: int64."""
        moments = np.arange(first, last + 1)
        return np.diff(sum(self._taken(shard, steps, moments) for shard in range(len(self.users))))

    def width(self, steps: int, shards: Iterable[int]) -> int:
        """Return how many examples of some shards a step takes at the most."""
        return sum(self._width(shard, steps) for shard in shards)

    def stacks(
        self, epoch: int, steps: int, parts: Sequence[Sequence[int]], width: int, steps_a_stack: int
    ) -> Iterator[Examples]:
        """Yield the examples of some shards as stacks of batches.

        Args:
            epoch: its number.
            steps: of the epoch.
            parts: for each replica that draws here the numbers of its shards.
            width: of the part of each replica, at least `width(steps, part)`.
            steps_a_stack: the most batches of a stack; the same for all workers, because the negatives depend
                on it.

        Yields:
            Users, items (int32) and labels (float32), each of shape (batches, replicas x width). A user is the
            place among the users of the replica's shards, one shard after another. The label of padding is -1.
        """
        ends = [*range(steps_a_stack, steps, steps_a_stack), steps]
        streams = {shard: self._stream(shard, epoch, steps, ends) for part in parts for shard in part}
        for first, last in zip([0, *ends], ends, strict=False):
            shape = (last - first, len(parts), width)
            users, items = np.zeros(shape, np.int32), np.zeros(shape, np.int32)
            labels = np.full(shape, PADDING, np.float32)
            for place, part in enumerate(parts):
                column = users_before = 0
                for shard in part:
                    columns = slice(column, column + self._width(shard, steps))
                    drawn = next(streams[shard])
                    if len(drawn[0]):
                        rows, mask = self._layout(shard, steps, first, last)
                        users[:, place, columns] = drawn[0][rows] + np.int32(users_before)
                        items[:, place, columns] = drawn[1][rows]
                        labels[:, place, columns] = np.where(mask, drawn[2][rows], np.float32(PADDING))
                    column, users_before = columns.stop, users_before + len(self.users[shard])
            flat = (last - first, -1)
            yield users.reshape(flat), items.reshape(flat), labels.reshape(flat)

    def _stream(self, shard: int, epoch: int, steps: int, ends: Sequence[int]) -> Iterator[Examples]:
        """Yield the examples of a shard up to each of some steps."""
        if shard not in self._samplers:
            self._samplers[shard] = _ShardSampler(
                _part_of(self._dataset, self.users[shard]), self._num_neg, self._seed, shard
            )
        return self._samplers[shard].parts(epoch, self._taken(shard, steps, np.array(ends)))

    def _layout(self, shard: int, steps: int, first: int, last: int) -> tuple[np.ndarray, np.ndarray]:
        """Return which examples of a stack fill the places of its batches, and whether each is filled."""
        taken = self._taken(shard, steps, np.arange(first, last + 1))
        rows = (taken[:-1] - taken[0])[:, None] + np.arange(self._width(shard, steps))
        mask = rows < (taken[1:] - taken[0])[:, None]
        return np.minimum(rows, taken[-1] - taken[0] - 1), mask

    def _taken(self, shard: int, steps: int, moments: np.ndarray) -> np.ndarray:
        """Return how many examples of a shard are taken after some numbers of steps: int64."""
        phase = steps * shard // len(self.users)
        return (moments.astype(np.int64) * self._examples[shard] + phase) // steps

    def _width(self, shard: int, steps: int) -> int:
        return int(-(-self._examples[shard] // steps))


class _ShardSampler(NegativeSampler):
    """The examples of one shard, drawn from a generator of its own."""

    def __init__(self, dataset: Dataset, num_neg: int, seed: int, shard: int):
        # All users of a shard may have every item.
        super().__init__(dataset, num_neg if positives_alone(dataset) < dataset.num_train else 0, seed)
        self._shard = shard

    def _generator(self, epoch: int) -> np.random.Generator:
        # From 1, because NumPy takes zeros at the end of a seed for none.
        return np.random.default_rng([self._seed, epoch, self._shard + 1])


def _part_of(dataset: Dataset, users: np.ndarray) -> Dataset:
    """Return the train interactions of some users, numbered by their place among them."""
    starts, stops = dataset.train_offsets[users], dataset.train_offsets[users + 1]
    offsets = np.concatenate([[0], np.cumsum(stops - starts)])
    # Each interaction's place in the dataset: its place here, moved by what its user moves.
    places = np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], stops - starts)
    none = np.zeros(0, np.int32)
    return Dataset(
        name=dataset.name,
        num_users=len(users),
        num_items=dataset.num_items,
        train_offsets=offsets,
        train_items=dataset.train_items[places],
        test_users=none,
        test_items=none,
        test_negatives=none[:, None],
    )
