"""The page's answers against a Recommender that is asked beside it; what is refused; what stays small."""

import collections
import concurrent.futures
import dataclasses
import threading

import pytest
import requests

from ncf_keras.base.errors import InputError
from ncf_keras.baselines import EASE, ItemPop
from ncf_keras.browsing.answers import Answers
from ncf_keras.browsing.in_thread import served
from ncf_keras.recommending import Recommender
from tests.browsing.shelf import SCRIPT, shelf
from tests.models import by_hand
from tests.recommending.crowd import ITEM_IDS, MODELS, TITLES, USER_IDS, seen_by, with_states

FILES = {
    "": "text/html; charset=utf-8", "style.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8", "combobox.js": "text/javascript; charset=utf-8",
    "element.js": "text/javascript; charset=utf-8", "ask.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}  # fmt: skip
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@pytest.fixture(scope="module")
def model():
    model = MODELS["NeuMF"][0]()
    by_hand.randomise(model)
    return model


@pytest.fixture(scope="module")
def dataset():
    return shelf()


@pytest.fixture(scope="module")
def recommender(model, dataset):
    return Recommender(model, dataset)


@pytest.fixture(scope="module")
def address(recommender, dataset):
    with served(Answers(recommender, dataset, seed=3)) as address:
        yield address


@pytest.fixture
def ask(address):
    def ask(name, status=200, **parameters):
        answer = requests.get(f"{address}api/{name}", parameters, timeout=30)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/json")
        return answer.json()

    return ask


@pytest.fixture(scope="module")
def item(dataset):
    """Return what an answer says of an item, by its index."""
    counts = collections.Counter(dataset.train_items.tolist())

    def item(index):
        title = dataset.item_titles[index] or None
        return {"item": index, "id": ITEM_IDS[index], "title": title, "interactions": counts[index]}

    return item


def without(items, *names):
    return [{name: value for name, value in each.items() if name not in names} for each in items]


def index_of(raw):
    return [ITEM_IDS.index(each) for each in raw]


@pytest.mark.parametrize("user", [0, 1, 2, 6, 7])
def test_a_user_is_shown_as_the_recommender_has_it(user, ask, recommender, dataset, item):
    answer = ask("user", user=user, k=4)
    history = seen_by(dataset, user)
    expected = recommender.recommend([USER_IDS[user]], 4)
    assert (answer["user"], answer["id"], answer["interactions"]) == (user, USER_IDS[user], len(history))
    assert answer["history"] == [
        item(index) for index in sorted(history, key=lambda i: (-item(i)["interactions"], i))
    ]
    held_out = dataset.test_items[dataset.test_users == user].tolist()
    assert answer["held_out"] == list(map(item, held_out))
    assert answer["source"] == "model"
    assert (answer["previous"], answer["next"]) == ((user - 1) % 8, (user + 1) % 8)
    found = answer["list"]
    assert without(found, "score", "why", "held_out") == list(map(item, index_of(expected["item_id"])))
    assert [each["score"] for each in found] == expected["score"].tolist()
    assert [each["held_out"] for each in found] == [each["item"] in held_out for each in found]
    for each in found:
        similar = recommender.similar_items([each["id"]], 100)
        liked = similar[similar["similar_item_id"].isin([ITEM_IDS[index] for index in history])][:3]
        assert without(each["why"], "cosine") == list(map(item, index_of(liked["similar_item_id"])))
        cosines = [reason["cosine"] for reason in each["why"]]
        assert cosines == pytest.approx(liked["cosine"].tolist(), abs=1e-6)


def test_liked_titles_are_folded_in(ask, recommender, item):
    answer = ask("liked", items="8,2,5,2", k=3)
    expected = recommender.fold_in([ITEM_IDS[index] for index in (8, 2, 5, 2)], 3)
    assert answer["liked"] == [item(8), item(2), item(5)] and answer["source"] == "folded in"
    assert [each["id"] for each in answer["list"]] == expected["item_id"].tolist()
    assert [each["score"] for each in answer["list"]] == expected["score"].tolist()
    assert {reason["item"] for each in answer["list"] for reason in each["why"]} == {8, 2, 5}
    popular = ask("liked")
    assert (popular["liked"], popular["source"]) == ([], "popularity")
    assert [each["id"] for each in popular["list"]] == recommender.popular(10)["item_id"].tolist()
    assert {tuple(each["why"]) for each in popular["list"]} == {()}


def test_similar_items_are_the_recommenders(ask, recommender, item):
    answer = ask("similar", item=5, k=4)
    expected = recommender.similar_items(["0"], 4)
    assert answer["title"] == SCRIPT
    assert without(answer["similar"], "cosine") == list(map(item, index_of(expected["similar_item_id"])))
    assert [each["cosine"] for each in answer["similar"]] == expected["cosine"].tolist()


def test_names_are_searched_and_offered(ask, item, recommender):
    assert ask("items", search="GROSSE")["items"] == [item(4)]
    assert ask("items", search="<script>")["items"] == [item(5)]
    assert ask("items", search="日本")["items"][0] == item(8)
    assert [each["id"] for each in ask("items")["items"]] == recommender.popular(20)["item_id"].tolist()
    assert [user["id"] for user in ask("users", search="OË")["users"]] == ["Zoë"]
    offered = [user["id"] for user in ask("users", search=" ")["users"]]
    assert sorted(offered) == sorted(USER_IDS)


def test_without_ids_and_titles_indices_are_shown(model):
    dataset = shelf(ids=False, titles=False)
    with served(Answers(Recommender(model, dataset), dataset)) as address:
        about, one, liked, found = (
            requests.get(f"{address}api/{name}", timeout=30).json()
            for name in ("dataset", "user?user=3&k=2", "liked?items=12&k=2", "items?search=12")
        )
    assert about == {
        "name": "crowd", "users": 8, "items": 13, "interactions": dataset.num_train,
        "has_user_ids": False, "has_item_ids": False, "has_titles": False, "compares_items": True,
        "takes_histories": True,
    }  # fmt: skip
    assert one["id"] == "3"
    assert {(type(each["id"]), each["title"]) for each in [*one["list"], *liked["list"]]} == {(str, None)}
    expected = Recommender(model, dataset).recommend([3], 2)["item_id"].tolist()
    assert [each["item"] for each in one["list"]] == expected
    assert [int(each["id"]) for each in one["list"]] == expected
    assert [each["item"] for each in found["items"]] == [12]


@pytest.mark.parametrize("kind", [EASE, ItemPop])
def test_a_baseline_is_shown_as_far_as_it_goes(kind):
    """Lists without reasons; lists for new users of EASE alone, and similar items of neither."""
    dataset = shelf()
    recommender = Recommender(kind().fit(dataset), dataset)
    with served(Answers(recommender, dataset)) as address:
        about, one, liked, popular, similar = (
            requests.get(f"{address}api/{name}", timeout=30)
            for name in ("dataset", "user?user=3&k=3", "liked?items=2,5&k=3", "liked", "similar?item=3")
        )
    assert (about.json()["compares_items"], about.json()["takes_histories"]) == (False, kind is EASE)
    expected = recommender.recommend([USER_IDS[3]], 3)
    assert [each["id"] for each in one.json()["list"]] == expected["item_id"].tolist()
    assert [each["why"] for each in one.json()["list"]] == [[], [], []]
    assert len(popular.json()["list"]) == 10
    error = "`model` must be a GMF, MLP"
    assert similar.status_code == 400 and similar.json()["error"].startswith(
        f"{error} or NeuMF to have item vectors"
    )
    if kind is EASE:
        expected = recommender.fold_in([ITEM_IDS[2], ITEM_IDS[5]], 3)
        assert [each["id"] for each in liked.json()["list"]] == expected["item_id"].tolist()
    else:
        assert liked.status_code == 400 and liked.json()["error"].startswith(
            f"{error}, NeuMF, EASE or ItemKNN to fold"
        )


def test_long_titles_are_cut(model):
    dataset = dataclasses.replace(shelf(), item_titles=["x" * 100_000] * 13)
    with served(Answers(Recommender(model, dataset), dataset)) as address:
        answer = requests.get(f"{address}api/user?user=3&k=9", timeout=30)
    assert {each["title"] for each in answer.json()["list"]} == {"x" * 299 + "…"}
    assert len(answer.content) < 50_000


def test_who_is_not_active_is_neither_found_nor_shown(model):
    users, items = [2, 0, 0, 1, 0, 0, 0, 2], [0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0]
    dataset = with_states(users, items)
    active = [1, 2, 4, 5, 6]
    answers = Answers(Recommender(model, dataset), dataset, seed=3)
    sizes = answers.dataset()
    assert (sizes["users"], sizes["items"]) == (5, 11)
    assert sorted(user["user"] for user in answers.users("")["users"]) == active
    assert answers.users("the")["users"] == answers.users("Ω")["users"] == []
    assert {item["item"] for item in answers.items("")["items"]} == set(range(13)) - {1, 8}
    assert answers.items("best")["items"] == []
    assert 8 not in {item["item"] for item in answers.items(TITLES[8])["items"]}
    shown = [answers.for_user(user, 100) for user in active]
    assert [answer["next"] for answer in shown] == [2, 4, 5, 6, 1]
    assert [answer["previous"] for answer in shown] == [6, 1, 2, 4, 5]
    listed = [*shown, answers.for_liked([0, 2], 100), answers.for_liked([], 100)]
    assert not {item["item"] for answer in listed for item in answer["list"]} & {1, 8}
    assert not {item["item"] for item in answers.similar(0, 100)["similar"]} & {1, 8}
    for ask, argument, last in (
        (lambda: answers.for_user(3, 4), "user", 7),
        (lambda: answers.similar(8, 4), "item", 12),
        (lambda: answers.for_liked([0, 1], 4), "items", 12),
    ):
        with pytest.raises(
            InputError, match=f"`{argument}` must be an active index from 0 to {last}. Received"
        ):
            ask()


@pytest.mark.parametrize(("name", "parameters", "sentence"), [
    ("user", {}, "`user` must be a whole number. Received: ''"),
    ("user", {"user": 8}, "`user` must be an index from 0 to 7. Received: 8"),
    ("user", {"user": "-1"}, "`user` must be a whole number. Received: '-1'"),
    ("user", {"user": "٣"}, "`user` must be a whole number. Received: '٣'"),
    ("user", {"user": "9" * 3000}, f"`user` must be a whole number. Received: '{'9' * 40}'"),
    ("user", {"user": 1, "k": 0}, "`k` must be a whole number from 1 to 100. Received: 0"),
    ("user", {"user": 1, "k": 101}, "`k` must be a whole number from 1 to 100. Received: 101"),
    ("similar", {"item": 13}, "`item` must be an index from 0 to 12. Received: 13"),
    ("liked", {"items": "1,13"}, "`items` must be an index from 0 to 12. Received: 13"),
    ("liked", {"items": "1,x\x1b"}, "`items` must be a whole number. Received: 'x\\\\x1b'"),
    ("liked", {"items": "1," * 101}, "`items` must be at most 100 items. Received: 101"),
    ("items", {"search": "x" * 101}, "`search` must have at most 100 characters. Received: 101"),
    ("users", {"search": "x" * 101}, "`search` must have at most 100 characters. Received: 101"),
])  # fmt: skip
def test_what_is_asked_is_bounded(name, parameters, sentence, ask):
    assert ask(name, 400, **parameters) == {"error": sentence}


def test_other_pages_methods_and_long_addresses_are_refused_in_a_sentence(ask, address):
    assert ask("nothing", 404) == ask("../page/index.html", 404) == {"error": "There is no such page"}
    assert ask("items", 414, search="x" * 4000) == {"error": "A request must have at most 4,000 characters"}
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        answer = requests.request(method, f"{address}api/dataset", timeout=30)
        assert (answer.status_code, answer.json()) == (405, {"error": "Requests must be GET"})


@pytest.mark.parametrize("path", ["", "page.js", "api/dataset", "nothing"])
def test_every_answer_has_the_policy_and_no_page_of_another_site_gets_any(path, address):
    port = address.rpartition(":")[2].strip("/")

    def get(**headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = requests.get(address + path, headers=headers, timeout=30)
        assert answer.headers["content-security-policy"] == POLICY
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert "server" not in answer.headers and "access-control-allow-origin" not in answer.headers
        return answer.status_code

    good = 404 if path == "nothing" else 200
    assert get() == get(Host=f"LOCALHOST:{port}") == good
    assert get(Origin=address.strip("/"), Sec_Fetch_Site="same-origin") == good
    assert get(Sec_Fetch_Site="none", Sec_Fetch_Mode="navigate", Sec_Fetch_Dest="document") == good
    hosts = (
        "127.0.0.1", "localhost", "127.0.0.1:1", f"evil.example:{port}", f"127.0.0.1.evil.example:{port}",
        f"localhost.:{port}", f"[::1]:{port}", f"0.0.0.0:{port}", f"x@127.0.0.1:{port}", "",
    )  # fmt: skip
    for host in hosts:
        assert get(Host=host) == 421, host
    for origin in ("null", "https://evil.example", f"http://localhost:{port}", "http://127.0.0.1:1"):
        assert get(Origin=origin) == 403, origin
    for site in ("cross-site", "same-site", "anything"):
        assert get(Sec_Fetch_Site=site) == 403, site
        assert get(Sec_Fetch_Site=site, Sec_Fetch_Mode="navigate", Sec_Fetch_Dest="iframe") == 403, site
    # A link to the page, as in a notebook in another tab.
    linked = get(Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="navigate", Sec_Fetch_Dest="document")
    assert linked == (200 if path == "" else 403)


def test_files_have_their_types_and_name_nothing_elsewhere(address):
    for name, media_type in FILES.items():
        answer = requests.get(address + name, timeout=30)
        assert (answer.status_code, answer.headers["content-type"]) == (200, media_type)
        text = answer.text.replace('xmlns="http://www.w3.org/2000/svg"', "")
        for forbidden in ("//www", "http:", "https:", "innerHTML", "outerHTML", "insertAdjacentHTML", "eval(",
                          "document.write", "@import", "url(", " style=", " onclick=", "<style"):  # fmt: skip
            assert forbidden not in text, (name, forbidden)


def test_a_slow_list_keeps_neither_files_nor_names_waiting_and_lists_come_one_at_a_time():
    class Slow:
        def __init__(self):
            self.begun, self.released, self.at_once, self.most = threading.Event(), threading.Event(), 0, 0

        def for_user(self, user, k):
            self.at_once += 1
            self.most = max(self.most, self.at_once)
            self.begun.set()
            assert self.released.wait(30)
            self.at_once -= 1
            return {"user": user}

        def items(self, typed):
            return {"items": []}

    slow = Slow()
    with served(slow) as address, concurrent.futures.ThreadPoolExecutor(4) as pool:

        def get(path):
            return requests.get(address + path, timeout=30).json()

        lists = [pool.submit(get, f"api/user?user={user}") for user in range(4)]
        assert slow.begun.wait(30)
        assert requests.get(f"{address}style.css", timeout=30).status_code == 200
        assert get("api/items?search=x") == {"items": []}
        assert not any(each.done() for each in lists)
        slow.released.set()
        assert [each.result() for each in lists] == [{"user": user} for user in range(4)]
    assert slow.most == 1
