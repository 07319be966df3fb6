"""The models of the paper against NumPy: layers, predictions, first weights, penalties, rules of arguments."""

import inspect
import itertools
from functools import partial

import keras
import numpy as np
import pytest
from scipy import stats

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
OTHER_ACTIVATIONS = {"linear": lambda vector: vector, "tanh": np.tanh, "sigmoid": by_hand.sigmoid}


def mf(weights, users, items):
    return (weights["user_embedding"][0][users] * weights["item_embedding"][0][items]).sum(axis=1)


def shared_fusion(weights, users, items, activation=by_hand.relu):
    user, item = weights["user_embedding"][0][users], weights["item_embedding"][0][items]
    kernel, bias = weights["layer1"]
    return by_hand.output(weights, activation(user * item + np.hstack([user, item]) @ kernel + bias))


def feedforward_embed(weights, users, items):
    return 0.5 + 4.5 * by_hand.mlp(weights, users, items)


def tables(width, user="user_embedding", item="item_embedding"):
    return {user: [(USERS, width)], item: [(ITEMS, width)]}


def two_towers(mf_width, mlp_width):
    return {**tables(mf_width, "mf_embedding_user", "mf_embedding_item"),
            **tables(mlp_width, "mlp_embedding_user", "mlp_embedding_item")}  # fmt: skip


def dense(*widths):
    """Return the shapes of hidden layers of these widths, the first that of their input, and of the output."""
    names = [*(f"layer{number}" for number in range(1, len(widths) - 1)), "prediction"]
    kernels = dict(zip(names, itertools.pairwise(widths), strict=True))
    return {name: [kernel, kernel[1:]] for name, kernel in kernels.items()}


# What is built, its forward pass by hand, and the shapes of its weights.
MODELS = {
    "GMF": (partial(build_gmf, num_factors=6), by_hand.gmf, tables(6) | dense(6, 1)),
    "GMF of one factor": (partial(build_gmf, num_factors=1), by_hand.gmf, tables(1) | dense(1, 1)),
    "MLP": (partial(build_mlp, layers=(10, 7, 4, 3), reg_layers=(0,) * 4), by_hand.mlp,
            tables(5) | dense(10, 7, 4, 3, 1)),
    "MLP-0": (partial(build_mlp, layers=(10,), reg_layers=(0,)), by_hand.mlp, tables(5) | dense(10, 1)),
    "MLP-1": (partial(build_mlp, layers=mlp_layers(6, 1)), by_hand.mlp, tables(6) | dense(12, 6, 1)),
    "NeuMF": (partial(build_neumf, mf_dim=3, layers=(10, 7, 4), reg_layers=(0, 0, 0)), by_hand.neumf,
              two_towers(3, 5) | dense(10, 7, 4) | {"layer2": [(7, 4), (4,)], "prediction": [(7, 1), (1,)]}),
    "NeuMF without hidden layers": (partial(build_neumf, mf_dim=3, layers=(4,)), by_hand.neumf,
                                    two_towers(3, 2) | dense(7, 1)),
    "MF": (partial(build_mf, num_factors=6), mf, tables(6) | {"prediction": [(6, 1)]}),
    "shared fusion": (partial(build_shared_fusion, num_factors=6), shared_fusion, tables(6) | dense(12, 6, 1)),
    "FeedforwardEmbed": (
        partial(build_feedforward_embed, num_factors=4, hidden=(7, 5), min_rating=0.5, max_rating=5.0),
        feedforward_embed, tables(4) | dense(8, 7, 5, 1)),
}  # fmt: skip
WITH_ACTIVATIONS = {
    f"{name} with {activation}": (partial(build, activation=activation), partial(forward, activation=function))
    for name, (build, forward, _) in MODELS.items()
    if name in ("MLP", "NeuMF", "shared fusion")
    for activation, function in OTHER_ACTIVATIONS.items()
}


@pytest.fixture(params=MODELS)
def build(request):
    return partial(MODELS[request.param][0], USERS, ITEMS)


def shapes(model):
    return {layer.name: [tuple(w.shape) for w in layer.weights] for layer in model.layers if layer.weights}


def predict(model):
    return predicting.predict(model, PAIR_USERS, PAIR_ITEMS)


def randomise(model, scale=0.8):
    """Randomise what is trained; what is not, the ones of MF, stays."""
    kept = {weight.path: weight.numpy() for weight in model.non_trainable_weights}
    weights = by_hand.randomise(model, scale=scale)
    for weight in model.non_trainable_weights:
        weight.assign(kept[weight.path])
    return weights


@pytest.mark.parametrize("name", MODELS)
def test_layers_have_the_authors_names_and_shapes(name):
    build, _, expected = MODELS[name]
    model = build(USERS, ITEMS)
    assert shapes(model) == expected
    inputs = [("user_input", "int32", (None, 1)), ("item_input", "int32", (None, 1))]
    assert [(tensor.name, tensor.dtype, tensor.shape) for tensor in model.inputs] == inputs
    assert model.output.shape == (None, 1) and model.output.dtype == "float32"
    assert model.output_names == ["rating" if name == "FeedforwardEmbed" else "prediction"]
    assert all(weight.dtype == "float32" for weight in model.weights)
    assert len(model.weights) - len(model.trainable_weights) == (name == "MF")
    assert model.losses == []


@pytest.mark.parametrize("name", MODELS | WITH_ACTIVATIONS)
def test_predictions_are_those_of_the_equations(name):
    build, forward, *_ = (MODELS | WITH_ACTIVATIONS)[name]
    model = build(USERS, ITEMS, seed=1)
    expected = forward(randomise(model), PAIR_USERS, PAIR_ITEMS)
    predictions = predict(model)
    assert predictions.shape == (USERS * ITEMS,) and predictions.dtype == np.float32
    np.testing.assert_allclose(predictions, expected, atol=1e-5)
    np.testing.assert_allclose(model_scores(model)(PAIR_USERS, PAIR_ITEMS), expected, atol=1e-5)
    assert expected.std() > 0.002


def test_a_saved_model_loads_without_custom_objects(build, tmp_path):
    model = build()
    randomise(model)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(predict(loaded), predict(model))
    assert [layer.get_config() for layer in loaded.layers] == [layer.get_config() for layer in model.layers]


def test_the_seed_decides_the_weights(build):
    def start(seed):
        return np.concatenate([weight.numpy().ravel() for weight in build(seed=seed).trainable_weights])

    np.testing.assert_array_equal(start(4), start(4))
    assert not np.array_equal(start(4), start(5))
    assert not np.array_equal(start(None), start(None))


def test_a_tower_of_linear_layers_is_one_linear_map():
    """Why the paper's linear towers can't model interactions: the logit is a user's part plus an item's."""
    linear, bent = (build_mlp(USERS, ITEMS, (10, 7, 4), (0, 0, 0), activation=a) for a in ("linear", "relu"))
    by_hand.randomise(linear, scale=0.4)
    bent.set_weights(linear.get_weights())

    def interaction(model):
        """Return how far the logits are from a sum of a user's part and an item's part."""
        shares = predict(model).astype(np.float64).reshape(USERS, ITEMS)
        logits = np.log(shares / (1 - shares))
        return np.abs(logits - logits.mean(0) - logits.mean(1, keepdims=True) + logits.mean()).max()

    assert interaction(linear) < 1e-4 < 0.01 < interaction(bent)


def test_layers_of_the_papers_towers():
    assert mlp_layers(8, 3) == (64, 32, 16, 8) and mlp_layers(8, 0) == (8,)
    assert mlp_layers(64, 4) == (1024, 512, 256, 128, 64)


def test_ratings_stay_in_their_range():
    model = build_feedforward_embed(USERS, ITEMS, 4, (6,), -1.0, 3.0)
    by_hand.randomise(model, scale=30.0)
    ratings = predict(model)
    assert ratings.min() >= -1.0 and ratings.max() <= 3.0 and np.ptp(ratings) > 3.5


@pytest.mark.parametrize(("build", "defaults"), [
    (build_gmf, {"num_factors": 8, "regs": (0, 0)}),
    (build_mlp, {"layers": (20, 10), "reg_layers": (0, 0)}),
    (build_neumf, {"mf_dim": 10, "layers": (10,), "reg_layers": (0,), "reg_mf": 0}),
])  # fmt: skip
def test_arguments_are_in_the_order_and_with_the_defaults_of_the_authors(build, defaults):
    parameters = inspect.signature(build).parameters.values()
    by_position = [p for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert [p.name for p in by_position] == ["num_users", "num_items", *defaults]
    assert {p.name: p.default for p in by_position[2:]} == defaults


def embeddings(model):
    layers = [layer for layer in model.layers if isinstance(layer, keras.layers.Embedding)]
    return {layer.name: layer.get_weights()[0] for layer in layers}


def test_embeddings_are_normal_with_sigma_001_and_not_truncated():
    model = build_neumf(500, 400, 40, (80, 4), (0, 0), seed=5)
    for name, table in embeddings(model).items():
        assert stats.kstest(table.ravel(), stats.norm(0, 0.01).cdf).pvalue > 1e-3, name
        # Keras' truncated normal has no value beyond two standard deviations; the normal 4.55 percent.
        assert (np.abs(table) > 0.02).mean() == pytest.approx(0.0455, abs=0.006), name


def test_each_table_is_a_draw_of_its_own():
    model = build_neumf(300, 300, 16, (32,), (0,), seed=5)
    arrays = list(embeddings(model).values())
    assert len(arrays) == 4 and len({array.shape for array in arrays}) == 1
    for first, one in enumerate(arrays):
        for other in arrays[first + 1 :]:
            assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 0.06
    for build in (build_gmf, build_mlp):
        users, items = embeddings(build(50, 50, seed=5)).values()
        assert not np.isclose(users, items).all(axis=1).any()


def uniform_bound(values, bound):
    return stats.kstest(values.ravel(), stats.uniform(-bound, 2 * bound).cdf).pvalue


def test_kernels_are_uniform_with_the_bounds_of_the_authors_and_biases_zero():
    model = build_mlp(USERS, ITEMS, (60, 80, 400), (0, 0, 0), seed=5)
    layers = {layer.name: layer.get_weights() for layer in model.layers}
    for name, fans in (("layer1", 60 + 80), ("layer2", 80 + 400)):
        assert uniform_bound(layers[name][0], np.sqrt(6 / fans)) > 1e-3  # glorot uniform
        assert not layers[name][1].any()
    assert uniform_bound(layers["prediction"][0], np.sqrt(3 / 400)) > 1e-3  # lecun uniform
    assert not layers["prediction"][1].any()
    # The test tells the two apart: glorot's bound for the output would be another.
    assert uniform_bound(layers["prediction"][0], np.sqrt(6 / 401)) < 1e-3


def penalty(model):
    return float(sum(model.losses))


def squares(weights, name):
    return (weights[name][0] ** 2).sum()


neumf = partial(build_neumf, mf_dim=3, layers=(10, 7, 4))


@pytest.mark.parametrize(("build", "penalties"), [
    (partial(build_gmf, regs=(0.25, 0.5)), {"user_embedding": 0.25, "item_embedding": 0.5}),
    (partial(build_mlp, layers=(10, 7, 4), reg_layers=(0.5, 0.25, 0.125)),
     {"user_embedding": 0.5, "item_embedding": 0.5, "layer1": 0.25, "layer2": 0.125}),
    (partial(build_shared_fusion, regs=(0.5, 0.25, 0.125)),
     {"user_embedding": 0.5, "item_embedding": 0.25, "layer1": 0.125}),
    (partial(neumf, reg_layers=(0, 0, 0), reg_mf=1), {"mf_embedding_user": 1, "mf_embedding_item": 1}),
    (partial(neumf, reg_layers=(0.5, 0, 0)), {"mlp_embedding_user": 0.5, "mlp_embedding_item": 0.5}),
    (partial(neumf, reg_layers=(0, 0.5, 0)), {"layer1": 0.5}),
    (partial(neumf, reg_layers=(0, 0, 0.5)), {"layer2": 0.5}),
])  # fmt: skip
def test_penalties_are_lambda_times_the_sum_of_squares(build, penalties):
    model = build(USERS, ITEMS)
    weights = by_hand.randomise(model, scale=0.5)
    expected = sum(share * squares(weights, name) for name, share in penalties.items())
    assert penalty(model) == pytest.approx(expected, rel=1e-6)


def test_a_penalty_is_of_the_whole_table_and_part_of_the_loss():
    model = build_gmf(USERS, ITEMS, 6, (0.25, 0))
    weights = by_hand.randomise(model)
    model.compile("sgd", "binary_crossentropy")
    loss = model.test_on_batch([np.array([[3]]), np.array([[5]])], np.array([[1.0]]))
    cross_entropy = -np.log(by_hand.gmf(weights, [3], [5])[0])
    assert float(loss) == pytest.approx(cross_entropy + 0.25 * squares(weights, "user_embedding"), rel=1e-5)


@pytest.mark.parametrize(("build", "message"), [
    (lambda: build_gmf(0, 5), "`num_users` must be a whole number of at least 1. Received: 0"),
    (lambda: build_mlp(5.0, 5), "`num_users` must be a whole number of at least 1. Received: 5.0"),
    (lambda: build_gmf(5, 5, 0), "`num_factors` must be a whole number of at least 1. Received: 0"),
    (lambda: build_neumf(5, 5, "8"), "`mf_dim` must be a whole number of at least 1. Received: '8'"),
    (lambda: build_gmf(5, 5, 8, (0,)), r"`regs` must have 2 entries, .*Received: \[0\]"),
    (lambda: build_gmf(5, 5, 8, (0, -1)), "`regs` must hold finite numbers of at least 0. Received: -1"),
    (lambda: build_mlp(5, 5, (), ()), r"`layers` must have at least one entry. Received: \[\]"),
    (lambda: build_mlp(5, 5, (7,), (0,)), r"`layers` must begin with an even width.*Received: \[7\]"),
    (lambda: build_mlp(5, 5, (8, 0), (0, 0)), "`layers` must be a whole number of at least 1. Received: 0"),
    (lambda: build_mlp(5, 5, (8, 4), (0,)), r"`reg_layers` must have 2 entries, .*Received: \[0\]"),
    (lambda: build_neumf(5, 5, reg_mf=-0.1), "`reg_mf` must hold finite numbers .*Received: -0.1"),
    (lambda: build_neumf(5, 5, reg_layers=(float("inf"),)), "`reg_layers` must hold .*Received: inf"),
    (lambda: build_mlp(5, 5, reg_rows=-1), "`reg_rows` must hold finite numbers .*Received: -1"),
    (lambda: build_mf(5, 5, 8, (0,)), "`regs` must have 2 entries"),
    (lambda: build_shared_fusion(5, 5, 8, (0, 0)), "`regs` must have 3 entries"),
    (lambda: build_shared_fusion(5, 5, activation="gelu"), "`activation` must be one of relu, linear, tanh"),
    (lambda: build_neumf(5, 5, activation="ReLU"), "`activation` must be one of .*Received: 'ReLU'"),
    (lambda: build_feedforward_embed(5, 5, hidden=(4, 0)), "`hidden` must be a whole number .*Received: 0"),
    (lambda: build_feedforward_embed(5, 5, min_rating=5), "`min_rating` and `max_rating` must"),
    (lambda: build_feedforward_embed(5, 5, max_rating=float("inf")), "`min_rating` and `max_rating` must"),
    (lambda: mlp_layers(8, -1), "`hidden_layers` must be a whole number of at least 0. Received: -1"),
    (lambda: mlp_layers(0, 1), "`num_factors` must be a whole number of at least 1. Received: 0"),
])  # fmt: skip
def test_an_argument_that_breaks_its_rule_is_named(build, message):
    with pytest.raises(InputError, match=message):
        build()


def test_the_penalty_of_the_rows_of_each_example_by_hand():
    model = build_mlp(USERS, ITEMS, (4, 2), (0, 0), reg_rows=0.25, seed=3)
    users, items = np.array([[1], [1], [4]], np.int32), np.array([[0], [2], [2]], np.int32)
    model([users, items], training=True)
    rows = [table[i[:, 0]] for table, i in zip(embeddings(model).values(), (users, items), strict=True)]
    assert penalty(model) == pytest.approx(0.25 * sum((part**2).sum() for part in rows) / 3, rel=1e-5)


def test_a_model_with_a_penalty_of_rows_is_saved_and_loaded(tmp_path):
    model = build_mlp(USERS, ITEMS, (4, 2), (0, 0), reg_rows=0.25, seed=3)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", compile=False)
    for one in (model, loaded):
        one([np.array([[1], [4]], np.int32)] * 2, training=True)
    assert penalty(loaded) == penalty(model) > 0
