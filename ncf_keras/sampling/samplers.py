"""What a step trains on: positives and the negatives drawn for them, anew and in another order at each epoch.

For each train positive (u, i), items are drawn uniformly with replacement from all items and redrawn while the
pair is a train positive; a user who has interacted with every item has none. The held-out test item can be
drawn: it is unknown to training, and leaving it out would leak it. Source: `get_train_instances` in the
authors' GMF.py.
"""

import abc
import secrets
from collections.abc import Iterable, Iterator

import numpy as np

from ncf_keras.base.checks import require_count
from ncf_keras.base.errors import InputError
from ncf_keras.data import Dataset
from ncf_keras.data.dataset import pair_numbers
from ncf_keras.sampling.example_numbers import (
    ExampleNumbers,
    checked_positives,
    positives_alone,
    require_negatives,
)
from ncf_keras.sampling.order import MOST_IN_MEMORY, shuffled_order

# Three arrays, and a fourth one of those with recent items.
Examples = tuple[np.ndarray, ...]

# Rounds of redrawing before the rest is drawn from a list of its user's non-positives: a user with half of
# all items needs about 20 rounds for a million draws, so only users with nearly every item come to that.
REDRAW_ROUNDS = 24
# Bits of the table of positives: 64 MiB at the most, and at least 8 a positive when pairs share bits.
MOST_BITS = 2**29
BITS_A_POSITIVE = 16
# The most that is drawn at a time, three numbers an example; a batch of more is drawn whole.
BATCHES_A_STACK = 2048
EXAMPLES_A_STACK = 2**20
NUMBERS_AN_EXAMPLE = 3


class PositivePairs:
    """Answers which of many (user, item) pairs are train positives, in about 10 ns a pair.

    There is a bit for each pair where they fit in 64 MiB. Where they do not, pairs share bits by a hash, and
    those that hit a set bit are looked up in the sorted list of positives: the answer is exact at any size.

    Args:
        dataset: whose train interactions are the positives.
        most_bits: up to which size of the table each pair has a bit of its own.
        bits_a_positive: the size of the table where pairs share bits.
    """

    def __init__(self, dataset: Dataset, most_bits: int = MOST_BITS, bits_a_positive: int = BITS_A_POSITIVE):
        self._num_items = dataset.num_items
        keys = pair_numbers(dataset.train_users, dataset.train_items, dataset.num_items)
        bits = dataset.num_users * dataset.num_items
        self._sorted_keys: np.ndarray | None = None
        self._shift: np.uint64 | None = None
        if bits > most_bits:
            self._sorted_keys = keys
            bits = 2 ** int(np.ceil(np.log2(max(bits_a_positive * len(keys), 8))))
            self._shift = np.uint64(64 - int(np.log2(bits)))
        slots = self._slots(keys)
        self._bytes = np.zeros(bits // 8 + 1, dtype=np.uint8)
        np.bitwise_or.at(self._bytes, slots >> 3, np.left_shift(1, slots & 7).astype(np.uint8))

    def __call__(self, users: np.ndarray, items: np.ndarray) -> np.ndarray:
        """Return bool, shape (n,): whether each (users[j], items[j]), int32 of shape (n,), is a positive."""
        keys = pair_numbers(users, items, self._num_items)
        slots = self._slots(keys)
        found = (self._bytes[slots >> 3] >> (slots & 7).astype(np.uint8)) & 1 == 1
        if self._sorted_keys is not None:
            maybe = np.flatnonzero(found)
            places = np.searchsorted(self._sorted_keys, keys[maybe])
            places[places == len(self._sorted_keys)] = 0
            found[maybe] = self._sorted_keys[places] == keys[maybe]
        return found

    def _slots(self, keys: np.ndarray) -> np.ndarray:
        if self._shift is None:
            return keys
        # Fibonacci hashing: the high bits of a product with 2**64 / golden ratio.
        return ((keys.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)) >> self._shift).astype(np.int64)


class Sampler(abc.ABC):
    """Draws the examples of an epoch, shuffled; a subclass says what an example is.

    The examples of epoch e depend on the seed, e and the size of the chunks they are drawn in (which changes
    negatives only), so any epoch can be drawn again.

    Args:
        dataset: whose train interactions are the positives.
        num_neg: negatives for each positive, but for those of a user who has interacted with every item.
        seed: of every draw; None takes a fresh one from the operating system.
        item_weights: how likely each item is drawn as a negative, shape (items,), such as
            `popularity_weights`; None: all alike, as in the paper. A user for whom only items of weight 0 are
            left gets any of those.
        positives: the places in `train_items` of the positives of an epoch, each once, in any order; None: all.
            Whichever they are, no positive is drawn as a negative.
        known_items: draw negatives among the items with train interactions alone, all alike. A user who has
            interacted with all of these has none.

    Attributes:
        most_in_memory: up to so many examples the order of an epoch is drawn, above it is computed.
        recent: how many recent items an example has.

    Raises:
        InputError: `num_neg` is too small, or every user has interacted with every item, so that no negative
            exists; the weights are not finite numbers of at least 0, some above; or `positives` are no places.
    """

    most_in_memory = MOST_IN_MEMORY
    recent = 0

    def __init__(
        self,
        dataset: Dataset,
        num_neg: int = 4,
        seed: int | None = None,
        item_weights: np.ndarray | None = None,
        positives: np.ndarray | None = None,
        known_items: bool = False,
    ):
        if positives is not None:
            positives = checked_positives(dataset, positives)
        require_negatives(dataset, num_neg, positives, known_items)
        if known_items:
            item_weights = popularity_weights(dataset, 0)
        self._dataset = dataset
        self._users = dataset.train_users
        self._num_neg = num_neg
        self._numbers = ExampleNumbers(dataset, num_neg, positives, known_items)
        self._weights: np.ndarray | None = None
        if item_weights is not None:
            self._weights = _checked_weights(item_weights, dataset.num_items)
            # The share of all items up to each: it ends in 1, which no draw reaches.
            sums = np.cumsum(self._weights / self._weights.max())
            self._cumulative = sums / sums[-1]
        self._seed = secrets.randbits(128) if seed is None else seed
        self._is_positive = PositivePairs(dataset)

    @property
    @abc.abstractmethod
    def num_examples(self) -> int:
        """Number of examples in an epoch."""

    @abc.abstractmethod
    def _examples(self, order: np.ndarray, generator: np.random.Generator) -> Examples:
        """Return the examples of the numbers `order`, which are below `num_examples`."""

    def chunks(self, epoch: int, chunk_size: int) -> Iterator[Examples]:
        """Yield the shuffled examples of an epoch, `chunk_size` at a time and the rest at the end.

        Only the order of the epoch (4 bytes an example, half a gigabyte at the most: see `shuffled_order`) and
        one chunk are in memory at once.
        """
        ends = range(chunk_size, self.num_examples, chunk_size)
        yield from self.parts(epoch, [*ends, self.num_examples])

    def parts(self, epoch: int, ends: Iterable[int]) -> Iterator[Examples]:
        """Yield the shuffled examples of an epoch, up to each of the numbers `ends`, which ascend."""
        generator = self._generator(epoch)
        order = shuffled_order(self.num_examples, generator, self.most_in_memory)
        start = 0
        for end in ends:
            yield self._examples(order[start:end], generator)
            start = end

    def _generator(self, epoch: int) -> np.random.Generator:
        """Return what every draw of an epoch comes from."""
        return np.random.default_rng([self._seed, epoch])

    def _draw_negatives(self, users: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        items = self._draw_items(len(users), generator)
        rejected = np.flatnonzero(self._is_positive(users, items))
        for _ in range(REDRAW_ROUNDS):
            if not rejected.size:
                return items
            redrawn = self._draw_items(len(rejected), generator)
            items[rejected] = redrawn
            rejected = rejected[self._is_positive(users[rejected], redrawn)]
        offsets, everything = self._dataset.train_offsets, np.arange(self._dataset.num_items, dtype=np.int32)
        for user in np.unique(users[rejected]):
            mine = rejected[users[rejected] == user]
            positives = self._dataset.train_items[offsets[user] : offsets[user + 1]]
            free = np.setdiff1d(everything, positives, assume_unique=True)
            weights = None if self._weights is None else self._weights[free]
            shares = None if weights is None or not weights.any() else weights / weights.sum()
            items[mine] = generator.choice(free, len(mine), p=shares)
        return items

    def _draw_items(self, count: int, generator: np.random.Generator) -> np.ndarray:
        if self._weights is None:
            return generator.integers(0, self._dataset.num_items, count, dtype=np.int32)
        return np.searchsorted(self._cumulative, generator.random(count), side="right").astype(np.int32)


class NegativeSampler(Sampler):
    """Draws (user, item, label): every positive once and `num_neg` negatives for each that has any.

    Arguments as in `Sampler`; `chunks` yields users int32, items int32 and labels float32, 1 or 0.

    With `recent`, a number of items, it also yields int32 of shape (examples, recent): the last items of the
    user before the positive that the example belongs to, the newest first, and -1 where there are no more. So
    no example knows its own positive, nor what came after it. The other arrays are those without, in chunks of
    the same size.
    """

    def __init__(
        self,
        dataset: Dataset,
        num_neg: int = 4,
        seed: int | None = None,
        item_weights: np.ndarray | None = None,
        positives: np.ndarray | None = None,
        known_items: bool = False,
        *,
        recent: int = 0,
    ):
        super().__init__(dataset, num_neg, seed, item_weights, positives, known_items)
        require_count(recent, "recent", 0)
        self.recent = recent
        self._in_time = dataset.items_in_time if recent else None

    @property
    def num_examples(self) -> int:
        """Number of examples in an epoch."""
        return self._numbers.num_examples

    def _examples(self, order: np.ndarray, generator: np.random.Generator) -> Examples:
        positives, is_negative = self._numbers.positives(order)
        users = self._users[positives]
        items = self._dataset.train_items[positives]
        slots = np.flatnonzero(is_negative)
        items[slots] = self._draw_negatives(users[slots], generator)
        examples = users, items, (~is_negative).astype(np.float32)
        return examples if self._in_time is None else (*examples, self._in_time.before(positives, self.recent))


class PairSampler(Sampler):
    """Draws (user, positive, negative), for pairwise learning: each positive with each of its negatives.

    A positive whose user has interacted with every item is in no pair. Arguments as in `Sampler`; `chunks`
    yields users, positive items and negative items, int32.
    """

    def __init__(
        self,
        dataset: Dataset,
        num_neg: int = 1,
        seed: int | None = None,
        item_weights: np.ndarray | None = None,
    ):
        require_count(num_neg, "num_neg")
        if positives_alone(dataset) == dataset.num_train:
            raise InputError(
                "`dataset` must have a positive to pair with a negative. "
                "Received: users who have all interacted with every item"
            )
        super().__init__(dataset, num_neg, seed, item_weights)

    @property
    def num_examples(self) -> int:
        """Number of pairs in an epoch."""
        return self._numbers.with_negatives * self._num_neg

    def _examples(self, order: np.ndarray, generator: np.random.Generator) -> Examples:
        positives = self._numbers.positives_of_pairs(order)
        users = self._users[positives]
        return users, self._dataset.train_items[positives], self._draw_negatives(users, generator)


def popularity_weights(dataset: Dataset, exponent: float = 0.75) -> np.ndarray:
    """Return weights that make popular items likely negatives: float64, shape (items,).

    A popular item that a user left out is more surely a negative (He et al., SIGIR 2016, section 4.1).

    A weight is the number of train interactions to the power `exponent`: 0 makes all items alike that have any.
    """
    counts = dataset.item_counts.astype(np.float64)
    return np.where(counts > 0, np.maximum(counts, 1.0) ** exponent, 0.0)


def _checked_weights(weights: np.ndarray, num_items: int) -> np.ndarray:
    weights = np.asarray(weights, np.float64)
    if weights.shape != (num_items,):
        raise InputError(f"`item_weights` must have shape ({num_items},). Received: shape {weights.shape}")
    if not (np.isfinite(weights).all() and (weights >= 0).all() and weights.any()):
        raise InputError(
            "`item_weights` must be finite numbers of at least 0, some above. "
            f"Received: numbers from {weights.min()} to {weights.max()}"
        )
    return weights


def usual_batches_a_stack(batch_size: int, recent: int = 0) -> int:
    """Return how many batches are drawn at a time: as many as a program of steps takes, in bounded memory.

    `recent` is how many recent items an example has.
    """
    examples = EXAMPLES_A_STACK * NUMBERS_AN_EXAMPLE // (NUMBERS_AN_EXAMPLE + recent)
    return max(1, min(BATCHES_A_STACK, examples // batch_size))


def stacks_of_batches(
    sampler: Sampler, epoch: int, batch_size: int, batches_a_stack: int | None = None
) -> Iterator[Examples]:
    """Yield an epoch as stacks of whole batches, and at the end the last partial batch as a stack of one.

    A stack is the arrays of the sampler, each of shape (batches, batch_size, …).
    """
    batches = batches_a_stack or usual_batches_a_stack(batch_size, sampler.recent)
    for chunk in sampler.chunks(epoch, batch_size * batches):
        whole = len(chunk[0]) // batch_size * batch_size
        if whole:
            yield tuple(each[:whole].reshape(-1, batch_size, *each.shape[1:]) for each in chunk)
        if whole < len(chunk[0]):
            yield tuple(each[None, whole:] for each in chunk)
