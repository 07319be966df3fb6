"""The rules of cleaning a log, for logs in memory and on disk: what is dropped, and what is said of it."""

from collections.abc import Mapping
from typing import Literal

import numpy as np
import pandas as pd

from ncf_keras.base.errors import InputError
from ncf_keras.data.dataset import pair_numbers


def is_positive(ratings: np.ndarray, least: float | None) -> np.ndarray:
    """Return which ratings are positives: those from `least` on, without it those above 0."""
    return ratings > 0 if least is None else ratings >= least


def one_of_each_pair(frame: pd.DataFrame, num_items: int, keep: Literal["first", "last"]) -> np.ndarray:
    """Return which rows are the first or last in time of their (user, item) pair, by row where times tie."""
    pairs = pd.Series(pair_numbers(frame["user"].to_numpy(), frame["item"].to_numpy(), num_items))
    if "timestamp" not in frame:
        return ~pairs.duplicated(keep=keep).to_numpy()
    order = np.argsort(frame["timestamp"].to_numpy(), kind="stable")
    single = np.empty(len(frame), dtype=bool)
    single[order] = ~pairs.iloc[order].duplicated(keep=keep).to_numpy()
    return single


def reason_of_rating(least: float | None) -> str:
    """Return why a row with a low rating is dropped."""
    return "rating not above 0" if least is None else f"rating below {least:g}"


def reason_of_repeats(keep: str) -> str:
    """Return why all rows but one of a pair are dropped."""
    return f"repeated (user, item), {keep} kept"


def reason_of_rare(of_user: int, of_item: int) -> str:
    """Return why rows of users and items with few interactions are dropped."""
    return f"user with fewer than {of_user} or item with fewer than {of_item}"


def no_ratings(least: float) -> InputError:
    """Return what to say where ratings are to be compared and the log has none."""
    return InputError(f"`min_rating` must be left out where a log has no ratings. Received: {least:g}")


def nothing_left(dropped: Mapping[str, int]) -> InputError:
    """Return what to say where all rows were dropped, given how many for each reason."""
    reasons = ", ".join(f"{count:,} with {reason}" for reason, count in dropped.items() if count)
    return InputError(f"The filters must leave at least one interaction. Received: {reasons}, and none left")
