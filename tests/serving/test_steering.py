"""Lists that a request steers, in the C++ loader, against sorting and walking in plain Python."""

import numpy as np
import pytest

from ncf_keras.data.features import Feature
from ncf_keras.recommending import Recommender
from ncf_keras.serving.export import export_model
from tests.recommending.walking import penalised, random_categories, walked
from tests.serving.cpp_loader import CppModel, Refused
from tests.serving.small_exports import (
    ITEM_IDS,
    ITEMS,
    LIVING_USER_IDS,
    SEEN_ALL,
    TITLES,
    USER_STATES,
    USERS,
    living_dataset,
    small_model,
)

ROWS = 1000
UNSTEERED = {"only_items": [[]], "not_items": [[]], "max_per": 0, "popularity_penalty": 0.0}


@pytest.fixture(scope="module")
def categories():
    return random_categories(np.random.default_rng(6), ITEMS)


@pytest.fixture(scope="module")
def genre(categories):
    return Feature.of_texts("genre", ["|".join(own) for own in categories])


@pytest.fixture(scope="module")
def model():
    """GMF of small integers: few different scores, and none that depends on the order of a sum."""
    model = small_model("GMF")
    generator = np.random.default_rng(3)
    model.set_weights([generator.integers(-1, 2, weights.shape) for weights in model.get_weights()])
    return model


@pytest.fixture(scope="module")
def served(model, genre, tmp_path_factory):
    exported = export_model(model, living_dataset(), tmp_path_factory.mktemp("steered") / "ncf", group=genre)
    with CppModel(exported) as loaded:
        yield loaded


@pytest.fixture(scope="module")
def rankings(served):
    """The scores of all items that lists without constraints rank, by user; an unknown one is the last."""
    answer = served.run("recommend", user_input=[*range(USERS), -1], k=ITEMS)
    scores = np.full((USERS + 1, ITEMS), np.nan, np.float32)
    for row, (items, values) in enumerate(zip(answer["items"], answer["scores"], strict=True)):
        scores[row, items[items >= 0]] = values[items >= 0]
    assert len(np.unique(scores[:-1])) < 20, "there are ties"
    return scores


def padded(lists, padding):
    width = max(map(len, lists))
    return [[*one, *[padding] * (width - len(one))] for one in lists]


def test_a_thousand_random_constraints_a_row_each(served, rankings, categories):
    generator, counts = np.random.default_rng(8), np.bincount(living_dataset().train_items, minlength=ITEMS)
    users = generator.integers(-1, USERS + 1, ROWS)
    ks, limits = generator.integers(-1, ITEMS + 3, ROWS), generator.integers(-1, 4, ROWS)
    penalties = generator.choice([0, 0.125, 1, 1e6, -2, np.nan, np.inf], ROWS).astype(np.float32)
    # Some of nothing but padding, some of unknown ones alone.
    only = [generator.integers(-3, ITEMS + 3, generator.choice([0, 0, 1, 25])).tolist() for _ in range(ROWS)]
    without = [generator.integers(-3, ITEMS + 3, generator.choice([0, 6])).tolist() for _ in range(ROWS)]
    inputs = {"k": ks, "max_per": limits, "popularity_penalty": penalties}
    answer = served.run(
        "recommend_steered",
        user_input=users,
        only_items=padded(only, -1),
        not_items=padded(without, -1),
        **inputs,
    )
    for row, user in enumerate(users):
        known = 0 <= user < USERS and USER_STATES[user] == 0
        scores = rankings[user if 0 <= user < USERS else USERS]
        gone = set(np.flatnonzero(np.isnan(scores)).tolist())
        if known and np.isfinite(penalties[row]) and penalties[row] > 0:
            scores = penalised(scores, counts.tolist(), penalties[row])
        restricted, limit = set(only[row]) - {-1}, max(limits[row], 0)
        expected = walked(scores, max(ks[row], 0), gone, restricted or None, without[row], categories, limit)
        empty = answer["items"].shape[1] - len(expected)
        assert answer["known"][row] == known
        assert answer["items"][row].tolist() == expected + [-1] * empty
        assert answer["scores"][row].tolist() == [*scores[expected].tolist(), *[-1.0] * empty]

    def names_of(lists, known):
        return padded([[known.get(one, "" if one == -1 else "no such") for one in some] for some in lists], "")

    item_ids, user_ids = dict(enumerate(ITEM_IDS)), dict(enumerate(LIVING_USER_IDS))
    by_id = served.run(
        "recommend_steered_by_id", user_id=[user_ids.get(user, "") for user in users.tolist()],
        only_items=names_of(only, item_ids), not_items=names_of(without, item_ids), **inputs,
    )  # fmt: skip
    np.testing.assert_array_equal(by_id["scores"], answer["scores"])
    np.testing.assert_array_equal(by_id["known"], answer["known"])
    for output, texts in (("item_ids", [*ITEM_IDS, ""]), ("titles", [*TITLES, ""])):
        expected = np.array(texts, object)[answer["items"]]
        assert [[text.decode() for text in row] for row in by_id[output]] == expected.tolist()


def test_without_constraints_it_is_the_list_of_recommend_and_python_says_the_same(served, model, genre):
    users = [*range(USERS), -1]
    expected = served.run("recommend", user_input=users, k=9)
    answer = served.run("recommend_steered", user_input=users, k=9, **UNSTEERED)
    for output, array in expected.items():
        np.testing.assert_array_equal(answer[output], array)
    assert (answer["items"][SEEN_ALL] == -1).all()
    recommender = Recommender(model, living_dataset(), {"genre": genre})
    steering = {"only_items": ITEM_IDS[3:30], "not_items": ITEM_IDS[8:12], "popularity_penalty": 0.25}
    frame = recommender.recommend(LIVING_USER_IDS[1], 9, max_per=("genre", 1), **steering)
    constraints = {name: [ids] if isinstance(ids, list) else ids for name, ids in steering.items()}
    named = served.run("recommend_steered_by_id", user_id=LIVING_USER_IDS[1:2], k=9, max_per=1, **constraints)
    found = [text.decode() for text in named["item_ids"][0] if text]
    assert found == list(frame["item_id"])
    np.testing.assert_allclose(named["scores"][0, : len(found)], frame["score"], rtol=0, atol=1e-6)


def test_an_export_without_a_group_or_dataset(loaded, loaded_alone):
    """There is no category that could be full, and where there are no interactions nothing is popular."""
    whole = loaded.run("recommend_steered", user_input=[1], k=9, **UNSTEERED)
    limited = loaded.run("recommend_steered", user_input=[1], k=9, **UNSTEERED | {"max_per": 1})
    np.testing.assert_array_equal(limited["items"], whole["items"])
    assert "recommend_steered_by_id" not in loaded_alone.signatures
    for penalty in (0.0, 2.0):
        wanted = UNSTEERED | {"not_items": [[3, 4]], "popularity_penalty": penalty}
        answer = loaded_alone.run("recommend_steered", user_input=[1, -1], k=ITEMS, **wanted)
        assert sorted(answer["items"][0].tolist()) == [-1, -1, *sorted(set(range(ITEMS)) - {3, 4})]
        assert (answer["items"][1] == -1).all()


def test_constraints_of_other_numbers_of_rows_are_refused(served):
    for name, value in (("max_per", [1, 2]), ("not_items", [[1], [2]]), ("only_items", np.zeros((0, 1)))):
        with pytest.raises(Refused, match=r"ncompatible shapes|broadcast"):
            served.run("recommend_steered", user_input=[1, 2, 3], k=3, **UNSTEERED | {name: value})
