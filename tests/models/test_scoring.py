import keras
import numpy as np
import pytest
import tensorflow as tf

from ncf_keras.models import build_gmf, build_mlp, build_neumf, model_scores, scoring
from ncf_keras.models.factored import FactoredModel, can_factor
from ncf_keras.models.scoring import all_scores
from tests import predicting
from tests.models import by_hand

USERS, ITEMS = 9, 7
PAIR_USERS, PAIR_ITEMS = np.divmod(np.arange(USERS * ITEMS, dtype=np.int32), ITEMS)


def custom(activation="sigmoid", bias=True, items_first=False, hidden="relu", skip=False, dropout=False):
    """An MLP with the names of `build_mlp`, but put together by somebody else."""
    users = keras.Input((1,), dtype="int32", name="user_input")
    items = keras.Input((1,), dtype="int32", name="item_input")
    user = keras.layers.Flatten()(keras.layers.Embedding(USERS, 4, name="user_embedding")(users))
    item = keras.layers.Flatten()(keras.layers.Embedding(ITEMS, 4, name="item_embedding")(items))
    joined = keras.layers.Concatenate()([item, user] if items_first else [user, item])
    vector = keras.layers.Dense(8, activation=hidden, name="layer1")(joined)
    if skip:
        vector = keras.layers.Concatenate()([vector, joined])
    if dropout:
        vector = keras.layers.Dropout(0.5)(vector)
    output = keras.layers.Dense(1, activation=activation, use_bias=bias, name="prediction")(vector)
    return keras.Model([users, items], output)


FACTORED = {
    "GMF": lambda: build_gmf(USERS, ITEMS, 5),
    "MLP": lambda: build_mlp(USERS, ITEMS, (8, 6, 4), (0, 0, 0)),
    "MLP-0": lambda: build_mlp(USERS, ITEMS, (8,), (0,)),
    "MLP-1": lambda: build_mlp(USERS, ITEMS, (8, 6), (0, 0)),
    "NeuMF": lambda: build_neumf(USERS, ITEMS, 5, (8, 6, 4), (0, 0, 0)),
    "NeuMF without hidden layers": lambda: build_neumf(USERS, ITEMS, 5, (8,), (0,)),
    "with tanh": lambda: custom(hidden="tanh"),
    "with softmax": lambda: custom(hidden="softmax"),
}
PLAIN = {
    "logits": lambda: custom(activation="linear"),
    "without a bias": lambda: custom(bias=False),
    "items first": lambda: custom(items_first=True),
    "a skip connection": lambda: custom(skip=True),
    "dropout": lambda: custom(dropout=True),
}


def predict(model):
    return predicting.predict(model, PAIR_USERS, PAIR_ITEMS)


@pytest.mark.parametrize("name", FACTORED | PLAIN)
def test_scores_are_the_predictions_of_the_model_at_the_time(name):
    model = (FACTORED | PLAIN)[name]()
    assert can_factor(model) == (name in FACTORED)
    score, score_all, in_blocks = model_scores(model), all_scores(model, ITEMS), all_scores(model, ITEMS, 1)
    for seed in (1, 2):
        by_hand.randomise(model, seed)
        expected = predict(model)
        scores = score(PAIR_USERS, PAIR_ITEMS)
        assert scores.dtype == np.float32 and scores.shape == PAIR_USERS.shape
        np.testing.assert_allclose(scores, expected, atol=1e-6)
        assert scores.std() > 0.01
        for users in ([4], [8, 0, 8], range(USERS), []):
            for scores in (score_all(np.array(users, np.int64)), in_blocks(np.array(users, np.int64))):
                assert scores.dtype == np.float32 and scores.shape == (len(users), ITEMS)
                rows = expected.reshape(USERS, ITEMS)[list(users)]
                np.testing.assert_allclose(scores, rows, rtol=2e-6, atol=1e-6)


@pytest.mark.parametrize("make", [FACTORED["MLP"], PLAIN["dropout"]])
def test_any_number_of_pairs_of_any_integer_type(make):
    model = make()
    by_hand.randomise(model)
    score, expected = model_scores(model, pairs_a_call=10), predict(model)
    for count in (0, 1, 9, 10, 11, 20, 63):
        scores = score(PAIR_USERS[:count].astype(np.int64), PAIR_ITEMS[:count].tolist())
        assert scores.shape == (count,) and scores.dtype == np.float32
        np.testing.assert_allclose(scores, expected[:count], atol=1e-6)


def test_a_loaded_model_and_one_used_inside_another_are_known_again(tmp_path):
    model = FACTORED["NeuMF"]()
    by_hand.randomise(model)
    model.save(tmp_path / "model.keras")
    inputs = [keras.Input((1,), dtype="int32"), keras.Input((1,), dtype="int32")]
    keras.Model(inputs, model(inputs))
    for known in (model, keras.saving.load_model(tmp_path / "model.keras")):
        assert can_factor(known)
        np.testing.assert_allclose(model_scores(known)(PAIR_USERS, PAIR_ITEMS), predict(model), atol=1e-6)


def test_a_layer_that_is_called_twice_makes_another_model():
    first = FACTORED["GMF"]()
    users, items = (keras.Input((1,), dtype="int32", name=f"{side}_input") for side in ("user", "item"))
    parts = [first.get_layer(f"{side}_embedding")(index) for side, index in (("user", users), ("item", items))]
    joined = keras.layers.Multiply()([keras.layers.Flatten()(part) for part in parts])
    second = keras.Model([users, items], first.get_layer("prediction")(joined))
    assert can_factor(first) and not can_factor(second)
    by_hand.randomise(first)
    np.testing.assert_allclose(model_scores(second)(PAIR_USERS, PAIR_ITEMS), predict(first), atol=1e-6)


def test_a_model_that_is_no_graph_of_layers_is_scored_as_it_is():
    class Dot(keras.Model):
        def __init__(self):
            super().__init__()
            self.users, self.items = keras.layers.Embedding(USERS, 3), keras.layers.Embedding(ITEMS, 3)

        def call(self, inputs):
            return keras.ops.sum(self.users(inputs[0]) * self.items(inputs[1]), axis=-1)

    model = Dot()
    expected = model([PAIR_USERS[:, None], PAIR_ITEMS[:, None]]).numpy()[:, 0]
    assert not can_factor(model)
    np.testing.assert_allclose(model_scores(model)(PAIR_USERS, PAIR_ITEMS), expected, atol=1e-6)


def test_the_number_of_items_is_needed_only_for_models_of_another_make():
    assert all_scores(FACTORED["GMF"]())(np.array([1])).shape == (1, ITEMS)
    with pytest.raises(ValueError, match="`num_items` must be given"):
        all_scores(keras.Sequential([keras.layers.Dense(1)]))


def test_many_models_in_a_row_are_no_retracing_to_tensorflow(caplog, monkeypatch):
    monkeypatch.setattr(tf.get_logger(), "propagate", True)
    model = FACTORED["GMF"]()
    for _ in range(8):
        model_scores(model)(PAIR_USERS, PAIR_ITEMS)
        all_scores(model)(PAIR_USERS[:3])
    assert "retracing" not in caplog.text


def test_a_wide_model_scores_fewer_pairs_at_a_time(monkeypatch):
    """What lies between two layers is at most so many numbers, whatever the width."""
    model = FACTORED["GMF"]()
    expected = predicting.predict(model, PAIR_USERS, PAIR_ITEMS)
    rows = []
    real = scoring.FactoredModel.score_pairs

    def recording(self, halves, users, items):
        rows.append(users.shape[0])
        return real(self, halves, users, items)

    monkeypatch.setattr(scoring.FactoredModel, "score_pairs", recording)
    monkeypatch.setattr(scoring, "NUMBERS_A_CALL", 4 * FactoredModel(model).widest)
    np.testing.assert_allclose(model_scores(model)(PAIR_USERS, PAIR_ITEMS), expected, rtol=1e-6)
    assert rows[0] == 4
