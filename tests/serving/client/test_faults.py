"""A server that is slow, overloaded, cut off, or answers something else."""

import socket
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest

from ncf_keras.serving.client import Client, Patience, ServingError
from tests.serving.client.conftest import client_of

REST = "REST columns"
BOTH = pytest.mark.parametrize("way", [REST, "gRPC"])
ONCE_MORE = Patience(timeout=20, deadline=60, retries=1, first_wait=0.001)
HASTY = Patience(timeout=0.2, deadline=60, retries=99, first_wait=0.001)


def asked(stub, way, faults, patience=ONCE_MORE, question="recommend"):
    """Return the items that a server with faults recommends, and how many requests they took."""
    stub.faults.extend(faults)
    with client_of(stub, way, patience=patience) as client:
        answer = client.recommend(0, 3) if question == "recommend" else getattr(client, question)()
        return answer.items.tolist(), len(stub.requests)


@pytest.mark.parametrize(
    ("way", "fault", "words"),
    [
        (REST, "overloaded", "HTTP 503, .*queue to which this task was submitted is full"),
        ("gRPC", "overloaded", "UNAVAILABLE, .*queue to which this task was submitted is full"),
        (REST, "internal", "HTTP 500, Tensor concat operation failed"),
        ("gRPC", "internal", "INTERNAL, Tensor concat operation failed"),
        (REST, "cut", "must answer. Received: the connection was closed without an answer"),
        (REST, "cut short", "must answer. Received: an answer that ends too soon"),
        (REST, "slow", "must answer in time. Received: no whole answer in 0.2 s"),
        (REST, "trickle", "must answer in time. Received: no whole answer in 0.2 s"),
        ("gRPC", "slow", "DEADLINE_EXCEEDED.*"),
    ],
)
def test_what_may_pass_is_asked_again_until_patience_ends(stub, way, fault, words):
    patience = HASTY if fault in ("slow", "trickle") else ONCE_MORE
    items, requests = asked(stub, way, [fault], patience)
    # On a busy machine a right answer may take too long as well.
    assert items == [[1, 2, 0]] and (requests >= 2 if patience == HASTY else requests == 2)
    stub.requests.clear()
    with pytest.raises(ServingError, match=words + r" \(2 tries in "):
        asked(stub, way, [fault] * 2, replace(patience, retries=1))
    assert len(stub.requests) == 2


@BOTH
def test_the_deadline_is_over_all_tries(stub, way):
    begin = time.monotonic()
    with pytest.raises(ServingError, match=r"1 try in 0\.\d s"):
        asked(stub, way, ["slow"] * 2, Patience(timeout=20, deadline=0.3, retries=50, first_wait=0.001))
    assert 0.25 < time.monotonic() - begin < 5 and len(stub.requests) == 1


def test_a_try_ends_in_time_however_its_time_is_spent(stub):
    """Most of it until the answer begins, then the answer stalls: the time-out is for both together."""
    begin = time.monotonic()
    with pytest.raises(ServingError, match=r"no whole answer in 0\.8 s .1 try in 0"):
        asked(stub, REST, ["stall"], Patience(timeout=0.8, deadline=20, retries=0))
    assert time.monotonic() - begin < 1.4


NOT_LET = r"must be the \w+ port of TensorFlow Serving and let this client ask\. Received: .*"
NO_OBJECT = "must answer a JSON object. Received: b'"


@pytest.mark.parametrize(
    ("ways", "question", "fault", "words"),
    [
        ("both", "recommend", "forbidden", NOT_LET + "not for you"),
        ("both", "recommend", "too many", NOT_LET + "quota"),
        ("both", "recommend", "unimplemented", NOT_LET + "not built"),
        (REST, "recommend", "no json", NO_OBJECT),
        (REST, "recommend", "a list", NO_OBJECT + r"\[1, 2\]'"),
        (REST, "recommend", "page", "must be the REST port of TensorFlow Serving .*HTTP 404, Not Found"),
        (REST, "recommend", "moved", "must be the REST port of TensorFlow Serving .*HTTP 301"),
        (REST, "status", "no json", NO_OBJECT),
        (REST, "signatures", "a list", NO_OBJECT),
        (REST, "status", "another object", "must answer the status of a model. Received: .*END"),
        (REST, "signatures", "another object", "must answer the signatures of a model. Received: .*END"),
        ("gRPC", "recommend", "no tensors", "must answer tensors"),
        ("gRPC", "signatures", "wrong type", "must answer the signatures of a model. Received: "),
        ("all", "recommend", "wrong shape",
         r"must answer `items`( of shape \[1, 'any'\]. Received: shape \[0|.*nothing)"),
        ("all", "recommend", "wrong type", r"`items` of shape \[1, 'any'\]. Received: values such as "),
        ("all", "recommend", "no outputs",
         r"`items`, as models exported by this project do. Received: \['another', 'other'\]"),
    ],
)  # fmt: skip
def test_another_answer_is_told_and_not_asked_again(stub, ways, question, fault, words):
    ways = {"both": (REST, "gRPC"), "all": (REST, "REST rows", "gRPC")}.get(ways, (ways,))
    for way in ways:
        with pytest.raises(ServingError, match=words):
            asked(stub, way, [fault], question=question)
    assert len(stub.requests) == len(ways)


@pytest.mark.parametrize(
    ("question", "name", "values", "words"),
    [
        ("recommend", "items", [[2**31]], r"`items` of shape \[1, 'any'\]. Received: numbers beyond int32"),
        ("recommend", "scores", [[0.5], [0.5]], r"`scores` of shape \[1, 1\]. Received: shape \[2, 1\]"),
        ("recommend", "scores", [[0.5], 1], "Received: values such as "),
        ("recommend", "known", [1], r"`known` of shape \[1\]. Received: values such as \[1\]"),
        ("recommend_by_id", "item_ids", ["i0"], r"`item_ids` of shape \[1, 1\]. Received: shape \[1\]"),
        ("recommend_by_id", "titles", [[7]], r"`titles` of shape \[1, 1\]. Received: values such as \[\[7\]\]"),
    ],
)
def test_an_output_that_is_wrong_is_named(question, name, values, words):
    answer = {"items": [[3]], "scores": [[0.5]], "known": [True], "item_ids": [["i0"]], "titles": [[""]]}
    client = Client(SimpleNamespace(predict=lambda *_: {**answer, name: values}))
    with pytest.raises(ServingError, match=words):
        getattr(client, question)("1" if "id" in question else 1, 5)


@BOTH
def test_nobody_listens_or_something_else_does(stub, way):
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{unheard.getsockname()[1]}"
        nobody = SimpleNamespace(rest=f"http://me:secret@{place}", grpc=f"grpc://{place}")
        words = rf"//{place} must answer\. Received: ((?!secret).)*Connection refused((?!secret).)*2 tries"
        with client_of(nobody, way, patience=ONCE_MORE) as client, pytest.raises(ServingError, match=words):
            client.score(0, 0)
    swapped = SimpleNamespace(rest=stub.grpc.replace("grpc", "http"), grpc=stub.rest.replace("http", "grpc"))
    with (
        client_of(swapped, way, patience=ONCE_MORE) as client,
        pytest.raises(ServingError, match="must answer"),
    ):
        client.score(0, 0)
