"""A web server on loopback for one person."""

import os
import socket

import uvicorn
from starlette.types import ASGIApp

from ncf_keras.base.errors import InputError
from ncf_keras.base.inputs import reason_of

HOST = "127.0.0.1"
# Connections at a time, idle ones too; a browser has six to a server. More are told that the server is busy.
MOST_CONNECTIONS = 256
# Those that wait to be taken. Each for which the process has no descriptor left is a line on standard error.
MOST_WAITING = 16
# Between Ctrl-C and the end, for what is being answered.
SECONDS_TO_END = 5


def listen(port: int) -> socket.socket:
    """Return a socket that listens on a port of loopback, 0 for any that is free.

    It takes connections from now on, which are answered once the server runs. InputError if the port is taken.
    """
    # By the protocol asyncio knows that it may turn off Nagle's algorithm, which holds answers back for 40 ms.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        # Else a port stays taken for a minute after its server has ended; on Windows it means another thing.
        if os.name == "posix":
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((HOST, port))
        listening.listen(MOST_WAITING)
    except OSError as error:
        listening.close()
        rule = f"`--port` must be a port of {HOST} that is free, or 0 for any that is"
        raise InputError(f"{rule}. Received: {port} ({reason_of(error)})") from None
    return listening


def address_of(listening: socket.socket) -> str:
    """Return the address to open in a browser."""
    return f"http://{HOST}:{listening.getsockname()[1]}/"


def make_server(application: ASGIApp) -> uvicorn.Server:
    """Return the server; `run([socket])` answers until Ctrl-C, which it hands on once all is closed."""
    config = uvicorn.Config(
        application,
        loop="asyncio",
        http="h11",
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        log_level="error",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=MOST_WAITING,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_graceful_shutdown=SECONDS_TO_END,
    )
    return uvicorn.Server(config)
