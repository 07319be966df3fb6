"""Mistakes in what the client is given, told before anything is sent; and what importing it costs."""

import contextlib
import importlib
import json
import subprocess
import sys
from unittest import mock

import keras
import numpy as np
import pytest

from ncf_keras.base.errors import InputError
from ncf_keras.serving.client import connect
from tests.serving.client.conftest import client_of
from tests.shared_files import PROJECT


@contextlib.contextmanager
def imported_anew(*missing):
    """Yield the client's package, imported as if for the first time, where modules are `missing`."""
    # What the anew imported package tells Keras must not outlive the test.
    registered, finders = keras.saving.get_custom_objects(), [*sys.meta_path]
    with (
        mock.patch.dict(sys.modules, dict.fromkeys(missing)),
        mock.patch.dict(registered),
        mock.patch.object(sys, "meta_path", finders),
    ):
        for name in [name for name in sys.modules if name.split(".")[0] == "ncf_keras"]:
            del sys.modules[name]
        yield importlib.import_module("ncf_keras.serving.client")


NO_INDICES = (
    [1.5], ["7"], "7", [None], [[1, 2]], [True], True, 2**31, [-(2**31) - 1], None, [1, [2]], {}.keys, 10**30,
)  # fmt: skip


@pytest.mark.parametrize(
    ("question", "arguments", "words"),
    [
        *(("recommend", (users,), "`users` must be a whole number of 32 bits, or a") for users in NO_INDICES),
        ("score", (True, 0), "`users` must be a whole"),
        ("score", (1, "a"), "`items` must be a whole"),
        ("similar_items", (0.5,), "`items` must be a whole"),
        ("score", ([1, 2], [1, 2, 3]), r"`users` and `items` must be of one length\. Received: 2 and 3"),
        ("similar_items_by_id", ([1, None],), "`item_ids` must be an id, or a list of ids"),
        ("recommend_by_id", ("\ud800",), "UTF-8 can write"),
        *(("recommend_by_id", (ids,), "`user_ids` must be an id, or a list of ids. Received: ")
          for ids in (None, ["a", None], float("nan"), "", [b" "])),
        ("recommend_by_id", ([["a"]],), r"`user_ids` must hold single values as ids\. Received: \['a'\]"),
        *(("recommend", (1, k), "`k` must be a whole number from 0 to 2147483647. Received: ")
          for k in (-1, 1.0, "5", None, True, 2**31)),
        ("recommend_by_id", ("1", -1), "`k` must be a whole number from 0 to 2147483647. Received: -1"),
    ],
)  # fmt: skip
def test_the_argument_that_is_wrong_is_named(stub, question, arguments, words):
    with client_of(stub, "REST columns") as client, pytest.raises(InputError, match=words):
        getattr(client, question)(*arguments)
    assert stub.requests == []


def test_any_list_of_whole_numbers_is_taken(stub):
    with client_of(stub, "REST columns") as client:
        for users in (np.arange(2), (0, 1), range(2), iter([0, 1]), np.array([0, 1], np.uint8)):
            assert client.recommend(users, 1).items.tolist() == [[1], [2]]


def test_ids_are_sent_as_the_texts_that_they_are_in_a_log(stub):
    asked = [7, 7.0, np.int64(7), " 7 ", "07", 2.5, True, b" caf\xc3\xa9", "\xa0x"]
    with client_of(stub, "REST columns") as client:
        assert client.recommend_by_id(asked, 1).known.tolist() == [False] * 9
        for one in ("ann", " ann\n", b"ann ", np.array("ann"), np.array(["ann"])):
            assert client.recommend_by_id(one, 1).item_ids == [["père"]]
    sent = json.loads(stub.requests[0][1])["inputs"]["user_id"]
    assert sent == ["7", "7", "7", "7", "07", "2.5", "True", "café", "x"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        *(({"server": server}, "`server` must be the address of a server, such as http://") for server in (
            "", "localhost", "localhost:8501", "ftp://host", "http://", "http://host:port", "http://host:0",
            "http://host:99999", "http://[::1", "http://host/?a=1", "http://host/#part",
            "grpc://host:8500/path",
            "grpc://me:secret@host", "http://*.example", "http://ho st", "grpc://ho\x7fst",
            "http://host:8501/\udcff",
            "http://\udcff", f"http://{'a' * 70}.example", f"grpc://{'ü' * 70}", f"http://{'a.' * 150}example",
            "http://a..b", "grpc://.example", "http://ex\u2100ample", "http://host:١", "http://host:-1", 8501,
            None)),
        *(({name: text}, f"`{name}` must be .* characters that UTF-8 can write. Received: ((?!\\n).){{1,520}}$")
          for name in ("model", "label") for text in ("", "\udcff", "m" * 256, "\ud800" * 90, 7, b"ncf")),
        ({"version": -1}, "`version` must be a whole number of at least 0. Received: -1"),
        ({"version": 2**63}, "`version` must be a whole number of at most 9223372036854775807. Received: 92"),
        ({"version": 10**4000}, "`version` must be a whole number .{,600}$"),
        ({"headers": {1: "a"}}, "`headers` must have names of"),
        ({"headers": {"a": " b"}}, "`headers` must have names of"),
        ({"version": 1, "label": "stable"}, "`version` and `label` must not both be given"),
        ({"server": "grpc://localhost:8500", "rows": True}, "`rows` must not be set for a gRPC server"),
        # What may be a password is not shown.
        *(({"headers": headers}, "`headers` must have names of letters((?!cret).)*$")
          for headers in ({"a b": "c"}, {"": "c"}, {"key": "se\ncret"}, {"key": "sécret"})),
    ],
)  # fmt: skip
def test_what_can_not_be_connected_with(options, words):
    with pytest.raises(InputError, match=words):
        connect(**{"server": "http://localhost:8501", "model": "m"} | options)


def test_addresses_of_other_kinds(stub):
    for server in ("grpcs://localhost:1", "grpc://[::1]"):
        connect(server, "ncf").close()
    # A path before the interface is kept.
    with (
        connect(f"{stub.rest}/gateway/", "ncf") as client,
        pytest.raises(InputError, match="Malformed request"),
    ):
        client.status()
    assert stub.requests[0][0] == "/gateway/v1/models/ncf"


def test_names_that_are_long_or_of_any_language(stub):
    """They are sent as they are: it is for the server to know them."""
    for way in ("REST columns", "gRPC"):
        for name in ("m" * 255, "模型" * 60, "a/b?c#d", "\x1b[31m"):
            with (
                client_of(stub, way, model=name) as client,
                pytest.raises(InputError, match="Servable not found"),
            ):
                client.recommend(0)
        with (
            client_of(stub, way, version=2**63 - 1) as client,
            pytest.raises(InputError, match="9223372036854775807"),
        ):
            client.recommend(0)


@pytest.mark.parametrize(
    ("server", "missing", "extra"),
    [("http://h:1", "requests", "client"), ("grpc://h:1", "tensorflow_serving.apis.predict_pb2", "grpc")],
)
def test_a_missing_library_is_named_with_its_extra(server, missing, extra):
    words = rf"pip install 'ncf-keras\[{extra}\]'"
    with imported_anew(missing) as anew, pytest.raises(ValueError, match=words):
        anew.connect(server, "ncf")


def test_the_bounds_are_there_before_anything_slow():
    """So that a command line can be checked at once."""
    with imported_anew("numpy", "requests", "urllib3", "grpc", "tensorflow", "keras") as anew:
        limits = importlib.import_module(f"{anew.__name__}.limits")
        assert (limits.LONGEST_SECONDS, limits.MOST_RETRIES) == (604_800, 1_000_000)


def test_the_client_does_without_tensorflow(stub):
    """So that a machine that only asks starts at once."""
    missing = ("tensorflow", "keras", "pandas", "scipy", "h5py", "grpc")
    with imported_anew(*missing) as anew, anew.connect(stub.rest, "ncf") as client:
        assert client.recommend(0, 2).items.tolist() == [[1, 2]]


def test_neither_way_imports_tensorflow_which_can_be_imported_afterwards():
    code = """
import sys
from ncf_keras.serving.client import connect
for server in ("http://localhost:1", "grpc://localhost:1"):
    connect(server, "ncf").close()
assert "tensorflow" not in sys.modules
import tensorflow as tf
from tensorflow_serving.apis.predict_pb2 import PredictRequest
request = PredictRequest()
request.inputs["a"].CopyFrom(tf.make_tensor_proto([1, 2]))
assert tf.make_ndarray(request.inputs["a"]).tolist() == [1, 2] and tf.constant(3).numpy() == 3
"""
    subprocess.run([sys.executable, "-c", code], cwd=PROJECT, check=True)
