"""Models with features: both steps of the compiled engine against Keras, and what training does to new rows."""

import keras
import numpy as np
import pytest
import scipy.sparse
import tensorflow as tf

from ncf_keras.base.errors import InputError
from ncf_keras.data import Dataset
from ncf_keras.models import build_gmf, build_mlp, build_neumf
from ncf_keras.models.features import FeatureRows
from ncf_keras.sampling import NegativeSampler
from ncf_keras.training.engines.compiled_engine import CompiledEngine
from ncf_keras.training.engines.keras_engine import KerasEngine
from ncf_keras.training.learners import make_optimizer
from ncf_keras.training.losses import clipped_log_loss
from ncf_keras.training.make_sampler import make_sampler
from ncf_keras.training.spec import TrainingSpec
from ncf_keras.training.steps.feature_sums import FeatureSums
from ncf_keras.training.trainer import Trainer
from ncf_keras.training.unknown_rows import draws_known_items

USERS, ITEMS, EPOCHS = 40, 30, 3


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    generator = np.random.default_rng(1)
    is_positive = generator.random((USERS, ITEMS)) < 0.2
    users, items = np.nonzero(is_positive)
    return Dataset.from_pairs(users, items, users[:1], items[:1], [[0]], num_users=USERS, num_items=ITEMS)


@pytest.fixture(scope="module")
def with_new_rows(dataset) -> Dataset:
    """The dataset with two users and two items that have no interaction."""
    users, items = dataset.train_users, dataset.train_items
    return Dataset.from_pairs(
        users, items, users[:1], items[:1], [[0]], num_users=USERS + 2, num_items=ITEMS + 2
    )


def features(count: int, size: int, seed: int) -> np.ndarray:
    return (np.random.default_rng(seed).random((count, size)) < 0.3).astype(np.float32)


def both() -> dict[str, np.ndarray]:
    return {"user_features": features(USERS, 7, 2), "item_features": features(ITEMS, 5, 3)}


MODELS = {
    "NeuMF": lambda: build_neumf(USERS, ITEMS, 4, (16, 8), (0, 0), identity_dropout=0.3, seed=4, **both()),
    "MLP, items": lambda: build_mlp(USERS, ITEMS, (16, 8), item_features=both()["item_features"], seed=4),
    "GMF": lambda: build_gmf(USERS, ITEMS, 4, identity_dropout=0.3, seed=4, **both()),
    "NeuMF, content": lambda: build_neumf(
        USERS, ITEMS, 4, (16, 8), (0, 0), identity="user", identity_dropout=0.3, seed=4, **both()
    ),
}


def trained(
    engine: type, build, dataset: Dataset, learner: str = "adam", **options
) -> tuple[list, keras.Model]:
    keras.utils.clear_session()
    model = build()
    model.compile(make_optimizer(learner, 0.02), clipped_log_loss)
    sampler = NegativeSampler(dataset, 2, seed=5)
    chosen = engine(model, sampler, learner, 0.02, 32, **options)
    return [chosen.train_epoch() for _ in range(EPOCHS)], model


@pytest.mark.parametrize("name", MODELS)
def test_the_compiled_engine_equals_keras(name, dataset):
    # The same draws of who is without identity, too: the state of the generator is part of the model's.
    expected, reference = trained(KerasEngine, MODELS[name], dataset)
    losses, model = trained(CompiledEngine, MODELS[name], dataset)
    np.testing.assert_allclose(losses, expected, rtol=0, atol=1e-5)
    for weight, other in zip(model.trainable_variables, reference.trainable_variables, strict=True):
        np.testing.assert_allclose(weight.numpy(), other.numpy(), rtol=0, atol=2e-4)


@pytest.mark.parametrize("name", ["NeuMF", "GMF"])
def test_rows_are_deferred_and_give_what_the_dense_step_does(name, dataset):
    expected, _ = trained(CompiledEngine, MODELS[name], dataset, step="dense")
    losses, _ = trained(CompiledEngine, MODELS[name], dataset, step="deferred")
    np.testing.assert_allclose(losses, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("step", ["dense", "deferred"])
def test_rows_without_interactions_are_left_to_their_features(step, with_new_rows):
    keras.utils.clear_session()
    known = {
        "user_features": features(USERS + 2, 7, 2),
        "item_features": features(ITEMS + 2, 5, 3),
    }
    model = build_neumf(USERS + 2, ITEMS + 2, 4, (16, 8), (0, 0), identity_dropout=0.3, seed=4, **known)
    spec = TrainingSpec(epochs=2, batch_size=32, select="none", step=step, learning_rate=0.02)
    Trainer(model, with_new_rows, spec).fit()
    for name in ("mf_embedding_user", "mlp_embedding_user", "mf_embedding_item", "mlp_embedding_item"):
        rows = model.get_layer(name).get_weights()[0]
        assert not rows[-2:].any()
        assert rows[:-2].any(axis=1).all()


def test_new_items_are_no_negatives_where_they_have_features(with_new_rows):
    keras.utils.clear_session()
    described = build_gmf(USERS + 2, ITEMS + 2, 4, item_features=features(ITEMS + 2, 5, 3), seed=1)
    plain = build_gmf(USERS + 2, ITEMS + 2, 4, seed=1)
    assert not draws_known_items(plain, with_new_rows)
    assert draws_known_items(described, with_new_rows)
    sampler = make_sampler(with_new_rows, TrainingSpec(num_neg=20), shared=False, known_items=True)
    (_, items, labels), *_ = sampler.chunks(0, 10**6)
    drawn = np.bincount(items[labels == 0], minlength=ITEMS + 2)
    assert not drawn[-2:].any()
    assert drawn[:-2].all()


def test_the_sums_are_those_of_a_product_whoever_has_a_feature():
    generator = np.random.default_rng(1)
    # Features that many rows have, more than a word has bits; one of none; many of few, scattered among them.
    chances = generator.permutation(np.array([0.9] + [0.3] * 40 + [0.0] + [0.002] * 300))
    matrix = (generator.random((1000, len(chances))) < chances).astype(np.float32)
    rows = FeatureRows.of(matrix, 1000, "matrix")
    table = generator.normal(size=(len(chances), 3)).astype(np.float32)
    ids = generator.integers(0, 1000, 200)
    sums = FeatureSums(rows.codes, rows.num_features)
    with tf.GradientTape() as tape:
        weights = tf.constant(table)
        tape.watch(weights)
        looked_up = sums.look_up(tf.constant(ids))
        found = sums(weights, looked_up)
        total = tf.reduce_sum(found**2)
    assert len(looked_up) == 2, "some by the product, some row by row"
    np.testing.assert_allclose(found, matrix[ids] @ table, atol=1e-5)
    gradient = tf.convert_to_tensor(tape.gradient(total, weights))
    np.testing.assert_allclose(gradient, 2 * matrix[ids].T @ (matrix[ids] @ table), rtol=1e-4, atol=1e-3)


def test_who_has_every_known_item_has_no_negatives():
    # User 0 has all of the four known items, user 1 one of them; item 4 nobody has.
    users, items = np.array([0, 0, 0, 0, 1]), np.array([0, 1, 2, 3, 0])
    small = Dataset.from_pairs(users, items, [0], [0], [[1]], num_users=2, num_items=5)
    sampler = NegativeSampler(small, 3, seed=1, known_items=True)
    assert sampler.num_examples == 4 + 1 * (1 + 3)
    (users, items, labels), *_ = sampler.chunks(0, 100)
    assert not (items == 4).any()
    assert set(users[labels == 0]) == {1} and not (items[labels == 0] == 0).any()


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_codes_are_not_rounded_under_a_mixed_policy(policy):
    chosen = [0, 301, 778, 1999, 65001]
    matrix = scipy.sparse.csr_matrix((np.ones(5), (range(5), chosen)), shape=(5, 70_000))
    keras.config.set_dtype_policy(policy)
    try:
        model = build_gmf(3, 5, 2, item_features=matrix, seed=1)
    finally:
        keras.config.set_dtype_policy("float32")
    table = np.zeros((70_000, 2), np.float32)
    table[chosen] = 1
    layer = model.get_layer("item_feature_embedding")
    layer.set_weights([table])
    codes = model.get_layer("item_features")(np.arange(5)[:, None])
    np.testing.assert_array_equal(np.array(keras.ops.cast(layer(codes), "float32")), np.ones((5, 2)))


def test_other_features_than_the_step_was_made_with_are_refused():
    keras.utils.clear_session()
    model = MODELS["NeuMF"]()
    pairs = np.arange(USERS), np.arange(USERS) % ITEMS
    small = Dataset.from_pairs(*pairs, [0], [0], [[1]], num_users=USERS, num_items=ITEMS)
    engine = CompiledEngine(model, NegativeSampler(small, 1, seed=1), "adam", 0.01, 16)
    engine.read_model()
    codes = model.get_layer("item_features")
    codes.set_weights([np.roll(codes.get_weights()[0], 1, axis=0)])
    with pytest.raises(InputError, match=r"features that its training began with.*other item_features"):
        engine.read_model()
