"""Servers that do what no server should, drawn from a seed, and a program that asks them.

`python -m tests.serving.client.hostile SEED FIRST LAST ADDRESS SHARE` asks the servers FIRST to LAST - 1 at an
address, one after the other in a process of its own, with a share of the usual seconds. It writes a line of
JSON for each: how it ended, in how many seconds of how many, and the most memory of the process (on Linux).
"""

import contextlib
import dataclasses
import json
import random
import re
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

# When a server stops whatever it does: long after all deadlines.
LONGEST = 20.0
BLOCK = 1 << 18


@dataclasses.dataclass(frozen=True)
class Question:
    """What the client asks, and how long it waits: both sides know it from the seed and the number."""

    kind: str
    rows: int
    k: int
    by_rows: bool
    timeout: float
    deadline: float
    retries: int


def question(seed: int, number: int) -> Question:
    draw = generator(seed, number, "question")
    rows = draw.choice([1, 1, 7, 40, 200, 1000, 1000])
    return Question(
        draw.choice(["score", "recommend", *["recommend_by_id"] * 3, "status", "signatures"]),
        rows,
        min(draw.choice([1, 10, 20, 100]), 20_000 // rows),
        draw.random() < 0.3,
        draw.choice([0.2, 0.5, 2.0]),
        draw.uniform(0.3, 1.0),
        draw.choice([0, 0, 1, 3]),
    )


def generator(seed: int, number: int, what: str) -> random.Random:
    return random.Random(f"{seed} {number} {what}")


def paced(draw: random.Random, blocks: Iterable[bytes]) -> Iterator[bytes | float]:
    """Yield the bytes of a server, with the seconds that it waits between them."""
    pace = draw.choice(["at once"] * 6 + ["late", "trickle", "trickle", "stall", "pieces"])
    if pace == "late":
        yield draw.uniform(0, 0.4)
    stop, sent = draw.choice([0, 1, 9, 17, 60, 150, 1000, 30_000]), 0
    for block in blocks:
        if pace == "trickle":
            for byte in block:
                yield bytes([byte])
                yield draw.choice([0.001, 0.02, 0.1])
        elif pace == "pieces":
            while block:
                size = draw.randint(1, 5000)
                yield block[:size]
                block = block[size:]
        elif pace == "stall" and sent + len(block) > stop:
            yield block[: stop - sent]
            yield LONGEST
        else:
            sent += len(block)
            yield block


def play(connection: socket.socket, script: Iterable[bytes | float]) -> None:
    """Send what a server sends, until the client has gone or it is late."""
    end = time.monotonic() + LONGEST
    for step in script:
        if time.monotonic() > end:
            return
        if isinstance(step, float):
            # Waits are short, so that a client that has gone is seen.
            until = min(time.monotonic() + step, end)
            while (left := until - time.monotonic()) > 0:
                time.sleep(min(left, 0.1))
                if step > 0.1 and _has_gone(connection):
                    return
        else:
            connection.sendall(step)


def _has_gone(connection: socket.socket) -> bool:
    connection.settimeout(0.001)
    try:
        return connection.recv(1) == b""
    except TimeoutError:
        return False
    finally:
        connection.settimeout(5)


@contextlib.contextmanager
def listening(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """Serve each connection in a thread; yield the port."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as server:

        def handle(connection: socket.socket) -> None:
            # The client may go at any time.
            with connection, contextlib.suppress(OSError):
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connection.settimeout(5)
                serve(connection)

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    threading.Thread(target=handle, args=server.accept()[:1], daemon=True).start()

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


def read_request(connection: socket.socket) -> bytes:
    """Return a whole request of HTTP/1, b"" if there is none; one left unread would reset the connection."""
    received = b""
    while more := connection.recv(BLOCK):
        received += more
        head, blank, body = received.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: (\d+)", head)
        if blank and len(body) >= (int(length[1]) if length else 0):
            return received
    return b""


def asked_in(request: bytes, asked: Question) -> Question:
    """Return the question with the rows of one REST request of it: there may be several."""
    body = json.loads(request.partition(b"\r\n\r\n")[2] or b"{}")
    if "instances" in body:
        return dataclasses.replace(asked, rows=len(body["instances"]))
    for values in body.get("inputs", {}).values():
        return dataclasses.replace(asked, rows=len(values))
    return asked


def number_in(request: bytes) -> int | None:
    """Return the number of the server that a request is for, which stands in the model's name."""
    found = re.search(rb"draw-(\d+)\.", request)
    return int(found[1]) if found else None


def ask(seed: int, first: int, last: int, address: str, share: float) -> Iterator[dict]:
    """Yield how each question ended; over gRPC first what the process takes before it asks any."""
    from ncf_keras.base.errors import InputError
    from ncf_keras.serving.client import Patience, ServingError, connect

    if address.startswith("grpc"):
        connect(address, "none").close()
        yield {"before": _memory("VmRSS")}
    for number in range(first, last):
        one = question(seed, number)
        patience = Patience(one.timeout * share, one.deadline * share, one.retries, first_wait=0.01)
        rows = one.by_rows and not address.startswith("grpc")
        with contextlib.suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")
        with connect(address, f"draw-{number}.", patience=patience, rows=rows) as client:
            begin = time.monotonic()
            try:
                end = _checked(one, _answer(client, one))
            except (ServingError, InputError) as error:
                end = f"{type(error).__name__}: {error}"
            except Exception:
                end = traceback.format_exc()
            seconds = time.monotonic() - begin
        memory = _memory("VmHWM")
        yield {
            "number": number,
            "end": end,
            "seconds": seconds,
            "deadline": patience.deadline,
            "memory": memory,
        }


def _answer(client, one: Question):
    if one.kind == "score":
        return client.score(range(one.rows), range(one.rows))
    if one.kind == "recommend":
        return client.recommend(range(one.rows), one.k)
    if one.kind == "recommend_by_id":
        return client.recommend_by_id([f"user {row}" for row in range(one.rows)], one.k)
    return getattr(client, one.kind)()


def _checked(one: Question, answer) -> str:
    """Return "answer" for one that can be used, whoever made it up."""
    import numpy as np

    if one.kind in ("status", "signatures"):
        return "answer"
    scores = answer if one.kind == "score" else answer.scores
    assert len(scores) == one.rows and scores.dtype == np.float32 and not np.isinf(scores).any()
    if one.kind != "score":
        items = answer.items if one.kind == "recommend" else answer.item_ids
        assert all(len(items[row]) == len(scores[row]) <= one.k for row in range(one.rows))
        assert all(isinstance(place.item, int | str) for row in range(one.rows) for place in answer.places(row))
    return "answer"


def _memory(field: str) -> int:
    """Return a field of this process's memory in bytes, 0 where no system tells."""
    try:
        found = re.search(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    except OSError:
        return 0
    return int(found[1]) << 10


if __name__ == "__main__":
    for line in ask(*map(int, sys.argv[1:4]), sys.argv[4], float(sys.argv[5])):
        print(json.dumps(line), flush=True)
