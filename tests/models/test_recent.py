"""Models that take recent items: against NumPy, by halves against Keras, in weight files, copied and fused."""

import keras
import numpy as np
import pytest

from ncf_keras.base.errors import InputError
from ncf_keras.models import ModelSpec, build_gmf, build_mlp, build_neumf, model_scores
from ncf_keras.models.copies import grown_copy, plain_copy
from ncf_keras.models.factored import FactoredModel, can_factor
from ncf_keras.models.recent import recent_length, tell_recent_items
from ncf_keras.weights import fuse_pretrained, load_model, save_weights
from ncf_keras.weights.loading import layers_of

USERS, ITEMS, LENGTH = 7, 5, 3
PAIR_USERS, PAIR_ITEMS = np.divmod(np.arange(USERS * ITEMS, dtype=np.int32), ITEMS)
KNOWN = np.random.default_rng(1).integers(-1, ITEMS, (USERS, LENGTH))
FEATURES = {
    "user_features": np.random.default_rng(2).integers(0, 2, (USERS, 4)),
    "item_features": np.random.default_rng(3).integers(0, 2, (ITEMS, 3)),
}
BUILDERS = {
    "GMF": lambda **more: build_gmf(USERS, ITEMS, 4, recent=LENGTH, **more),
    "MLP": lambda **more: build_mlp(USERS, ITEMS, (8, 4), recent=LENGTH, **more),
    "NeuMF": lambda **more: build_neumf(USERS, ITEMS, 4, (8, 4), (0, 0), recent=LENGTH, **more),
}


def made(kind: str, **more) -> keras.Model:
    """Return a model with weights that are all felt, told what is `KNOWN`."""
    model = BUILDERS[kind](**more)
    generator = np.random.default_rng(4)
    for weight in model.trainable_variables:
        weight.assign(generator.normal(0, 0.7, weight.shape))
    tell_recent_items(model, lambda length: KNOWN)
    return model


def session(layers, name: str, table: str, recent: np.ndarray) -> np.ndarray:
    """Return A (w_1 e_1 + … + w_L e_L) of some rows, item by item."""
    decay, kernel = layers[name]
    rows = np.zeros((len(recent), kernel.shape[0]))
    for row, items in enumerate(recent):
        for place, item in enumerate(items):
            if item >= 0:
                rows[row] += decay[place] * layers[table][0][item]
    return rows @ kernel


def by_hand(kind: str, layers, recent: np.ndarray) -> np.ndarray:
    """Return the predictions of all pairs, for the recent items of each."""
    towers = {
        "GMF": ["{}_embedding"],
        "MLP": ["{}_embedding"],
        "NeuMF": ["mf_embedding_{}", "mlp_embedding_{}"],
    }
    vectors = []
    for name in towers[kind]:
        user, item = name.format("user"), name.format("item")
        own = layers[user][0][PAIR_USERS] + session(layers, user.replace("embedding", "session"), item, recent)
        vectors.append((own, layers[item][0][PAIR_ITEMS]))
    parts = []
    if kind != "MLP":
        parts.append(vectors[0][0] * vectors[0][1])
    if kind != "GMF":
        kernel, bias = layers["layer1"]
        parts.append(np.maximum(np.hstack(vectors[-1]) @ kernel + bias, 0))
    kernel, bias = layers["prediction"]
    return 1 / (1 + np.exp(-(np.hstack(parts) @ kernel + bias)[:, 0]))


@pytest.mark.parametrize("kind", BUILDERS)
def test_predictions_equal_numpy(kind):
    model = made(kind)
    given = np.random.default_rng(5).integers(-1, ITEMS, (len(PAIR_USERS), LENGTH))
    columns = PAIR_USERS[:, None], PAIR_ITEMS[:, None]
    layers = layers_of(model)
    by_request = model.predict_on_batch([*columns, given])[:, 0]
    np.testing.assert_allclose(by_request, by_hand(kind, layers, given), rtol=0, atol=1e-6)
    known = np.full((len(PAIR_USERS), LENGTH), -2)
    by_table = model.predict_on_batch([*columns, known])[:, 0]
    np.testing.assert_allclose(by_table, by_hand(kind, layers, KNOWN[PAIR_USERS]), rtol=0, atol=1e-6)


@pytest.mark.parametrize("more", [{}, {**FEATURES, "identity_dropout": 0.2}, {**FEATURES, "identity": "item"}])
@pytest.mark.parametrize("kind", BUILDERS)
def test_halves_equal_the_model(kind, more):
    model = made(kind, **more)
    assert can_factor(model)
    inputs = [PAIR_USERS[:, None], PAIR_ITEMS[:, None], KNOWN[PAIR_USERS]]
    expected = np.asarray(model(inputs, training=False))[:, 0]
    np.testing.assert_allclose(model_scores(model)(PAIR_USERS, PAIR_ITEMS), expected, rtol=0, atol=1e-6)


def test_a_model_that_is_called_whole_takes_what_it_was_told():
    model = build_mlp(USERS, ITEMS, (8, 4), reg_rows=0.1, recent=LENGTH, seed=1)
    tell_recent_items(model, lambda length: KNOWN)
    assert not can_factor(model)
    expected = np.asarray(model([PAIR_USERS[:, None], PAIR_ITEMS[:, None], KNOWN[PAIR_USERS]]))[:, 0]
    np.testing.assert_allclose(model_scores(model)(PAIR_USERS, PAIR_ITEMS), expected, rtol=0, atol=1e-6)


def test_recent_items_in_another_table_are_no_model_of_ours():
    # As `build_neumf`, but the MLP tower's recent items are looked up in the GMF tower's table.
    ours = made("NeuMF").get_config()
    nodes = {layer["name"]: layer["inbound_nodes"] for layer in ours["layers"]}
    mf, mlp = (nodes[f"{tower}_session_user"][0]["args"] for tower in ("mf", "mlp"))
    mlp[0][0] = mf[0][0]
    assert can_factor(keras.Model.from_config(made("NeuMF").get_config()))
    assert not can_factor(keras.Model.from_config(ours))


@pytest.mark.parametrize("format, suffix", [("h5", ".h5"), ("weights", ".weights.h5"), ("keras", ".keras")])
def test_weight_files_carry_what_is_known(tmp_path, format, suffix):
    model = made("NeuMF", **FEATURES)
    file = tmp_path / f"model{suffix}"
    save_weights(model, file, format)
    expected = model_scores(model)(PAIR_USERS, PAIR_ITEMS)
    loaded = [load_model(file)]
    if format == "keras":
        loaded.append(keras.saving.load_model(file))
    for each in loaded:
        assert recent_length(each) == LENGTH
        np.testing.assert_allclose(model_scores(each)(PAIR_USERS, PAIR_ITEMS), expected, rtol=0, atol=1e-7)


@pytest.mark.parametrize("wrong", [ITEMS, -2, 0.5])
def test_a_file_must_hold_items(tmp_path, wrong):
    model = made("GMF")
    table = np.zeros((USERS, LENGTH), np.float32)
    table[2, 1] = wrong
    model.get_layer("recent_items").set_weights([table])
    file = tmp_path / "model.weights.h5"
    save_weights(model, file, "weights")
    with pytest.raises(InputError, match="must hold as recent_items whole numbers from -1 to 4"):
        load_model(file)


def test_copies_score_alike():
    model = made("NeuMF", **FEATURES)
    expected = model_scores(model)(PAIR_USERS, PAIR_ITEMS)
    for copy in (plain_copy(model), grown_copy(model, [[0, 2]], [[1]])):
        np.testing.assert_allclose(model_scores(copy)(PAIR_USERS, PAIR_ITEMS), expected, rtol=0, atol=1e-6)
    # Nothing was chosen by the new user.
    assert (FactoredModel(grown_copy(model, [[0]])).users[0].recent.items.numpy()[USERS] == -1).all()


def test_a_neumf_begins_with_the_sessions_of_both():
    gmf, mlp = made("GMF"), made("MLP")
    neumf = build_neumf(USERS, ITEMS, 4, (8, 4), (0, 0), recent=LENGTH)
    fuse_pretrained(neumf, gmf, mlp)
    layers = layers_of(neumf)
    np.testing.assert_array_equal(layers["mf_session_user"][1], layers_of(gmf)["user_session"][1])
    np.testing.assert_array_equal(layers["mlp_session_user"][0], layers_of(mlp)["user_session"][0])
    np.testing.assert_array_equal(layers["recent_items"][0], KNOWN)


def test_a_spec_builds_it_and_counts_its_numbers():
    for kind in BUILDERS:
        spec = ModelSpec(kind, USERS, ITEMS, 4, (8, 4), recent=LENGTH)
        model = spec.build(1)
        assert recent_length(model) == LENGTH
        assert spec.num_weights == sum(int(np.prod(each.shape)) for each in model.trainable_variables)
        assert ModelSpec.from_json(spec.to_json()) == spec


def test_without_recent_items_the_weights_are_those_of_before():
    with_recent, without = build_gmf(USERS, ITEMS, 4, recent=2, seed=3), build_gmf(USERS, ITEMS, 4, seed=3)
    for name, arrays in layers_of(without).items():
        np.testing.assert_array_equal(layers_of(with_recent)[name][0], arrays[0])


def test_recent_items_need_a_table_of_items():
    with pytest.raises(InputError, match="`recent` must be 0 where items have no embedding"):
        build_gmf(USERS, ITEMS, 4, identity="user", recent=2, **FEATURES)
    with pytest.raises(InputError, match="`recent` must be"):
        build_gmf(USERS, ITEMS, 4, recent=-1)
