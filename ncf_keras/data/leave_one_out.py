"""The split leave-one-out of section 4.1 of the paper: one interaction of each user is held out."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ncf_keras.base.errors import InputError
from ncf_keras.data.dataset import pair_numbers
from ncf_keras.data.negatives import draw_negatives, free_items, too_many_negatives
from ncf_keras.data.split import Split

if TYPE_CHECKING:
    from ncf_keras.data.earlier import EarlierDataset
    from ncf_keras.data.prepare import PrepareOptions


def split_leave_one_out(
    frame: pd.DataFrame,
    earlier: "EarlierDataset | None",
    active_items: np.ndarray,
    options: "PrepareOptions",
    generator: np.random.Generator,
) -> Split:
    """Hold out an interaction of each user who has two or more, and enough items to draw negatives from.

    Args:
        frame: the rows of a cleaned log, as of a TidyLog, each pair of a user and an item once.
        earlier: the dataset that it goes on from, if there is one.
        active_items: bool, shape (items,).
        options: with `split="leave-one-out"`.
        generator: of the negatives, and of what is held out where there are no timestamps.

    Raises:
        InputError: nobody can be tested.
    """
    held_out = _held_out(frame, earlier, len(active_items), options.seed, generator)
    users, items = frame["user"].to_numpy(), frame["item"].to_numpy()
    if not len(held_out):
        raise nobody_with_two(len(np.unique(users)))
    free = free_items(users, users[held_out], int(active_items.sum()))
    enough = free >= options.negatives
    if not enough.any():
        raise too_many_negatives(free, options.negatives)
    held_out = held_out[enough]
    in_train = np.ones(len(frame), dtype=bool)
    in_train[held_out] = False
    drawn = draw_negatives(users, items, users[held_out], active_items, options.negatives, generator)
    return Split(in_train, held_out, drawn, free[~enough], held_out[:0])


def nobody_with_two(users: int) -> InputError:
    """Return what to say where no user has an interaction to hold out."""
    return InputError(
        "The log must have a user with two interactions, one to learn from and one to hold out. "
        f"Received: {users:,} user(s) with one each"
    )


def latest_interactions(users: np.ndarray, timestamps: np.ndarray) -> np.ndarray:
    """Return the position of the latest interaction of each user who has two or more.

    Of interactions at the same time the one that comes later in the log is the latest. The positions are
    ascending by user.
    """
    order = np.lexsort((timestamps, users))
    counts = np.bincount(users)
    return order[np.cumsum(counts) - 1][counts > 1]


def random_interactions(users: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Return the position of a random interaction of each user who has two or more, ascending by user."""
    return chosen_interactions(users, generator.integers(0, np.bincount(users)))


def chosen_interactions(users: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Return the position of one interaction of each user who has two or more, ascending by user.

    `chosen` says of each user which it is, counted from 0 in the order of `users`.
    """
    order = np.argsort(users, kind="stable")
    counts = np.bincount(users)
    first = np.cumsum(counts) - counts
    return order[first + chosen][counts > 1]


def newer_interactions(
    users: np.ndarray,
    items: np.ndarray,
    is_new: np.ndarray,
    was_test: np.ndarray,
    generator: np.random.Generator,
) -> np.ndarray:
    """Return the position of what to hold out of each user who has two or more interactions, ascending by user.

    That is a random one of those that are new. A user with nothing new keeps the test pair of before: of the
    others a model has learned already. Without either, nothing of the user is held out.

    Args:
        users, items: int32, shape (interactions,), each pair once, in any order, which makes no difference.
        is_new: bool, shape (interactions,): which an earlier split had not.
        was_test: bool, shape (interactions,): which it held out, at most one a user.
        generator: of the draws.
    """
    counts = np.bincount(users)
    order = np.lexsort((items, users))
    new = order[is_new[order]]
    news = np.bincount(users[new], minlength=len(counts))
    first, has_new = np.cumsum(news) - news, news > 0
    held_out = np.full(len(counts), -1)
    held_out[users[was_test]] = np.flatnonzero(was_test)
    held_out[has_new] = new[first[has_new] + generator.integers(0, news[has_new])]
    return held_out[(held_out >= 0) & (counts > 1)]


def _held_out(
    frame: pd.DataFrame,
    earlier: "EarlierDataset | None",
    num_items: int,
    seed: int,
    generator: np.random.Generator,
) -> np.ndarray:
    """Return the position of what is held out of each user who has two or more interactions."""
    users = frame["user"].to_numpy()
    if "timestamp" in frame:
        return latest_interactions(users, frame["timestamp"].to_numpy())
    if earlier is None:
        return random_interactions(users, generator)
    pairs, before = (
        pair_numbers(rows["user"].to_numpy(), rows["item"].to_numpy(), num_items)
        for rows in (frame, earlier.frame)
    )
    # Of its cold rows, behind the others, nothing has been learned and nothing tested.
    before = before[: len(before) - earlier.num_cold]
    is_new, was_test = ~np.isin(pairs, before), np.isin(pairs, before[earlier.num_train :])
    # Of its own, so that the negatives are the same whether there was something new or not.
    own = np.random.default_rng((seed, 1))
    return newer_interactions(users, frame["item"].to_numpy(), is_new, was_test, own)
