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
from ncf_keras.serving.client.deadline import BoundedAdapter, TooLong, Until
from ncf_keras.serving.client.limits import FRAME_BYTES, NO_LISTS, Bounds
from ncf_keras.serving.client.reasons import reason
from ncf_keras.serving.client.transport import Question, Target, TryAgain, ask_patiently
from ncf_keras.serving.client.values import ServingError, one_line, unreadable

BLOCK = 1 << 16
# Of an error, which is a sentence.
ERROR_BYTES = 1 << 16
OK = 200
MOVED = range(300, 400)
REFUSED = (400, 404)
PASSING = (500, 502, 503, 504)
CONNECTIONS = 64


class _Session(requests.Session):
    def get_redirect_target(self, _: requests.Response) -> None:
        """Return that there is none: else `requests` reads the body of a redirection, however long."""


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
        self._session = _Session()
        self._session.headers.update({**target.headers, "Accept-Encoding": "identity"})
        self._session.cookies.set_policy(http.cookiejar.DefaultCookiePolicy(allowed_domains=[]))
        adapter = BoundedAdapter(pool_maxsize=CONNECTIONS)
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)

    def predict(self, question: Question, inputs: Mapping[str, np.ndarray], bounds: Bounds) -> dict[str, Any]:
        """Send one request of a question; see `Transport`. The server does not tell which version answers."""
        body = request_body(question.signature, inputs, self._rows)
        what = f"signature {question.signature!r}"
        answer = self._ask("POST", ":predict", body, what, bounds, question.asked)
        refuse_more(answer, bounds)
        return read_answer(answer, question.outputs, self._rows)

    def status(self) -> Mapping[str, Any]:
        """Return the versions of the model; see `Transport`."""
        return read_object(self._ask("GET", "", None, "status"))

    def metadata(self) -> Mapping[str, Any]:
        """Return the signatures of the model; see `Transport`."""
        return read_object(self._ask("GET", "/metadata", None, "metadata"))

    def close(self) -> None:
        """Close the connections that are idle."""
        self._session.close()

    def _ask(
        self,
        method: str,
        path: str,
        body: bytes | None,
        what: str,
        bounds: Bounds = NO_LISTS,
        asked: float | None = None,
    ) -> bytes:
        url = self._url + path
        return ask_patiently(
            lambda seconds: self._try(method, url, body, what, seconds, bounds),
            self._target.patience,
            asked=asked,
        )

    def _try(
        self, method: str, url: str, body: bytes | None, what: str, seconds: float, bounds: Bounds
    ) -> bytes:
        shown = self._target.shown
        end = time.monotonic() + seconds
        headers = {} if body is None else {"Content-Type": "application/json"}
        # requests hands it on to urllib3; its own pair of time-outs has no end.
        timeout: Any = Until(end, bounds.size)
        try:
            with self._session.request(
                method, url, data=body, headers=headers, timeout=timeout, stream=True, allow_redirects=False
            ) as response:
                answer = _body(response, bounds.size)
        except TooLong:
            raise self._target.too_long(bounds) from None
        except requests.exceptions.InvalidURL:
            raise InputError(f"`server` must be an address that can be asked. Received: {shown}") from None
        except (OSError, urllib3.exceptions.HTTPError) as error:
            # requests' exceptions are OSErrors.
            if isinstance(error, requests.exceptions.Timeout) or time.monotonic() >= end:
                late = f"{shown} must answer in time. Received: no whole answer in {seconds:.1f} s"
                raise TryAgain(late) from None
            raise TryAgain(f"{shown} must answer. Received: {one_line(reason(error))}") from None
        if response.status_code == OK:
            return answer
        words = _error_in(answer)
        received = f"HTTP {response.status_code}, {response.reason if words is None else words}"
        refused = response.status_code in REFUSED and words is not None
        raise self._target.failure("REST", what, received, response.status_code in PASSING, refused)


def _body(response: requests.Response, size: int) -> bytes:
    """Return the body of an answer, b"" if it is not to be read: that of a redirection or of a long error.

    Raises:
        TooLong: it is said to have more bytes than `size`.
        ServingError: it is packed, so that a few bytes may become any number.
    """
    good = response.status_code == OK
    declared = response.raw.length_remaining or 0
    if good and declared > size:
        raise TooLong
    packed = response.headers.get("Content-Encoding", "identity").strip().lower() != "identity"
    if good and packed:
        rule = "the server must answer in the encoding that it was asked for, identity"
        raise ServingError(f"{rule}. Received: {one_line(response.headers['Content-Encoding'])}")
    if packed or response.status_code in MOVED or (not good and declared > ERROR_BYTES):
        return b""
    body = bytearray()
    while block := response.raw.read1(BLOCK, decode_content=False):
        body += block
        if not good and len(body) > ERROR_BYTES:
            return b""
    return bytes(body)


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


def refuse_more(body: bytes, bounds: Bounds) -> None:
    """Raise ServingError if a long body has more values or texts in its JSON than were asked for.

    Python takes up to forty times the bytes of an answer like `[{},{},…` for its values.
    """
    if len(body) <= FRAME_BYTES:
        return
    # Without backslashes and quotes in texts, every other piece between quotes is outside of all texts.
    plain = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    few = plain.count(b'"') <= 2 * bounds.strings
    if few:
        pieces = plain.split(b'"')[::2]
        few = sum(piece.count(mark) for piece in pieces for mark in (b",", b"[", b"{")) <= bounds.values
    if not few:
        raise ServingError(
            f"the server must answer at most {bounds.values:,} values, of which {bounds.strings:,} are texts, "
            "by what was asked. Received: more"
        )


def read_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object in an answer; raise ServingError if there is none."""
    try:
        answer = json.loads(body.decode("utf-8", "surrogateescape"))
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise unreadable("a JSON object", body)
    return answer


def _error_in(body: bytes) -> str | None:
    try:
        words = read_object(body).get("error")
    except ServingError:
        return None
    return words if isinstance(words, str) else None
