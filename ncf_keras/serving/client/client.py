"""The questions that a model answers, the same over REST and gRPC."""

from collections.abc import Iterable, Mapping

import numpy as np

from ncf_keras.base.errors import InputError
from ncf_keras.serving.client.address import ServedModel, split_address
from ncf_keras.serving.client.answers import (
    ItemLists,
    NamedItemLists,
    Signature,
    VersionStatus,
    read_item_lists,
    read_named_lists,
    read_scores,
)
from ncf_keras.serving.client.arguments import indices, list_length, require_headers, strings, with_k
from ncf_keras.serving.client.patience import Patience
from ncf_keras.serving.client.transport import Transport

LISTS = ("items", "scores", "known")
NAMED_LISTS = ("item_ids", "titles", "scores", "known")


class Client:
    """A model on a server, made by `connect`. Threads may share one.

    Each method raises `InputError` for a mistake in what it is given, and for a model, version, label or
    signature that the server does not have (the methods by ids need a model exported with its dataset's ids);
    and `ServingError` if the server gives no answer, or none that can be used.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def score(self, users: int | Iterable[int], items: int | Iterable[int]) -> np.ndarray:
        """Return how likely each user is to choose the item beside it.

        Args:
            users: N user indices, or one for all items.
            items: N item indices, or one for all users.

        Returns:
            float32 array [N]; NaN where the model does not know the user or the item.
        """
        users, items = indices(users, "users"), indices(items, "items")
        if len(users) != len(items) and 1 not in (len(users), len(items)):
            raise InputError(
                f"`users` and `items` must be of one length. Received: {len(users)} and {len(items)}"
            )
        users, items = np.broadcast_arrays(users, items)
        if not len(users):
            return np.zeros(0, np.float32)
        inputs = {"user_input": users, "item_input": items}
        return read_scores(self._transport.predict("score", inputs, ("prediction",)), len(users))

    def recommend(self, users: int | Iterable[int], k: int = 10) -> ItemLists:
        """Return the best items for each user, without those that the user has seen in training.

        Args:
            users: N user indices.
            k: the length of the lists.

        Returns:
            Lists of `k` places, fewer if the model has fewer items; see `ItemLists`.
        """
        return self._lists("recommend", {"user_input": indices(users, "users")}, k)

    def similar_items(self, items: int | Iterable[int], k: int = 10) -> ItemLists:
        """Return the items most like each item, by the cosine of what the model has learnt of them.

        Args:
            items: N item indices.
            k: the length of the lists.
        """
        return self._lists("similar_items", {"item_input": indices(items, "items")}, k)

    def recommend_by_id(self, user_ids: str | bytes | Iterable[str | bytes], k: int = 10) -> NamedItemLists:
        """Return the best items for each user, as `recommend`, by raw ids.

        Args:
            user_ids: N ids as they stand in the data that the model was trained on.
            k: the length of the lists.
        """
        return self._named_lists("recommend_by_id", {"user_id": strings(user_ids, "user_ids")}, k)

    def similar_items_by_id(self, item_ids: str | bytes | Iterable[str | bytes], k: int = 10) -> NamedItemLists:
        """Return the items most like each item, as `similar_items`, by raw ids."""
        return self._named_lists("similar_items_by_id", {"item_id": strings(item_ids, "item_ids")}, k)

    def status(self) -> list[VersionStatus]:
        """Return the versions of the model that the server has or had, with their states."""
        return self._transport.status()

    def signatures(self) -> dict[str, Signature]:
        """Return what the model can be asked, by the names of its signatures."""
        return self._transport.signatures()

    def close(self) -> None:
        """Give the connections back; the client can't be used any more."""
        self._transport.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _lists(self, signature: str, inputs: Mapping[str, np.ndarray], k: int) -> ItemLists:
        (rows,) = {len(array) for array in inputs.values()}
        k = list_length(k)
        if not rows:
            empty = np.zeros((0, k))
            return ItemLists(empty.astype(np.int32), empty.astype(np.float32), np.zeros(0, np.bool_))
        return read_item_lists(self._transport.predict(signature, with_k(inputs, k, rows), LISTS), rows, k)

    def _named_lists(self, signature: str, inputs: Mapping[str, np.ndarray], k: int) -> NamedItemLists:
        (rows,) = {len(array) for array in inputs.values()}
        k = list_length(k)
        if not rows:
            return NamedItemLists([], [], np.zeros((0, k), np.float32), np.zeros(0, np.bool_))
        answer = self._transport.predict(signature, with_k(inputs, k, rows), NAMED_LISTS)
        return read_named_lists(answer, rows, k)


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
            needs the extra `client`, gRPC the extra `grpc` and seconds to import TensorFlow.
        model: the name that the model is served under.
        version: the number of a version; the highest that is loaded if neither this nor `label` is given.
        label: the name that the server's configuration gives a version, such as `stable`.
        patience: how long to wait and how often to ask again; `Patience()` if None.
        headers: sent with each request, such as `{"Authorization": …}` for a gateway before the server.
        rows: send the row format of REST, for a gateway that knows no other.

    Raises:
        InputError: an argument breaks its rule, or the library that the address needs is not installed.

    Example:
        >>> with connect("http://localhost:8501", "ncf") as client:
        ...     client.recommend([42, 7], k=5).items
    """
    address = split_address(server)
    chosen = ServedModel(model, version, label)
    headers = require_headers(headers or {})
    patience = patience or Patience()
    if address.scheme in ("http", "https"):
        from ncf_keras.serving.client.rest import RestTransport

        return Client(RestTransport(address, chosen, patience, headers, rows))
    if rows:
        raise InputError("`rows` must not be set for a gRPC server: its requests have one format")
    from ncf_keras.serving.client.grpc_transport import GrpcTransport

    return Client(GrpcTransport(address, chosen, patience, headers))
