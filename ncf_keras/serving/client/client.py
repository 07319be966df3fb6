"""The questions that a model answers, the same over REST and gRPC."""

import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

import numpy as np

from ncf_keras.base.errors import InputError
from ncf_keras.base.ids import id_text, listed_ids
from ncf_keras.serving.client.outputs import Outputs
from ncf_keras.serving.client.pieces import USUAL, Piece, joined, pieces
from ncf_keras.serving.client.transport import (
    Patience,
    Question,
    Target,
    Transport,
    VersionGone,
    split_address,
)
from ncf_keras.serving.client.values import (
    ItemLists,
    NamedItemLists,
    Signature,
    VersionStatus,
    read_signatures,
    read_status,
)

INT32 = np.iinfo(np.int32)
BY_INDEX = {"items": np.int32, "scores": np.float32}
BY_ID = {"scores": np.float32, "item_ids": np.object_, "titles": np.object_}


class Client:
    """A model on a server, made by `connect`. Threads may share one.

    Each method raises `InputError` for a mistake in what it is given, and for a model, version, label or
    signature that the server does not have (the methods by ids need a model exported with its dataset's ids);
    and `ServingError` if the server gives no answer, or none that can be used.
    """

    def __init__(self, transport: Transport, piece: Piece = USUAL) -> None:
        self._transport = transport
        self._piece = piece

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
        inputs = {"user_input": rows, "item_input": columns}
        return self._ask("score", inputs, Outputs({"prediction": np.float32}))["prediction"]

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
        # One k for each row: a server that batches requests takes no single values.
        inputs = {name: asked, "k": np.full(len(asked), k, np.int32)}
        found = self._ask(signature, inputs, Outputs({"known": np.bool_}, outputs, int(k)))
        return {name: _texts(one) if one.dtype == object else one for name, one in found.items()}

    def _ask(self, signature: str, inputs: Mapping[str, np.ndarray], outputs: Outputs) -> dict[str, np.ndarray]:
        """Return the outputs of a signature, asked for in as many requests as the rows of the inputs need."""
        begin = time.monotonic()

        def parts(question: Question) -> Iterator[dict[str, np.ndarray]]:
            for piece in pieces(inputs, outputs.row, self._piece):
                rows = {name: array[piece] for name, array in inputs.items()}
                bounds = outputs.row.times(piece.stop - piece.start)
                yield outputs.read(self._transport.predict(question, rows, bounds), bounds.rows)
                question.asked = begin

        try:
            found = list(parts(Question(signature, outputs.names)))
        except VersionGone:
            # Another was loaded in its place, which answers all rows.
            found = list(parts(Question(signature, outputs.names, asked=begin)))
        if not found:
            return outputs.none
        return {name: joined([part[name] for part in found]) for name in outputs.names}


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


def _texts(rows: np.ndarray) -> list[list[str]]:
    return [
        [text.decode("utf-8", "surrogateescape") if isinstance(text, bytes) else text for text in row]
        for row in rows
    ]
