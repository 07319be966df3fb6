"""What a signature answers, and whether an answer is that: arrays of the right types and shapes."""

import reprlib
from collections.abc import Mapping
from itertools import chain
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from ncf_keras.serving.client.limits import USUAL_LENGTH, Bounds
from ncf_keras.serving.client.values import ServingError

# By the type of an output, the types that JSON has for it, and that of an array of them. A whole number may
# stand for a real one.
JSON_TYPES: Mapping[type, tuple[set[type], type]] = {
    np.float32: ({int, float}, np.float64),
    np.int32: ({int}, np.int64),
    np.bool_: ({bool}, np.bool_),
    np.object_: ({str}, np.object_),
}


class Outputs(NamedTuple):
    """The outputs of a signature by name, with their types, of which `object_` is for texts.

    Attributes:
        values: those with a value for each row, [N].
        lists: those with a list for each row, [N, K].
        k: the most places of a list that are asked for.
    """

    values: Mapping[str, type]
    lists: Mapping[str, type] = MappingProxyType({})
    k: int = 0

    @property
    def names(self) -> tuple[str, ...]:
        """The names."""
        return (*self.lists, *self.values)

    @property
    def row(self) -> Bounds:
        """What the answer for a row may hold."""
        places = max(self.k, USUAL_LENGTH)
        texts = sum(dtype is np.object_ for dtype in self.lists.values())
        numbers = len(self.values) + places * (len(self.lists) - texts)
        return Bounds(1, numbers=numbers, texts=places * texts)

    @property
    def none(self) -> dict[str, np.ndarray]:
        """What is answered for no rows."""
        shapes = {**dict.fromkeys(self.lists, (0, self.k)), **dict.fromkeys(self.values, (0,))}
        return {name: np.zeros(shape, {**self.lists, **self.values}[name]) for name, shape in shapes.items()}

    def read(self, answer: Mapping[str, Any], rows: int) -> dict[str, np.ndarray]:
        """Return an answer for so many rows, arrays or nested lists by name, as arrays."""
        shape: tuple[int | None, ...] = (rows, None)
        found = {}
        for name, dtype in self.lists.items():
            array = _array(answer, name, dtype, shape)
            shape = array.shape
            # A server that batches may answer longer lists than were asked for; what is too long is not kept.
            found[name] = np.ascontiguousarray(array[:, : self.k])
        return found | {name: _array(answer, name, dtype, (rows,)) for name, dtype in self.values.items()}


def _array(outputs: Mapping[str, Any], name: str, dtype: type, shape: tuple[int | None, ...]) -> np.ndarray:
    """Return an output as an array of `shape`, None in which stands for any size; `object_` is for texts."""
    if name not in outputs:
        rule = f"the server must answer `{name}`, as models exported by this project do"
        raise ServingError(f"{rule}. Received: {reprlib.repr(sorted(outputs)) if outputs else 'nothing'}")
    values = outputs[name]
    try:
        array = values if isinstance(values, np.ndarray) else _of_lists(values, dtype)
        if array is values and array.size and array.dtype != dtype:
            raise TypeError
        if array.ndim == len(shape) and all(
            size is None or size == found for size, found in zip(shape, array.shape, strict=True)
        ):
            return _narrowed(array, dtype)
        received = f"shape {list(array.shape)}"
    except TypeError:
        received = f"values such as {reprlib.repr(values)}"
    except OverflowError:
        received = f"numbers beyond {dtype.__name__}"
    sizes = ["any" if size is None else size for size in shape]
    raise ServingError(f"the server must answer `{name}` of shape {sizes}. Received: {received}")


def _of_lists(values: Any, dtype: type) -> np.ndarray:
    """Return nested lists as an array of numbers of 64 bits, of truths or of texts.

    Lists of unequal length, or values of another kind, raise TypeError, before memory is taken: NumPy would
    make room for the longest text in every place. Numbers beyond 64 bits raise OverflowError.
    """
    kinds, wide = JSON_TYPES[dtype]
    flat: list[Any] = [values]
    shape: list[Any] = []
    # One more than any output has, to be told as a wrong shape.
    while flat and isinstance(flat[0], list) and len(shape) < 3:
        sizes = {len(one) if isinstance(one, list) else None for one in flat}
        if len(sizes) > 1:
            raise TypeError
        shape += sizes
        flat = flat[0] if len(flat) == 1 else list(chain.from_iterable(flat))
    if not set(map(type, flat)) <= kinds:
        raise TypeError
    return np.array(flat, wide).reshape(shape)


def _narrowed(array: np.ndarray, dtype: type) -> np.ndarray:
    """Return an array as one of `dtype`; raise OverflowError for a number beyond it. NaN means unknown."""
    with np.errstate(over="ignore"):
        found: np.ndarray = array.astype(dtype)
    if dtype is np.float32 and np.isinf(found).any():
        raise OverflowError
    if dtype is np.int32 and (found != array).any():
        raise OverflowError
    return found
