"""What has become of a user or item whose index a dataset keeps: it is active, inactive or forgotten.

An index never gets another raw id, so that a model and the next dataset speak of the same users and items. What
is left of one without interactions is its place: nothing is known of it, and no list holds it.
"""

import numpy as np

from ncf_keras.base.errors import InputError

ACTIVE, INACTIVE, FORGOTTEN = 0, 1, 2
# What the files of ids say for each.
WORDS = ("", "inactive", "forgotten")


def checked_states(states: np.ndarray, count: int, highest: int, argument: str) -> np.ndarray:
    """Return states as uint8, shape (count,), read-only.

    Raises:
        InputError: there are more or fewer, or one is not from 0 to `highest`.
    """
    found = np.asarray(states)
    if found.shape != (count,) or found.dtype.kind not in "iu":
        raise InputError(
            f"`{argument}` must be {count} whole numbers. Received: {found.dtype} of shape {found.shape}"
        )
    if found.size and not 0 <= found.min() <= found.max() <= highest:
        rule = " or ".join(f"{number} ({WORDS[number] or 'active'})" for number in range(highest + 1))
        raise InputError(f"`{argument}` must be {rule}. Received: {found.min()} to {found.max()}")
    checked = found.astype(np.uint8)
    checked.setflags(write=False)
    return checked


def active_among(states: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """Return states in which nobody is active but those among `indices`, others inactive: uint8."""
    without = np.ones(len(states), dtype=bool)
    without[indices] = False
    return np.where(without & (states == ACTIVE), INACTIVE, states).astype(np.uint8)


def contradicted(states: np.ndarray, *indices: np.ndarray) -> int | None:
    """Return the first of the `indices`, which have interactions, that has another state; None without any."""
    for some in indices:
        wrong = some[states[some] != ACTIVE]
        if wrong.size:
            return int(wrong[0])
    return None
