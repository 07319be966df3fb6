"""The REST way to a server, over the library `requests` (extra `client`), without TensorFlow."""

import http.cookiejar
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import SplitResult

import numpy as np

from ncf_keras.base.errors import InputError
from ncf_keras.serving.client.address import ServedModel, public_address
from ncf_keras.serving.client.answers import Signature, Tensor, VersionStatus
from ncf_keras.serving.client.errors import ServingError, TryAgain
from ncf_keras.serving.client.json_values import column_body, read_columns, read_object, read_rows, row_body
from ncf_keras.serving.client.patience import Patience, ask_patiently

BLOCK = 1 << 16
OK = 200
REFUSED = (400, 404)
PASSING = (500, 502, 503, 504)
CONNECTIONS = 64
SHORTEST_WAIT = 1e-3


class RestTransport:
    """A model over REST.

    Threads may share it: a `requests` session keeps nothing between requests but cookies, which are refused
    here, and a pool of connections, which locks.
    """

    def __init__(
        self,
        address: SplitResult,
        model: ServedModel,
        patience: Patience,
        headers: Mapping[str, str],
        rows: bool,
    ) -> None:
        """Make the way; no connection is opened yet.

        Args:
            address: as `split_address` returns it.
            model: whom to ask.
            patience: when to give up.
            headers: sent with each request, for a gateway before the server.
            rows: send the row format, for a gateway that knows no other; the column format is smaller.

        Raises:
            InputError: `requests` is not installed.
        """
        try:
            import requests
            import urllib3
        except ImportError:
            raise InputError(
                "the client must have the library requests: pip install 'ncf-keras[client]'"
            ) from None
        self._base = address.geturl().rstrip("/")
        self._shown = public_address(address)
        self._model = model
        self._patience = patience
        self._rows = rows
        self._requests = requests
        self._urllib3 = urllib3
        self._session = requests.Session()
        self._session.headers.update({**headers, "Accept-Encoding": "identity"})
        self._session.cookies.set_policy(http.cookiejar.DefaultCookiePolicy(allowed_domains=[]))
        adapter = requests.adapters.HTTPAdapter(pool_maxsize=CONNECTIONS)
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)

    def predict(
        self, signature: str, inputs: Mapping[str, np.ndarray], outputs: tuple[str, ...]
    ) -> dict[str, Any]:
        """Run a signature; see `Transport`."""
        body = (row_body if self._rows else column_body)(signature, inputs)
        answer = self._ask("POST", f"{self._model.path()}:predict", body, f"signature {signature!r}")
        return (read_rows if self._rows else read_columns)(answer, outputs)

    def status(self) -> list[VersionStatus]:
        """Return the versions of the model; see `Transport`."""
        answer = self._ask("GET", self._model.path(), None, "status")
        return _read(_status, answer, "the status of a model")

    def signatures(self) -> dict[str, Signature]:
        """Return the signatures of the model; see `Transport`."""
        answer = self._ask("GET", f"{self._model.path()}/metadata", None, "metadata")
        return _read(_signatures, answer, "the signatures of a model")

    def close(self) -> None:
        """Close the connections that are idle."""
        self._session.close()

    def _ask(self, method: str, path: str, body: bytes | None, asked: str) -> bytes:
        return ask_patiently(lambda seconds: self._try(method, path, body, asked, seconds), self._patience)

    def _try(self, method: str, path: str, body: bytes | None, asked: str, seconds: float) -> bytes:
        end = time.monotonic() + seconds
        headers = {} if body is None else {"Content-Type": "application/json"}
        try:
            response = self._session.request(
                method,
                self._base + path,
                data=body,
                headers=headers,
                timeout=self._urllib3.Timeout(total=seconds),
                stream=True,
                allow_redirects=False,
            )
            with response:
                # requests has read the body of a redirection, which is not followed.
                answer = b"" if response.is_redirect else self._receive(response.raw, end, seconds)
        except self._requests.exceptions.Timeout:
            raise self._late(seconds) from None
        except (self._requests.exceptions.ConnectionError, OSError) as error:
            # requests' exceptions are OSErrors; those of a request that can't be made are ValueErrors as well.
            if isinstance(error, ValueError):
                raise self._unusable() from None
            raise TryAgain(f"{self._shown} must answer. Received: {_reason(error)}") from None
        if response.status_code != OK:
            raise self._failure(response, answer, asked)
        return answer

    def _receive(self, raw: Any, end: float, seconds: float) -> bytes:
        # The time-out of a socket is for each read, so that a slow trickle would never end by it.
        errors = self._urllib3.exceptions
        blocks = []
        try:
            while block := _read_until(end, raw):
                blocks.append(block)
                if time.monotonic() > end:
                    raise self._late(seconds)
        except errors.ReadTimeoutError:
            raise self._late(seconds) from None
        except errors.HTTPError as error:
            raise TryAgain(f"{self._shown} must answer whole. Received: {_reason(error)}") from None
        return b"".join(blocks)

    def _late(self, seconds: float) -> TryAgain:
        return TryAgain(f"{self._shown} must answer in time. Received: no whole answer in {seconds:.1f} s")

    def _unusable(self) -> InputError:
        return InputError(f"`server` must be an address that can be asked. Received: {self._shown}")

    def _failure(self, response: Any, body: bytes, asked: str) -> Exception:
        code = response.status_code
        words = _error_in(body)
        if code in PASSING:
            return TryAgain(f"{self._shown} must answer. Received: HTTP {code}, {words or response.reason}")
        if code in REFUSED and words is not None:
            return InputError(
                f"what is asked of {self._shown} must be what it serves. Asked: model {self._model}, {asked}. "
                f"Received: HTTP {code}, {words}"
            )
        return ServingError(
            f"{self._shown} must be the REST port of TensorFlow Serving and let this client ask. Received: "
            f"HTTP {code}, {words or response.reason}"
        )


def _read_until(end: float, raw: Any) -> bytes:
    # There is no socket to set where the server closes the connection after the answer.
    socket = getattr(raw.connection, "sock", None)
    if socket is not None:
        socket.settimeout(max(end - time.monotonic(), SHORTEST_WAIT))
    return raw.read1(BLOCK, decode_content=True)


def _error_in(body: bytes) -> str | None:
    try:
        words = read_object(body).get("error")
    except ServingError:
        return None
    return " ".join(words.split()) if isinstance(words, str) else None


def _reason(error: BaseException) -> str:
    """Return the innermost words of an error: requests and urllib3 wrap what the system said several times."""
    while True:
        inner = getattr(error, "reason", None) or error.__cause__ or error.__context__
        if not isinstance(inner, BaseException) or isinstance(inner, TimeoutError):
            break
        error = inner
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _read(parse: Any, body: bytes, wanted: str) -> Any:
    try:
        return parse(read_object(body))
    except (KeyError, TypeError, ValueError, AttributeError):
        raise ServingError(f"the server must answer {wanted}. Received: {body[:80]!r}") from None


def _status(answer: Mapping[str, Any]) -> list[VersionStatus]:
    return [
        VersionStatus(int(one["version"]), str(one["state"]), str(one["status"].get("error_message", "")))
        for one in answer["model_version_status"]
    ]


def _signatures(answer: Mapping[str, Any]) -> dict[str, Signature]:
    found = answer["metadata"]["signature_def"]["signature_def"]
    return {
        name: Signature(_tensors(one.get("inputs", {})), _tensors(one.get("outputs", {})))
        for name, one in found.items()
        if not name.startswith("__")
    }


def _tensors(described: Mapping[str, Any]) -> dict[str, Tensor]:
    tensors = {}
    for name, one in described.items():
        shape = one["tensor_shape"]
        sizes = tuple(int(size["size"]) for size in shape.get("dim", []))
        dtype = one["dtype"].removeprefix("DT_").lower()
        tensors[name] = Tensor(
            {"float": "float32", "double": "float64"}.get(dtype, dtype),
            None if shape.get("unknown_rank") else sizes,
        )
    return tensors
