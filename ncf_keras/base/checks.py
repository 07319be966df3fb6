"""Checks of arguments: each raises InputError with one sentence if its rule is broken."""

import difflib
import math
from collections.abc import Collection, Iterable
from numbers import Integral, Real
from typing import Any

from ncf_keras.base.errors import InputError


def is_number(value: object) -> bool:
    """Return whether `value` is a finite real number, of Python or NumPy, and not a bool."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def plain(value: Any) -> Any:
    """Return a number of NumPy as one of Python, which JSON can hold, and anything else as it is."""
    return value.item() if hasattr(value, "item") else value


def require_count(value: object, argument: str, minimum: int = 1) -> None:
    """Raise InputError unless `value` is a whole number, of Python or NumPy, of at least `minimum`."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < minimum:
        raise InputError(f"`{argument}` must be a whole number of at least {minimum}. Received: {value!r}")


def require_at_least(value: object, minimum: float, argument: str) -> None:
    """Raise InputError unless `value` is a finite number of at least `minimum`."""
    if not (is_number(value) and value >= minimum):  # type: ignore[operator]
        raise InputError(f"`{argument}` must be a finite number of at least {minimum:g}. Received: {value!r}")


def require_above_zero(value: object, argument: str) -> None:
    """Raise InputError unless `value` is a finite number above 0."""
    if not (is_number(value) and value > 0):  # type: ignore[operator]
        raise InputError(f"`{argument}` must be a finite number above 0. Received: {value!r}")


def require_one_of(value: object, allowed: Collection[str], argument: str) -> None:
    """Raise InputError unless `value` is one of the words `allowed`."""
    if value not in allowed:
        raise InputError(f"`{argument}` must be one of {', '.join(allowed)}. Received: {value!r}")


def require_known_arguments(given: Iterable[str], known: Collection[str], function: str) -> None:
    """Raise InputError unless each of the names `given` is one of the arguments `known` of `function`."""
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            advice = f"did you mean `{near[0]}`?" if near else f"it takes {', '.join(known)}."
            raise InputError(f"`{name}` must be an argument of {function}: {advice} Received: {name!r}")
