"""What is held out of a split in time, for the test and once more for validation."""

from typing import NamedTuple

import numpy as np

from ncf_keras.data.negatives import draw_negatives, free_items


class HeldOut(NamedTuple):
    """The later ones of some interactions, all of which are in one of the two.

    Attributes:
        tested: the places of the test pairs among the interactions, by user and item: int64, shape (tests,).
            User and item of each have earlier interactions.
        cold: the places of the others, ascending: int64.
        negatives: int32, shape (tests, negatives): those of each test pair.
        too_few_free: of each pair that is cold for this reason alone, how many items its user has left to draw
            negatives from: int64.
    """

    tested: np.ndarray
    cold: np.ndarray
    negatives: np.ndarray
    too_few_free: np.ndarray


def warm_places(users: np.ndarray, items: np.ndarray, is_later: np.ndarray) -> np.ndarray:
    """Return the places of later interactions whose user and item have earlier ones, by user and item: int64.

    `users` and `items` are int32, `is_later` bool, shape (interactions,).
    """
    is_warm = is_later.copy()
    for indices in (users, items):
        is_warm &= _known(indices, is_later)[indices]
    places = np.flatnonzero(is_warm)
    return places[np.lexsort((items[places], users[places]))]


def hold_out(
    users: np.ndarray,
    items: np.ndarray,
    is_later: np.ndarray,
    negatives: int,
    generator: np.random.Generator,
) -> HeldOut:
    """Hold out the later ones of some interactions, and draw negatives for the warm ones among them.

    Negatives are items with earlier interactions that the user has no interaction with, earlier or later.

    Args:
        users, items: int32, shape (interactions,), each pair once, in any order.
        is_later: bool, shape (interactions,): which are held out.
        negatives: of each test pair.
        generator: of the draws.
    """
    knows_item = _known(items, is_later)
    warm = warm_places(users, items, is_later)
    may_be_drawn = knows_item[items]
    own_users, own_items = users[may_be_drawn], items[may_be_drawn]
    free = free_items(own_users, users[warm], int(np.count_nonzero(knows_item)))
    enough = free >= negatives
    tested = warm[enough]
    is_cold = is_later.copy()
    is_cold[tested] = False
    return HeldOut(
        tested,
        np.flatnonzero(is_cold),
        draw_negatives(own_users, own_items, users[tested], knows_item, negatives, generator),
        free[~enough],
    )


def _known(indices: np.ndarray, is_later: np.ndarray) -> np.ndarray:
    """Return of each index whether it has an interaction that is not later: bool."""
    known = np.zeros(int(indices.max(initial=-1)) + 1, dtype=bool)
    known[indices[~is_later]] = True
    return known
