"""Turn variables into named arrays and back; all arrays are checked before any variable changes."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ncf_keras.base.errors import InputError


def values_of(variables: Sequence) -> list[np.ndarray]:
    """Return copies of the values of some variables, of TensorFlow or of Keras."""
    return [np.array(variable.numpy()) for variable in variables]


def named(prefix: str, arrays: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    """Return `arrays` as `<prefix>_000`, `<prefix>_001` and so on."""
    return {f"{prefix}_{number:03d}": array for number, array in enumerate(arrays)}


# Of a state: the steps of an earlier training that the learner goes on from, where there are any.
STEPS_BEFORE = "steps_before"


def named_steps_before(steps: int) -> dict[str, np.ndarray]:
    """Return the entry of a state that says how many steps were taken before the training; none for 0."""
    return {STEPS_BEFORE: np.array(steps, np.int64)} if steps else {}


def checked_steps_before(state: Mapping[str, np.ndarray]) -> int:
    """Return how many steps a state says were taken before the training.

    Raises:
        InputError: it is not a whole number of at least 0.
    """
    steps = state.get(STEPS_BEFORE, np.array(0, np.int64))
    if steps.shape != () or steps.dtype != np.int64 or steps < 0:
        raise InputError(f"`state` must have `{STEPS_BEFORE}` of at least 0. Received: {steps}")
    return int(steps)


def checked_counts(state: Mapping[str, np.ndarray], size: int) -> list[int]:
    """Return `counts` of a state.

    Raises:
        InputError: it is not `size` whole numbers of at least 0.
    """
    counts = state.get("counts")
    if counts is None or counts.shape != (size,) or counts.dtype != np.int64 or (counts < 0).any():
        raise InputError(f"`state` must have {size} counts of at least 0. Received: {counts}")
    return [int(count) for count in counts]


def assign_all(
    variables: Sequence, prefix: str, state: Mapping[str, np.ndarray], others: Sequence[str] = ()
) -> None:
    """Assign to each variable the array with its number in a state.

    Args:
        variables: of TensorFlow or of Keras.
        prefix: of the arrays' names, as given to `named`.
        state: the arrays, and what `others` names.
        others: the other names that the state must have.

    Raises:
        InputError: an array is missing or too many, or of another shape or dtype. Nothing was changed.
    """
    names = list(named(prefix, variables))
    if set(state) != {*names, *others}:
        differing = sorted(set(state) ^ {*names, *others})
        raise InputError(f"`state` must have {len(names)} arrays named {prefix}_…. Received: {differing}")
    for name, variable in zip(names, variables, strict=True):
        require_array(state, name, *_shape_and_dtype(variable))
    for name, variable in zip(names, variables, strict=True):
        variable.assign(state[name])


def require_array(state: Mapping[str, np.ndarray], name: str, shape: tuple[int, ...], dtype: np.dtype) -> None:
    """Raise InputError unless an array of a state has a shape and dtype."""
    found = state[name]
    if (found.shape, found.dtype) != (shape, dtype):
        raise InputError(
            f"`state` must have {name} of {dtype} and shape {shape}. "
            f"Received: {found.dtype} and shape {found.shape}"
        )


def _shape_and_dtype(variable: Any) -> tuple[tuple[int, ...], np.dtype]:
    """Return the shape and dtype that the value of a variable has."""
    dtype = getattr(variable.dtype, "as_numpy_dtype", variable.dtype)
    return tuple(variable.shape), np.dtype(dtype)
