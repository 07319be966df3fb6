"""The negatives of held-out pairs: items that the user has never interacted with, drawn without replacement."""

from collections.abc import Callable

import numpy as np

from ncf_keras.base.errors import InputError
from ncf_keras.base.memory import require_memory

# What drawing takes of memory, measured: 33 for 3 to 30 million negatives.
BYTES_OF_NEGATIVE = 33


def free_items(users: np.ndarray, test_users: np.ndarray, num_items: int) -> np.ndarray:
    """Return how many of `num_items` each test user has no interaction with: int64, shape (tests,)."""
    counts = np.bincount(users, minlength=int(test_users.max(initial=-1)) + 1)
    return num_items - counts[test_users]


def too_many_negatives(free: np.ndarray, negatives: int, whose: str = "two or more interactions") -> InputError:
    """Return what to say where nobody is left to test, because no user has `negatives` free items.

    `free` are the free items of users with `whose`, at least one; a user may be there several times.
    """
    most = int(free.max())
    if most == 0:
        return InputError(
            f"`negatives` must leave a test user items to draw from, but every user with {whose} has "
            f"interacted with every item that could be drawn. Received: {negatives}"
        )
    return InputError(
        f"`negatives` must be at most {most}, because no user with {whose} has more items left to draw from. "
        f"Received: {negatives}"
    )


def draw_negatives(
    users: np.ndarray,
    items: np.ndarray,
    test_users: np.ndarray,
    active_items: np.ndarray,
    negatives: int,
    generator: np.random.Generator,
) -> np.ndarray:
    """Draw for each test pair active items that its user has never interacted with, without replacement.

    A user may have several pairs, for each of which items are drawn anew.

    Floyd's method (Bentley and Floyd, "A sample of brilliance", CACM 1987) draws ranks among the free items
    of all pairs at once, every subset as likely; a rank then becomes an item by counting the taken items
    below it. So a user with a million interactions, or with just enough free items, costs no more.

    `users` and `items` are int32, shape (interactions,), each pair once; `active_items` is bool, shape
    (items,), true of all of `items`. Each test user must have at least `negatives` free active items. The
    negatives are int32, shape (tests, negatives).
    """
    free = free_items(users, test_users, int(np.count_nonzero(active_items)))
    require_memory(
        BYTES_OF_NEGATIVE * negatives * len(test_users), f"`negatives` for {len(test_users):,} test pairs"
    )
    ranks = drawn_ranks(free, negatives, lambda step, highest: generator.integers(0, highest + 1))
    return items_of_ranks(ranks, users, items, test_users, active_items)


class DrawsInBlocks:
    """The draws of `draw_negatives` for some test pairs at a time: the same numbers as for all at once.

    There, each step draws for all pairs. So the state of the generator at the beginning of each block in each
    step is found first, by drawing once for nothing, and kept.

    Args:
        free: how many items each test pair has to draw from: int64, shape (tests,).
        negatives: of each test pair.
        ends: where each block of test pairs ends, ascending, the last at the number of them.
        generator: of the draws.
    """

    def __init__(self, free: np.ndarray, negatives: int, ends: np.ndarray, generator: np.random.Generator):
        self._free, self._negatives, self._generator = free, negatives, generator
        self._blocks = [
            slice(begin, end) for begin, end in zip([0, *ends[:-1].tolist()], ends.tolist(), strict=True)
        ]
        self._states = []
        for step in range(negatives):
            for block in self._blocks:
                self._states.append(generator.bit_generator.state)
                generator.integers(0, free[block] - negatives + step + 1)

    def ranks(self, block: int) -> np.ndarray:
        """Return the ranks of the negatives of a block's test pairs: int32, shape (negatives, pairs)."""

        def draw(step: int, highest: np.ndarray) -> np.ndarray:
            self._generator.bit_generator.state = self._states[step * len(self._blocks) + block]
            return self._generator.integers(0, highest + 1)

        return drawn_ranks(self._free[self._blocks[block]], self._negatives, draw)


def drawn_ranks(free: np.ndarray, negatives: int, draw: Callable[[int, np.ndarray], np.ndarray]) -> np.ndarray:
    """Return ranks among the free items of each test pair, all different: int32, shape (negatives, tests).

    Args:
        free: how many free items each pair has: int64, shape (tests,).
        negatives: how many are drawn of each.
        draw: given the step and the highest number of each pair, draws a number from 0 to it.
    """
    ranks = np.empty((negatives, len(free)), dtype=np.int32)
    for step in range(negatives):
        highest = free - negatives + step
        drawn = draw(step, highest).astype(np.int32)
        drawn_before = (ranks[:step] == drawn).any(axis=0)
        ranks[step] = np.where(drawn_before, highest, drawn)
    return ranks


def items_of_ranks(
    ranks: np.ndarray, users: np.ndarray, items: np.ndarray, test_users: np.ndarray, active_items: np.ndarray
) -> np.ndarray:
    """Return the items that have these ranks among the free ones: int32, shape (tests, negatives).

    `ranks` is as of `drawn_ranks`, all else as of `draw_negatives`.
    """
    # Ranks are places among the active items, as if there were no others.
    place = np.cumsum(active_items, dtype=np.int32) - 1
    num_items = int(np.count_nonzero(active_items))
    counts = np.bincount(users, minlength=int(test_users.max(initial=-1)) + 1)
    # The j-th taken item p of a user (from 0, ascending) has p - j free items below it. So the free item of
    # rank r is r + the number of taken items with p - j <= r, which one binary search over all users finds.
    stride = num_items + 1
    taken = np.sort(users.astype(np.int64) * stride + place[items])
    first = np.cumsum(counts) - counts
    free_below = taken - (np.arange(len(taken)) - np.repeat(first, counts))
    keys = test_users[:, None].astype(np.int64) * stride + ranks.T
    taken_below = np.searchsorted(free_below, keys, side="right") - first[test_users][:, None]
    return np.flatnonzero(active_items).astype(np.int32)[ranks.T + taken_below]
