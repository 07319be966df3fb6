"""The client against servers that do what no server should: in time, in bounds, an answer or a sentence."""

import collections
import contextlib
import gzip
import itertools
import json
import os
import re
import struct
import subprocess
import sys
import time

import pytest

from ncf_keras.base.errors import InputError
from ncf_keras.serving.client import Patience, ServingError, connect
from tests.serving.client import hostile, hostile_grpc, hostile_rest
from tests.shared_files import PROJECT

MEMORY = 300 << 20
# What Python says of errors: their classes, functions, places.
PYTHON = re.compile(
    r"\b[A-Z]\w+(Error|Exception|Read|Length|Disconnected)\b|\bint\(\)|_ssl\.c|\bcodec\b|literal for"
)


def drawn(serving, seed, first, last, share=1.0):
    """Return how the questions to drawn servers ended, asked by a process of its own."""
    with serving(seed) as address:
        command = [sys.executable, "-m", "tests.serving.client.hostile"]
        command += [*map(str, (seed, first, last)), address, str(share)]
        quiet = {"GRPC_VERBOSITY": "NONE", "TF_CPP_MIN_LOG_LEVEL": "3"}
        done = subprocess.run(
            command, cwd=PROJECT, stdout=subprocess.PIPE, check=True, text=True, env={**os.environ, **quiet}
        )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    before = lines.pop(0)["before"] if "before" in lines[0] else 0
    assert len(lines) == last - first
    # No message is Python's own.
    assert [line for line in lines if PYTHON.search(line["end"].partition("Received: ")[2])] == []
    for line in lines:
        line["memory"] -= before
        line["kind"] = line["end"].split(":")[0]
    kinds = collections.Counter(line["kind"] for line in lines)
    worst = max(line["seconds"] / line["deadline"] for line in lines)
    memory = max(line["memory"] for line in lines)
    print(
        f"{len(lines)} servers, {dict(kinds)}: at most {worst:.3f} deadlines and {memory / 1e6:.1f} MB", end=""
    )
    print(f" (above {before / 1e6:.1f} MB)" if before else "")
    return lines


def assert_harmless(lines, memory, slack):
    """Assert that no server had more than 1.2 deadlines, and `slack` of a busy machine."""
    assert [line for line in lines if line["kind"] not in ("answer", "ServingError", "InputError")] == []
    assert [line for line in lines if line["seconds"] > 1.2 * line["deadline"] + slack] == []
    assert [line for line in lines if line["memory"] > memory] == []
    assert {line["kind"] for line in lines} >= {"answer", "ServingError"}


@pytest.mark.slow
def test_850_servers_over_rest():
    assert_harmless(drawn(hostile_rest.serving, 18, 0, 850), MEMORY, slack=0.1)


@pytest.mark.slow
def test_150_servers_over_grpc():
    assert_harmless(drawn(hostile_grpc.serving, 18, 0, 150), MEMORY, slack=0.1)


def test_some_servers():
    assert_harmless(drawn(hostile_rest.serving, 7, 0, 40, share=0.25), MEMORY, slack=1.0)


OK = b"HTTP/1.1 200 OK\r\n"
MOVED = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
LATE = r"must answer in time\. Received: no whole answer in 0\.3 s \(1 try in 0\.\d s\)$"
LONG = r"must answer in at most 1,\d{3},\d{3} bytes, by what was asked\. Received: more$"
NOT_LET = r"must be the REST port of TensorFlow Serving and let this client ask\. Received: HTTP "


def slowly(begin, block):
    yield begin
    for _ in range(200):
        yield block
        yield 0.05


def endlessly(begin, block):
    yield begin
    yield from itertools.repeat(block)


def whole(body, head=OK):
    return [head + b"Content-Length: %d\r\n\r\n" % len(body), body]


def outputs(**named):
    return whole(
        json.dumps({"outputs": {"items": [[3]], "scores": [[0.5]], "known": [True], **named}}).encode()
    )


def ranked(text):
    return whole(b'{"outputs":{"items":%b,"scores":[[1]],"known":[true]}}' % text)


REST = {
    "slow headers": ("recommend", lambda: slowly(OK, b"X: y\r\n"), LATE),
    "slow status line": ("recommend", lambda: slowly(b"HTTP/1.1 200 OK", b"A"), LATE),
    "slow 100 Continue": ("recommend", lambda: slowly(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), LATE),
    "slow chunks": ("recommend", lambda: slowly(OK + CHUNKED, b"1\r\nx\r\n"), LATE),
    "slow trailers": ("recommend", lambda: slowly(OK + CHUNKED + b"2\r\n{}\r\n0\r\n", b"X: y\r\n"), LATE),
    "slow and closed at the end": ("recommend", lambda: slowly(OK + b"Connection: close\r\n\r\n", b"x"), LATE),
    "100 Continue": ("recommend", lambda: endlessly(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000), LONG),
    "no chunk": ("recommend", lambda: [OK + CHUNKED + b"zzz\r\n"],
    r"must answer\. Received: an answer in chunks, one of them without its length \(1 try"),
    "half a chunk": ("recommend", lambda: [OK + CHUNKED + b"9\r\nabc"],
    "Received: an answer that ends too soon "),
    "half a body": ("recommend", lambda: whole(b"{")[:1], "Received: an answer that ends too soon "),
    "no words": ("recommend", lambda: [b"\r\n\r\n"], "Received: an answer that is not HTTP/1: '"),
    "other words": ("recommend", lambda: [b"hello\r\n"], r"Received: an answer that is not HTTP/1: 'hello"),
    "HTTP/2": ("recommend", lambda: [b"HTTP/2 200 OK\r\n\r\n"],
    "Received: an answer that is not HTTP/1: 'HTTP/2"),
    "nothing": ("recommend", list, "Received: the connection was closed without an answer "),
    "endless body": ("recommend", lambda: endlessly(OK + b"\r\n", b"x" * 9999), LONG),
    "endless chunks": ("status", lambda: endlessly(OK + CHUNKED, b"1000\r\n" + b"x" * 4096 + b"\r\n"), LONG),
    "a chunk of -1 bytes": ("status", lambda: endlessly(OK + CHUNKED + b"-1\r\n", b"x" * 9999), "must answer"),
    "endless trailers": ("status", lambda: endlessly(OK + CHUNKED + b"0\r\n", b"X: y\r\n" * 999), LONG),
    "a length": ("signatures", lambda: [OK + b"Content-Length: 1073741824\r\n\r\n"], LONG),
    "slow redirection": ("recommend", lambda: slowly(MOVED + CHUNKED, b"1\r\nx\r\n"), NOT_LET + "302, Found$"),
    "endless redirection": ("recommend", lambda: endlessly(MOVED + CHUNKED, b"1\r\nx\r\n"),
    NOT_LET + "302, Found$"),
    "bad redirection": ("recommend", lambda: whole(b"", b"HTTP/1.1 302 x\r\nLocation: http://[::1\r\n"),
    NOT_LET + "302"),
    "packed": ("recommend", lambda: whole(gzip.compress(b"{}"), OK + b"Content-Encoding: gzip\r\n"),
               r"in the encoding that it was asked for, identity\. Received: gzip$"),
    "a long error": ("recommend",
    lambda: whole(b'{"error":"%b"}' % (b"A" * 99_999), b"HTTP/1.1 404 Not Found\r\n"),
                     NOT_LET + "404, Not Found$"),
    "lines of errors": ("recommend",
    lambda: whole(b'{"error":"%b"}' % (b"A\\nB  " * 9_000), b"HTTP/1.1 404 x\r\n"),
                        r"Received: HTTP 404, (A B ){100,130}.{0,3}…$"),
    "a long reason": ("recommend", lambda: whole(b"", b"HTTP/1.1 500 " + b"x" * 60_000 + b"\r\n"),
    "HTTP 500, x{400,500}… .1 try"),
    "a text for items": ("recommend", lambda: ranked(b'[["' + b"a" * 100_000 + b'"' + b',""' * 10_000 + b"]]"),
                         r"`items` of shape \[1, 'any'\]\. Received: values such as \[\['aaa.{30,100}$"),
    "deep lists": ("recommend", lambda: ranked(b"[" * 900 + b"]" * 900),
    r"`items` .* Received: values such as \[\[\["),
    "deeper lists": ("recommend", lambda: ranked(b"[" * 100_000), "must answer a JSON object"),
    "a name twice": ("recommend", lambda: whole(b'{"outputs":{"items":[[1]]},"outputs":3}'),
    "must answer `outputs`"),
    "true for a number": ("score", lambda: whole(b'{"outputs":[true]}'), r"Received: values such as \[True\]$"),
    "a text for a number": ("score", lambda: whole(b'{"outputs":["0.5"]}'),
    r"Received: values such as \['0\.5'\]$"),
    "a number of 4,000 digits": ("score", lambda: whole(b'{"outputs":[1%b]}' % (b"0" * 4000)),
    "numbers beyond float32$"),
    "Infinity": ("recommend", lambda: outputs(scores=[[float("inf")]]), "`scores` .* numbers beyond float32$"),
    "1e39": ("recommend", lambda: outputs(scores=[[1e39]]), "`scores` .* numbers beyond float32$"),
    "an item of 65 bits": ("recommend", lambda: outputs(items=[[2**64]]), "`items` .* numbers beyond int32$"),
    "an item of 33 bits": ("recommend", lambda: outputs(items=[[2**32 + 1]]),
    "`items` .* numbers beyond int32$"),
    "half an item": ("recommend", lambda: outputs(items=[[0.5]]), r"`items` .* values such as \[\[0\.5\]\]$"),
    "lists of other lengths": ("recommend", lambda: outputs(items=[[1, 2]], scores=[[1, 2, 3]]),
    r"`scores` of shape \[1, 2\]"),
    **{f"version {version}": ("status", lambda version=version: whole(
        b'{"model_version_status":[{"version":%b,"state":"X","status":{}}]}' % version),
        "the status of a model")
       for version in (b"Infinity", b"NaN", b'"%b"' % (b"9" * 4000), b"9223372036854775808", b"1.5", b"true",
       b'" 1"')},
    "a size": ("signatures", lambda: whole(
        b'{"metadata":{"signature_def":{"signature_def":{"a":{"inputs":{"x":{"dtype":"DT_FLOAT","tensor_shape":{"dim":'
        b'[{"size":Infinity}]}}}}}}}}'), "the signatures of a model"),
}  # fmt: skip


@pytest.mark.parametrize(("question", "script", "words"), REST.values(), ids=REST)
def test_a_hostile_server_over_rest(question, script, words):
    def serve(connection):
        if hostile.read_request(connection):
            hostile.play(connection, script())

    arguments = {"score": ([1], [1]), "recommend": ([1],)}.get(question, ())
    seconds = 0.3 if words is LATE else 20
    with hostile.listening(serve) as port, asking(f"http://127.0.0.1:{port}", seconds) as client:
        begin = time.monotonic()
        with pytest.raises((ServingError, InputError), match=words) as caught:
            getattr(client, question)(*arguments)
    # A slow server takes 10 seconds, and an endless one 20.
    assert time.monotonic() - begin < 5
    assert len(str(caught.value).splitlines()) == 1 and len(str(caught.value)) < 800


def asking(address, seconds=20):
    return connect(address, "draw-0.", patience=Patience(timeout=seconds, deadline=seconds, retries=0))


def test_texts_of_any_kind_arrive():
    def serve(connection):
        hostile.read_request(connection)
        texts = b'"item_ids":[["\\ud800"]],"titles":[["\xff\xfe\\u202e\\u0000"]]'
        hostile.play(connection, whole(b'{"outputs":{%b,"scores":[[1.0]],"known":[true]}}' % texts))

    with hostile.listening(serve) as port, asking(f"http://127.0.0.1:{port}") as client:
        lists = client.recommend_by_id("ann")
    assert (lists.item_ids, lists.titles) == ([["\ud800"]], [["\udcff\udcfe\u202e\0"]])


QUESTION = hostile.Question("recommend", 2, 3, False, 1.0, 1.0, 0)


def changed(name, dtype=None, sizes=None, values=None):
    """Return a right answer to `QUESTION` but for one of its tensors."""
    found = hostile_grpc.tensors(QUESTION)
    was = found[name]
    found[name] = tuple(
        old if new is None else new for old, new in zip(was, (dtype, sizes, values), strict=True)
    )
    return b"".join(hostile_grpc.named(one, hostile_grpc.tensor(*parts)) for one, parts in found.items())


RIGHT = hostile_grpc.right(QUESTION)
PLACES = "must answer tensors with a value in each place"
GRPC = {
    "one value for many": (changed("scores", sizes=[2, 900_000_000], values=hostile_grpc.floats([1])), PLACES),
    "one value for 2**80": (changed("items", sizes=[1 << 40, 1 << 40], values=hostile_grpc.ints([1])), PLACES),
    "sizes below 0": (changed("items", sizes=[-2, -3]), PLACES),
    "nothing of a great size": (changed("items", sizes=[0, 1 << 62], values=b""), PLACES),
    "three dimensions": (changed("items", sizes=[2, 3, 1]), PLACES),
    "too few bytes": (changed("scores", values=hostile_grpc.message(4, b"\0" * 20)), PLACES),
    "another dtype": (changed("scores", dtype=2), PLACES),
    "texts for items": (changed("items", 7, values=hostile_grpc.strings([b"a"] * 6)),
    "`items` .* values such as"),
    "infinite": (changed("scores", values=hostile_grpc.floats([float("inf")] * 6)), "numbers beyond float32"),
    "garbage": (b"\xff" * 1000, "must answer tensors"),
    "half of it": (RIGHT[:-9], "must answer tensors"),
    "nothing": (b"", "must answer `items`, .* Received: nothing"),
    "no message": (None, "must answer a message"),
    "2 MB": (RIGHT + b"\xa2\x06\0" * 700_000, LONG),
    "200 MB": (RIGHT + b"\xa2\x06\0" * 1_400_000, r"RESOURCE_EXHAUSTED, .*larger than max"),
}  # fmt: skip


@pytest.mark.parametrize(("content", "words"), GRPC.values(), ids=GRPC)
def test_a_hostile_server_over_grpc(content, words):
    with (
        answering(content) as address,
        asking(address) as client,
        pytest.raises(ServingError, match=words),
    ):
        client.recommend([1, 2], 3)


def test_a_packed_message_is_not_unpacked():
    packed = gzip.compress(RIGHT)
    with answering(packed, b"gzip") as address, asking(address) as client, pytest.raises(ServingError):
        client.recommend([1, 2], 3)
    with answering(RIGHT) as address, asking(address) as client:
        assert client.recommend([1, 2], 3).items.tolist() == [[0, 1, -1]] * 2


@contextlib.contextmanager
def answering(content, encoding=b""):
    """Serve one answer over gRPC; yield the address."""
    frame, field = hostile_grpc.frame, hostile_grpc.field

    def script(_number, stream, _request):
        head = field(":status", b"200") + field("content-type", b"application/grpc")
        yield frame(1, 4, stream, head + (field("grpc-encoding", encoding) if encoding else b""))
        message = b"" if content is None else struct.pack(">?I", bool(encoding), len(content)) + content
        for begin in range(0, len(message), 16384):
            yield frame(0, 0, stream, message[begin : begin + 16384])
        yield frame(1, 5, stream, field("grpc-status", b"0"))

    with hostile_grpc.answering(script) as address:
        yield address
