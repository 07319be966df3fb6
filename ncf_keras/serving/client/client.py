"""The questions that a model answers, the same over REST and gRPC."""

import reprlib
from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Any, cast

import numpy as np

from ncf_keras.base.errors import InputError
from ncf_keras.base.ids import id_text, listed_ids
from ncf_keras.serving.client.limits import USUAL_LENGTH, Bounds
from ncf_keras.serving.client.transport import Patience, Target, Transport, split_address
from ncf_keras.serving.client.values import (
    ItemLists,
    NamedItemLists,
    ServingError,
    Signature,
    VersionStatus,
    read_signatures,
    read_status,
)

INT32 = np.iinfo(np.int32)
# By the type of an output, the types that JSON has for it, and that of an array of them. A whole number may
# stand for a real one.
JSON_TYPES: Mapping[type, tuple[set[type], type]] = {
    np.float32: ({int, float}, np.float64),
    np.int32: ({int}, np.int64),
    np.bool_: ({bool}, np.bool_),
    np.object_: ({str}, np.object_),
}
# What signatures that rank items answer, besides `known`.
BY_INDEX = {"items": np.int32, "scores": np.float32}
BY_ID = {"scores": np.float32, "item_ids": np.object_, "titles": np.object_}


class Client:
    """A model on a server, made by `connect`. Threads may share one.

    Each method raises `InputError` for a mistake in what it is given, and for a model, version, label or
    signature that the server does not have (the methods by ids need a model exported with its dataset's ids);
    and `ServingError` if the server gives no answer, or none that can be used.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def score(self, users: int | Iterable[int], items: int | Iterable[int]) -> np.ndarray:
        """Return how likely each user is to choose the item beside it, float32 [N], NaN where one is unknown.

        One user stands for all items, and one item for all users.
        """
        rows, columns = _indices(users, "users"), _indices(items, "items")
        if len(rows) != len(columns) and 1 not in (len(rows), len(columns)):
            raise InputError(
                f"`users` and `items` must be of one length. Received: {len(rows)} and {len(columns)}"
            )
        rows, columns = np.broadcast_arrays(rows, columns)
        if not len(rows):
            return np.zeros(0, np.float32)
        inputs = {"user_input": rows, "item_input": columns}
        bounds = Bounds(len(rows), numbers=len(rows))
        answer = self._transport.predict("score", inputs, ("prediction",), bounds)
        return _array(answer, "prediction", np.float32, (len(rows),))

    def recommend(self, users: int | Iterable[int], k: int = 10) -> ItemLists:
        """Return the best `k` items for each user, without those that the user has seen in training."""
        return ItemLists(**self._ranked("recommend", "user_input", _indices(users, "users"), k, BY_INDEX))

    def similar_items(self, items: int | Iterable[int], k: int = 10) -> ItemLists:
        """Return the `k` items most like each item, by the cosine of what the model has learnt of them."""
        asked = _indices(items, "items")
        return ItemLists(**self._ranked("similar_items", "item_input", asked, k, BY_INDEX))

    def recommend_by_id(self, user_ids: object, k: int = 10) -> NamedItemLists:
        """Return what `recommend` does, by raw ids: one or a list, texts, bytes or numbers as in the data."""
        asked = _strings(user_ids, "user_ids")
        return NamedItemLists(**self._ranked("recommend_by_id", "user_id", asked, k, BY_ID))

    def similar_items_by_id(self, item_ids: object, k: int = 10) -> NamedItemLists:
        """Return what `similar_items` does, by raw ids."""
        asked = _strings(item_ids, "item_ids")
        return NamedItemLists(**self._ranked("similar_items_by_id", "item_id", asked, k, BY_ID))

    def status(self) -> list[VersionStatus]:
        """Return the versions of the model that the server has or had, with their states."""
        return read_status(self._transport.status())

    def signatures(self) -> dict[str, Signature]:
        """Return what the model can be asked, by the names of its signatures."""
        return read_signatures(self._transport.metadata())

    def close(self) -> None:
        """Give the connections back; the client can't be used any more."""
        self._transport.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ranked(
        self, signature: str, name: str, asked: np.ndarray, k: int, outputs: Mapping[str, type]
    ) -> dict[str, Any]:
        """Return the outputs of a signature that ranks items, [N, K], and `known`, by name."""
        if isinstance(k, bool) or not isinstance(k, int | np.integer) or not 0 <= k <= INT32.max:
            raise InputError(f"`k` must be a whole number from 0 to {INT32.max}. Received: {k!r}")
        rows = len(asked)
        if rows:
            # One k for each row: a server that batches requests takes no single values.
            inputs = {name: asked, "k": np.full(rows, k, np.int32)}
            places = rows * max(int(k), USUAL_LENGTH)
            texts = sum(dtype is np.object_ for dtype in outputs.values())
            bounds = Bounds(rows, numbers=places * (len(outputs) - texts), texts=places * texts)
            answer = self._transport.predict(signature, inputs, (*outputs, "known"), bounds)
        else:
            answer = {**dict.fromkeys(outputs, np.zeros((0, k))), "known": np.zeros(0)}
        shape: tuple[int | None, ...] = (rows, None)
        lists: dict[str, Any] = {}
        for output, dtype in outputs.items():
            array = _array(answer, output, dtype, shape)
            shape = array.shape
            # A server that batches may answer longer lists than this request asked for.
            lists[output] = _texts(array[:, :k]) if dtype is np.object_ else array[:, :k]
        return {**lists, "known": _array(answer, "known", np.bool_, (rows,))}


def connect(
    server: str,
    model: str,
    *,
    version: int | None = None,
    label: str | None = None,
    patience: Patience | None = None,
    headers: Mapping[str, str] | None = None,
    rows: bool = False,
) -> Client:
    """Return a client of a model that TensorFlow Serving serves; no connection is opened yet.

    Args:
        server: `http://host:port` or `https://…` for REST, `grpc://host:port` or `grpcs://…` for gRPC. REST
            needs the extra `client`, gRPC the extra `grpc`. The servers of `https` and `grpcs` must have
            certificates that this machine trusts.
        model: the name that the model is served under.
        version: the number of a version; the highest that is loaded if neither this nor `label` is given.
        label: the name that the server's configuration gives a version, such as `stable`.
        patience: when to give up; `Patience()` if None.
        headers: sent with each request, such as `{"Authorization": …}` for a gateway before the server.
        rows: send the row format of REST, for a gateway that knows no other.

    An argument that breaks its rule, or a library that is not installed, raises `InputError`.

    Example:
        >>> with connect("http://localhost:8501", "ncf") as client:
        ...     client.recommend([42, 7], k=5).items
    """
    target = Target(split_address(server), model, version, label, headers or {}, patience or Patience())
    if target.address.scheme in ("http", "https"):
        try:
            from ncf_keras.serving.client.rest import RestTransport
        except ImportError:
            words = "the client must have the library requests: pip install 'ncf-keras[client]'"
            raise InputError(words) from None
        return Client(RestTransport(target, rows))
    if rows:
        raise InputError("`rows` must not be set for a gRPC server: its requests have one format")
    try:
        from ncf_keras.serving.client.grpc_transport import GrpcTransport
    except ImportError:
        words = "the client must have tensorflow-serving-api for gRPC: pip install 'ncf-keras[grpc]'"
        raise InputError(words) from None
    return Client(GrpcTransport(target))


def _indices(values: int | Iterable[int], argument: str) -> np.ndarray:
    """Return one index or a list of them as an int32 array [N]; raise InputError for anything else."""
    whole = isinstance(values, np.ndarray | str | bytes) or not isinstance(values, Iterable)
    try:
        array = np.atleast_1d(np.asarray(values if whole else list(cast(Iterable, values))))
    except (ValueError, OverflowError):
        array = np.asarray([None])
    if array.ndim != 1 or (array.size and not (array.dtype.kind in "iu" and _fits(array))):
        raise InputError(
            f"`{argument}` must be a whole number of 32 bits, or a list of them. Received: {str(values)[:80]}"
        )
    return array.astype(np.int32)


def _fits(array: np.ndarray) -> bool:
    return INT32.min <= array.min() <= array.max() <= INT32.max


def _strings(values: object, argument: str) -> np.ndarray:
    """Return one id or a list of them as an object array [N] of the bytes of their texts."""
    found = listed_ids(values)
    array = np.empty(len(found), object)
    for n, value in enumerate(found):
        # Bytes that are not UTF-8 go as they are: a model of another make may have such ids.
        text = value.strip() if isinstance(value, bytes) else id_text(value, argument)
        if not text:
            raise InputError(f"`{argument}` must be an id, or a list of ids. Received: {str(values)[:80]!r}")
        try:
            array[n] = text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:
            words = f"`{argument}` must be texts that UTF-8 can write. Received: {ascii(value)[:80]}"
            raise InputError(words) from None
    return array


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


def _texts(rows: np.ndarray) -> list[list[str]]:
    return [
        [text.decode("utf-8", "surrogateescape") if isinstance(text, bytes) else text for text in row]
        for row in rows
    ]
