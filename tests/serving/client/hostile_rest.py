"""Hostile servers over REST: what each sends, drawn from a seed."""

import contextlib
import gzip
import itertools
import json
import random
import socket
from collections.abc import Iterator

from tests.serving.client import hostile
from tests.serving.client.hostile import BLOCK, Question, generator, question

BOMBS = (
    b"[],",
    b"{},",
    b'"",',
    b'{"":0},',
    b"0,",
    b"1e9,",
    b"999,",
    b'"\xf0\x9f\x98\x80x",',
    b"[[]],",
    b" ",
    b"[",
)


@contextlib.contextmanager
def serving(seed: int) -> Iterator[str]:
    """Serve the servers of a seed; yield their address."""

    def serve(connection: socket.socket) -> None:
        request = hostile.read_request(connection)
        number = hostile.number_in(request)
        if number is None:
            return
        draw = generator(seed, number, "REST")
        asked = hostile.asked_in(request, question(seed, number))
        hostile.play(connection, hostile.paced(draw, answer(draw, asked)))

    with hostile.listening(serve) as port:
        yield f"http://127.0.0.1:{port}"


def answer(draw: random.Random, asked: Question) -> Iterator[bytes]:
    """Yield what a server sends after a request; one in five is right but for its pace, and may be long."""
    if draw.random() < 0.2:
        # As many bytes as may come, most texts in memory four times as long as on the wire.
        title = draw.choice(["A title, 千と千尋 😀", "x" * 300 + "😀", "x" * 950 + "😀"])
        whole = json.dumps(right(asked, title), ensure_ascii=False).encode()
        yield b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(whole), whole)
        return
    text = body(draw, asked)
    yield from before(draw)
    yield status(draw)
    yield from headers(draw)
    yield from framed(draw, text)


def before(draw: random.Random) -> Iterator[bytes]:
    """Yield what comes before the status line, mostly nothing."""
    line = draw.choice(
        [
            b"HTTP/1.1 100 Continue\r\n\r\n",
            b"HTTP/1.1 100 \r\nA: b\r\n\r\n",
            b"\r\n",
            b"\0",
            b"HTTP/1.1 103 x\r\n\r\n",
        ]
    )
    count = draw.choice([0] * 9 + [1, 3, 10**9])
    for size in _counted(count, 1000):
        yield line * size


def status(draw: random.Random) -> bytes:
    """Return a status line, mostly 200."""
    if draw.random() < 0.7:
        return b"HTTP/1.1 200 OK\r\n"
    code = draw.choice(
        [
            100,
            101,
            103,
            199,
            201,
            204,
            206,
            301,
            302,
            304,
            307,
            400,
            401,
            404,
            407,
            408,
            418,
            429,
            500,
            503,
            504,
            999,
        ]
    )
    return draw.choice([
        b"HTTP/1.1 %d Reason\r\n" % code, b"HTTP/1.1 %d Reason\r\n" % code, b"HTTP/1.0 %d\r\n" % code,
        b"HTTP/1.1 %d \x1b[31m\xff\0\r\n" % code, b"HTTP/1.1 %d " % code + b"x" * 60_000 + b"\r\n",
        b"HTTP/1.1 -1 x\r\n", b"HTTP/1.1 abc x\r\n", b"HTTP/2 200\r\n", b"hello\r\n", b"\0" * 70_000,
        b"HTTP/1.1 2000 x\r\n",
    ])  # fmt: skip


def headers(draw: random.Random) -> Iterator[bytes]:
    """Yield headers, without the blank line after them."""
    yield b"Content-Type: application/json\r\n"
    if draw.random() < 0.6:
        return
    line = draw.choice([
        b"A: b\r\n", b"X: " + b"y" * 60_000 + b"\r\n", b"X: " + b"y" * 70_000 + b"\r\n", b"no colon\r\n",
        b": empty\r\n",
        b"X: \x00\xff\x1b[31m\r\n", b"X: a\r\n folded\r\n", b"Set-Cookie: a=b; Domain=.example\r\n",
        b"Retry-After: 86400\r\n",
        b"Location: http://127.0.0.1:1/\r\n", b"Location: http://[::1\r\n", b"Location: file:///etc/passwd\r\n",
        b"Connection: close\r\n", b"Connection: Upgrade\r\nUpgrade: h2c\r\n",
        b"Content-Type: text/html; charset=utf-7\r\n",
        b"WWW-Authenticate: Digest realm=x\r\n", b"Proxy-Authenticate: Basic\r\n", b"Trailer: X\r\n",
        b"\xff\xfe: x\r\n",
        b"Content-Encoding: gzip\r\n", b"Content-Encoding: deflate, gzip\r\n", b"Content-Encoding: br\r\n",
        b"Content-Encoding: identity\r\n", b"Content-Type: application/json; charset=" + b"x" * 3000 + b"\r\n",
    ])  # fmt: skip
    for size in _counted(draw.choice([1, 1, 1, 1, 50, 99, 101, 10**9]), 100):
        yield line * size


def framed(draw: random.Random, text: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the rest of the headers and the body, in a way that may be no way at all."""
    way = draw.choice(
        ["length"] * 4 + ["chunks"] * 4 + ["close", "close", "odd length", "odd chunks", "endless", "packed"]
    )
    if way == "length":
        whole = b"".join(text)
        wrong = draw.choice([0, 0, 0, 0, -1, 1, 1000, -len(whole)])
        yield b"Content-Length: %d\r\n\r\n" % (len(whole) + wrong)
        yield whole
    elif way == "chunks":
        yield b"Transfer-Encoding: chunked\r\n\r\n"
        size = draw.choice([1, 2, 100, 5000, BLOCK])
        extension = draw.choice([b"", b"", b"", b";a=b", b";" + b"x" * 2000])
        for block in text:
            for begin in range(0, len(block), size):
                piece = block[begin : begin + size]
                yield b"%x%b\r\n%b\r\n" % (len(piece), extension, piece)
        yield b"0\r\n"
        for many in _counted(draw.choice([0, 0, 0, 1, 10**9]), 1000):
            yield b"X: trailer\r\n" * many
        yield b"\r\n"
    elif way == "close":
        yield b"\r\n"
        yield from text
    elif way == "odd length":
        length = draw.choice(
            [
                b"99999999999999999999",
                b"-5",
                b"x",
                b"9" * 5000,
                b"2\r\nContent-Length: 3",
                b"1, 2",
                b"1073741824",
                b"2, 2",
            ]
        )
        yield b"Content-Length: " + length + b"\r\n\r\n{}"
        yield from text
    elif way == "odd chunks":
        yield b"Transfer-Encoding: chunked\r\n\r\n"
        yield draw.choice(
            [
                b"zzz\r\n{}\r\n",
                b"-1\r\n",
                b"-5\r\n{}\r\n",
                b"f" * 5000 + b"\r\n{}\r\n",
                b"ffffffffffffffff\r\n",
                b"2\r\n{}XX",
                b"\r\n\r\n",
            ]
        )
        yield from draw.choice([text, itertools.repeat(b"f" * BLOCK), itertools.repeat(b"0" * BLOCK)])
    elif way == "endless":
        block = draw.choice([b"x", b" ", b"[", b"\0"]) * BLOCK
        chunked = draw.random() < 0.5
        yield b"Transfer-Encoding: chunked\r\n\r\n" if chunked else b"\r\n"
        yield from itertools.repeat(b"%x\r\n%b\r\n" % (len(block), block) if chunked else block)
    else:
        whole = gzip.compress(b"[" * draw.choice([10, 1 << 25]), 1)
        yield b"Content-Encoding: %b\r\nContent-Length: %d\r\n\r\n" % (
            draw.choice([b"gzip", b"GZIP", b"x-gzip", b"zstd"]),
            len(whole),
        )
        yield whole


def body(draw: random.Random, asked: Question) -> Iterator[bytes]:
    """Yield a body that is right, or not."""
    outputs = right(asked)
    kind = draw.choice(["right", "value", "value", "shape", "bomb", "bomb", "bytes", "error", "object"])
    if kind == "error":
        words = draw.choice(["no\x1b[31m\nnew", "\x07" * 100, "A" * (1 << 24), "\ud800", "é" * 40_000])
        yield json.dumps({"error": words}).encode()
    elif kind == "bytes":
        yield draw.choice([
            b"", b"null", b"[]", b"{}", b'{"outputs":', b"\xff\xfe{\0}\0", b"\xef\xbb\xbf{}", b"\0" * 5000,
            b"<html>", b"[" * 100_000,
            b'{"a":' * 100_000, b"1" * 900_000, b'{"outputs":{"items":[[1]]},"outputs":3}', b"-", b"NaN",
            b'"\\ud800"', b"{}{}",
        ])  # fmt: skip
    elif kind == "object":
        yield json.dumps({draw.choice(["outputs", "predictions", "metadata",
        "model_version_status"]): draw.choice(
            [None, [], {}, 1, "x", [[]], [None], {"items": None}, {"": {}}, [{}], [[1], 2], True,
            {"signature_def": 1}]
        )}).encode()  # fmt: skip
    else:
        if kind == "value":
            outputs = changed(draw, outputs, odd_value(draw))
        elif kind == "shape":
            outputs = reshaped(draw, outputs)
        text = json.dumps(outputs, ensure_ascii=draw.random() < 0.5).encode("utf-8", "surrogatepass")
        if kind != "bomb":
            yield text
            return
        # In place of the first list that has anything, or at the end.
        where = text.find(draw.choice([b"[", b"[["])) + 1
        yield text[:where]
        bomb = draw.choice(BOMBS)
        for size in _counted(draw.choice([10, 1000, 1 << 17, 1 << 20, 1 << 24]), BLOCK // len(bomb)):
            yield bomb * size
        yield text[where:]


def right(asked: Question, title: str = "A title") -> dict:
    """Return a right answer."""
    rows, k = range(asked.rows), range(asked.k)
    if asked.kind == "status":
        return {
            "model_version_status": [{"version": "3", "state": "AVAILABLE", "status": {"error_message": ""}}]
        }
    if asked.kind == "signatures":
        tensor = {"dtype": "DT_FLOAT", "tensor_shape": {"dim": [{"size": "-1"}], "unknown_rank": False}}
        return {
            "metadata": {
                "signature_def": {"signature_def": {"score": {"inputs": {"x": tensor}, "outputs": {}}}}
            }
        }
    if asked.kind == "score":
        return {"predictions" if asked.by_rows else "outputs": [0.5 for _ in rows]}
    outputs = {"scores": [[0.5 for _ in k] for _ in rows], "known": [True for _ in rows]}
    if asked.kind == "recommend":
        outputs["items"] = [[*k] for _ in rows]
    else:
        outputs["item_ids"] = [[f"item {place}" for place in k] for _ in rows]
        outputs["titles"] = [[title + str(place) for place in k] for _ in rows]
    if asked.by_rows:
        return {"predictions": [{name: one[row] for name, one in outputs.items()} for row in rows]}
    return {"outputs": outputs}


def odd_value(draw: random.Random):
    return draw.choice([
        float("inf"), -float("inf"), float("nan"), 1e39, -1e39, 1e308, 3.5e38, 10**400, 10**4000, -(10**30),
        2**31, 2**63, -(2**63) - 1, 1.5,
        True, None, "", "x", "1", "\ud800", "\0\x1b[31m\u202e", "😀" * 30_000, "x" * 900_000, [], {}, [[1]],
        {"b64": "eA=="}, 0, -1,
        "9" * 4000, "٣", "1_0", " 1 ",
    ])  # fmt: skip


def changed(draw: random.Random, value, odd):
    """Return nested lists and objects with one value changed, somewhere."""
    if draw.random() < 0.1 or not isinstance(value, list | dict) or not value:
        return odd
    copy = dict(value) if isinstance(value, dict) else list(value)
    key = draw.choice(list(copy) if isinstance(copy, dict) else range(len(copy)))
    copy[key] = changed(draw, copy[key], odd)
    return copy


def reshaped(draw: random.Random, value):
    """Return nested lists and objects with one of them longer, shorter, deeper or gone."""
    if not isinstance(value, list | dict) or not value:
        return [value]
    if isinstance(value, dict):
        name = draw.choice(list(value))
        if draw.random() < 0.1:
            return {other: one for other, one in value.items() if other != name}
        return {**value, name: reshaped(draw, value[name])}
    place = draw.randrange(len(value))
    if draw.random() < 0.4:
        return [*value[:place], reshaped(draw, value[place]), *value[place + 1 :]]
    return draw.choice([value[1:], value * 2, [value], value[place], [*value, value[0]], value * 300])


def _counted(count: int, most: int) -> Iterator[int]:
    """Yield numbers of at most `most` that add up to `count`."""
    while count > 0:
        yield min(count, most)
        count -= most
