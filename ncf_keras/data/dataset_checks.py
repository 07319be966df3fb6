"""What the arrays of a Dataset must be, each rule a function that raises InputError."""

from collections.abc import Iterable

import numpy as np

from ncf_keras.base.errors import InputError
from ncf_keras.base.ids import id_text
from ncf_keras.data.states import FORGOTTEN

INDEX_LIMIT = np.iinfo(np.int32).max


def require_sizes(num_users: int, num_items: int) -> None:
    """Raise InputError unless both are numbers of indices that int32 holds."""
    for argument, count in (("num_users", num_users), ("num_items", num_items)):
        if not 0 < count <= INDEX_LIMIT:
            raise InputError(f"`{argument}` must be between 1 and {INDEX_LIMIT}. Received: {count}")


def require_indices(indices: np.ndarray, count: int, argument: str) -> None:
    """Raise InputError unless all of `indices` are from 0 to `count` - 1."""
    if indices.size and (indices.min() < 0 or indices.max() >= count):
        wrong = indices.min() if indices.min() < 0 else indices.max()
        raise InputError(f"`{argument}` must be between 0 and {count - 1}. Received: {wrong}")


def whole_numbers(values: np.ndarray, argument: str) -> np.ndarray:
    """Return `values` as an array; InputError unless each is a whole number, be it a float."""
    numbers = np.asarray(values)
    if numbers.size == 0 or numbers.dtype.kind in "iub":
        return numbers
    if numbers.dtype.kind != "f":
        raise InputError(f"`{argument}` must be whole numbers. Received: an array of {numbers.dtype}")
    wrong = ~np.isfinite(numbers) | (numbers != np.trunc(numbers))
    if wrong.any():
        raise InputError(f"`{argument}` must be whole numbers. Received: {numbers[wrong][0]}")
    return numbers


def texts_of_ids(ids: Iterable[object], argument: str) -> list[str]:
    """Return the text of each raw id, empty where there is none; InputError where one is missing."""
    texts = []
    for value in ids:
        text = id_text(value, argument)
        if text is None and not isinstance(value, str):
            raise InputError(f"`{argument}` must hold the id of each index. Received: {value}")
        texts.append(text or "")
    return texts


def cold_indices(
    indices: np.ndarray | None, count: int, states: np.ndarray | None, argument: str
) -> np.ndarray | None:
    """Return the users, or the items, of cold pairs as int32, None if there are none.

    Raises:
        InputError: they are no indices below `count`, or `states` say that one of them is forgotten.
    """
    if indices is None or not len(indices):
        return None
    found = whole_numbers(indices, argument)
    require_indices(found, count, argument)
    found = found.astype(np.int32)
    forgotten = found[:0] if states is None else found[states[found] == FORGOTTEN]
    if forgotten.size:
        raise InputError(f"`{argument}` must have nobody who is forgotten. Received: index {forgotten[0]}")
    return found


def validation_marks(given: np.ndarray | None) -> np.ndarray | None:
    """Return which train interactions are held out for validation, None if none is.

    Raises:
        InputError: the marks are no truth values, or leave nothing to train on.
    """
    if given is None:
        return None
    marks = np.array(given)
    if marks.dtype != bool or marks.ndim != 1:
        raise InputError(
            "`train_is_validation` must be truth values, one for each train interaction. "
            f"Received: {marks.dtype} of shape {marks.shape}"
        )
    if marks.all():
        raise InputError(
            "`train_is_validation` must leave a train interaction to learn from. Received: all are marked"
        )
    return marks if marks.any() else None


def require_order(order: np.ndarray, offsets: np.ndarray) -> None:
    """Raise InputError unless each user's interactions are numbered from 0 on, each number once."""
    counts = np.diff(offsets)
    given = np.asarray(order)
    first = np.repeat(offsets[:-1], counts)
    is_fine = given.dtype.kind in "iu" and ((given >= 0) & (given < np.repeat(counts, counts))).all()
    if not is_fine or np.bincount(first + given, minlength=len(given)).max(initial=0) > 1:
        raise InputError(
            "`train_order` must have the numbers from 0 on for the interactions of each user, each once. "
            f"Received: {given[:10].tolist()}"
        )
