"""Mistakes in what the client is given, told before anything is sent; and what importing it costs."""

import subprocess
import sys

import numpy as np
import pytest

from ncf_keras.base.errors import InputError
from ncf_keras.serving.client import connect
from tests.serving.client.conftest import client_of


@pytest.mark.parametrize(
    "users", [[1.5], ["7"], "7", [None], [[1, 2]], [True], True, 2**31, [-(2**31) - 1], None, [1, [2]], {}.keys]
)
def test_users_that_are_no_indices(stub, users):
    with client_of(stub, "REST columns") as client:
        with pytest.raises(InputError, match="`users` must be a whole number of 32 bits, or a list of them"):
            client.recommend(users)
        with pytest.raises(InputError, match="`users` must be"):
            client.score(users, 0)
    assert stub.requests == []


def test_the_argument_that_is_wrong_is_named(stub):
    with client_of(stub, "REST columns") as client:
        with pytest.raises(InputError, match="`items` must be a whole"):
            client.score(1, "a")
        with pytest.raises(InputError, match="`items` must be a whole"):
            client.similar_items(0.5)
        with pytest.raises(InputError, match=r"`users` and `items` must be of one length\. Received: 2 and 3"):
            client.score([1, 2], [1, 2, 3])
        with pytest.raises(InputError, match="`item_ids` must be a text"):
            client.similar_items_by_id([1])


@pytest.mark.parametrize("k", [-1, 1.0, "5", None, True, 2**31])
def test_list_lengths_that_are_none(stub, k):
    with client_of(stub, "REST columns") as client:
        with pytest.raises(InputError, match=r"`k` must be a whole number from 0 to 2147483647\. Received: "):
            client.recommend(1, k)
        with pytest.raises(InputError, match="`k` must be"):
            client.recommend_by_id("a", k)
    assert stub.requests == []


@pytest.mark.parametrize("ids", [7, [7], ["a", None], [["a"]], None, 1.5])
def test_ids_that_are_no_texts(stub, ids):
    with (
        client_of(stub, "REST columns") as client,
        pytest.raises(InputError, match="`user_ids` must be a text"),
    ):
        client.recommend_by_id(ids)


def test_an_id_that_no_bytes_stand_for(stub):
    with client_of(stub, "REST columns") as client, pytest.raises(InputError, match="UTF-8 can write"):
        client.recommend_by_id("\ud800")


@pytest.mark.parametrize("users", [np.arange(2), (0, 1), range(2), iter([0, 1]), np.array([0, 1], np.uint8)])
def test_any_list_of_whole_numbers_is_taken(stub, users):
    with client_of(stub, "REST columns") as client:
        assert client.recommend(users, 1).items.tolist() == [[1], [2]]


@pytest.mark.parametrize(
    "server",
    [
        "",
        "localhost",
        "localhost:8501",
        "ftp://host",
        "http://",
        "http://host:port",
        "http://host:0",
        "http://host:99999",
        "http://[::1",
        "http://host/?a=1",
        "http://host/#part",
        "grpc://host:8500/path",
        "grpc://me:secret@host",
    ],
)
def test_addresses_that_are_none(server):
    with pytest.raises(InputError, match="`server` must be the address of a server, such as http://localhost"):
        connect(server, "ncf")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"model": ""}, "`model` must be the name"),
        ({"model": "m", "version": -1}, "`version` must be a whole number"),
        ({"model": "m", "version": 1, "label": "stable"}, "`version` and `label` must not both be given"),
    ],
)
def test_models_that_are_none(options, words):
    with pytest.raises(InputError, match=words):
        connect("http://localhost:8501", **options)


@pytest.mark.parametrize("headers", [{"a b": "c"}, {"": "c"}, {"key": "se\ncret"}, {"key": "sécret"}])
@pytest.mark.parametrize("server", ["http://h:1", "grpc://h:1"])
def test_headers_that_are_none(server, headers):
    with pytest.raises(InputError, match="`headers` must have names of letters") as caught:
        connect(server, "ncf", headers=headers)
    assert "cret" not in str(caught.value)


def test_a_host_that_can_not_be_asked():
    with (
        connect("http://*.example", "ncf") as client,
        pytest.raises(InputError, match="`server` must be an addr"),
    ):
        client.status()


def test_rows_are_for_rest():
    with pytest.raises(InputError, match="`rows` must not be set for a gRPC server"):
        connect("grpc://localhost:8500", "ncf", rows=True)


@pytest.mark.parametrize(
    ("server", "missing", "extra"),
    [("http://h:1", "requests", "client"), ("grpc://h:1", "tensorflow_serving", "grpc")],
)
def test_a_missing_library_is_named_with_its_extra(server, missing, extra, monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == missing]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(InputError, match=rf"pip install 'ncf-keras\[{extra}\]'"):
        connect(server, "ncf")


def test_a_path_before_the_interface_is_kept(stub):
    with (
        connect(f"{stub.rest}/gateway/", "ncf") as client,
        pytest.raises(InputError, match="Malformed request"),
    ):
        client.status()
    assert stub.requests[0][0] == "/gateway/v1/models/ncf"


def test_the_client_does_without_tensorflow():
    """So that a machine that only asks starts at once."""
    code = (
        "import sys\nfrom ncf_keras.serving.client import connect\n"
        "client = connect('http://127.0.0.1:1', 'ncf')\nclient.close()\n"
        "print(sorted({'tensorflow', 'keras', 'pandas', 'scipy', 'h5py', 'grpc'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
