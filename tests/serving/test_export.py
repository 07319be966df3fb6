"""Exports as TensorFlow's C++ loader answers from them, against `model.predict` and sorting in NumPy."""

import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, strategies as st

from ncf_keras.base.errors import InputError
from ncf_keras.models.factored import FactoredModel
from ncf_keras.serving.export import export_model
from ncf_keras.serving.signatures import DEFAULT_K
from tests.serving.cpp_loader import CppModel, Refused
from tests.serving.small_exports import (
    EQUAL_ITEMS,
    ITEM_IDS,
    ITEMS,
    TITLES,
    USER_IDS,
    USERS,
    predictions,
    ranked,
    small_dataset,
    small_model,
)

INT32 = st.integers(-(2**31), 2**31 - 1)
ANY_INDEX = st.one_of(st.integers(-2, ITEMS + 2), INT32)


def seen_by(dataset, user):
    return set(dataset.train_items[dataset.train_offsets[user] : dataset.train_offsets[user + 1]].tolist())


def popular(dataset, k):
    counts = np.bincount(dataset.train_items, minlength=ITEMS)
    items = sorted(range(ITEMS), key=lambda item: (-counts[item], item))[:k]
    return items, counts[items].tolist()


def expected_lists(dataset, scores, users, k):
    lists = []
    for user in users:
        known = 0 <= user < USERS
        lists.append(ranked(scores[user], seen_by(dataset, user), k) if known else popular(dataset, k))
    return lists


def assert_lists(answer, lists, width):
    assert answer["items"].shape == answer["scores"].shape == (len(lists), width)
    for row, (items, scores) in enumerate(lists):
        assert answer["items"][row].tolist() == items
        np.testing.assert_allclose(answer["scores"][row], scores, rtol=0, atol=1e-6)


def texts(array):
    return [[text.decode() for text in row] for row in array]


def assert_scores_and_ranks(loaded, scores, dataset):
    """Hold all scores and everybody's list against the predictions."""
    users, items = np.divmod(np.arange(USERS * ITEMS), ITEMS)
    flat = loaded.run("score", user_input=users, item_input=items)["prediction"]
    np.testing.assert_allclose(flat.reshape(USERS, ITEMS), scores, rtol=0, atol=1e-6)
    everybody = list(range(USERS))
    answer = loaded.run("recommend", user_input=everybody, k=15)
    assert_lists(answer, expected_lists(dataset, scores, everybody, 15), 15)


def test_it_scores_as_the_model_and_ranks_as_sorting(loaded, neumf_scores, dataset):
    assert_scores_and_ranks(loaded, neumf_scores, dataset)


def test_a_model_without_hidden_layers_and_users_without_ids(exported_mlp, dataset):
    with CppModel(exported_mlp) as loaded:
        assert_scores_and_ranks(loaded, predictions(small_model("MLP-0")), dataset)
        assert "similar_items_by_id" in loaded.signatures
        assert "recommend_by_id" not in loaded.signatures
        titles = loaded.run("similar_items_by_id_default", item_id=["Ä"])["titles"]
        assert texts(titles) == [[""] * DEFAULT_K]


def test_it_has_the_signatures_that_the_docs_promise(loaded):
    def described(infos):
        shapes = {name: info.tensor_shape for name, info in infos.items()}
        dims = {name: "any" if shape.unknown_rank else len(shape.dim) for name, shape in shapes.items()}
        return {name: (tf.dtypes.as_dtype(info.dtype).name, dims[name]) for name, info in infos.items()}

    def lists_of(kind):
        return {"only_items": (kind, 2), "not_items": (kind, 2)}

    k = {"k": ("int32", "any")}
    steering = {"max_per": ("int32", "any"), "popularity_penalty": ("float32", "any")}
    by_index = {"items": ("int32", 2), "scores": ("float32", 2), "known": ("bool", 1)}
    by_id = {"item_ids": ("string", 2), "titles": ("string", 2), "scores": ("float32", 2), "known": ("bool", 1)}
    score = ({"user_input": ("int32", 1), "item_input": ("int32", 1)}, {"prediction": ("float32", 1)})
    placed = {"prediction": ("float32", 1), "rank": ("int32", 1), "known": ("bool", 1)}
    expected = {
        "serving_default": score,
        "score": score,
        "new_item": ({"history": ("int32", 2), "user_input": ("int32", 1)}, placed),
        "recommend_steered": ({"user_input": ("int32", 1)} | k | steering | lists_of("int32"), by_index),
        "recommend_steered_by_id": ({"user_id": ("string", 1)} | k | steering | lists_of("string"), by_id),
        "new_item_by_id": ({"history": ("string", 2), "user_id": ("string", 1)}, placed),
    }
    for name, asked, kind, outputs in (
        ("recommend", "user_input", "int32", by_index),
        ("similar_items", "item_input", "int32", by_index),
        ("recommend_by_id", "user_id", "string", by_id),
        ("similar_items_by_id", "item_id", "string", by_id),
    ):
        expected[name] = ({asked: (kind, 1)} | k, outputs)
        expected[f"{name}_default"] = ({asked: (kind, 1)}, outputs)
    public = {name: it for name, it in loaded.signatures.items() if not name.startswith("__")}
    assert {name: (described(it.inputs), described(it.outputs)) for name, it in public.items()} == expected


ANY_K = st.one_of(st.integers(-3, ITEMS + 3), INT32)


@given(rows=st.lists(st.tuples(ANY_INDEX, ANY_K), max_size=8), one_k=st.none() | ANY_K)
def test_any_users_and_any_k_for_all_or_for_each(rows, one_k, loaded, dataset, neumf_scores):
    users, ks = [user for user, _ in rows], [k for _, k in rows]
    if one_k is None and not rows:
        one_k = 3
    answer = loaded.run("recommend", user_input=users, k=ks if one_k is None else one_k)
    lengths = [min(max(k if one_k is None else one_k, 0), ITEMS) for k in ks]
    width = max(lengths, default=0)
    whole = zip(expected_lists(dataset, neumf_scores, users, width), lengths, strict=True)
    lists = [[part[:length] + [-1] * (width - length) for part in both] for both, length in whole]
    assert_lists(answer, lists, width)
    assert answer["known"].tolist() == [0 <= user < USERS for user in users]


@given(pairs=st.lists(st.tuples(ANY_INDEX, ANY_INDEX), max_size=20))
def test_a_pair_out_of_range_is_nan_and_spoils_no_other(pairs, loaded, neumf_scores):
    users, items = [user for user, _ in pairs], [item for _, item in pairs]
    answer = loaded.run("serving_default", user_input=users, item_input=items)["prediction"]
    known = [0 <= user < USERS and 0 <= item < ITEMS for user, item in pairs]
    expected = [neumf_scores[pair] if is_known else np.nan for pair, is_known in zip(pairs, known, strict=True)]
    np.testing.assert_allclose(answer, np.array(expected, np.float32), rtol=0, atol=1e-6)


def test_lists_by_id_are_the_same_lists_with_ids_and_titles(loaded):
    # White space around an id counts for nothing; the data has one as " spaced ".
    asked = ["nobody", *USER_IDS, "", "spaced", " 用户\r\n", "user 5\t"]
    indices = [-1, *range(USERS), -1, 3, 1, 5]
    np.testing.assert_array_equal(
        loaded.run("recommend_default", user_input=indices)["items"],
        loaded.run("recommend", user_input=indices, k=10)["items"],
    )
    for name, k in (("recommend_by_id", {"k": 7}), ("recommend_by_id_default", {})):
        by_id = loaded.run(name, user_id=asked, **k)
        by_index = loaded.run("recommend", user_input=indices, k=k.get("k", DEFAULT_K))
        assert by_id["known"].tolist() == [index >= 0 for index in indices]
        np.testing.assert_array_equal(by_id["scores"], by_index["scores"])
        # Index -1, an empty place, is the last of each list here.
        for outputs, names in (("item_ids", [*ITEM_IDS, ""]), ("titles", [*TITLES, ""])):
            assert texts(by_id[outputs]) == [[names[item] for item in row] for row in by_index["items"]]


def test_similar_items_are_those_with_the_largest_cosines(loaded, neumf):
    vectors = FactoredModel(neumf).item_vectors().astype(np.float64)
    cosines = vectors @ vectors.T
    answer = loaded.run("similar_items", item_input=[-1, *range(ITEMS), ITEMS], k=6)
    assert answer["known"].tolist() == [False, *[True] * ITEMS, False]
    assert answer["items"].shape == answer["scores"].shape == (ITEMS + 2, 6)
    for row in (0, -1):
        assert (answer["items"][row] == -1).all() and (answer["scores"][row] == -1).all()
    for item in range(ITEMS):
        found, scores = answer["items"][item + 1], answer["scores"][item + 1]
        assert len({item, *found.tolist()}) == 7
        # Items of the same vector may come in any order: the last bit of a product depends on the processor.
        np.testing.assert_allclose(cosines[item, found], scores, rtol=0, atol=1e-6)
        np.testing.assert_allclose(scores, ranked(cosines[item], {item}, 6)[1], rtol=0, atol=1e-6)
    assert answer["items"][EQUAL_ITEMS[0] + 1][:2].tolist() == list(EQUAL_ITEMS[1:])
    ten = loaded.run("similar_items", item_input=[4, 99], k=DEFAULT_K)
    for output, array in loaded.run("similar_items_default", item_input=[4, 99]).items():
        np.testing.assert_array_equal(array, ten[output])
    by_id = loaded.run("similar_items_by_id", item_id=["nothing", *ITEM_IDS, ""], k=6)
    names = [*ITEM_IDS, ""]
    assert texts(by_id["item_ids"]) == [[names[item] for item in row] for row in answer["items"]]
    assert (by_id["known"] == answer["known"]).all()
    with pytest.raises(Refused, match=r"Incompatible shapes"):
        loaded.run("recommend", user_input=[1, 2], k=[1, 2, 3])


def test_python_loads_it_too(exported, loaded):
    again = tf.saved_model.load(str(exported)).signatures["recommend_by_id"]
    answer = again(user_id=tf.constant(["用户", "nobody"]), k=tf.constant(3))
    expected = loaded.run("recommend_by_id", user_id=["用户", "nobody"], k=3)
    assert {name: array.tolist() for name, array in expected.items()} == {
        name: tensor.numpy().tolist() for name, tensor in answer.items()
    }


def test_it_stands_wherever_it_is_moved(exported, loaded, tmp_path):
    moved = shutil.copytree(exported, tmp_path / "with space & é" / "000042")
    with CppModel(moved) as model:
        answer, expected = (one.run("recommend_by_id_default", user_id=["🙂"]) for one in (model, loaded))
    np.testing.assert_array_equal(answer["item_ids"], expected["item_ids"])
    assert str(exported).encode() not in (exported / "saved_model.pb").read_bytes()


def other_model():
    return keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)], name="other")


def model_with_a_nan():
    model = small_model("GMF")
    model.get_layer("prediction").bias.assign([np.nan])
    return model


@pytest.mark.parametrize(("model", "changes", "words"), [
    (other_model, {}, r"`model` must be a GMF, MLP or NeuMF .*other"),
    (model_with_a_nan, {}, r"`model` must have finite weights"),
    (None, {"user_ids": ["a", "b"] * (USERS // 2)}, r"`user_ids` must have no id twice. .*'a'"),
    (None, {"item_titles": ["\ud800"] * ITEMS}, r"`item_titles` must be texts in Unicode"),
])  # fmt: skip
def test_what_can_not_be_served_is_refused_and_leaves_nothing(model, changes, words, tmp_path):
    model = model() if model else small_model("GMF")
    with pytest.raises(InputError, match=words):
        export_model(model, small_dataset(**changes), tmp_path / "m")
    assert not (tmp_path / "m").exists()


def test_a_dataset_of_other_sizes_is_refused(sample, tmp_path):
    with pytest.raises(InputError, match=r"the 12 users and 40 items of the model. Received: 1000 and 500"):
        export_model(small_model("GMF"), sample, tmp_path / "m")
