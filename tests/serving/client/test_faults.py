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


def asked(stub, way, faults, patience=ONCE_MORE, question="recommend"):
    """Return what a client makes of a server with faults, and how many requests it took."""
    stub.faults.extend(faults)
    with client_of(stub, way, patience=patience) as client:
        if question != "recommend":
            return getattr(client, question)(), len(stub.requests)
        return client.recommend(0, 3).items.tolist(), len(stub.requests)


@pytest.mark.parametrize(
    ("way", "fault", "words"),
    [
        (REST, "overloaded", "HTTP 503, .*queue to which this task was submitted is full"),
        ("gRPC", "overloaded", "UNAVAILABLE, .*queue to which this task was submitted is full"),
        (REST, "internal", "HTTP 500, Tensor concat operation failed"),
        ("gRPC", "internal", "INTERNAL, Tensor concat operation failed"),
        (REST, "cut", "must answer. Received: .*without response"),
        (REST, "cut short", "must answer whole. Received: .*"),
    ],
)
def test_what_may_pass_is_asked_again_until_patience_ends(stub, way, fault, words):
    assert asked(stub, way, [fault]) == ([[1, 2, 0]], 2)
    with pytest.raises(ServingError, match=words + r" \(2 tries in "):
        asked(stub, way, [fault] * 2)
    assert len(stub.requests) == 4


@pytest.mark.parametrize(
    ("way", "fault", "words"),
    [
        (REST, "slow", "must answer in time. Received: no whole answer in 0.2 s"),
        (REST, "trickle", "must answer in time. Received: no whole answer in 0.2 s"),
        ("gRPC", "slow", "DEADLINE_EXCEEDED.*"),
    ],
)
def test_what_takes_too_long_is_asked_again_until_patience_ends(stub, way, fault, words):
    hasty = Patience(timeout=0.2, deadline=60, retries=99, first_wait=0.001)
    items, requests = asked(stub, way, [fault], hasty)
    assert items == [[1, 2, 0]]
    # On a busy machine a right answer may take too long as well.
    assert requests >= 2
    with pytest.raises(ServingError, match=words + r" \(2 tries in "):
        asked(stub, way, [fault] * 2, replace(hasty, retries=1))


@BOTH
def test_the_deadline_is_over_all_tries(stub, way):
    begin = time.monotonic()
    with pytest.raises(ServingError, match=r"1 try in 0\.\d s"):
        asked(stub, way, ["slow"] * 2, Patience(timeout=20, deadline=0.3, retries=50, first_wait=0.001))
    assert 0.25 < time.monotonic() - begin < 5
    assert len(stub.requests) == 1


def test_a_try_ends_in_time_however_its_time_is_spent(stub):
    """Most of it until the answer begins, then the answer stalls: the time-out is for both together."""
    begin = time.monotonic()
    with pytest.raises(ServingError, match=r"no whole answer in 0\.8 s .1 try in 0"):
        asked(stub, REST, ["stall"], Patience(timeout=0.8, deadline=20, retries=0))
    assert time.monotonic() - begin < 1.4


@BOTH
@pytest.mark.parametrize("fault", ["forbidden", "too many", "unimplemented"])
def test_a_refusal_is_not_asked_again(stub, way, fault):
    words = r"and let this client ask\. Received: .*(not for you|quota|not built)"
    with pytest.raises(ServingError, match=words):
        asked(stub, way, [fault])
    assert len(stub.requests) == 1


@pytest.mark.parametrize(
    ("question", "fault", "words"),
    [
        ("recommend", "no json", "must answer a JSON object. Received: b'"),
        ("recommend", "a list", r"must answer a JSON object. Received: b'\[1, 2\]'"),
        ("recommend", "page", "must be the REST port of TensorFlow Serving .*HTTP 404, Not Found"),
        ("recommend", "moved", "must be the REST port of TensorFlow Serving .*HTTP 301"),
        ("status", "no json", "must answer a JSON object. Received: b'"),
        ("signatures", "a list", r"must answer a JSON object. Received: b'\[1, 2\]'"),
        ("status", "another object", "must answer the status of a model. Received: .*END"),
        ("signatures", "another object", "must answer the signatures of a model. Received: .*END"),
    ],
)
def test_another_kind_of_answer_is_told_and_not_asked_again(stub, question, fault, words):
    with pytest.raises(ServingError, match=words):
        asked(stub, REST, [fault], question=question)
    assert len(stub.requests) == 1


@pytest.mark.parametrize(
    ("question", "fault", "words"),
    [
        ("recommend", "no tensors", "must answer tensors"),
        ("signatures", "wrong type", "must answer the signatures of a model. Received: "),
    ],
)
def test_messages_that_are_none_are_told(stub, question, fault, words):
    with pytest.raises(ServingError, match=words):
        asked(stub, "gRPC", [fault], question=question)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("wrong shape", r"must answer `items`( of shape \[1, 'any'\]. Received: shape \[0|.*nothing)"),
        ("wrong type", r"`items` of shape \[1, 'any'\]. Received: values such as "),
        ("no outputs", r"`items`, as models exported by this project do. Received: \['another', 'other'\]"),
    ],
)
def test_outputs_of_another_kind_are_told(stub, way, fault, words):
    with pytest.raises(ServingError, match=words):
        asked(stub, way, [fault])
    assert len(stub.requests) == 1


@pytest.mark.parametrize(
    ("question", "name", "values", "words"),
    [
        ("recommend", "items", [[2**31]], r"`items` of shape \[1, 'any'\]. Received: numbers beyond 32 bits"),
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
def test_nobody_listens(way):
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{unheard.getsockname()[1]}"
        nobody = SimpleNamespace(rest=f"http://me:secret@{place}", grpc=f"grpc://{place}")
        words = rf"//{place} must answer\. Received: .*Connection refused.*2 tries"
        client = client_of(nobody, way, patience=ONCE_MORE)
        with client, pytest.raises(ServingError, match=words) as caught:
            client.score(0, 0)
    assert "secret" not in str(caught.value)


@BOTH
def test_the_wrong_port_is_told(stub, way):
    swapped = SimpleNamespace(rest=stub.grpc.replace("grpc", "http"), grpc=stub.rest.replace("http", "grpc"))
    client = client_of(swapped, way, patience=ONCE_MORE)
    with client, pytest.raises(ServingError, match="must answer"):
        client.score(0, 0)
