import keras
import numpy as np
import pytest

from ncf_keras.models import all_scores as module
from ncf_keras.models.all_scores import all_scores
from tests.models import by_hand
from tests.models.test_scoring import FACTORED, ITEMS, PLAIN, USERS, predict


@pytest.mark.parametrize("numbers", [2**24, 1])
@pytest.mark.parametrize("name", FACTORED | PLAIN)
def test_every_item_has_the_prediction_of_the_model(name, numbers, monkeypatch):
    monkeypatch.setattr(module, "NUMBERS_A_CALL", numbers)
    model = (FACTORED | PLAIN)[name]()
    score_all = all_scores(model, ITEMS)
    for seed in (1, 2):
        by_hand.randomise(model, seed)
        expected = predict(model).reshape(USERS, ITEMS)
        for users in ([4], [8, 0, 8], range(USERS), []):
            scores = score_all(np.array(users, np.int64))
            assert scores.dtype == np.float32 and scores.shape == (len(users), ITEMS)
            np.testing.assert_allclose(scores, expected[list(users)], rtol=2e-6, atol=1e-6)


def test_the_number_of_items_is_needed_only_for_models_of_another_make():
    assert all_scores(FACTORED["GMF"]())(np.array([1])).shape == (1, ITEMS)
    with pytest.raises(ValueError, match="`num_items` must be given"):
        all_scores(keras.Sequential([keras.layers.Dense(1)]))
