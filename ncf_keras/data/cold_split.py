"""A split that holds items out whole, so that nothing is learned of them, as of items that are new tomorrow."""

import math
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ncf_keras.base.errors import InputError
from ncf_keras.data.leave_one_out import split_leave_one_out
from ncf_keras.data.split import Split

if TYPE_CHECKING:
    from ncf_keras.data.earlier import EarlierDataset
    from ncf_keras.data.prepare import PrepareOptions


def split_cold_items(
    frame: pd.DataFrame,
    earlier: "EarlierDataset | None",
    active_items: np.ndarray,
    options: "PrepareOptions",
    generator: np.random.Generator,
) -> Split:
    """Hold out all interactions of some items, which are cold, and split the others leave-one-out.

    Args:
        frame, earlier, generator: as of `split_leave_one_out`.
        active_items: bool, shape (items,): which have a row.
        options: with `split="cold_items"`.

    Raises:
        InputError: the share is that of no item, or nobody can be tested on the others.
    """
    held_out = _drawn(active_items, options)
    users, items = frame["user"].to_numpy(), frame["item"].to_numpy()
    is_cold = held_out[items]
    others = np.flatnonzero(~is_cold)
    if np.bincount(users[others]).max() < 2:
        raise InputError(
            "`at` must leave a user with two interactions, one to learn from and one to hold out. "
            f"Received: {options.at}, and {np.count_nonzero(~held_out & active_items):,} item(s) left"
        )
    rest = split_leave_one_out(frame.iloc[others], earlier, active_items & ~held_out, options, generator)
    in_train = np.zeros(len(frame), dtype=bool)
    in_train[others] = rest.in_train
    return rest._replace(in_train=in_train, tested=others[rest.tested], cold=np.flatnonzero(is_cold))


def _drawn(active_items: np.ndarray, options: "PrepareOptions") -> np.ndarray:
    """Draw which items are held out, every set of so many as likely: bool, shape (items,).

    Each index has a number of its own, which stays when others come behind it, and the lowest are drawn. So a
    dataset that goes on from another holds out nearly the same items.
    """
    assert isinstance(options.at, float)
    candidates = np.flatnonzero(active_items)
    # As it is written: 0.29 of 100 items are 29, which the product of floats is not.
    count = math.floor(Fraction(repr(options.at)) * len(candidates))
    if not count:
        raise InputError(
            f"`at` must be a share of at least one of the {len(candidates):,} items. Received: {options.at}"
        )
    numbers = np.random.default_rng((options.seed, 2)).random(len(active_items))
    held_out = np.zeros(len(active_items), dtype=bool)
    held_out[candidates[np.argsort(numbers[candidates], kind="stable")[:count]]] = True
    return held_out
