"""The paper's other models: MF, towers of other activations, shared embeddings, and the one for ratings."""

from functools import partial

import keras
import numpy as np
import pytest

from ncf_keras.base.errors import InputError
from ncf_keras.models import (
    build_feedforward_embed,
    build_gmf,
    build_mf,
    build_mlp,
    build_neumf,
    build_shared_fusion,
    mlp_layers,
    model_scores,
)
from tests import predicting
from tests.models import by_hand

USERS, ITEMS = 11, 13
PAIR_USERS, PAIR_ITEMS = np.divmod(np.arange(USERS * ITEMS, dtype=np.int32), ITEMS)
ACTIVATIONS = {
    "relu": by_hand.relu,
    "linear": lambda vector: vector,
    "tanh": np.tanh,
    "sigmoid": by_hand.sigmoid,
}


def mf(weights, users, items):
    return (weights["user_embedding"][0][users] * weights["item_embedding"][0][items]).sum(axis=1)


def shared_fusion(weights, users, items, activation=by_hand.relu):
    user, item = weights["user_embedding"][0][users], weights["item_embedding"][0][items]
    kernel, bias = weights["layer1"]
    return by_hand.output(weights, activation(user * item + np.hstack([user, item]) @ kernel + bias))


def feedforward_embed(weights, users, items):
    return 0.5 + 4.5 * by_hand.mlp(weights, users, items)


MODELS = {
    "MF": (partial(build_mf, num_factors=6), mf),
    "shared fusion": (partial(build_shared_fusion, num_factors=6), shared_fusion),
    "FeedforwardEmbed": (
        partial(build_feedforward_embed, num_factors=4, hidden=(7, 5), min_rating=0.5, max_rating=5.0),
        feedforward_embed,
    ),
    **{
        f"shared fusion with {name}": (
            partial(build_shared_fusion, num_factors=6, activation=name),
            partial(shared_fusion, activation=function),
        )
        for name, function in ACTIVATIONS.items()
        if name != "relu"
    },
    **{
        f"MLP with {name}": (
            partial(build_mlp, layers=(10, 7, 4), reg_layers=(0, 0, 0), activation=name),
            partial(by_hand.mlp, activation=function),
        )
        for name, function in ACTIVATIONS.items()
        if name != "relu"
    },
    **{
        f"NeuMF with {name}": (
            partial(build_neumf, mf_dim=3, layers=(10, 7, 4), reg_layers=(0, 0, 0), activation=name),
            partial(by_hand.neumf, activation=function),
        )
        for name, function in ACTIVATIONS.items()
        if name != "relu"
    },
    **{
        f"MLP-{depth}": (
            partial(build_mlp, layers=mlp_layers(6, depth), reg_layers=(0,) * (depth + 1)),
            by_hand.mlp,
        )
        for depth in (1, 4)
    },
}


# Models of which no other in the list has the layers.
DISTINCT = ("MF", "shared fusion", "FeedforwardEmbed", "MLP with tanh")


def predict(model):
    return predicting.predict(model, PAIR_USERS, PAIR_ITEMS)


def randomise(model):
    """Randomise what is trained; what is not, the ones of MF, stays."""
    kept = {weight.path: weight.numpy() for weight in model.non_trainable_weights}
    weights = by_hand.randomise(model, scale=0.5)
    for weight in model.non_trainable_weights:
        weight.assign(kept[weight.path])
    return weights


@pytest.mark.parametrize("name", MODELS)
def test_predictions_are_those_of_the_equations(name):
    build, forward = MODELS[name]
    model = build(USERS, ITEMS, seed=1)
    expected = forward(randomise(model), PAIR_USERS, PAIR_ITEMS)
    np.testing.assert_allclose(predict(model), expected, atol=2e-5)
    np.testing.assert_allclose(model_scores(model)(PAIR_USERS, PAIR_ITEMS), expected, atol=2e-5)
    assert expected.std() > 0.005


@pytest.mark.parametrize("name", DISTINCT)
def test_a_saved_model_loads_without_custom_objects(name, tmp_path):
    model = MODELS[name][0](USERS, ITEMS)
    randomise(model)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(predict(loaded), predict(model))
    assert [weight.path for weight in loaded.trainable_weights] == [w.path for w in model.trainable_weights]


@pytest.mark.parametrize("name", DISTINCT)
def test_the_seed_decides_the_weights(name):
    def start(seed):
        weights = MODELS[name][0](USERS, ITEMS, seed=seed).trainable_weights
        return np.concatenate([weight.numpy().ravel() for weight in weights])

    np.testing.assert_array_equal(start(4), start(4))
    assert not np.array_equal(start(4), start(5))
    assert not np.array_equal(start(None), start(None))


def test_mf_is_gmf_with_h_fixed_to_ones_and_an_identity_output():
    factorization, generalized = build_mf(USERS, ITEMS, 6), build_gmf(USERS, ITEMS, 6)
    randomise(factorization)
    for name in ("user_embedding", "item_embedding"):
        generalized.get_layer(name).set_weights(factorization.get_layer(name).get_weights())
    generalized.get_layer("prediction").set_weights([np.ones((6, 1)), np.zeros(1)])
    np.testing.assert_allclose(by_hand.sigmoid(predict(factorization)), predict(generalized), atol=1e-6)


def test_training_mf_moves_the_embeddings_and_leaves_h_at_ones():
    model = build_mf(USERS, ITEMS, 6, seed=1)
    assert [tuple(weight.shape) for weight in model.trainable_weights] == [(11, 6), (13, 6)]
    before = model.get_weights()
    model.compile("sgd", "mean_squared_error")
    model.fit([PAIR_USERS[:, None], PAIR_ITEMS[:, None]], np.ones(len(PAIR_USERS)), verbose=0)
    after = model.get_weights()
    assert not np.array_equal(before[0], after[0]) and not np.array_equal(before[1], after[1])
    np.testing.assert_array_equal(model.get_layer("prediction").get_weights()[0], np.ones((6, 1)))


def test_a_tower_of_linear_layers_is_one_linear_map():
    """Why the paper's linear towers can't model interactions: the logit is a user's part plus an item's."""
    linear = build_mlp(USERS, ITEMS, (10, 7, 4), (0, 0, 0), activation="linear")
    by_hand.randomise(linear, scale=0.4)
    bent = build_mlp(USERS, ITEMS, (10, 7, 4), (0, 0, 0))
    bent.set_weights(linear.get_weights())
    assert interaction(linear) < 1e-4 < 0.01 < interaction(bent)


def interaction(model):
    """Return how far the logits are from a sum of a user's part and an item's part."""
    shares = predict(model).astype(np.float64).reshape(USERS, ITEMS)
    logits = np.log(shares / (1 - shares))
    return np.abs(logits - logits.mean(0) - logits.mean(1, keepdims=True) + logits.mean()).max()


@pytest.mark.parametrize(
    ("factors", "depth", "widths"),
    [(8, 3, (64, 32, 16, 8)), (8, 0, (8,)), (16, 1, (32, 16)), (64, 4, (1024, 512, 256, 128, 64))],
)
def test_layers_of_the_papers_towers(factors, depth, widths):
    assert mlp_layers(factors, depth) == widths


def test_penalties_of_shared_fusion():
    model = build_shared_fusion(USERS, ITEMS, 6, (0.5, 0.25, 0.125))
    weights = by_hand.randomise(model, scale=0.5)
    expected = sum(
        penalty * (weights[name][0] ** 2).sum()
        for penalty, name in ((0.5, "user_embedding"), (0.25, "item_embedding"), (0.125, "layer1"))
    )
    assert float(sum(model.losses)) == pytest.approx(expected, rel=1e-6)


def test_ratings_stay_in_their_range():
    model = build_feedforward_embed(USERS, ITEMS, 4, (6,), -1.0, 3.0)
    by_hand.randomise(model, scale=30.0)
    ratings = predict(model)
    assert ratings.min() >= -1.0 and ratings.max() <= 3.0 and np.ptp(ratings) > 3.5


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: build_mf(0, 5), "`num_users` must be a whole number of at least 1. Received: 0"),
        (lambda: build_mf(5, 5, 8, (0,)), "`regs` must have 2 entries"),
        (lambda: build_shared_fusion(5, 5, 8, (0, 0)), "`regs` must have 3 entries"),
        (
            lambda: build_shared_fusion(5, 5, activation="gelu"),
            "`activation` must be one of relu, linear, tanh",
        ),
        (lambda: build_mlp(5, 5, activation=None), "`activation` must be one of .*Received: None"),
        (lambda: build_neumf(5, 5, activation="ReLU"), "`activation` must be one of .*Received: 'ReLU'"),
        (lambda: build_feedforward_embed(5, 5, hidden=(4, 0)), "`hidden` must be a whole number .*Received: 0"),
        (
            lambda: build_feedforward_embed(5, 5, min_rating=5, max_rating=5),
            "`min_rating` and `max_rating` must",
        ),
        (lambda: build_feedforward_embed(5, 5, max_rating=float("inf")), "`min_rating` and `max_rating` must"),
        (lambda: mlp_layers(8, -1), "`hidden_layers` must be a whole number of at least 0. Received: -1"),
        (lambda: mlp_layers(0, 1), "`num_factors` must be a whole number of at least 1. Received: 0"),
    ],
)
def test_an_argument_that_breaks_its_rule_is_named(build, message):
    with pytest.raises(InputError, match=message):
        build()
