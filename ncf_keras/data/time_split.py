"""A split in time: all users' interactions before a time are learned from, what came from then on is held out.

Leave-one-out learns from interactions that are later than those it tests (docs/evaluation.md): here nothing is.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ncf_keras.base.errors import InputError
from ncf_keras.data.hold_out import hold_out, warm_places
from ncf_keras.data.negatives import too_many_negatives
from ncf_keras.data.split import Split
from ncf_keras.data.time_cut import Cut, Moment, Times, cut_at

if TYPE_CHECKING:
    from ncf_keras.data.prepare import PrepareOptions


def split_in_time(frame: pd.DataFrame, options: "PrepareOptions", generator: np.random.Generator) -> Split:
    """Split the rows of a cleaned log at the times of the options.

    Args:
        frame: as of a TidyLog, each pair of a user and an item once.
        options: with `split="time"`.
        generator: of the negatives.

    Raises:
        InputError: the log has no timestamps, or a part has nothing in it, or no pair can be tested.
    """
    if "timestamp" not in frame:
        raise InputError("`split` must be leave-one-out where a log has no timestamps. Received: time")
    times = Times.of(frame["timestamp"])
    cuts = _cuts(times, options)
    is_later = times.numbers >= cuts["at"].time
    _require_both_sides("at", cuts["at"], times.numbers, is_later)
    users, items = frame["user"].to_numpy(), frame["item"].to_numpy()
    held_out = hold_out(users, items, is_later, options.negatives, generator)
    if not held_out.tested.size:
        if held_out.too_few_free.size:
            raise too_many_negatives(held_out.too_few_free, options.negatives, "a pair to test")
        raise _nothing_warm("at", cuts["at"], is_later)
    is_validation = None
    if "validation_at" in cuts:
        is_validation = _is_validation(frame[~is_later], times.numbers[~is_later], cuts)
    return Split(
        in_train=~is_later,
        tested=held_out.tested,
        negatives=held_out.negatives,
        too_few_free=held_out.too_few_free,
        cold=held_out.cold,
        is_validation=is_validation,
        cuts=cuts,
    )


def _cuts(times: Times, options: "PrepareOptions") -> Mapping[str, Cut]:
    """Return the cuts by the name of their option, that of validation before that of the test."""
    given: dict[str, Moment | None] = {"at": options.at, "validation_at": options.validation_at}
    cuts = {name: cut_at(times, moment, name) for name, moment in given.items() if moment is not None}
    if "validation_at" in cuts and cuts["validation_at"].time >= cuts["at"].time:
        raise InputError(
            f"`validation_at` must be before `at`, {cuts['at']}. Received: {cuts['validation_at']}"
        )
    return cuts


def _is_validation(train: pd.DataFrame, numbers: np.ndarray, cuts: Mapping[str, Cut]) -> np.ndarray:
    """Return which train rows are held out for validation: bool, shape (rows,)."""
    cut = cuts["validation_at"]
    is_later = numbers >= cut.time
    if not is_later.any():
        raise InputError(
            f"`validation_at` must have interactions from then on until `at`, {cuts['at']}. "
            f"Received: {cut}, and none"
        )
    _require_both_sides("validation_at", cut, numbers, is_later)
    if not len(warm_places(train["user"].to_numpy(), train["item"].to_numpy(), is_later)):
        raise _nothing_warm("validation_at", cut, is_later)
    return is_later


def _require_both_sides(argument: str, cut: Cut, numbers: np.ndarray, is_later: np.ndarray) -> None:
    if is_later.all():
        raise InputError(
            f"`{argument}` must have interactions before it, to learn from. "
            f"Received: {cut}, and the first is of the time {numbers.min()}"
        )
    if not is_later.any():
        raise InputError(
            f"`{argument}` must have interactions from then on, to hold out. "
            f"Received: {cut}, and the last is of the time {numbers.max()}"
        )


def _nothing_warm(argument: str, cut: Cut, is_later: np.ndarray) -> InputError:
    return InputError(
        f"`{argument}` must have an interaction from then on to test, whose user and item have earlier ones. "
        f"Received: {cut}, and none of the {np.count_nonzero(is_later):,} later ones is one"
    )
