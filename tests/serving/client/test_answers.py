"""What the client makes of right answers, over REST in both formats and over gRPC, against tables by hand."""

import concurrent.futures

import numpy as np
import pytest

from ncf_keras.base.errors import InputError
from ncf_keras.serving.client import Place, Tensor, VersionStatus
from tests.serving.client.conftest import client_of
from tests.serving.client.tables import ITEM_IDS, LISTS, SCORES, SIMILAR, TITLES, USER_IDS


def names(items, texts=ITEM_IDS):
    """Return the ids (or titles) of item indices, by hand: -1 is an empty place."""
    return [texts[item].decode("utf-8", "surrogateescape") if item >= 0 else "" for item in items]


def test_scores_bit_for_bit_and_nan_for_what_is_unknown(client):
    scores = client.score(*np.divmod(np.arange(20), 5))
    assert scores.dtype == np.float32 and scores.tobytes() == SCORES.tobytes()
    expected = np.float32([0.75, np.nan, np.nan, np.nan])
    np.testing.assert_array_equal(client.score([0, 9, 1, -1], [1, 0, 5, 2]), expected)
    np.testing.assert_array_equal(client.score(2, range(5)), SCORES[2])
    np.testing.assert_array_equal(client.score(np.arange(4, dtype=np.int64), 3), SCORES[:, 3])


@pytest.mark.parametrize("k", [0, 1, 3, 2**31 - 1])
def test_lists_by_index(client, k):
    lists = client.recommend(list(LISTS), k)
    items, scores, known = zip(*LISTS.values(), strict=True)
    assert (lists.items.dtype, lists.scores.dtype, lists.known.dtype) == (np.int32, np.float32, np.bool_)
    np.testing.assert_array_equal(lists.items, np.array(items)[:, :k])
    np.testing.assert_array_equal(lists.scores, np.float32(scores)[:, :k])
    assert lists.known.tolist() == list(known) and len(lists) == 6
    assert lists.places(2) == [Place(3, "", np.float32(0.4).item())][:k]


def test_lists_by_id(client):
    lists = client.recommend_by_id([*USER_IDS, "nobody"], 5)
    expected = [LISTS[user] for user in (0, 1, 2, 3, 9)]
    assert lists.item_ids == [names(items) for items, _, _ in expected]
    assert lists.titles == [names(items, TITLES) for items, _, _ in expected]
    np.testing.assert_array_equal(lists.scores, np.float32([scores for _, scores, _ in expected]))
    assert lists.known.tolist() == [True] * 4 + [False] and len(lists) == 5
    assert lists.places(2) == [Place("i3", "千と千尋", np.float32(0.4).item())] and lists.places(3) == []
    # An id that is no UTF-8 can be sent back as it came.
    assert client.similar_items_by_id(lists.item_ids[0][1], 1).known.tolist() == [True]
    assert client.recommend_by_id("\udcff\udcfe").known.tolist() == [True]


def test_similar_items_by_index_and_id(client):
    lists = client.similar_items(list(SIMILAR), 5)
    assert lists.items.tolist() == [items for items, _, _ in SIMILAR.values()]
    assert lists.known.tolist() == [True, True, False]
    named = client.similar_items_by_id(["i0", b"i\xff2", "?"], 4)
    assert named.item_ids == [names(items[:4]) for items, _, _ in SIMILAR.values()]


def test_a_single_one_is_a_list_of_one_and_nobody_asks_for_nothing(client, stub):
    assert client.recommend(np.int64(0), 2).items.tolist() == [[1, 2]]
    assert client.recommend_by_id("zoé", 1).titles == [[""]]
    stub.requests.clear()
    assert client.score([], []).shape == (0,) and client.recommend([], 4).items.shape == (0, 4)
    assert client.similar_items([]).known.shape == (0,) and client.recommend_by_id([]).item_ids == []
    assert stub.requests == []


def test_a_server_that_batches_is_answered_the_same(client, stub):
    """Its batches hold rows of other clients, with unknown users and longer lists, in one list each."""
    stub.neighbours = {"user_input": [77, 1], "item_input": [-3, 99], "user_id": [b"?", b"ann"], "k": [5, 4]}
    assert client.recommend([0, 2], 2).items.tolist() == [[1, 2], [3, -1]]
    assert client.recommend_by_id("ann", 1).item_ids == [["père"]]
    assert client.similar_items(2, 3).items.tolist() == [[0, 4, 3]]
    np.testing.assert_array_equal(client.score([0, 1], [1, 2]), np.float32([0.75, 0.1]))


@pytest.mark.parametrize(
    ("options", "path"),
    [({}, ""), ({"version": 2}, "/versions/2"), ({"label": "stable"}, "/labels/stable")],
)
def test_versions_labels_and_headers_are_sent(stub, way, options, path):
    with client_of(stub, way, headers={"X-Gateway-Key": "k1"}, **options) as client:
        client.recommend(0)
        client.status()
    (asked, message, _), _ = stub.requests
    if way == "gRPC":
        chosen = {"version": message.model_spec.version.value, "label": message.model_spec.version_label}
        assert {name: value for name, value in chosen.items() if value} == options
    else:
        assert asked == f"/v1/models/ncf{path}:predict"
    for _, _, headers in stub.requests:
        assert {name.lower(): value for name, value in headers.items()}["x-gateway-key"] == "k1"


def test_status_and_signatures(stub, client):
    assert client.status() == [VersionStatus(3, "AVAILABLE", ""), VersionStatus(2, "AVAILABLE", "")]
    stub.failed["ncf", 4] = "Data loss: file is too short"
    assert client.status()[0] == VersionStatus(4, "END", "Data loss: file is too short")
    signatures = client.signatures()
    by_index = {"serving_default", "score", "recommend", "similar_items"}
    assert set(signatures) == by_index | {"recommend_by_id", "similar_items_by_id"}
    assert signatures["score"].outputs == {"prediction": Tensor("float32", (-1,))}
    inputs = {"user_id": Tensor("string", (-1,)), "k": Tensor("int32", None)}
    assert signatures["recommend_by_id"].inputs == inputs
    assert signatures["recommend"].outputs["known"] == Tensor("bool", (-1,))


def test_threads_may_share_a_client(client):
    def ask(user):
        return [client.recommend(user, 5).items.tolist() for _ in range(5)] == [[LISTS[user][0]]] * 5

    with concurrent.futures.ThreadPoolExecutor(8) as threads:
        assert all(threads.map(ask, [0, 1, 2, 9] * 2))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"model": "other"}, "Asked: model 'other', signature 'recommend'. Received: .*Latest\\(other\\)"),
        ({"model": "a b/ü"}, "Latest\\(a b/ü\\)"),
        ({"version": 9}, "Asked: model 'ncf', version 9, .*Specific\\(ncf, 9\\)"),
        ({"label": "canary"}, "label 'canary', .*Unrecognized servable version label: canary"),
    ],
)
def test_what_the_server_does_not_have_is_the_askers_mistake(stub, way, options, words):
    with client_of(stub, way, **options) as client:
        with pytest.raises(InputError, match=words):
            client.recommend(0)
        with pytest.raises(InputError, match=r"status.*(Could not find|Unrecognized)"):
            client.status()
        with pytest.raises(InputError, match=r"metadata.*(Servable not found|Unrecognized)"):
            client.signatures()
    assert len(stub.requests) == 3
    with (
        client_of(stub, way, model="plain") as client,
        pytest.raises(InputError, match=r"signature 'recommend_by_id'.*not found"),
    ):
        client.recommend_by_id("ann")
