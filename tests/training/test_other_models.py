"""The paper's other models in both engines, and MF with the squared loss of equation 5."""

from functools import partial

import numpy as np
import pytest

from ncf_keras.models import build_mf, build_mlp, build_shared_fusion
from ncf_keras.sampling import NegativeSampler, stacks_of_batches
from ncf_keras.training import CompiledEngine, KerasEngine, clipped_log_loss, weighted_squared_loss
from ncf_keras.training.steps.steps import can_defer_rows

BUILDERS = {
    "shared fusion": partial(build_shared_fusion, num_factors=4),
    "MLP with tanh": partial(build_mlp, layers=(8, 4), reg_layers=(0, 0), activation="tanh"),
    "MLP-0": partial(build_mlp, layers=(8,), reg_layers=(0,)),
    "MF": partial(build_mf, num_factors=4),
}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] if "MLP" in name else []) for name in BUILDERS]
)
def test_both_engines_train_alike(name, sample):
    models = [BUILDERS[name](sample.num_users, sample.num_items, seed=2) for _ in range(2)]
    assert can_defer_rows(models[0])
    loss = weighted_squared_loss(0.25) if name == "MF" else clipped_log_loss
    options = (NegativeSampler(sample, 4, seed=5), "adam", 0.005, 2048, loss)
    compiled, plain = CompiledEngine(models[0], *options), KerasEngine(models[1], *options)
    assert compiled.train_epoch() == pytest.approx(plain.train_epoch(), abs=1e-5)
    for one, other in zip(*(model.get_weights() for model in models), strict=True):
        np.testing.assert_allclose(one, other, atol=5e-4)


def test_an_epoch_of_mf_with_the_weighted_squared_loss_is_that_by_hand(sample):
    """SGD on the mean of w (y - p . q)^2 over a batch, its gradient written out."""
    model = build_mf(sample.num_users, sample.num_items, 4, seed=1)
    generator = np.random.default_rng(3)
    users = generator.normal(0, 0.5, (sample.num_users, 4))
    items = generator.normal(0, 0.5, (sample.num_items, 4))
    model.get_layer("user_embedding").set_weights([users])
    model.get_layer("item_embedding").set_weights([items])
    sampler = NegativeSampler(sample, 1, seed=5)
    KerasEngine(model, sampler, "sgd", 0.5, 2000, weighted_squared_loss(0.25)).train_epoch()
    for chunk in stacks_of_batches(sampler, 0, 2000):
        for batch in zip(*chunk, strict=True):
            user_steps, item_steps = np.zeros_like(users), np.zeros_like(items)
            for user, item, label in zip(*batch, strict=True):
                weight = 1.0 if label else 0.25
                slope = 2 * weight * (users[user] @ items[item] - label) / len(batch[0])
                user_steps[user] += slope * items[item]
                item_steps[item] += slope * users[user]
            users -= 0.5 * user_steps
            items -= 0.5 * item_steps
    np.testing.assert_allclose(model.get_layer("user_embedding").get_weights()[0], users, atol=1e-5)
    np.testing.assert_allclose(model.get_layer("item_embedding").get_weights()[0], items, atol=1e-5)
