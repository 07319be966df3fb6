"""Rules that the hyperparameters of baselines obey."""

import math
from numbers import Integral, Real

from ncf_keras.errors import InputError


def require_count(value: int, minimum: int, argument: str) -> None:
    """Raise InputError unless `value` is a whole number, of Python or NumPy, of at least `minimum`."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < minimum:
        raise InputError(f"`{argument}` must be a whole number of at least {minimum}. Received: {value!r}")


def require_at_least(value: float, minimum: float, argument: str) -> None:
    """Raise InputError unless `value` is a finite number of at least `minimum`."""
    if not (_is_finite(value) and value >= minimum):
        raise InputError(f"`{argument}` must be a finite number of at least {minimum:g}. Received: {value!r}")


def require_above_zero(value: float, argument: str) -> None:
    """Raise InputError unless `value` is a finite number above 0."""
    if not (_is_finite(value) and value > 0):
        raise InputError(f"`{argument}` must be a finite number above 0. Received: {value!r}")


def _is_finite(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, Real):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False
