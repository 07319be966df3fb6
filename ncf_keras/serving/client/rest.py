"""The REST way to a server, over the library `requests` (extra `client`), without TensorFlow.

Tensors go in TensorFlow Serving's JSON (https://www.tensorflow.org/tfx/serving/api_rest). It is JSON but for
two things. `NaN`, `Infinity` and `-Infinity` stand for themselves, which Python's reader takes as well. And the
server writes strings as the bytes they are, so that an answer may be no UTF-8; such bytes are kept as
`surrogateescape` does. A string that is sent must be UTF-8 or go as `{"b64": …}`.
"""

import base64
import http.cookiejar
import json
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import numpy as np
import requests
import urllib3

from ncf_keras.base.errors import InputError
from ncf_keras.serving.client.transport import Target, TryAgain, ask_patiently
from ncf_keras.serving.client.values import ServingError, unreadable

BLOCK = 1 << 16
OK = 200
REFUSED = (400, 404)
PASSING = (500, 502, 503, 504)
CONNECTIONS = 64
SHORTEST_WAIT = 1e-3


class RestTransport:
    """A model over REST, in the row format of JSON or in the smaller column format; see `Transport`.

    Threads may share it: a `requests` session keeps nothing between requests but cookies, which are refused
    here, and a pool of connections, which locks.
    """

    def __init__(self, target: Target, rows: bool) -> None:
        self._target = target
        self._rows = rows
        self._url = f"{target.address.geturl().rstrip('/')}/v1/models/{quote(target.model, safe='')}"
        if target.version is not None:
            self._url += f"/versions/{target.version}"
        elif target.label is not None:
            self._url += f"/labels/{quote(target.label, safe='')}"
        self._session = requests.Session()
        self._session.headers.update({**target.headers, "Accept-Encoding": "identity"})
        self._session.cookies.set_policy(http.cookiejar.DefaultCookiePolicy(allowed_domains=[]))
        adapter = requests.adapters.HTTPAdapter(pool_maxsize=CONNECTIONS)
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)

    def predict(
        self, signature: str, inputs: Mapping[str, np.ndarray], outputs: tuple[str, ...]
    ) -> dict[str, Any]:
        """Run a signature; see `Transport`."""
        body = request_body(signature, inputs, self._rows)
        return read_answer(self._ask("POST", ":predict", body, f"signature {signature!r}"), outputs, self._rows)

    def status(self) -> Mapping[str, Any]:
        """Return the versions of the model; see `Transport`."""
        return read_object(self._ask("GET", "", None, "status"))

    def metadata(self) -> Mapping[str, Any]:
        """Return the signatures of the model; see `Transport`."""
        return read_object(self._ask("GET", "/metadata", None, "metadata"))

    def close(self) -> None:
        """Close the connections that are idle."""
        self._session.close()

    def _ask(self, method: str, path: str, body: bytes | None, asked: str) -> bytes:
        return ask_patiently(
            lambda seconds: self._try(method, self._url + path, body, asked, seconds), self._target.patience
        )

    def _try(self, method: str, url: str, body: bytes | None, asked: str, seconds: float) -> bytes:
        shown = self._target.shown
        late = TryAgain(f"{shown} must answer in time. Received: no whole answer in {seconds:.1f} s")
        end = time.monotonic() + seconds
        # requests hands it on to urllib3; its own pair of time-outs has no total.
        timeout: Any = urllib3.Timeout(total=seconds)
        headers = {} if body is None else {"Content-Type": "application/json"}
        blocks = []
        try:
            with self._session.request(
                method, url, data=body, headers=headers, timeout=timeout, stream=True, allow_redirects=False
            ) as response:
                # requests has read the body of a redirection, which is not followed.
                while not response.is_redirect and (block := _read_until(end, response.raw)):
                    blocks.append(block)
                    if time.monotonic() > end:
                        raise late
        except (requests.exceptions.Timeout, urllib3.exceptions.ReadTimeoutError):
            raise late from None
        except urllib3.exceptions.HTTPError as error:
            raise TryAgain(f"{shown} must answer whole. Received: {_reason(error)}") from None
        except OSError as error:
            # requests' exceptions are OSErrors; those of a request that can't be made are ValueErrors as well.
            if isinstance(error, ValueError):
                raise InputError(f"`server` must be an address that can be asked. Received: {shown}") from None
            raise TryAgain(f"{shown} must answer. Received: {_reason(error)}") from None
        answer = b"".join(blocks)
        if response.status_code == OK:
            return answer
        words = _error_in(answer)
        received = f"HTTP {response.status_code}, {words or response.reason}"
        refused = response.status_code in REFUSED and words is not None
        raise self._target.failure("REST", asked, received, response.status_code in PASSING, refused)


def request_body(signature: str, inputs: Mapping[str, np.ndarray], rows: bool) -> bytes:
    """Return a request to run a signature: the inputs of each row together if `rows`, else each input whole."""
    columns = {
        name: [_string(value) for value in array] if array.dtype == object else array.tolist()
        for name, array in inputs.items()
    }
    request: dict[str, Any] = {"signature_name": signature}
    if rows:
        lines = zip(*columns.values(), strict=True)
        request["instances"] = [dict(zip(columns, values, strict=True)) for values in lines]
    else:
        request["inputs"] = columns
    return json.dumps(request, allow_nan=False).encode("ascii")


def _string(value: bytes) -> str | dict[str, str]:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return {"b64": base64.b64encode(value).decode("ascii")}


def read_answer(body: bytes, outputs: tuple[str, ...], rows: bool) -> dict[str, Any]:
    """Return the outputs of an answer in nested lists; raise ServingError if it is of another format.

    `outputs` are the names of the signature's outputs; the server leaves the name of a single one out.
    """
    found = read_object(body).get("predictions" if rows else "outputs")
    if not rows:
        if len(outputs) == 1 and isinstance(found, list):
            return {outputs[0]: found}
        if not isinstance(found, dict):
            raise unreadable("`outputs`", body)
        return found
    if not isinstance(found, list):
        raise unreadable("`predictions`", body)
    if len(outputs) == 1 and not any(isinstance(row, dict) for row in found):
        return {outputs[0]: found}
    if not all(isinstance(row, dict) and row.keys() == found[0].keys() for row in found):
        raise unreadable("`predictions` with the same outputs in each row", body)
    return {name: [row[name] for row in found] for name in found[0]} if found else {}


def read_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object in an answer; raise ServingError if there is none."""
    try:
        answer = json.loads(body.decode("utf-8", "surrogateescape"))
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise unreadable("a JSON object", body)
    return answer


def _read_until(end: float, raw: Any) -> bytes:
    # The time-out of a socket is for each read, so that a slow trickle would never end by it. There is no
    # socket to set where the server closes the connection after the answer.
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
