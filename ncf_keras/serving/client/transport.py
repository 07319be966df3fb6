"""What the REST and the gRPC way to a server share: whom to ask, how long, for how much, and the errors."""

import random
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar
from urllib.parse import SplitResult, urlsplit

import numpy as np

from ncf_keras.base.checks import require_above_zero, require_at_least, require_count
from ncf_keras.base.errors import InputError
from ncf_keras.serving.client.limits import (
    HIGHEST_VERSION,
    LONGEST_NAME,
    LONGEST_SECONDS,
    MOST_RETRIES,
    Bounds,
)
from ncf_keras.serving.client.values import ServingError, one_line

Answer = TypeVar("Answer")

# A name as name servers know it, or the number of an address.
HOST = "[A-Za-z0-9_.:%-]{1,253}"
HEADER_NAME = "[A-Za-z0-9_.-]+"
HEADER_VALUE = "([!-~]([ -~]*[!-~])?)?"


class TryAgain(ServingError):
    """A try that failed in a way that may pass: no connection, no answer in time, an overloaded server."""


class VersionGone(ServingError):
    """The version that answered the first rows of a question does not answer the others."""


@dataclass(frozen=True)
class Patience:
    """When to give up; a value that breaks its rule raises `InputError`.

    The waits between tries are drawn evenly from 0 to a bound that doubles ("full jitter"), so that many
    clients do not ask a recovering server all at once (M. Brooker, Exponential Backoff And Jitter, AWS
    Architecture Blog, 2015).

    A question of many rows is asked in several requests, one after the other, which share one deadline.

    Attributes:
        timeout: seconds that one try of a request may take.
        deadline: seconds that all requests of a question may take together, with their tries and the waits
            between.
        retries: how often to send a request again after a first try that failed in a way that may pass.
        first_wait: seconds, the bound of the wait after the first try; it doubles after each further one.
        longest_wait: seconds, the most that the bound grows to.
    """

    timeout: float = 5.0
    deadline: float = 15.0
    retries: int = 3
    first_wait: float = 0.1
    longest_wait: float = 2.0

    def __post_init__(self) -> None:
        require_above_zero(self.timeout, "timeout")
        require_above_zero(self.deadline, "deadline")
        require_count(self.retries, "retries", 0)
        require_at_least(self.first_wait, 0, "first_wait")
        require_at_least(self.longest_wait, 0, "longest_wait")
        for name, value in vars(self).items():
            most = MOST_RETRIES if name == "retries" else LONGEST_SECONDS
            if value > most:
                raise InputError(f"`{name}` must be a number of at most {most:,}. Received: {value!r}")


def ask_patiently(
    ask: Callable[[float], Answer],
    patience: Patience,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
    draw: Callable[[float, float], float] = random.uniform,
    asked: float | None = None,
) -> Answer:
    """Call `ask` with the seconds that a try may take until it answers, fails for good, or patience ends.

    It raises `TryAgain` if another try may succeed. If none did, the ServingError has the message of the last
    one, the tries and the seconds counted. `draw` gives a random number between two bounds. `asked` is when the
    question was, if requests of it went before this one: the deadline counts from then.
    """
    begin = clock()
    end = patience.deadline + (begin if asked is None else asked)
    if begin >= end:
        rule = f"the server must answer all rows within the deadline of {patience.deadline:g} s"
        raise ServingError(f"{rule}. Received: no more than the first of them")
    tries, longest = 0, patience.first_wait
    while True:
        tries += 1
        try:
            return ask(min(patience.timeout, end - clock()))
        except TryAgain as error:
            longest = min(patience.longest_wait, longest)
            wait = draw(0.0, longest)
            if tries > patience.retries or clock() + wait >= end:
                counted = f"{tries} {'try' if tries == 1 else 'tries'} in {clock() - begin:.1f} s"
                if asked is not None:
                    counted += f", {clock() - asked:.1f} s in all"
                raise ServingError(f"{error} ({counted})") from error
        sleep(wait)
        longest *= 2


def split_address(server: str) -> SplitResult:
    """Return the parts of a server's address; raise InputError if it is none, or has what gRPC can't use."""
    try:
        parts = urlsplit(server)
        right = _matches(HOST, ascii_host(parts)) and parts.port != 0 and server.isprintable()
        right = right and not parts.query and not parts.fragment
        if parts.scheme in ("grpc", "grpcs"):
            right = right and not parts.path.strip("/") and "@" not in parts.netloc
        else:
            right = right and parts.scheme in ("http", "https")
    except (ValueError, AttributeError, TypeError):
        right = False
    if not right:
        raise InputError(
            "`server` must be the address of a server, such as http://localhost:8501 (REST) or "
            f"grpc://localhost:8500 (gRPC). Received: {one_line(repr(server))}"
        )
    return parts


def ascii_host(address: SplitResult) -> str:
    """Return the host of an address as name servers know it; raise UnicodeError if they can't."""
    return (address.hostname or "").encode("idna").decode("ascii")


@dataclass(frozen=True)
class Target:
    """A model on a server, and how to ask it: the arguments of `connect`, which are checked here."""

    address: SplitResult
    model: str
    version: int | None
    label: str | None
    headers: Mapping[str, str]
    patience: Patience

    def __post_init__(self) -> None:
        _require_name(self.model, "model", "the name that the model is served under")
        if self.version is not None and self.label is not None:
            both = f"{self.version} and {self.label!r}"
            raise InputError(f"`version` and `label` must not both be given. Received: {both}")
        if self.version is not None:
            require_count(self.version, "version", 0)
            if self.version > HIGHEST_VERSION:
                most = f"a whole number of at most {HIGHEST_VERSION}"
                raise InputError(f"`version` must be {most}. Received: {one_line(repr(self.version))}")
        if self.label is not None:
            _require_name(self.label, "label", "a name that the server's configuration gives a version")
        for name, value in self.headers.items():
            if not (_matches(HEADER_NAME, name) and _matches(HEADER_VALUE, value)):
                # Not the value: it may be a password.
                raise InputError(
                    "`headers` must have names of letters, digits, `-`, `_`, `.` and values of printable "
                    f"ASCII. Received: {name!r}"
                )

    @property
    def shown(self) -> str:
        """The address for messages, without a user's name and password."""
        netloc = self.address.netloc.rpartition("@")[2]
        return self.address._replace(netloc=netloc).geturl().rstrip("/")

    def too_long(self, bounds: Bounds) -> ServingError:
        """Return the error to raise for an answer of more bytes than were asked for."""
        rule = f"must answer in at most {bounds.size:,} bytes, by what was asked"
        return ServingError(f"{self.shown} {rule}. Received: more")

    def version_gone(self, version: int | None, received: str) -> VersionGone:
        """Return the error to raise for a version that answered the first rows and is there no more."""
        rule = f"must keep version {version} of model {self.model!r} until it has answered all rows"
        return VersionGone(f"{self.shown} {rule}. Received: {one_line(received)}")

    def failure(self, port: str, asked: str, received: str, passing: bool, refused: bool) -> Exception:
        """Return the error to raise for a server's error: another try may succeed if it is `passing`.

        If it is `refused`, the server does not have what was asked for; else nothing can be asked there.
        """
        received = one_line(received)
        if passing:
            return TryAgain(f"{self.shown} must answer. Received: {received}")
        if refused:
            model = repr(self.model)
            if self.version is not None:
                model += f", version {self.version}"
            elif self.label is not None:
                model += f", label {self.label!r}"
            return InputError(
                f"what is asked of {self.shown} must be what it serves. Asked: model {model}, {asked}. "
                f"Received: {received}"
            )
        rule = f"must be the {port} port of TensorFlow Serving and let this client ask"
        return ServingError(f"{self.shown} {rule}. Received: {received}")


@dataclass
class Question:
    """What the requests of one question have in common.

    Attributes:
        signature: the name of the signature to run.
        outputs: the names of its outputs.
        asked: when it was asked, by `time.monotonic`, if requests of it went before: its deadline counts from
            then.
        version: the version of the model that answered the first request, once it is known and if nobody chose
            one: the others ask for the same, as a new one may be loaded between them.
    """

    signature: str
    outputs: tuple[str, ...]
    asked: float | None = None
    version: int | None = None


class Transport(Protocol):
    """A way to a model on a server. Threads may share one; the errors are those of `Client`."""

    def predict(
        self, question: Question, inputs: Mapping[str, np.ndarray], bounds: Bounds
    ) -> Mapping[str, Any]:
        """Send one request of a question, and return its outputs as arrays or nested lists.

        The inputs are int32 arrays [N], or object arrays [N] of bytes for strings; N is above 0. Strings in the
        answer are `str` or `bytes`. An answer beyond the bounds is refused before memory is taken for it. A
        transport that learns which version answered says so in the question, and then raises `VersionGone` if
        it is there no more.
        """

    def status(self) -> Mapping[str, Any]:
        """Return the versions of the model, a `GetModelStatusResponse` in JSON."""

    def metadata(self) -> Mapping[str, Any]:
        """Return the signatures of the model, a `GetModelMetadataResponse` in JSON."""

    def close(self) -> None:
        """Give the connections back."""


def _matches(pattern: str, text: object) -> bool:
    return isinstance(text, str) and bool(re.fullmatch(pattern, text))


def _require_name(value: object, argument: str, rule: str) -> None:
    """Raise InputError unless `value` is a text that may stand in a request."""
    right = isinstance(value, str) and 0 < len(value) <= LONGEST_NAME
    if not right or any("\ud800" <= character <= "\udfff" for character in str(value)):
        words = f"`{argument}` must be {rule}, of at most {LONGEST_NAME} characters that UTF-8 can write"
        raise InputError(f"{words}. Received: {one_line(ascii(value))}")
