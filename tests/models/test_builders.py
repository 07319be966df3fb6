import inspect

import keras
import numpy as np
import pytest
from scipy import stats

from ncf_keras.base.errors import InputError
from ncf_keras.models import build_gmf, build_mlp, build_neumf
from tests import predicting
from tests.models import by_hand

USERS, ITEMS = 11, 13
PAIR_USERS, PAIR_ITEMS = np.divmod(np.arange(USERS * ITEMS, dtype=np.int32), ITEMS)

# What is built, what its weights are, and its forward pass by hand.
MODELS = {
    "GMF": (
        lambda **rest: build_gmf(USERS, ITEMS, 6, **rest),
        {"user_embedding": [(11, 6)], "item_embedding": [(13, 6)], "prediction": [(6, 1), (1,)]},
        by_hand.gmf,
    ),
    "GMF of one factor": (
        lambda **rest: build_gmf(USERS, ITEMS, 1, **rest),
        {"user_embedding": [(11, 1)], "item_embedding": [(13, 1)], "prediction": [(1, 1), (1,)]},
        by_hand.gmf,
    ),
    "MLP": (
        lambda **rest: build_mlp(USERS, ITEMS, (10, 7, 4, 3), (0, 0, 0, 0), **rest),
        {
            "user_embedding": [(11, 5)],
            "item_embedding": [(13, 5)],
            "layer1": [(10, 7), (7,)],
            "layer2": [(7, 4), (4,)],
            "layer3": [(4, 3), (3,)],
            "prediction": [(3, 1), (1,)],
        },
        by_hand.mlp,
    ),
    "MLP-0": (
        lambda **rest: build_mlp(USERS, ITEMS, (10,), (0,), **rest),
        {"user_embedding": [(11, 5)], "item_embedding": [(13, 5)], "prediction": [(10, 1), (1,)]},
        by_hand.mlp,
    ),
    "NeuMF": (
        lambda **rest: build_neumf(USERS, ITEMS, 3, (10, 7, 4), (0, 0, 0), **rest),
        {
            "mf_embedding_user": [(11, 3)],
            "mf_embedding_item": [(13, 3)],
            "mlp_embedding_user": [(11, 5)],
            "mlp_embedding_item": [(13, 5)],
            "layer1": [(10, 7), (7,)],
            "layer2": [(7, 4), (4,)],
            "prediction": [(7, 1), (1,)],
        },
        by_hand.neumf,
    ),
    "NeuMF without hidden layers": (
        lambda **rest: build_neumf(USERS, ITEMS, 3, (4,), (0,), **rest),
        {
            "mf_embedding_user": [(11, 3)],
            "mf_embedding_item": [(13, 3)],
            "mlp_embedding_user": [(11, 2)],
            "mlp_embedding_item": [(13, 2)],
            "prediction": [(7, 1), (1,)],
        },
        by_hand.neumf,
    ),
}


@pytest.fixture(params=MODELS)
def case(request):
    return MODELS[request.param]


def shapes(model):
    return {layer.name: [tuple(w.shape) for w in layer.weights] for layer in model.layers if layer.weights}


def predict(model):
    return predicting.predict(model, PAIR_USERS, PAIR_ITEMS)


def test_layers_have_the_authors_names_and_shapes(case):
    build, expected, _ = case
    model = build()
    assert shapes(model) == expected
    assert [(i.name, i.dtype, i.shape) for i in model.inputs] == [
        ("user_input", "int32", (None, 1)),
        ("item_input", "int32", (None, 1)),
    ]
    assert model.output.shape == (None, 1) and model.output.dtype == "float32"
    assert model.output_names == ["prediction"]
    assert all(weight.dtype == "float32" and weight.trainable for weight in model.weights)


def test_predictions_are_those_of_the_equations(case):
    build, _, forward = case
    model = build(seed=1)
    weights = by_hand.randomise(model)
    predictions = predict(model)
    assert predictions.shape == (USERS * ITEMS,) and predictions.dtype == np.float32
    np.testing.assert_allclose(predictions, forward(weights, PAIR_USERS, PAIR_ITEMS), atol=1e-6)
    assert predictions.std() > 0.01


def test_a_saved_model_loads_without_custom_objects(case, tmp_path):
    model = case[0]()
    by_hand.randomise(model)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(predict(loaded), predict(model))
    assert shapes(loaded) == shapes(model)
    assert [layer.get_config() for layer in loaded.layers] == [layer.get_config() for layer in model.layers]


def test_the_graph_can_be_shown():
    lines = []
    build_neumf(USERS, ITEMS).summary(print_fn=lambda text, **_: lines.append(text))
    assert "prediction" in "\n".join(lines) and "item_input" in "\n".join(lines)


@pytest.mark.parametrize(
    ("build", "defaults"),
    [
        (build_gmf, {"num_factors": 8, "regs": (0, 0)}),
        (build_mlp, {"layers": (20, 10), "reg_layers": (0, 0)}),
        (build_neumf, {"mf_dim": 10, "layers": (10,), "reg_layers": (0,), "reg_mf": 0}),
    ],
)
def test_arguments_are_in_the_order_and_with_the_defaults_of_the_authors(build, defaults):
    parameters = inspect.signature(build).parameters.values()
    by_position = [p for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert [p.name for p in by_position] == ["num_users", "num_items", *defaults]
    assert {p.name: p.default for p in by_position[2:]} == defaults


def test_the_defaults_build():
    assert shapes(build_gmf(USERS, ITEMS))["user_embedding"] == [(11, 8)]
    assert shapes(build_mlp(USERS, ITEMS))["layer1"] == [(20, 10), (10,)]
    assert shapes(build_neumf(USERS, ITEMS))["prediction"] == [(20, 1), (1,)]


def test_numbers_of_numpy_are_numbers():
    model = build_mlp(np.int64(USERS), np.int32(ITEMS), np.array([10, 7]), np.array([0.1, 0.0]))
    assert shapes(model)["layer1"] == [(10, 7), (7,)]


def tables(model):
    return {
        layer.name: layer.get_weights()[0]
        for layer in model.layers
        if isinstance(layer, keras.layers.Embedding)
    }


def test_embeddings_are_normal_with_sigma_001_and_not_truncated():
    model = build_neumf(500, 400, 40, (80, 4), (0, 0), seed=5)
    for name, table in tables(model).items():
        assert stats.kstest(table.ravel(), stats.norm(0, 0.01).cdf).pvalue > 1e-3, name
        # Keras' truncated normal has no value beyond two standard deviations; the normal 4.55 percent.
        assert (np.abs(table) > 0.02).mean() == pytest.approx(0.0455, abs=0.006), name


def test_each_table_is_a_draw_of_its_own():
    model = build_neumf(300, 300, 16, (32,), (0,), seed=5)
    arrays = list(tables(model).values())
    assert len(arrays) == 4 and len({array.shape for array in arrays}) == 1
    for first, one in enumerate(arrays):
        for other in arrays[first + 1 :]:
            assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 0.06
    for build in (build_gmf, build_mlp):
        users, items = tables(build(50, 50, seed=5)).values()
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


def test_the_output_layers_of_gmf_and_neumf_are_lecun_uniform():
    assert uniform_bound(build_gmf(2, 2, 300, seed=5).get_layer("prediction").get_weights()[0], 0.1) > 1e-3
    kernel = build_neumf(2, 2, 200, (8, 100), (0, 0), seed=5).get_layer("prediction").get_weights()[0]
    assert kernel.shape == (300, 1) and uniform_bound(kernel, 0.1) > 1e-3


def test_the_seed_decides_the_weights(case):
    build = case[0]

    def start(seed):
        return np.concatenate([weight.numpy().ravel() for weight in build(seed=seed).weights])

    np.testing.assert_array_equal(start(4), start(4))
    assert not np.array_equal(start(4), start(5))
    assert not np.array_equal(start(None), start(None))


def penalty(model):
    return float(sum(model.losses))


def squares(weights, *names):
    return sum((weights[name][0] ** 2).sum() for name in names)


def test_penalties_are_lambda_times_the_sum_of_squares():
    gmf = build_gmf(USERS, ITEMS, 6, (0.25, 0.5))
    weights = by_hand.randomise(gmf)
    expected = 0.25 * squares(weights, "user_embedding") + 0.5 * squares(weights, "item_embedding")
    assert penalty(gmf) == pytest.approx(expected, rel=1e-6)
    mlp = build_mlp(USERS, ITEMS, (10, 7, 4), (0.5, 0.25, 0.125))
    weights = by_hand.randomise(mlp)
    expected = 0.5 * squares(weights, "user_embedding", "item_embedding")
    expected += 0.25 * squares(weights, "layer1") + 0.125 * squares(weights, "layer2")
    assert penalty(mlp) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("penalties", "names"),
    [
        ({"reg_mf": 0.5}, ["mf_embedding_user", "mf_embedding_item"]),
        ({"reg_layers": (0.5, 0, 0)}, ["mlp_embedding_user", "mlp_embedding_item"]),
        ({"reg_layers": (0, 0.5, 0)}, ["layer1"]),
        ({"reg_layers": (0, 0, 0.5)}, ["layer2"]),
    ],
)
def test_a_penalty_of_neumf_stays_in_its_tower(penalties, names):
    model = build_neumf(USERS, ITEMS, 3, (10, 7, 4), **({"reg_layers": (0, 0, 0)} | penalties))
    weights = by_hand.randomise(model)
    assert penalty(model) == pytest.approx(0.5 * squares(weights, *names), rel=1e-6)


def test_a_penalty_is_of_the_whole_table_and_part_of_the_loss():
    model = build_gmf(USERS, ITEMS, 6, (0.25, 0))
    weights = by_hand.randomise(model)
    model.compile("sgd", "binary_crossentropy")
    loss = model.test_on_batch([np.array([[3]]), np.array([[5]])], np.array([[1.0]]))
    cross_entropy = -np.log(by_hand.gmf(weights, [3], [5])[0])
    assert float(loss) == pytest.approx(cross_entropy + 0.25 * squares(weights, "user_embedding"), rel=1e-5)


def test_no_penalty_means_none(case):
    assert case[0]().losses == []


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: build_gmf(0, 5), "`num_users` must be a whole number of at least 1. Received: 0"),
        (lambda: build_gmf(5, -2), "`num_items` must be a whole number of at least 1. Received: -2"),
        (lambda: build_mlp(5.0, 5), "`num_users` must be a whole number of at least 1. Received: 5.0"),
        (lambda: build_neumf(5, True), "`num_items` must be a whole number of at least 1. Received: True"),
        (lambda: build_gmf(5, 5, 0), "`num_factors` must be a whole number of at least 1. Received: 0"),
        (lambda: build_neumf(5, 5, "8"), "`mf_dim` must be a whole number of at least 1. Received: '8'"),
        (lambda: build_gmf(5, 5, 8, (0,)), r"`regs` must have 2 entries, .*Received: \[0\]"),
        (lambda: build_gmf(5, 5, 8, (0, -1)), "`regs` must hold finite numbers of at least 0. Received: -1"),
        (lambda: build_gmf(5, 5, 8, (0, float("nan"))), "`regs` must hold finite numbers .*Received: nan"),
        (lambda: build_gmf(5, 5, 8, (0, "a")), "`regs` must hold finite numbers .*Received: 'a'"),
        (lambda: build_mlp(5, 5, (), ()), r"`layers` must have at least one entry. Received: \[\]"),
        (lambda: build_mlp(5, 5, (7,), (0,)), r"`layers` must begin with an even width.*Received: \[7\]"),
        (lambda: build_neumf(5, 5, 8, (7, 3), (0, 0)), r"`layers` must begin with .*Received: \[7, 3\]"),
        (lambda: build_mlp(5, 5, (8, 0), (0, 0)), "`layers` must be a whole number of at least 1. Received: 0"),
        (lambda: build_mlp(5, 5, (8, "4"), (0, 0)), "`layers` must be a whole number .*Received: '4'"),
        (lambda: build_mlp(5, 5, (8, 4), (0,)), r"`reg_layers` must have 2 entries, .*Received: \[0\]"),
        (lambda: build_neumf(5, 5, 8, (8, 4)), r"`reg_layers` must have 2 entries, .*Received: \[0\]"),
        (lambda: build_neumf(5, 5, reg_mf=-0.1), "`reg_mf` must hold finite numbers .*Received: -0.1"),
        (lambda: build_neumf(5, 5, reg_layers=(float("inf"),)), "`reg_layers` must hold .*Received: inf"),
    ],
)
def test_an_argument_that_breaks_its_rule_is_named(build, message):
    with pytest.raises(InputError, match=message):
        build()


def test_the_penalty_of_the_rows_of_each_example_by_hand():
    model = build_mlp(USERS, ITEMS, (4, 2), (0, 0), reg_rows=0.25, seed=3)
    users, items = np.array([[1], [1], [4]], np.int32), np.array([[0], [2], [2]], np.int32)
    model([users, items], training=True)
    user_table, item_table = (
        model.get_layer(f"{side}_embedding").get_weights()[0] for side in ("user", "item")
    )
    squares = (user_table[users[:, 0]] ** 2).sum() + (item_table[items[:, 0]] ** 2).sum()
    assert sum(float(loss) for loss in model.losses) == pytest.approx(0.25 * squares / 3, rel=1e-5)
    assert not build_mlp(USERS, ITEMS, (4, 2), (0, 0), seed=3).losses
    with pytest.raises(InputError, match="`reg_rows` must hold finite numbers of at least 0"):
        build_mlp(USERS, ITEMS, (4, 2), (0, 0), reg_rows=-1)
