"""The socket that the page is served on."""

import socket

import pytest

from ncf_keras.base.errors import InputError
from ncf_keras.browsing.in_thread import served
from ncf_keras.browsing.server import address_of, listen


def test_only_loopback_is_listened_on_and_a_port_once():
    with listen(0) as listening:
        host, port = listening.getsockname()
        assert host == "127.0.0.1" and port > 0
        assert address_of(listening) == f"http://127.0.0.1:{port}/"
        with pytest.raises(
            InputError, match=rf"`--port` must be a port of .* Received: {port} \(Address already"
        ):
            listen(port)
    with listen(port) as again:
        assert again.getsockname()[1] == port


def test_an_answer_is_not_held_back(monkeypatch):
    """A body that is sent after its headers waits 40 ms for the other side, unless TCP is told not to."""
    options = []

    class Noting(socket.socket):
        def setsockopt(self, *option):
            options.append(option)
            return super().setsockopt(*option)

    monkeypatch.setattr(socket, "socket", Noting)
    with served(None) as address:
        host = address.removeprefix("http://").strip("/")
        # Libraries set the option for their own side.
        with socket.create_connection(host.split(":"), 30) as asking:
            asking.sendall(f"GET /style.css HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
            assert asking.recv(12, socket.MSG_WAITALL) == b"HTTP/1.1 200"
    assert any(option[:2] == (socket.IPPROTO_TCP, socket.TCP_NODELAY) and option[2] for option in options)
