"""What the client makes of right answers, over REST in both formats and over gRPC, against tables by hand."""

import threading

import numpy as np
import pytest

from ncf_keras.base.errors import InputError
from ncf_keras.serving.client import Place, Tensor, VersionStatus
from tests.serving.client.conftest import client_of
from tests.serving.client.small_export import ITEM_IDS, LISTS, SCORES, SIMILAR, TITLES, USER_IDS


def text(value):
    return value.decode("utf-8", "surrogateescape")


def names(items):
    """Return the ids and the titles of item indices, by hand: -1 is an empty place."""
    return [text(ITEM_IDS[i]) if i >= 0 else "" for i in items], [
        text(TITLES[i]) if i >= 0 else "" for i in items
    ]


def test_scores_bit_for_bit_and_nan_for_what_is_unknown(client):
    users, items = np.divmod(np.arange(20), 5)
    scores = client.score(users, items)
    assert scores.dtype == np.float32
    assert scores.tobytes() == SCORES.tobytes()
    np.testing.assert_array_equal(
        client.score([0, 9, 1, -1], [1, 0, 5, 2]), np.float32([0.75, np.nan, np.nan, np.nan])
    )


def test_one_user_against_many_items_and_the_other_way_round(client):
    np.testing.assert_array_equal(client.score(2, range(5)), SCORES[2])
    np.testing.assert_array_equal(client.score(np.arange(4, dtype=np.int64), 3), SCORES[:, 3])


@pytest.mark.parametrize("k", [0, 1, 3, 5, 6, 2**31 - 1])
def test_lists_by_index(client, k):
    users = list(LISTS)
    lists = client.recommend(users, k)
    width = min(k, 5)
    assert (lists.items.dtype, lists.scores.dtype, lists.known.dtype) == (np.int32, np.float32, np.bool_)
    np.testing.assert_array_equal(
        lists.items, np.reshape([LISTS[user][0][:width] for user in users], (6, width))
    )
    np.testing.assert_array_equal(
        lists.scores, np.float32([LISTS[user][1][:width] for user in users]).reshape(6, width)
    )
    assert lists.known.tolist() == [LISTS[user][2] for user in users]
    assert len(lists) == 6
    assert lists.places(2) == [Place(3, "", np.float32(0.4).item())][:width]


def test_lists_by_id(client):
    lists = client.recommend_by_id([*USER_IDS, "nobody"], 5)
    expected = [names(LISTS[user][0]) for user in (0, 1, 2, 3, 9)]
    assert lists.item_ids == [ids for ids, _ in expected]
    assert lists.titles == [titles for _, titles in expected]
    np.testing.assert_array_equal(lists.scores, np.float32([LISTS[user][1] for user in (0, 1, 2, 3, 9)]))
    assert lists.known.tolist() == [True] * 4 + [False]
    assert lists.places(2) == [Place("i3", "千と千尋", np.float32(0.4).item())]
    assert lists.places(3) == []


def test_similar_items_by_index_and_id(client):
    lists = client.similar_items(list(SIMILAR), 5)
    assert lists.items.tolist() == [items for items, _, _ in SIMILAR.values()]
    assert lists.known.tolist() == [True, True, False]
    named = client.similar_items_by_id(["i0", b"i\xff2", "?"], 4)
    assert named.item_ids == [names(items[:4])[0] for items, _, _ in SIMILAR.values()]


def test_ids_that_are_no_utf_8_can_be_sent_back_as_they_came(client):
    found = client.recommend_by_id("ann", 2).item_ids[0][1]
    assert found == "i\udcff2"
    assert client.similar_items_by_id(found, 1).known.tolist() == [True]
    assert client.recommend_by_id("\udcff\udcfe").known.tolist() == [True]


def test_a_single_user_is_a_list_of_one(client):
    assert client.recommend(0, 2).items.tolist() == [[1, 2]]
    assert client.recommend(np.int64(0), 1).items.tolist() == [[1]]
    assert client.recommend_by_id("zoé", 1).titles == [[""]]
    assert client.similar_items_by_id("père", 1).item_ids == [["i0"]]


def test_nobody_asks_for_nothing(client, stub):
    assert client.score([], []).shape == (0,)
    assert client.recommend([], 4).items.shape == (0, 4)
    assert client.similar_items([]).known.shape == (0,)
    assert client.recommend_by_id([]).item_ids == []
    assert stub.requests == []


def test_a_server_that_batches_is_answered_the_same(client, stub):
    """Its batches hold rows of other clients, with unknown users and longer lists, in one list each."""
    stub.batching = True
    stub.neighbours = {
        "user_input": [77, 1],
        "item_input": [-3, 99],
        "user_id": [b"?", b"ann"],
        "item_id": [b"?", b"i0"],
        "k": [5, 4],
    }
    assert client.recommend([0, 2], 2).items.tolist() == [[1, 2], [3, -1]]
    assert client.recommend_by_id("ann", 1).item_ids == [["père"]]
    assert client.similar_items(2, 3).items.tolist() == [[0, 4, 3]]
    np.testing.assert_array_equal(client.score([0, 1], [1, 2]), np.float32([0.75, 0.1]))


def test_versions_and_labels_are_asked_for(stub, way):
    for options, expected in (
        ({}, None),
        ({"version": 2}, 2),
        ({"version": 3}, 3),
        ({"label": "stable"}, "stable"),
    ):
        with client_of(stub, way, **options) as client:
            client.recommend(0)
        path, message, _ = stub.requests[-1]
        if way == "gRPC":
            chosen = message.model_spec.WhichOneof("version_choice")
            value = {None: None, "version": message.model_spec.version.value}.get(
                chosen, message.model_spec.version_label
            )
            assert value == expected
        else:
            middle = {None: "", 2: "/versions/2", 3: "/versions/3", "stable": "/labels/stable"}[expected]
            assert path == f"/v1/models/ncf{middle}:predict"


def test_status(stub, client):
    assert client.status() == [VersionStatus(3, "AVAILABLE", ""), VersionStatus(2, "AVAILABLE", "")]
    stub.failed["ncf", 4] = "Data loss: file is too short"
    assert client.status()[0] == VersionStatus(4, "END", "Data loss: file is too short")


def test_signatures(client):
    signatures = client.signatures()
    assert set(signatures) == {
        "serving_default",
        "score",
        "recommend",
        "recommend_default",
        "similar_items",
        "recommend_by_id",
        "recommend_by_id_default",
        "similar_items_by_id",
    }
    assert signatures["score"].outputs == {"prediction": Tensor("float32", (-1,))}
    assert signatures["recommend_by_id"].inputs == {
        "user_id": Tensor("string", (-1,)),
        "k": Tensor("int32", None),
    }
    assert signatures["recommend"].outputs["known"] == Tensor("bool", (-1,))


def test_headers_are_sent(stub, way):
    with client_of(stub, way, headers={"X-Gateway-Key": "k1"}) as client:
        client.score(0, 0)
        client.status()
    for _, _, headers in stub.requests:
        assert {name.lower(): value for name, value in headers.items()}["x-gateway-key"] == "k1"
    assert len(stub.requests) == 2


def test_threads_may_share_a_client(client):
    wrong = []

    def ask(user):
        for _ in range(10):
            if client.recommend(user, 5).items.tolist() != [LISTS[user][0]]:
                wrong.append(user)

    threads = [threading.Thread(target=ask, args=(user,)) for user in [0, 1, 2, 9] * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


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
    with client_of(stub, way, **options) as client, pytest.raises(InputError, match=words):
        client.recommend(0)
    assert len(stub.requests) == 1


def test_a_signature_that_the_export_lacks_is_named(stub, way):
    with client_of(stub, way, model="plain") as client:
        assert client.recommend(0, 1).items.tolist() == [[1]]
        with pytest.raises(InputError, match=r"signature 'recommend_by_id'.*not found"):
            client.recommend_by_id("ann")


def test_status_and_signatures_of_an_unknown_model(stub, way):
    with client_of(stub, way, model="other") as client:
        with pytest.raises(InputError, match="Could not find any versions of model other"):
            client.status()
        with pytest.raises(InputError, match="Servable not found"):
            client.signatures()
    with (
        client_of(stub, way, version=9) as client,
        pytest.raises(InputError, match="find version 9 of model ncf"),
    ):
        client.status()
