"""Hostile servers over gRPC: HTTP/2 and protocol buffers written byte by byte, drawn from a seed."""

import contextlib
import dataclasses
import gzip
import itertools
import random
import socket
import struct
from collections.abc import Callable, Iterator

from tensorflow_serving.apis.predict_pb2 import PredictRequest

from tests.serving.client import hostile
from tests.serving.client.hostile import BLOCK, Question, generator, question

DATA, HEADERS, PRIORITY, RST, SETTINGS, PING, GOAWAY, WINDOW, CONTINUATION = 0, 1, 2, 3, 4, 6, 7, 8, 9
END_STREAM, END_HEADERS, ACK = 1, 4, 1
FLOAT, INT32, STRING, BOOL = 1, 3, 7, 10
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


@contextlib.contextmanager
def serving(seed: int) -> Iterator[str]:
    """Serve the servers of a seed; yield their address."""

    def script(number: int, stream: int, request: bytes) -> Iterator[bytes | float]:
        draw = generator(seed, number, "gRPC")
        return hostile.paced(draw, answer(draw, asked_in(request, question(seed, number)), stream))

    with answering(script) as address:
        yield address


@contextlib.contextmanager
def answering(script: Callable[[int, int, bytes], Iterator[bytes | float]]) -> Iterator[str]:
    """Answer each request with what `script(number, stream, message)` yields; yield the address."""

    def serve(connection: socket.socket) -> None:
        connection.sendall(frame(SETTINGS, 0, 0))
        received = b""
        while more := connection.recv(BLOCK):
            received = (received + more).removeprefix(PREFACE)
            while len(received) >= 9 and len(received) >= 9 + (size := int.from_bytes(received[:3], "big")):
                kind, flags, stream, payload = received[3], received[4], received[5:9], received[9 : 9 + size]
                received = received[9 + size :]
                if kind in (SETTINGS, PING) and not flags & ACK:
                    connection.sendall(frame(kind, ACK, 0, payload if kind == PING else b""))
                elif kind == DATA and (number := hostile.number_in(payload)) is not None:
                    hostile.play(connection, script(number, int.from_bytes(stream, "big"), payload[5:]))

    with hostile.listening(serve) as port:
        yield f"grpc://127.0.0.1:{port}"


def asked_in(request: bytes, asked: Question) -> Question:
    """Return the question with the rows of one request of it, which fits into a frame: there may be several."""
    if asked.kind in ("status", "signatures"):
        return asked
    (rows,) = {one.tensor_shape.dim[0].size for one in PredictRequest.FromString(request).inputs.values()}
    return dataclasses.replace(asked, rows=rows)


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def field(name: str, value: bytes) -> bytes:
    """Return a header that enters no table."""
    return b"\0" + _short(len(name)) + name.encode() + _short(len(value)) + value


def _short(size: int) -> bytes:
    """Return the length of a header's name or value, seven bits and more if they do not do."""
    if size < 127:
        return bytes([size])
    return b"\x7f" + varint(size - 127)


def varint(number: int) -> bytes:
    number &= (1 << 64) - 1
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    return bytes([*found, number])


def message(number: int, content: bytes) -> bytes:
    """Return a field of protocol buffers that has a length."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def answer(draw: random.Random, asked: Question, stream: int) -> Iterator[bytes]:
    """Yield the frames of an answer; one in ten is right but for its pace."""
    head = field(":status", b"200") + field("content-type", b"application/grpc")
    end = frame(HEADERS, END_HEADERS | END_STREAM, stream, field("grpc-status", b"0"))
    good = draw.random() < 0.1
    if not good and draw.random() < 0.25:
        yield from flood(draw, stream)
    if not good and draw.random() < 0.25:
        yield refusal(draw, stream)
        return
    packed = b""
    if not good and draw.random() < 0.15:
        packed = draw.choice([b"gzip", b"deflate", b"identity", b"what", b""])
        head += field("grpc-encoding", packed)
    yield frame(HEADERS, END_HEADERS, stream, head)
    content = right(asked) if good else body(draw, asked)
    if packed:
        content = gzip.compress(content if draw.random() < 0.5 else b"\0" * (1 << 28), 1)
    size = len(content)
    if not good:
        size += draw.choice([0, 0, 0, 0, 0, -1, 1, 1000, 1 << 22, 1 << 31])
    content = bytes([bool(packed)]) + struct.pack(">I", size & 0xFFFFFFFF) + content
    for begin in range(0, len(content), 16384):
        yield frame(DATA, 0, stream, content[begin : begin + 16384])
    if not good and draw.random() < 0.1:
        yield from flood(draw, stream)
    yield end


def flood(draw: random.Random, stream: int) -> Iterator[bytes]:
    """Yield frames that mean nothing, some for ever."""
    block = draw.choice([
        frame(SETTINGS, 0, 0), frame(SETTINGS, 0, 0, b"\0\3\0\0\0\x64" * 100), frame(PING, 0, 0, b"12345678"),
        frame(WINDOW, 0, 0, b"\0\0\0\1"), frame(PRIORITY, 0, stream, b"\0\0\0\0\1"),
        frame(77, 0, 0, b"x" * 16000),
        frame(DATA, 0, stream), frame(DATA, 0, 0, b"x" * 16384), frame(RST, 0, stream, b"\0\0\0\1"),
        frame(GOAWAY, 0, 0, bytes(8) + b"x" * 1000), frame(HEADERS, 0, stream, field("a", b"b")),
        frame(CONTINUATION, 0, stream, field("a", b"b") * 1000), b"\xff" * 9000,
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        frame(HEADERS, END_HEADERS, stream, field(":status", b"100")),
    ])  # fmt: skip
    many = BLOCK // len(block)
    for count in draw.choice([[1], [1], [100], [many] * 100, itertools.repeat(many)]):
        yield block * count


def refusal(draw: random.Random, stream: int) -> bytes:
    """Return an answer that has headers alone."""
    status = draw.choice(
        [
            b"0",
            b"1",
            b"2",
            b"3",
            b"4",
            b"5",
            b"7",
            b"8",
            b"9",
            b"12",
            b"13",
            b"14",
            b"16",
            b"99",
            b"-1",
            b"x",
            b"",
        ]
    )
    words = draw.choice(
        [b"no", b"%1B[31mno%0Anew", b"\xff\xfe", b"x" * 3000, b"x" * 14000, b"%", b"\x1b]0;x\x07"]
    )
    http = draw.choice([b"200", b"200", b"200", b"404", b"302", b"503", b"0", b"x"])
    kind = draw.choice([b"application/grpc", b"application/grpc", b"text/html", b""])
    fields = field(":status", http) + field("content-type", kind) + field("grpc-status", status)
    fields += field("grpc-message", words) + field("grpc-status-details-bin", b"AAAA")
    return frame(HEADERS, END_HEADERS | END_STREAM, stream, fields)


def tensor(dtype: int, sizes: list[int], content: bytes) -> bytes:
    """Return a TensorProto."""
    shape = b"".join(message(2, b"\x08" + varint(size)) for size in sizes)
    return b"\x08" + varint(dtype) + message(2, shape) + content


def floats(values: list[float]) -> bytes:
    return message(5, struct.pack(f"<{len(values)}f", *values))


def ints(values: list[int]) -> bytes:
    return message(7, b"".join(map(varint, values)))


def strings(values: list[bytes]) -> bytes:
    return b"".join(message(8, value) for value in values)


def tensors(asked: Question) -> dict[str, tuple[int, list[int], bytes]]:
    """Return the outputs of a right answer, each a dtype, a shape and the values."""
    rows, k = asked.rows, asked.k
    if asked.kind == "score":
        return {"prediction": (FLOAT, [rows], floats([0.5] * rows))}
    found = {
        "scores": (FLOAT, [rows, k], floats([0.5] * rows * k)),
        "known": (BOOL, [rows], message(11, b"\1" * rows)),
    }
    if asked.kind == "recommend":
        return {**found, "items": (INT32, [rows, k], ints([*range(k - 1), -1] * rows))}
    named = (STRING, [rows, k], strings([b"item \xff"] * rows * k))
    return {**found, "item_ids": named, "titles": named}


def right(asked: Question) -> bytes:
    """Return a right answer."""
    if asked.kind == "status":
        return message(1, b"\x08\x03\x10\x1e")
    if asked.kind == "signatures":
        info = message(1, b"x:0") + b"\x10\x01" + message(3, message(2, b"\x08" + varint(-1)))
        signature = message(1, b"score") + message(2, message(1, message(1, b"x") + message(2, info)))
        packed = message(1, b"type.googleapis.com/tensorflow.serving.SignatureDefMap")
        packed += message(2, message(1, signature))
        return message(2, message(1, b"signature_def") + message(2, packed))
    return b"".join(named(name, tensor(*parts)) for name, parts in tensors(asked).items())


def named(name: str, value: bytes) -> bytes:
    return message(1, message(1, name.encode()) + message(2, value))


def body(draw: random.Random, asked: Question) -> bytes:
    """Return a message that is right, or not."""
    whole = right(asked)
    kind = draw.choice(["right", "bytes", "cut", "flip", "tensor", "tensor", "tensor", "bomb", "bomb"])
    if kind == "bytes":
        return draw.choice(
            [
                b"",
                b"\xff" * 1000,
                b"\x0a\xff\xff\xff\x7f" + b"a" * 100,
                b"\0" * (1 << 24),
                b"\x0b" * 5000,
                b"\x80" * 5000,
            ]
        )
    if kind == "cut":
        return whole[: draw.randrange(len(whole))]
    if kind == "flip":
        return bytes(byte ^ (draw.random() < 0.01) * draw.randrange(256) for byte in whole)
    if kind == "right" or asked.kind in ("status", "signatures"):
        return whole
    outputs = tensors(asked)
    name = draw.choice(list(outputs))
    dtype, sizes, values = outputs[name]
    if kind == "bomb":
        bomb = draw.choice(
            [b"\x42\0", b"\x72\0", b"\x7a\0", b"\x12\0", b"\x38\1", b"\x12\2\x12\0", b"\x82\x01\0"]
        )
        count = draw.choice([1000, 1 << 18, 1 << 21])
        if draw.random() < 0.3:
            return whole + draw.choice([b"\x0a\0", b"\x12\0", b"\xa2\x06\0", b"\x0a\4\x0a\2ab"]) * count
        outputs[name] = dtype, sizes, values + bomb * count
    else:
        outputs[name] = draw.choice([
            (dtype, sizes, b""), (dtype, sizes, values * 2), (dtype, [900_000_000], floats([1])),
            (dtype, [asked.rows, 900_000_000], values),
            (dtype, [1 << 40, 1 << 40], values), (dtype, [-1], values),
            (dtype, [-1, -asked.rows * asked.k], values), (dtype, [0, 1 << 62], b""),
            (dtype, [], values), (dtype, [asked.rows, asked.k, 1], values), (dtype, [1] * 100, values),
            (draw.randrange(120), sizes, values),
            (dtype, sizes, message(4, b"\0" * 4 * asked.rows * asked.k)), (dtype, sizes, message(4, b"\0\0\0")),
            (0, sizes, values),
            (FLOAT, sizes, floats([float("inf")] * asked.rows * asked.k)),
            (STRING, sizes, strings([b"x" * 900_000] + [b""] * (asked.rows * asked.k - 1))),
            (INT32, sizes, ints([1 << 40] * asked.rows * asked.k)),
            (dtype, [asked.rows * 2, asked.k], values * 2),
        ])  # fmt: skip
    return b"".join(named(one, tensor(*parts)) for one, parts in outputs.items())
