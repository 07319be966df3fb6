"""Connections of `requests` that keep to one moment and one number of bytes, whatever a server does.

The time-outs of `requests` and urllib3 are for each read, so that a server that sends a byte now and then is
never late: in the status line, the headers, endless `100 Continue`s, a tunnel's answer or the body. And they
hold a line, or a chunk of -1 bytes, whole. Here both are counted where every byte comes through, in the socket.
"""

import math
import socket
import ssl
import threading
import time
from collections.abc import Iterable
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, Timeout
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError
from urllib3.util.ssl_ import create_urllib3_context

SHORTEST_WAIT = 1e-3


class TooLong(Exception):
    """More bytes came than an answer may have. No `OSError`, which urllib3 would take for a bad network."""


class Allowance(float):
    """The seconds that are left until `end`, with the number of bytes that may come in them.

    It is a number because urllib3 hands the time-outs that it is given on to the sockets as they are.
    """

    end: float
    size: float

    def __new__(cls, end: float, size: float) -> "Allowance":
        """Return what is left now."""
        left = super().__new__(cls, max(end - time.monotonic(), SHORTEST_WAIT))
        left.end, left.size = end, size
        return left


class Until(Timeout):
    """What urllib3 is given as a time-out: both of its own are what is left until `end`."""

    def __init__(self, end: float, size: float) -> None:
        super().__init__()
        self._end, self._size = end, size

    def clone(self) -> "Until":
        """Return another for a request of its own, to the same end."""
        return Until(self._end, self._size)

    @property
    def connect_timeout(self) -> Allowance:
        """What is left when a connection is opened."""
        return Allowance(self._end, self._size)

    @property
    def read_timeout(self) -> Allowance:
        """What is left when an answer is awaited."""
        return Allowance(self._end, self._size)


class _Counting(socket.socket):
    """A socket whose time-out is for all that follows together, not for each call."""

    # Not in an `__init__`: ssl makes its sockets without.
    _end = math.inf
    _left = math.inf

    def settimeout(self, value: float | None) -> None:
        self._end = math.inf if value is None else getattr(value, "end", time.monotonic() + value)
        self._left = getattr(value, "size", math.inf)
        super().settimeout(value)

    def gettimeout(self) -> float | None:
        """Return what is left: ssl passes it on to the socket that it makes of this one."""
        return None if self._end == math.inf else Allowance(self._end, self._left)

    def _wait_no_longer(self) -> None:
        if self._end != math.inf:
            left = self._end - time.monotonic()
            if left <= 0:
                raise TimeoutError("timed out")
            super().settimeout(left)

    def send(self, *arguments: Any) -> int:
        self._wait_no_longer()
        return super().send(*arguments)

    def sendall(self, *arguments: Any) -> None:
        self._wait_no_longer()
        super().sendall(*arguments)

    def recv_into(self, *arguments: Any) -> int:
        """Receive as a socket does. All that is read comes through here, headers and TLS too."""
        self._wait_no_longer()
        received = super().recv_into(*arguments)
        self._left -= received
        if self._left < 0:
            raise TooLong
        return received


class _TlsCounting(_Counting, ssl.SSLSocket):
    pass


class _Connecting(HTTPConnection):
    def __init__(self, host: str, *arguments: Any, **options: Any) -> None:
        super().__init__(host, *arguments, **options)
        # With the dot that may end it, which urllib3 takes away.
        self._name = host.strip("[]")

    def _new_conn(self) -> socket.socket:
        try:
            return connect(self._name, self.port, self.timeout or math.inf, self.socket_options or ())
        except TimeoutError as error:
            raise ConnectTimeoutError(self, str(error)) from error
        except OSError as error:
            raise NewConnectionError(self, str(error)) from error


class _TlsConnecting(_Connecting, HTTPSConnection):
    def connect(self) -> None:
        if self.ssl_context is None:
            self.ssl_context = create_urllib3_context()
        self.ssl_context.sslsocket_class = _TlsCounting
        super().connect()


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connecting


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnecting


class BoundedAdapter(HTTPAdapter):
    """The connections of a `requests` session, which need an `Until` as the time-out of each request.

    Behind a SOCKS proxy, and on the way to a proxy by TLS, the time-out is for each read as it always is.
    """

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        """Make the pools of direct connections."""
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        """Return the pools of connections through a proxy."""
        manager = super().proxy_manager_for(proxy, **options)
        if not proxy.lower().startswith("socks"):
            manager.pool_classes_by_scheme = self.poolmanager.pool_classes_by_scheme
        return manager


def connect(host: str, port: int, seconds: float, options: Iterable[tuple]) -> socket.socket:
    """Return a socket that is connected with a host, all of whose addresses share the seconds."""
    end = getattr(seconds, "end", time.monotonic() + seconds)
    found = _addresses(host, port, end)
    failure = OSError("it has no address")
    for tried, (family, kind, protocol, _, address) in enumerate(found):
        # One that never answers leaves time for those after it.
        share = (end - time.monotonic()) / (len(found) - tried)
        if share <= 0:
            raise TimeoutError("no address answered in time")
        connecting = _Counting(family, kind, protocol)
        try:
            for option in options:
                connecting.setsockopt(*option)
            connecting.settimeout(share)
            connecting.connect(address)
        except OSError as error:
            connecting.close()
            failure = error
        else:
            connecting.settimeout(seconds)
            return connecting
    raise failure


def _addresses(host: str, port: int, end: float) -> list[tuple]:
    """Return what `getaddrinfo` does, but no later than `end`."""
    try:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except UnicodeError:
        raise OSError("it is no name of a host") from None
    except socket.gaierror:
        pass
    found: list[Any] = []

    def look_up() -> None:
        try:
            found.append(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except OSError as error:
            found.append(error)

    # Nothing else ends a look-up that waits for a name server.
    thread = threading.Thread(target=look_up, daemon=True)
    thread.start()
    thread.join(max(end - time.monotonic(), 0))
    if not found:
        raise TimeoutError("its address was not found in time")
    if isinstance(found[0], OSError):
        raise found[0]
    return found[0]
