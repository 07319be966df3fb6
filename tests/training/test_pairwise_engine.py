from functools import partial

import keras
import numpy as np
import pytest

from ncf_keras.base.errors import InputError
from ncf_keras.models import build_gmf, build_mf, build_neumf
from ncf_keras.sampling import PairSampler
from ncf_keras.training import PairwiseEngine, bpr_loss, margin_loss
from ncf_keras.training.engines.pairwise_engine import PairDifference
from tests.models import by_hand
from tests.predicting import predict, ranked

USERS, ITEMS, RATE = 1000, 500, 0.05
BUILDERS = {
    "MF": partial(build_mf, USERS, ITEMS, 4),
    "GMF": partial(build_gmf, USERS, ITEMS, 4),
    "NeuMF": partial(build_neumf, USERS, ITEMS, 4, (8, 4), (0, 0)),
}


def bpr_mf_by_hand(users, items, triples, rate):
    """SGD steps of BPR on matrix factorisation: the gradients of Rendle et al., section 5.2, without L2."""
    for batch in triples:
        user_steps, item_steps = np.zeros_like(users), np.zeros_like(items)
        for user, positive, negative in batch:
            difference = users[user] @ (items[positive] - items[negative])
            share = 1 / (1 + np.exp(difference)) / len(batch)
            user_steps[user] += share * (items[positive] - items[negative])
            item_steps[positive] += share * users[user]
            item_steps[negative] -= share * users[user]
        users += rate * user_steps
        items += rate * item_steps


def test_an_epoch_of_bpr_on_mf_is_that_of_its_paper(sample):
    model = build_mf(USERS, ITEMS, 4, seed=1)
    generator = np.random.default_rng(3)
    users, items = generator.normal(0, 0.5, (USERS, 4)), generator.normal(0, 0.5, (ITEMS, 4))
    model.get_layer("user_embedding").set_weights([users])
    model.get_layer("item_embedding").set_weights([items])
    sampler = PairSampler(sample, seed=2)
    PairwiseEngine(model, sampler, "sgd", RATE, 1000).train_epoch()
    # Negatives depend on the size of the chunks they are drawn in: that of the engine's stacks.
    (chunk,) = sampler.chunks(0, 2048 * 1000)
    triples = np.transpose(chunk)
    batches = [triples[start : start + 1000] for start in range(0, len(triples), 1000)]
    bpr_mf_by_hand(users, items, batches, RATE)
    np.testing.assert_allclose(model.get_layer("user_embedding").get_weights()[0], users, atol=5e-6)
    np.testing.assert_allclose(model.get_layer("item_embedding").get_weights()[0], items, atol=5e-6)


@pytest.mark.parametrize("name", BUILDERS)
def test_the_difference_is_that_of_the_logits(name):
    model = BUILDERS[name]()
    by_hand.randomise(model, scale=0.5)
    users, positives, negatives = pairs = np.random.default_rng(1).integers(0, 400, (3, 200))
    names = ("user_input", "item_input", "negative_input")
    inputs = {name: part[:, None].astype(np.int32) for name, part in zip(names, pairs, strict=True)}
    scores = [predict(model, users, items) for items in (positives, negatives)]
    if name != "MF":
        scores = [np.log(score / (1 - score)) for score in scores]
    np.testing.assert_allclose(PairDifference(model)(inputs)[:, 0], scores[0] - scores[1], atol=1e-4)


@pytest.mark.parametrize(("name", "loss"), [
    pytest.param("NeuMF", bpr_loss, marks=pytest.mark.slow),
    ("GMF", margin_loss()),
    pytest.param("MF", bpr_loss, marks=pytest.mark.slow),
    pytest.param("MF", margin_loss(), marks=pytest.mark.slow),
    pytest.param("GMF", bpr_loss, marks=pytest.mark.slow),
    pytest.param("NeuMF", margin_loss(), marks=pytest.mark.slow),
])  # fmt: skip
def test_pairwise_learning_ranks(name, loss, sample):
    model = BUILDERS[name](seed=1)
    before = ranked(sample, model).hr
    engine = PairwiseEngine(model, PairSampler(sample, 2, seed=1), "adam", 0.01, 256, loss)
    losses = [engine.train_epoch() for _ in range(3)]
    assert losses[0] > losses[1] > losses[2]
    assert ranked(sample, model).hr > max(before, 0.1) + 0.3


def test_penalties_count_once(sample):
    model = build_mf(USERS, ITEMS, 4, (0.5, 0.25), seed=1)
    by_hand.randomise(model, scale=0.1)
    assert float(sum(PairDifference(model).losses)) == pytest.approx(float(sum(model.losses)), rel=1e-6)


def test_goes_on_from_its_state(sample):
    engines = [
        PairwiseEngine(build_mf(USERS, ITEMS, 4, seed=1), PairSampler(sample, seed=1), "adam", 0.01, 512)
        for _ in range(2)
    ]
    engines[0].train_epoch()
    engines[1].restore(engines[0].state())
    assert engines[0].train_epoch() == engines[1].train_epoch()


def test_a_model_without_an_output_layer_is_refused():
    users, items = (keras.Input((1,), dtype="int32", name=f"{side}_input") for side in ("user", "item"))
    model = keras.Model([users, items], keras.layers.Add()([users, items]))
    with pytest.raises(InputError, match=r"`model` must end in a Dense layer.* Received: <Add"):
        PairDifference(model)
