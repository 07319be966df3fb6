"""Questions of many rows go in several requests, and are answered as if they had gone in one."""

import json
import time
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, strategies as st
from tensorflow_serving.apis.predict_pb2 import PredictRequest

from ncf_keras.base.errors import InputError
from ncf_keras.serving.client import Client, Patience, ServingError
from ncf_keras.serving.client.limits import Bounds
from ncf_keras.serving.client.pieces import USUAL, Piece, pieces
from ncf_keras.serving.client.rest import request_body
from ncf_keras.serving.client.transport import VersionGone
from tests.serving.client.conftest import client_of
from tests.serving.client.stub import running
from tests.serving.client.tables import ITEM_IDS, LISTS, SCORES, SIMILAR, TITLES, USER_IDS, Tables

WHOLE = Piece(rows=2**31, request=2**31, answer=2**31)
COUNT = 400_000


class Formula(Tables):
    """Scores by a formula that float32 has exactly; counts the rows that it is asked for at once."""

    def __init__(self):
        super().__init__()
        self.rows = []

    def run(self, signature, tensors):
        self.rows.append(len(tensors["user_input"]))
        return {"prediction": formula(tensors["user_input"], tensors["item_input"])}


def formula(users, items):
    return np.float32((7 * users + 3 * items) % 1024 / 1024)


@pytest.fixture(scope="module")
def behind_proxies():
    with running({"ncf": {1: Formula()}, "tables": {1: Tables()}}, behind_proxies=True) as stub:
        yield stub


def in_pieces(client, **most):
    """Return a client that asks as another does, in other pieces."""
    return Client(client._transport, USUAL._replace(**most))


def sizes(stub):
    """Return the bytes of each request since the last time."""
    found = [len(body) if isinstance(body, bytes) else body.ByteSize() for _, body, _ in stub.requests]
    stub.requests.clear()
    return found


# The stub takes 2 s to write 400,000 rows of the row format.
@pytest.mark.parametrize(
    ("way", "count"), [("gRPC", COUNT), ("REST columns", COUNT), ("REST rows", COUNT // 10)]
)
def test_400_000_pairs_through_a_proxy(behind_proxies, way, count):
    users, items = np.divmod(np.arange(count), 700)
    with client_of(behind_proxies, way) as client:
        scores = client.score(users, items)
        assert scores.dtype == np.float32
        np.testing.assert_array_equal(scores, formula(users, items))
        np.testing.assert_array_equal(client.score(41, items[:9000]), formula(41, items[:9000]))
    asked = sizes(behind_proxies)
    assert max(asked) <= 1 << 20 and len(asked) == -(-count // 1000) + 9
    rows = behind_proxies.models["ncf"][1].rows
    assert sum(rows) == count + 9000 and max(rows) == 1000
    rows.clear()


@pytest.mark.parametrize(("way", "words"), [("gRPC", "RESOURCE_EXHAUSTED"), ("REST columns", "HTTP 413")])
def test_the_proxies_take_no_more_and_the_server_does(stub, behind_proxies, way, words):
    """The stub's two modes differ as the real ones do, so the test above means something."""
    # Ids in bytes go as they are, however long.
    ids = [b"x" * (5 << 20)]
    with client_of(behind_proxies, way) as client, pytest.raises(ServingError, match=words):
        Client(client._transport, WHOLE).score(0, range(600_000))
    # A text that is longer than a request may be goes alone, to a server that takes it.
    with client_of(behind_proxies, way, model="tables") as client, pytest.raises(ServingError, match=words):
        client.recommend_by_id(ids)
    with client_of(stub, way) as client:
        assert client.recommend_by_id(["ann", *ids, "zoé"], 1).known.tolist() == [True, False, True]
    small, great, least = sizes(stub)
    assert great > 5 << 20 and max(small, least) < 300
    sizes(behind_proxies)


class Direct:
    """A transport that asks the tables in this process; in each answer, lists are as long as its rows need."""

    def __init__(self, shortened=False):
        self.asked, self.shortened = [], shortened

    def predict(self, question, inputs, bounds):
        (rows,) = {array.shape for array in inputs.values()}
        self.asked.append(rows[0])
        found = Tables().run(question.signature, inputs)
        if self.shortened and "scores" in found:
            places = int((found["scores"] != -1).sum(1).max())
            found = {name: one if one.ndim == 1 else one[:, :places] for name, one in found.items()}
        return found


def texts(items, all_texts, k):
    return [all_texts[item].decode("utf-8", "surrogateescape") if item >= 0 else "" for item in items[:k]]


@given(
    st.lists(st.tuples(st.sampled_from([0, 1, 2, 3, 9, -1]), st.integers(-1, 5)), max_size=9),
    st.integers(0, 7),
    st.integers(1, 4),
    st.booleans(),
)
def test_every_method_in_pieces_of_few_rows(rows, k, most, shortened):
    """Against the tables, by hand."""
    transport = Direct(shortened)
    client = Client(transport, Piece(rows=most))
    users, items = [user for user, _ in rows], [item for _, item in rows]
    scores = client.score(users, items)
    known = [0 <= user < 4 and 0 <= item < 5 for user, item in rows]
    expected = [SCORES[row] if there else np.nan for row, there in zip(rows, known, strict=True)]
    np.testing.assert_array_equal(scores, np.float32(expected))

    def check(lists, tables, asked, fallback):
        found = [tables.get(one, tables[fallback]) for one in asked]
        wide = lists.scores.shape[1]
        # A server that leaves empty places out may answer fewer than k, as long as none is lost.
        assert wide <= k and all(item == -1 for row, _, _ in found for item in row[wide:k])
        assert lists.known.tolist() == [row[2] for row in found]
        assert lists.scores.dtype == np.float32 and lists.known.dtype == np.bool_
        np.testing.assert_array_equal(
            lists.scores, np.float32([row[1][:wide] for row in found]).reshape(len(asked), wide)
        )
        if hasattr(lists, "items"):
            assert lists.items.dtype == np.int32
            assert lists.items.tolist() == [row[0][:wide] for row in found]
        else:
            assert lists.item_ids == [texts(row[0], ITEM_IDS, wide) for row in found]
            assert lists.titles == [texts(row[0], TITLES, wide) for row in found]

    check(client.recommend(users, k), LISTS, users, -1)
    check(client.similar_items(items, k), SIMILAR, items, -1)
    user_ids = [USER_IDS[user] if 0 <= user < 4 else b"?" for user in users]
    item_ids = [ITEM_IDS[item] if 0 <= item < 5 else b"?" for item in items]
    check(client.recommend_by_id(user_ids, k), LISTS, users, -1)
    check(client.similar_items_by_id(item_ids, k), SIMILAR, items, -1)
    each = [most] * (len(rows) // most) + [len(rows) % most] * (len(rows) % most > 0)
    assert transport.asked == each * 5


def test_pieces_over_a_connection(stub, way):
    with client_of(stub, way) as client:
        few = in_pieces(client, rows=2)
        assert few.recommend(list(LISTS), 5).items.tolist() == [items for items, _, _ in LISTS.values()]
        assert len(stub.requests) == 3
        stub.neighbours = {"user_id": [b"?"], "k": [5]}
        named = few.recommend_by_id([*USER_IDS, "nobody"], 2)
        assert named.item_ids == [texts(LISTS[user][0], ITEM_IDS, 2) for user in (0, 1, 2, 3, 9)]
        assert named.scores.shape == (5, 2)


def test_a_server_that_batches_takes_so_many_rows(stub, way):
    stub.neighbours = {"user_input": [77], "item_input": [1]}
    with client_of(stub, way) as client:
        assert np.isnan(client.score(9, range(2500))).all() and len(stub.requests) == 3
        with pytest.raises(InputError, match="Task size 1001 is larger than maximum input batch size 1000"):
            in_pieces(client, rows=1001).score(9, range(2500))


IDS = st.lists(st.one_of(st.binary(max_size=60), st.text(max_size=60).map(str.encode)), min_size=1, max_size=12)


@given(IDS, st.integers(-(2**31), 2**31 - 1), st.integers(1, 9), st.integers(1100, 2500), st.integers(1, 5))
def test_requests_are_as_small_as_they_are_to_be(ids, number, most, request, places):
    """Their bytes in each format, with what is around them, and the bytes of the answers that are taken."""
    texts = np.empty(len(ids), object)
    texts[:] = ids
    inputs = {"similar_by": texts, "item_input": np.full(len(ids), number, np.int32)}
    row, answer = Bounds(1, numbers=places, texts=places), (1 << 20) + 2000
    found = list(pieces(inputs, row, Piece(most, request, answer)))
    assert [n for one in found for n in range(one.start, one.stop)] == [*range(len(ids))]
    for one in found:
        rows = {name: array[one] for name, array in inputs.items()}
        count = one.stop - one.start
        message = PredictRequest()
        message.model_spec.name = message.model_spec.signature_name = "m" * 255
        message.inputs["similar_by"].string_val.extend(rows["similar_by"])
        message.inputs["item_input"].tensor_content = rows["item_input"].tobytes()
        bodies = [request_body("similar_items_by_id", rows, by_rows) for by_rows in (True, False)]
        assert count == 1 or max(map(len, [*bodies, message.SerializeToString()])) <= request
        assert 1 <= count <= most and (count == 1 or row.times(count).size <= answer)


@pytest.mark.parametrize(
    "inputs",
    [
        {"user_input": np.full(5000, -(2**31), np.int32), "item_input": np.full(5000, -(2**31), np.int32)},
        {"user_id": np.array([b"\1" * 100] * 1000, object), "k": np.full(1000, 2**31 - 1, np.int32)},
        {"item_id": np.array([b"\xff" * 100] * 2000, object), "k": np.full(2000, 2**31 - 1, np.int32)},
    ],
    ids=["numbers", "escapes", "no UTF-8"],
)
def test_what_takes_the_most_bytes_in_json(inputs):
    """Six for one where a character is escaped; and all names in each row."""
    most = USUAL._replace(rows=5000, request=1 << 18, answer=1 << 30)
    found = list(pieces(inputs, Bounds(1), most))
    assert len(found) > 1
    for one in found:
        rows = {name: array[one] for name, array in inputs.items()}
        assert len(request_body("similar_items_by_id", rows, True)) <= 1 << 18


@pytest.mark.parametrize("k", [10, 200, 10**6, 2**31 - 1])
@pytest.mark.parametrize("texts", [0, 1])
def test_the_answer_to_a_request_is_bounded_too(k, texts):
    """So that a proxy hands it on: 4 MiB, but for a single list that may be longer."""
    row = Bounds(1, numbers=2 * k, texts=texts * k)
    first = next(pieces({"users": np.zeros(50_000, np.int32)}, row, USUAL))
    assert row.times(first.stop).size <= 4 << 20 or first.stop == 1
    assert k > 200 or first.stop > 10


def test_what_may_pass_is_asked_again_in_each_piece(stub, way):
    stub.faults.extend(["overloaded", "", "overloaded", "internal", ""])
    with client_of(stub, way) as client:
        assert in_pieces(client, rows=3).recommend(list(LISTS), 1).known.tolist() == [True] * 4 + [False] * 2
    assert len(stub.requests) == 5


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        ("forbidden", ServingError, "let this client ask. Received: .*not for you$"),
        (
            "overloaded",
            ServingError,
            r"queue to which this task was submitted is full \(3 tries in \d\.\d s, \d\.\d s in all\)$",
        ),
        ("wrong shape", ServingError, "must answer `items`"),
    ],
)
def test_a_failure_of_the_second_piece_is_the_failure(stub, way, fault, error, words):
    """Nothing of the first is answered."""
    stub.faults.extend(["", *[fault] * 3])
    with client_of(stub, way) as client, pytest.raises(error, match=words):
        in_pieces(client, rows=1).recommend([0, 1, 2], 3)


@pytest.mark.parametrize("way", ["REST columns", "gRPC"])
def test_the_deadline_is_over_all_pieces(stub, way):
    """Each piece is in time; all of them are not."""
    stub.faults.extend(["", "", "slow"])
    begin = time.monotonic()
    patience = Patience(timeout=0.4, deadline=0.4, retries=9)
    with (
        client_of(stub, way, patience=patience) as client,
        pytest.raises(ServingError, match=r"1 try in 0\.\d s, 0\.\d s in all\)$"),
    ):
        in_pieces(client, rows=1).recommend(range(9), 3)
    assert 0.35 < time.monotonic() - begin < 5 and len(stub.requests) == 3


class Replaced(Tables):
    """A version in whose place another is loaded as soon as it has answered a request."""

    def __init__(self, versions, number, stays):
        super().__init__()
        self.versions, self.number, self.stays = versions, number, stays

    def run(self, signature, tensors):
        self.versions.setdefault(self.number + 1, Replaced(self.versions, self.number + 1, self.stays))
        if not self.stays:
            del self.versions[self.number]
        return {"prediction": np.full(len(tensors["user_input"]), self.number, np.float32)}


@pytest.fixture
def replaced(stub):
    """Return a function that serves version 1, which is soon replaced."""

    def serve(stays):
        stub.models["new"] = versions = {}
        versions[1] = Replaced(versions, 1, stays)
        return versions

    yield serve
    del stub.models["new"]
    stub.labels.pop(("new", "stable"), None)


def test_no_two_versions_answer_one_question(stub, replaced):
    with client_of(stub, "gRPC", model="new") as client:
        few = in_pieces(client, rows=2)
        versions = replaced(stays=True)
        assert few.score(range(7), 0).tolist() == [1] * 7 and len(versions) == 2
        # The next question is answered by the newest.
        assert few.score(range(7), 0).tolist() == [2] * 7
        stub.labels["new", "stable"] = 1
    with client_of(stub, "gRPC", model="new", label="stable") as client:
        assert in_pieces(client, rows=2).score(range(7), 0).tolist() == [1] * 7


def test_a_version_that_goes_leaves_the_question_to_the_next(stub, replaced):
    with client_of(stub, "gRPC", model="new") as client:
        few = in_pieces(client, rows=2)
        versions = replaced(stays=False)
        versions[2] = Replaced(versions, 2, stays=True)
        assert few.score(range(7), 0).tolist() == [2] * 7
        replaced(stays=False)
        words = (
            r"must keep version 2 of model 'new' until it has answered all rows\. Received: NOT_FOUND, Servable"
        )
        with pytest.raises(ServingError, match=words):
            few.score(range(7), 0)
    # Whoever chose a version is told that it is not served.
    replaced(stays=False)
    with (
        client_of(stub, "gRPC", model="new", version=1) as client,
        pytest.raises(InputError, match="model 'new', version 1, signature 'score'"),
    ):
        in_pieces(client, rows=2).score(range(7), 0)


def test_the_deadline_is_over_both_versions_too():
    asked = []

    def predict(question, inputs, bounds):
        asked.append(question.asked)
        if len(asked) == 2:
            raise VersionGone("version 1 is gone")
        return {"prediction": np.zeros(bounds.rows, np.float32)}

    before = time.monotonic()
    Client(SimpleNamespace(predict=predict), Piece(rows=2)).score(range(4), 0)
    first, *others = asked
    assert first is None and len(others) == 3 and before <= min(others) == max(others)


def test_a_request_is_json_of_its_own_rows(stub):
    """One user stands for all items, in each request for its own."""
    with client_of(stub, "REST columns") as client:
        in_pieces(client, rows=2).score(2, range(3))
    bodies = [json.loads(body)["inputs"] for _, body, _ in stub.requests]
    assert bodies == [{"user_input": [2, 2], "item_input": [0, 1]}, {"user_input": [2], "item_input": [2]}]
