"""What an export knows of who is inactive or forgotten: nothing, by its answers and in its files' bytes."""

import numpy as np
from hypothesis import given, settings, strategies as st

from ncf_keras.data.states import FORGOTTEN
from ncf_keras.models.factored import FactoredModel
from ncf_keras.serving.export import export_model
from ncf_keras.serving.warm_up import FILE
from tests.serving.cpp_loader import CppModel
from tests.serving.small_exports import (
    ITEM_IDS,
    ITEM_STATES,
    ITEMS,
    LIVING_USER_IDS,
    SEEN_ALL,
    USER_STATES,
    USERS,
    living_dataset,
    ranked,
    small_model,
)


def is_active(states, index):
    return 0 <= index < len(states) and states[index] == 0


def expected_list(living, scores, user, k):
    """Return the active items of a user's list by sorting; those that are popular for whoever is unknown."""
    hidden = set(np.flatnonzero(ITEM_STATES).tolist())
    if is_active(USER_STATES, user):
        seen = living.train_items[living.train_offsets[user] : living.train_offsets[user + 1]]
        return ranked(scores[user], hidden | set(seen.tolist()), k)
    counts = np.bincount(living.train_items, minlength=ITEMS)
    return ranked(counts.astype(np.float32), hidden, k)


@settings(max_examples=15)
@given(users=st.lists(st.integers(-2, USERS + 1), min_size=1, max_size=8), k=st.integers(0, ITEMS))
def test_lists_are_those_of_sorting_active_items(users, k, living_loaded, living, living_scores):
    answer = living_loaded.run("recommend", user_input=users, k=k)
    for row, user in enumerate(users):
        items, values = expected_list(living, living_scores, user, k)
        assert answer["items"][row].tolist() == items
        np.testing.assert_allclose(answer["scores"][row], values, rtol=0, atol=1e-6)
    assert answer["known"].tolist() == [is_active(USER_STATES, user) for user in users]


def test_lists_by_id_know_active_users_alone(living_loaded):
    by_id = living_loaded.run("recommend_by_id", user_id=[*LIVING_USER_IDS, "nobody"], k=ITEMS)
    by_index = living_loaded.run("recommend", user_input=[*range(USERS), -1], k=ITEMS)
    assert by_id["known"].tolist() == [*(USER_STATES == 0).tolist(), False]
    np.testing.assert_array_equal(by_id["scores"], by_index["scores"])
    names = [*ITEM_IDS, ""]
    for row, items in zip(by_id["item_ids"], by_index["items"], strict=True):
        assert [text.decode() for text in row] == [names[item] for item in items]
    listed = {text.decode() for text in by_id["item_ids"].ravel()}
    assert listed == {"", *(ITEM_IDS[item] for item in np.flatnonzero(ITEM_STATES == 0))}
    assert not by_id["item_ids"][SEEN_ALL].any(), "who has seen all active items has an empty list"


def test_pairs_and_similar_items_know_active_ones_alone(living_loaded, living_model, living_scores):
    users, items = np.divmod(np.arange(USERS * ITEMS), ITEMS)
    known = (USER_STATES[users] == 0) & (ITEM_STATES[items] == 0)
    answer = living_loaded.run("score", user_input=users, item_input=items)["prediction"]
    expected = np.where(known, living_scores.ravel(), np.nan)
    np.testing.assert_allclose(answer, expected, rtol=0, atol=1e-6)
    vectors = FactoredModel(living_model).item_vectors().astype(np.float64)
    cosines = vectors @ vectors.T
    by_id = living_loaded.run("similar_items_by_id", item_id=ITEM_IDS, k=ITEMS)
    by_index = living_loaded.run("similar_items", item_input=range(ITEMS), k=ITEMS)
    hidden = set(np.flatnonzero(ITEM_STATES).tolist())
    for answer in (by_id, by_index):
        assert answer["known"].tolist() == (ITEM_STATES == 0).tolist()
        for item in range(ITEMS):
            listed = ranked(cosines[item], {item, *hidden}, ITEMS)[1] if item not in hidden else [-1] * ITEMS
            np.testing.assert_allclose(answer["scores"][item], listed, rtol=0, atol=1e-6)
    assert not hidden & set(by_index["items"].ravel().tolist())
    names = {text.decode() for text in by_id["item_ids"].ravel()}
    assert not names & {ITEM_IDS[item] for item in hidden}


def test_the_warm_up_asks_for_the_first_active_ones(living_export, living_loaded):
    written = (living_export / FILE).read_bytes()
    assert LIVING_USER_IDS[1].encode() in written and ITEM_IDS[1].encode() in written
    assert ITEM_IDS[0].encode() not in written
    assert living_loaded.run("recommend_by_id_default", user_id=[LIVING_USER_IDS[1]])["known"].all()


def rows_of(model, user):
    """Return the bytes of all that a model has of a user: embedding rows, and what scoring makes of them."""
    factored = FactoredModel(model)
    tables, halves = [table.table().numpy() for table in factored.users], factored.halves()
    tables += [half for half in (halves.mf_user, halves.mlp_user) if half is not None]
    return [np.asarray(table)[user].tobytes() for table in tables]


def test_neither_ids_nor_weights_of_others_than_active_users_leave(living_export, living_model):
    contents = [path.read_bytes() for path in living_export.rglob("*") if path.is_file()]

    def is_anywhere(part):
        return any(part in content for content in contents)

    for user, (name, state) in enumerate(zip(LIVING_USER_IDS, USER_STATES, strict=True)):
        assert is_anywhere(name.strip().encode()) == (state == 0)
        assert any(map(is_anywhere, rows_of(living_model, user))) == (state == 0)
    assert not is_anywhere(b"forgotten") and not is_anywhere(b"inactive")


def test_forgotten_users_may_have_lost_their_ids(tmp_path):
    ids = np.where(USER_STATES == FORGOTTEN, "", LIVING_USER_IDS).tolist()
    with CppModel(export_model(small_model("GMF"), living_dataset(ids), tmp_path / "ncf")) as loaded:
        answer = loaded.run("recommend_by_id_default", user_id=["", *LIVING_USER_IDS])
        assert answer["known"].tolist() == [False, *(USER_STATES == 0).tolist()]
