import keras
import numpy as np
import pytest
from scipy.spatial.distance import cosine

from ncf_keras.base.errors import InputError
from ncf_keras.recommending import similar_items
from tests.models import by_hand
from tests.recommending.crowd import ITEM_IDS, MODELS, SIZES, TITLES, crowd


def parts_of(kind, weights):
    """Return the vectors of all items in each tower, from the weights by name."""
    if kind == "MLP":
        return [weights["item_embedding"][0]]
    factors = weights["prediction"][0][:3, 0]
    if kind == "GMF":
        return [weights["item_embedding"][0] * factors]
    return [weights["mf_embedding_item"][0] * factors, weights["mlp_embedding_item"][0]]


@pytest.mark.parametrize("k", [1, 5, 40])
@pytest.mark.parametrize("kind", MODELS)
def test_cosines_are_those_of_scipy(kind, k):
    model = MODELS[kind][0]()
    parts = parts_of(kind, by_hand.randomise(model))
    asked = [8, 0, 6]
    frame = similar_items(model, crowd(), [ITEM_IDS[item] for item in asked], k)
    length = min(k, SIZES[1] - 1)
    assert list(frame["item_id"]) == [ITEM_IDS[item] for item in asked for _ in range(length)]
    assert list(frame["rank"]) == list(range(1, length + 1)) * 3
    for number, item in enumerate(asked):
        rows = frame.iloc[number * length : (number + 1) * length]
        cosines = {
            other: np.mean([1 - cosine(part[item], part[other]) for part in parts])
            for other in range(SIZES[1])
            if other != item
        }
        order = sorted(cosines, key=cosines.get, reverse=True)[:length]
        assert list(rows["similar_item_id"]) == [ITEM_IDS[other] for other in order]
        assert list(rows["title"]) == [TITLES[other] for other in order]
        np.testing.assert_allclose(rows["cosine"], [cosines[other] for other in order], atol=1e-6)


def test_the_scale_of_a_factor_between_the_embedding_and_the_output_does_not_matter():
    model, dataset = MODELS["GMF"][0](), crowd()
    by_hand.randomise(model)
    before = similar_items(model, dataset, ITEM_IDS, 12)
    scale = np.array([0.01, 1, 50], np.float32)
    (table,), (kernel, bias) = (
        model.get_layer(name).get_weights() for name in ("item_embedding", "prediction")
    )
    model.get_layer("item_embedding").set_weights([table * scale])
    model.get_layer("prediction").set_weights([kernel / scale[:, None], bias])
    after = similar_items(model, dataset, ITEM_IDS, 12)
    assert list(before["similar_item_id"]) == list(after["similar_item_id"])
    np.testing.assert_allclose(before["cosine"], after["cosine"], atol=1e-6)


def test_equal_items_come_in_the_order_of_their_indices_and_a_zero_vector_has_cosine_0(monkeypatch):
    monkeypatch.setattr("ncf_keras.recommending.similar.NUMBERS_A_CHUNK", 1)
    model = MODELS["MLP"][0]()
    table = np.ones((SIZES[1], 4), np.float32)
    table[3] = 0
    model.get_layer("item_embedding").set_weights([table])
    frame = similar_items(model, crowd(ids=False), [5, 3], 12)
    first, second = frame[frame["item_id"] == 5], frame[frame["item_id"] == 3]
    assert list(first["similar_item_id"]) == [0, 1, 2, 4, 6, 7, 8, 9, 10, 11, 12, 3]
    np.testing.assert_allclose(first["cosine"], [1] * 11 + [0], atol=1e-6)
    assert list(second["cosine"]) == [0] * 12


def test_wrong_arguments_are_named():
    model = MODELS["GMF"][0]()
    with pytest.raises(InputError, match="`items` must hold ids of the dataset, such as 5"):
        similar_items(model, crowd(), ["0", "6"])
    with pytest.raises(InputError, match="`k` must be a whole number"):
        similar_items(model, crowd(), ["0"], -1)
    with pytest.raises(InputError, match="`model` must be a GMF, MLP or NeuMF"):
        similar_items(keras.Sequential([keras.layers.Dense(1)]), crowd(), ["0"])
    model.get_layer("item_embedding").set_weights([np.full((SIZES[1], 3), np.inf)])
    with pytest.raises(InputError, match="finite"):
        similar_items(model, crowd(), ["0"])
