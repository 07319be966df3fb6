"""Models with features against products of matrices by hand: equation 3 of the paper, then 9, 10 and 12."""

import keras
import numpy as np
import pytest
import scipy.sparse

from ncf_keras.base.errors import InputError
from ncf_keras.models import ModelSpec, all_scores, build_gmf, build_mlp, build_neumf, model_scores
from ncf_keras.models.copies import plain_copy
from ncf_keras.models.factored import can_factor
from ncf_keras.models.features import IdentityDropout
from ncf_keras.weights import fuse_pretrained, load_model, save_weights

USERS, ITEMS, FACTORS, LAYERS = 12, 9, 3, (8, 4)
PAIRS = np.array([[user, item] for user in range(USERS) for item in range(ITEMS)], np.int32)


def known(count: int, size: int, seed: int) -> np.ndarray:
    return (np.random.default_rng(seed).random((count, size)) < 0.4).astype(np.float32)


OF_USERS, OF_ITEMS = known(USERS, 5, 1), known(ITEMS, 7, 2)
CASES = {
    "both": {
        "user_features": OF_USERS,
        "item_features": scipy.sparse.csr_array(OF_ITEMS),
        "identity_dropout": 0.3,
    },
    "items": {"item_features": OF_ITEMS},
    "no identity of items": {"user_features": OF_USERS, "item_features": OF_ITEMS, "identity": "user"},
    "content alone": {"user_features": OF_USERS, "item_features": OF_ITEMS, "identity": "none"},
}
BUILDERS = {
    "GMF": lambda **known: build_gmf(USERS, ITEMS, FACTORS, seed=1, **known),
    "MLP": lambda **known: build_mlp(USERS, ITEMS, LAYERS, seed=1, **known),
    "NeuMF": lambda **known: build_neumf(USERS, ITEMS, FACTORS, LAYERS, (0, 0), seed=1, **known),
}


def large(model: keras.Model) -> keras.Model:
    generator = np.random.default_rng(3)
    for weight in model.trainable_variables:
        weight.assign(generator.normal(size=weight.shape))
    return model


def by_hand(model: keras.Model, case: dict) -> np.ndarray:
    """Return the predictions of `PAIRS`, computed with the feature matrices as they were given."""
    weights = {layer.name: layer.get_weights() for layer in model.layers}

    def vectors(tower: str, side: str, rows: np.ndarray) -> np.ndarray:
        name = f"{tower}_embedding_{side}" if tower else f"{side}_embedding"
        table = weights[name][0] if name in weights else 0
        if f"{side}_features" in case:
            matrix = case[f"{side}_features"]
            matrix = matrix.toarray() if scipy.sparse.issparse(matrix) else matrix
            table = table + matrix @ weights[name.replace("embedding", "feature_embedding")][0]
        return table[rows]

    users, items = PAIRS.T
    parts = []
    if model.name != "MLP":
        tower = "mf" if model.name == "NeuMF" else ""
        parts.append(vectors(tower, "user", users) * vectors(tower, "item", items))
    if model.name != "GMF":
        tower = "mlp" if model.name == "NeuMF" else ""
        both = np.concatenate([vectors(tower, "user", users), vectors(tower, "item", items)], axis=1)
        kernel, bias = weights["layer1"]
        parts.append(np.maximum(both @ kernel + bias, 0))
    kernel, bias = weights["prediction"]
    return 1 / (1 + np.exp(-(np.concatenate(parts, axis=1) @ kernel + bias)))[:, 0]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("kind", BUILDERS)
def test_a_vector_is_the_identity_plus_the_sum_of_the_features(kind, case, tmp_path):
    model = large(BUILDERS[kind](**CASES[case]))
    expected = by_hand(model, CASES[case])
    users, items = PAIRS.T
    np.testing.assert_allclose(
        model.predict([users[:, None], items[:, None]], verbose=0)[:, 0], expected, atol=1e-5
    )
    assert can_factor(model)
    np.testing.assert_allclose(model_scores(model)(users, items), expected, atol=1e-5)
    grid = all_scores(model)(np.arange(USERS))
    np.testing.assert_allclose(grid.ravel(), expected, atol=1e-5)
    np.testing.assert_allclose(model_scores(plain_copy(model))(users, items), expected, atol=1e-5)
    for name, format in (("m.h5", "h5"), ("m.keras", "keras"), ("m.weights.h5", "weights")):
        save_weights(model, tmp_path / name, format)
        np.testing.assert_allclose(model_scores(load_model(tmp_path / name))(users, items), expected, atol=1e-5)


def test_layers_of_the_identities_have_the_names_and_the_draws_of_a_model_without_features():
    described, plain = BUILDERS["NeuMF"](**CASES["both"]), BUILDERS["NeuMF"]()
    for layer in plain.layers:
        if isinstance(layer, keras.layers.Embedding):
            np.testing.assert_array_equal(described.get_layer(layer.name).get_weights(), layer.get_weights())


def test_fused_as_the_authors_fuse_models_without_features():
    gmf, mlp, neumf = (large(BUILDERS[kind](**CASES["both"])) for kind in ("GMF", "MLP", "NeuMF"))
    fuse_pretrained(neumf, gmf, mlp, 0.25)
    users, items = PAIRS.T

    def logits(model: keras.Model) -> np.ndarray:
        chances = by_hand(model, CASES["both"]).astype(np.float64)
        return np.log(chances) - np.log1p(-chances)

    expected = 1 / (1 + np.exp(-(0.25 * logits(gmf) + 0.75 * logits(mlp))))
    np.testing.assert_allclose(model_scores(neumf)(users, items), expected, atol=1e-4)


def test_a_spec_has_room_for_features_and_equals_what_its_json_gives_back():
    spec = ModelSpec("MLP", USERS, ITEMS, layers=LAYERS, item_features=(7, 6), identity_dropout=0.25)
    assert ModelSpec.from_json(spec.to_json()) == spec
    model = spec.build(1, item_features=OF_ITEMS)
    assert spec.num_weights == sum(int(np.prod(weight.shape)) for weight in model.trainable_variables)
    assert model.get_layer("item_features").codes.shape == (ITEMS, 6)
    empty = spec.build(1)
    assert not empty.get_layer("item_features").codes.numpy().any()


def test_identities_are_left_out_together_and_as_often_as_asked():
    rows = np.ones((20_000, 3), np.float32)
    layer = IdentityDropout(0.3, seed=1)
    first, second = layer([rows, 2 * rows], training=True)
    assert set(np.unique(first)) == {0, 1}
    np.testing.assert_array_equal(2 * np.array(first), second)
    # Four standard errors of a share of 20,000.
    assert abs(np.mean(first) - 0.7) < 4 * np.sqrt(0.3 * 0.7 / 20_000)
    again, _ = layer([rows, rows], training=True)
    both = np.mean(np.array(first)[:, 0] * np.array(again)[:, 0])
    assert abs(both - 0.49) < 4 * np.sqrt(0.49 * 0.51 / 20_000)
    np.testing.assert_array_equal(layer([rows], training=False)[0], rows)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"item_features": OF_ITEMS[1:]}, "`item_features` must have 9 rows. Received: 8"),
        ({"user_features": 2 * OF_USERS}, "`user_features` must hold zeros and ones.*Received: 2.0"),
        (
            {"identity": "user"},
            "`identity` must be both or item where nothing .*'user'",
        ),
        ({"identity": "nobody"}, "`identity` must be one of both, user, item, none. Received: 'nobody'"),
        (
            {"item_features": OF_ITEMS, "identity_dropout": 1},
            "`identity_dropout` must be .*Received: 1",
        ),
        ({"item_features": np.zeros((ITEMS, 0))}, "`item_features` must be .*Received: 0"),
    ],
)
def test_what_a_builder_refuses(arguments, message):
    with pytest.raises(InputError, match=message):
        BUILDERS["GMF"](**arguments)


def test_models_with_other_features_are_not_fused():
    gmf, mlp, neumf = (BUILDERS[kind](**CASES["items"]) for kind in ("GMF", "MLP", "NeuMF"))
    codes = mlp.get_layer("item_features")
    codes.set_weights([codes.get_weights()[0][::-1]])
    with pytest.raises(InputError, match="mlp must have been trained with the features of items"):
        fuse_pretrained(neumf, gmf, mlp)


@pytest.mark.parametrize("wrong", [[8], [1.5], [-1], [2, 2]])
def test_a_file_with_features_that_there_are_not_is_refused(wrong, tmp_path):
    model = BUILDERS["GMF"](**CASES["items"])
    codes = model.get_layer("item_features")
    table = codes.get_weights()[0]
    table[0, : len(wrong)] = wrong
    codes.set_weights([table])
    save_weights(model, tmp_path / "m.h5")
    with pytest.raises(InputError, match=r"must hold in item_features .* up to 7. Received: others"):
        load_model(tmp_path / "m.h5")
