"""Models with features: both steps of the compiled engine against Keras, and what training does to new rows."""

import keras
import numpy as np
import pytest

from ncf_keras.data import Dataset
from ncf_keras.models import build_gmf, build_mlp, build_neumf
from ncf_keras.sampling import NegativeSampler
from ncf_keras.training.engines.compiled_engine import CompiledEngine
from ncf_keras.training.engines.keras_engine import KerasEngine
from ncf_keras.training.learners import make_optimizer
from ncf_keras.training.losses import clipped_log_loss

USERS, ITEMS, EPOCHS = 40, 30, 3


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    generator = np.random.default_rng(1)
    is_positive = generator.random((USERS, ITEMS)) < 0.2
    users, items = np.nonzero(is_positive)
    return Dataset.from_pairs(users, items, users[:1], items[:1], [[0]], num_users=USERS, num_items=ITEMS)


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
