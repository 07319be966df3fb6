"""Lists found in two stages, against sorting in NumPy and counting."""

import json

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings, strategies as st

from ncf_keras.base.errors import InputError
from ncf_keras.baselines import ItemPop
from ncf_keras.data import Dataset
from ncf_keras.models.factored import FactoredModel, Halves
from ncf_keras.recommending import Recommender, candidates, logit_vectors
from ncf_keras.recommending.candidates import Candidates
from ncf_keras.recommending.cells import CELLS_A_ROOT, LARGEST, divide
from ncf_keras.recommending.logit_vectors import LogitVectors, fit_logit_vectors, user_vector
from ncf_keras.recommending.ranking import Ranker, popularity
from ncf_keras.recommending.stages import Stages, Wanted
from ncf_keras.recommending.two_stage import TwoStageRanker, make_ranker
from tests.recommending import test_sessions as sessions
from tests.recommending.crowd import seen_by
from tests.serving.small_exports import (
    ITEM_STATES,
    ITEMS,
    USER_STATES,
    USERS,
    living_dataset,
    predictions,
    ranked,
    small_dataset,
    small_model,
)

FEW = 10


@pytest.fixture
def in_cells(monkeypatch):
    monkeypatch.setattr(candidates, "CELLS_FROM", 1)


def traced(ranker):
    specs = tf.TensorSpec([None], tf.int32), tf.TensorSpec(None, tf.int32)
    return tf.function(ranker.recommend, autograph=False).get_concrete_function(*specs)


@pytest.mark.parametrize("kind", ["NeuMF", "GMF", pytest.param("MLP-0", marks=pytest.mark.slow)])
def test_with_all_items_as_candidates_lists_are_those_of_sorting(kind, in_cells):
    model, dataset = small_model(kind), small_dataset()
    ranker = TwoStageRanker(model, USERS, ITEMS, dataset, Wanted(candidates=ITEMS))
    assert ranker.stages == Stages(ITEMS, ITEMS, ITEMS, 1.0, USERS)
    program, scores = traced(ranker), predictions(model)
    asked = [*range(USERS), -1, USERS]
    for k in (1, 7, ITEMS):
        lists = program(tf.constant(asked), tf.constant(k))
        for row, user in enumerate(asked[:USERS]):
            items, values = ranked(scores[user], seen_by(dataset, user), k)
            assert lists.items[row].numpy().tolist() == items
            np.testing.assert_allclose(lists.scores[row], values, rtol=0, atol=1e-6)
        for row in (USERS, USERS + 1):
            np.testing.assert_array_equal(lists.items[row], popularity(dataset)[0][:k])
        assert lists.known.numpy().tolist() == [True] * USERS + [False] * 2


@pytest.fixture(scope="module")
def few():
    """A ranker with few candidates in cells, traced, its dataset and the predictions of its model."""
    model, dataset = small_model("NeuMF"), busy_dataset()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(candidates, "CELLS_FROM", 1)
        patch.setattr(logit_vectors, "RANK", 2)
        ranker = TwoStageRanker(model, USERS, ITEMS, dataset, Wanted(candidates=FEW))
    return ranker, traced(ranker), dataset, predictions(model)


def busy_dataset():
    """Return a dataset whose user n has seen 3 n items."""
    generator = np.random.default_rng(8)
    seen = [generator.choice(ITEMS, 3 * user, replace=False) for user in range(USERS)]
    users = np.repeat(np.arange(USERS), [len(items) for items in seen])
    return Dataset.from_pairs(
        users, np.concatenate(seen), np.array([0]), np.array([1]), np.array([[2]]),
        num_users=USERS, num_items=ITEMS,
    )  # fmt: skip


def test_whoever_has_seen_much_gets_as_long_a_list(few):
    _, program, dataset, scores = few
    for k in (3, FEW, 15):
        lists = program(tf.range(USERS), tf.constant(k))
        for user in range(USERS):
            seen = seen_by(dataset, user)
            items = [item for item in lists.items[user].numpy().tolist() if item >= 0]
            assert len(items) == len(set(items)) == min(k, ITEMS - len(seen))
            assert not seen & set(items)
            values = lists.scores[user].numpy()
            np.testing.assert_allclose(values[: len(items)], scores[user, items], rtol=0, atol=1e-6)
            assert (np.diff(values) <= 0).all() and (values[len(items) :] == -1).all()


def test_a_row_is_found_by_itself(few):
    _, program, *_ = few
    asked = [5, -1, 11, 5, 0]
    lists = program(tf.constant(asked), tf.constant([4, 9, 2, 12, 0]))
    for row, (user, k) in enumerate(zip(asked, (4, 9, 2, 12, 0), strict=True)):
        alone = program(tf.constant([user]), tf.constant(12))
        np.testing.assert_array_equal(lists.items[row][:k], alone.items[0][:k])
        assert (lists.items[row][k:].numpy() == -1).all()


def test_a_list_that_has_all_items_as_candidates_is_exact(few):
    _, program, dataset, scores = few
    lists = program(tf.range(USERS), tf.constant(3 * FEW + 1))
    for user in range(USERS):
        assert lists.items[user].numpy().tolist() == ranked(scores[user], seen_by(dataset, user), 31)[0]


def test_the_recall_is_counted(few):
    ranker, program, dataset, scores = few
    found = program(tf.range(USERS), tf.constant(10)).items.numpy()
    hits = wanted = 0
    for user in range(USERS):
        right = {item for item in ranked(scores[user], seen_by(dataset, user), 10)[0] if item >= 0}
        hits, wanted = hits + len(right & set(found[user].tolist())), wanted + len(right)
    assert hits < wanted
    assert ranker.stages == Stages(FEW, ITEMS, ITEMS, hits / wanted, USERS)


def test_who_is_not_listed_is_on_no_list_and_gets_what_is_popular(in_cells):
    model, dataset = small_model("GMF"), living_dataset()
    ranker = TwoStageRanker(model, USERS, ITEMS, dataset, Wanted(candidates=ITEMS))
    active = np.flatnonzero(ITEM_STATES == 0)
    assert ranker.stages.items == ranker.stages.candidates == len(active)
    lists = traced(ranker)(tf.range(USERS), tf.constant(ITEMS))
    gone = set(np.flatnonzero(ITEM_STATES))
    for user, state in enumerate(USER_STATES):
        expected = ranked(predictions(model)[user], seen_by(dataset, user) | gone, ITEMS)[0]
        if state:
            expected = [*popularity(dataset)[0].tolist(), *[-1] * len(gone)]
        assert lists.items[user].numpy().tolist() == expected


def test_new_users_and_sessions(in_cells):
    model, dataset = sessions.model.__wrapped__(), sessions.dataset.__wrapped__()
    sizes = sessions.USERS, sessions.ITEMS
    exact, staged = Ranker(model, *sizes, dataset), TwoStageRanker(model, *sizes, dataset, Wanted(sizes[1]))
    generator, k = np.random.default_rng(4), tf.constant([5, 20, 3])
    vectors = [tf.constant(generator.normal(0, 1, (3, 4)), tf.float32) for _ in range(2)]
    known, one = tf.constant([True, False, True]), [table[:1] for table in vectors]
    # An item may be named twice in a session, and some are unknown.
    asked = tf.constant([[3, 9, 3, -1, 7], [-1, -1, 99, -1, -1], [-1, -1, 0, 1, 2]])
    for ask in (
        lambda ranker: ranker.recommend_to_rows(known, k, *vectors),
        lambda ranker: ranker.recommend_to_vectors(tf.constant([3, 9]), tf.constant(20), *one),
        lambda ranker: ranker.recommend_to_sessions(ranker.sessions, asked, k, False),
        lambda ranker: ranker.recommend_to_sessions(ranker.sessions, asked, k, True),
        lambda ranker: ranker.recommend(tf.constant([3, 0, 1]), k, include_seen=True),
        lambda ranker: ranker.similar_items(tf.constant([4]), tf.constant(5)),
    ):
        found, expected = ask(staged), ask(exact)
        np.testing.assert_array_equal(found.items, expected.items)
        np.testing.assert_allclose(found.scores, expected.scores, rtol=0, atol=1e-6)
        np.testing.assert_array_equal(found.known, expected.known)


@st.composite
def searches(draw):
    count, width = draw(st.integers(1, 40)), draw(st.integers(1, 4))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    # Few different numbers, so that there are equal vectors and products.
    vectors = generator.integers(-2, 3, (count, width)).astype(np.float32)
    # Some indices are not listed.
    items = np.sort(generator.choice(count + 5, count, replace=False)).astype(np.int32)
    seen = draw(st.lists(st.integers(0, count + 4), max_size=60))
    return vectors, items, seen, draw(st.integers(1, 45)), draw(st.integers(1, 200)), generator


@settings(max_examples=25)
@given(search=searches(), cells=st.booleans())
def test_candidates_are_the_unseen_items_with_the_largest_products(search, cells):
    vectors, items, seen, count, probed, generator = search
    query = generator.integers(-2, 3, (1, vectors.shape[1])).astype(np.float32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(candidates, "CELLS_FROM", 1 if cells else 1000)
        finder = Candidates(None, len(items) + 5, items, LogitVectors(vectors), generator)
    asked = Halves(mf_user=tf.constant(query)), tf.constant(seen, tf.int32)
    left = dict(zip(items.tolist(), (vectors @ query[0]).tolist(), strict=True))
    left = {item: product for item, product in left.items() if item not in seen}
    found = finder.find(*asked, tf.constant(count), tf.constant(max(probed, count))).numpy().tolist()
    assert found == sorted(set(found) & left.keys()), "ascending, none twice, none seen, none unlisted"
    assert len(found) == min(count, len(left))
    found = finder.find(*asked, tf.constant(count), tf.constant(1000)).numpy().tolist()
    best = sorted(left.values(), reverse=True)[:count]
    assert sorted((left[item] for item in found), reverse=True) == best


@given(count=st.integers(1, 300), width=st.integers(1, 3), values=st.integers(1, 9), seed=st.integers(0, 99))
def test_cells_are_a_division(count, width, values, seed):
    generator = np.random.default_rng(seed)
    vectors = generator.integers(0, values, (count, width)).astype(np.float32)
    cells = divide(vectors, generator)
    assert sorted(cells.order) == list(range(count))
    assert cells.offsets[0] == 0 and cells.offsets[-1] == count
    sizes = np.diff(cells.offsets)
    assert sizes.min() > 0 and sizes.max() <= LARGEST * np.ceil(count / round(CELLS_A_ROOT * count**0.5))
    for cell, part in enumerate(np.split(vectors[cells.order], cells.offsets[1:-1])):
        np.testing.assert_allclose(cells.centres[cell], part.mean(axis=0), atol=1e-5)
        np.testing.assert_allclose(cells.variances[cell], part.var(axis=0), atol=1e-4)


@pytest.mark.parametrize(("kind", "rank"), [("GMF", 5), ("MLP-0", 1)])
def test_products_are_the_logits_but_for_a_number_of_the_user(kind, rank):
    model = small_model(kind)
    factored = FactoredModel(model)
    halves, everybody = factored.halves(), np.arange(USERS, dtype=np.int32)
    items, generator = np.arange(3, ITEMS, dtype=np.int32), np.random.default_rng(1)
    vectors = fit_logit_vectors(factored, halves, everybody, items, np.ones(len(items)), generator)
    assert vectors.items.shape == (len(items), rank)
    scores = predictions(model).astype(np.float64)[:, items]
    logits = np.log(scores / (1 - scores))
    for user in everybody:
        of_user = user_vector(factored, halves.of_users([user]), vectors.anchors, vectors.from_anchors)
        products = vectors.items @ of_user.numpy()
        np.testing.assert_allclose(products - products.mean(), logits[user] - logits[user].mean(), atol=1e-4)


def test_too_high_a_recall_makes_exact_lists(monkeypatch):
    monkeypatch.setattr("ncf_keras.recommending.two_stage.FEWEST_CANDIDATES", FEW)
    monkeypatch.setattr(logit_vectors, "RANK", 1)
    model = small_model("NeuMF")
    ranker = make_ranker(model, USERS, ITEMS, busy_dataset(), Wanted(recall=0.9999))
    assert type(ranker) is not TwoStageRanker
    assert ranker.stages == Stages(None, None, ITEMS, 1.0, USERS)
    assert "No number of candidates reaches the recall" in ranker.stages.in_words()
    assert Stages.from_json(ranker.stages.to_json()) == ranker.stages
    assert json.loads(ranker.stages.to_json())["recall"] == 1


def test_what_is_wanted():
    assert Wanted().is_exact and Wanted(recall=1).is_exact and not Wanted(recall=0.999).is_exact
    assert Wanted.by_default(None, None, 99_999) == Wanted()
    assert Wanted.by_default(None, None, 100_000) == Wanted(recall=0.99)
    assert Wanted.by_default(None, 1.0, 100_000).is_exact
    assert Wanted.by_default(20, None, 10**6) == Wanted(candidates=20)
    for wrong in ({"candidates": 9}, {"candidates": True}, {"recall": 0}, {"recall": 1.5}, {"recall": "x"}):
        with pytest.raises(InputError, match=f"`{next(iter(wrong))}` must be"):
            Wanted(**wrong)
    with pytest.raises(InputError, match="`recall` must come without `candidates`"):
        Wanted(10, 0.9)


def test_models_that_have_no_candidates():
    dataset = small_dataset()
    with pytest.raises(InputError, match="`model` must be a GMF, MLP or NeuMF to find candidates"):
        Recommender(ItemPop().fit(dataset), dataset, recall=0.99)
    assert Recommender(ItemPop().fit(dataset), dataset, recall=1).stages.candidates is None
    model = small_model("NeuMF")
    model.get_layer("mlp_embedding_user").embeddings.assign(np.full((USERS, 6), np.nan))
    with pytest.raises(InputError, match="The model must give finite scores"):
        Recommender(model, dataset, candidates=FEW)
