"""Mistakes in what the client is given, told before anything is sent; and what importing it costs."""

import contextlib
import importlib
import sys
from unittest import mock

import numpy as np
import pytest

from ncf_keras.base.errors import InputError
from ncf_keras.serving.client import connect
from tests.serving.client.conftest import client_of


@pytest.fixture
def rest(stub):
    with client_of(stub, "REST columns") as client:
        yield client


@contextlib.contextmanager
def imported_anew(*missing):
    """Yield the client's package, imported as if for the first time, where modules are `missing`."""
    with mock.patch.dict(sys.modules, dict.fromkeys(missing)):
        for name in [name for name in sys.modules if name.split(".")[0] == "ncf_keras"]:
            del sys.modules[name]
        yield importlib.import_module("ncf_keras.serving.client")


@pytest.mark.parametrize(
    "users", [[1.5], ["7"], "7", [None], [[1, 2]], [True], True, 2**31, [-(2**31) - 1], None, [1, [2]], {}.keys]
)
def test_users_that_are_no_indices(stub, rest, users):
    with pytest.raises(InputError, match="`users` must be a whole number of 32 bits, or a list of them"):
        rest.recommend(users)
    with pytest.raises(InputError, match="`users` must be"):
        rest.score(users, 0)
    assert stub.requests == []


@pytest.mark.parametrize(
    ("question", "arguments", "words"),
    [
        ("score", (1, "a"), "`items` must be a whole"),
        ("similar_items", (0.5,), "`items` must be a whole"),
        ("score", ([1, 2], [1, 2, 3]), r"`users` and `items` must be of one length\. Received: 2 and 3"),
        ("similar_items_by_id", ([1],), "`item_ids` must be a text"),
        ("recommend_by_id", ("\ud800",), "UTF-8 can write"),
        *(("recommend_by_id", (ids,), "`user_ids` must be a text") for ids in (7, ["a", None], [["a"]], None)),
        *(
            (
                question,
                ("1" if "id" in question else 1, k),
                "`k` must be a whole number from 0 to 2147483647",
            )
            for question in ("recommend", "recommend_by_id")
            for k in (-1, 1.0, "5", None, True, 2**31)
        ),
    ],
)
def test_the_argument_that_is_wrong_is_named(stub, rest, question, arguments, words):
    with pytest.raises(InputError, match=words):
        getattr(rest, question)(*arguments)
    assert stub.requests == []


@pytest.mark.parametrize("users", [np.arange(2), (0, 1), range(2), iter([0, 1]), np.array([0, 1], np.uint8)])
def test_any_list_of_whole_numbers_is_taken(rest, users):
    assert rest.recommend(users, 1).items.tolist() == [[1], [2]]


@pytest.mark.parametrize(
    "server",
    [
        *("", "localhost", "localhost:8501", "ftp://host", "http://", "http://host:port", "http://host:0"),
        *("http://host:99999", "http://[::1", "http://host/?a=1", "http://host/#part"),
        *("grpc://host:8500/path", "grpc://me:secret@host"),
    ],
)
def test_addresses_that_are_none(server):
    with pytest.raises(InputError, match="`server` must be the address of a server, such as http://localhost"):
        connect(server, "ncf")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"model": ""}, "`model` must be the name"),
        ({"version": -1}, "`version` must be a whole number of at least 0. Received: -1"),
        ({"version": 1, "label": "stable"}, "`version` and `label` must not both be given"),
        ({"server": "grpc://localhost:8500", "rows": True}, "`rows` must not be set for a gRPC server"),
    ],
)
def test_what_can_not_be_connected_with(options, words):
    with pytest.raises(InputError, match=words):
        connect(**{"server": "http://localhost:8501", "model": "m"} | options)


@pytest.mark.parametrize("headers", [{"a b": "c"}, {"": "c"}, {"key": "se\ncret"}, {"key": "sécret"}])
@pytest.mark.parametrize("server", ["http://h:1", "grpc://h:1"])
def test_headers_that_are_none(server, headers):
    with pytest.raises(InputError, match="`headers` must have names of letters") as caught:
        connect(server, "ncf", headers=headers)
    assert "cret" not in str(caught.value)


def test_a_host_that_can_not_be_asked():
    client = connect("http://*.example", "ncf")
    with client, pytest.raises(InputError, match="`server` must be an address that can be asked"):
        client.status()


@pytest.mark.parametrize("server", ["grpcs://localhost:1", "grpc://[::1]"])
def test_an_encrypted_way_and_an_address_of_version_6(server):
    connect(server, "ncf").close()


def test_a_path_before_the_interface_is_kept(stub):
    client = connect(f"{stub.rest}/gateway/", "ncf")
    with client, pytest.raises(InputError, match="Malformed request"):
        client.status()
    assert stub.requests[0][0] == "/gateway/v1/models/ncf"


@pytest.mark.parametrize(
    ("server", "missing", "extra"),
    [("http://h:1", "requests", "client"), ("grpc://h:1", "tensorflow_serving.apis", "grpc")],
)
def test_a_missing_library_is_named_with_its_extra(server, missing, extra):
    words = rf"pip install 'ncf-keras\[{extra}\]'"
    with imported_anew(missing) as anew, pytest.raises(ValueError, match=words):
        anew.connect(server, "ncf")


def test_the_client_does_without_tensorflow(stub):
    """So that a machine that only asks starts at once."""
    with (
        imported_anew("tensorflow", "keras", "pandas", "scipy", "h5py", "grpc") as anew,
        anew.connect(stub.rest, "ncf") as client,
    ):
        assert client.recommend(0, 2).items.tolist() == [[1, 2]]
