"""Training of models that take recent items: the compiled engine against Keras, what they know when ranked."""

import keras
import numpy as np
import pytest

from ncf_keras import train
from ncf_keras.base.errors import InputError
from ncf_keras.data import Dataset, split_validation
from ncf_keras.models import build_gmf, build_neumf, model_scores
from ncf_keras.models.recent import recent_layer
from ncf_keras.sampling import NegativeSampler, training_dataset
from ncf_keras.training import Trainer, TrainingSpec
from ncf_keras.training.engines.compiled_engine import CompiledEngine
from ncf_keras.training.engines.keras_engine import KerasEngine
from ncf_keras.training.learners import make_optimizer
from ncf_keras.training.losses import clipped_log_loss
from ncf_keras.training.warm_start import warm_start
from ncf_keras.weights.loading import layers_of

USERS, ITEMS, LENGTH, EPOCHS = 40, 30, 3, 3


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    """Each user goes round a circle of all items: the next is to be found, not that before the first."""
    generator = np.random.default_rng(1)
    starts, lengths = generator.integers(0, ITEMS, USERS), generator.integers(6, 12, USERS)
    users = np.repeat(np.arange(USERS), lengths)
    steps = np.concatenate([np.arange(length) for length in lengths])
    items = (starts[users] + steps) % ITEMS
    tests = (starts + lengths) % ITEMS
    negatives = np.column_stack([starts - 1, *(tests + step for step in range(5, 12))]) % ITEMS
    return Dataset.from_pairs(
        users,
        items,
        np.arange(USERS),
        tests,
        negatives,
        num_users=USERS,
        num_items=ITEMS,
        train_timestamps=steps,
    )


def neumf() -> keras.Model:
    known = np.random.default_rng(2).integers(0, 2, (ITEMS, 5))
    return build_neumf(USERS, ITEMS, 4, (16, 8), (0, 0), item_features=known, recent=LENGTH, seed=4)


SLOW = pytest.param("NeuMF, item features", marks=pytest.mark.slow)
MODELS = {"NeuMF, item features": neumf, "GMF": lambda: build_gmf(USERS, ITEMS, 4, recent=LENGTH, seed=4)}


def trained(engine: type, build, dataset: Dataset) -> tuple[list[float], keras.Model]:
    keras.utils.clear_session()
    model = build()
    model.compile(make_optimizer("adam", 0.02), clipped_log_loss)
    chosen = engine(model, NegativeSampler(dataset, 2, seed=5, recent=LENGTH), "adam", 0.02, 32)
    return [chosen.train_epoch() for _ in range(EPOCHS)], model


@pytest.mark.parametrize("name", ["GMF", SLOW])
def test_the_compiled_engine_equals_keras(name, dataset):
    expected, reference = trained(KerasEngine, MODELS[name], dataset)
    losses, model = trained(CompiledEngine, MODELS[name], dataset)
    np.testing.assert_allclose(losses, expected, rtol=0, atol=1e-5)
    for weight, other in zip(model.trainable_variables, reference.trainable_variables, strict=True):
        np.testing.assert_allclose(weight.numpy(), other.numpy(), rtol=0, atol=2e-4)


def test_fit_of_keras_takes_the_batches(dataset):
    model = MODELS["GMF"]()
    model.compile(make_optimizer("adam", 0.02), "binary_crossentropy")
    history = model.fit(training_dataset(dataset, 2, 32, 5, recent=LENGTH), epochs=2, shuffle=False, verbose=0)
    assert history.history["loss"][1] < history.history["loss"][0]


def test_validation_pairs_are_ranked_without_knowing_them(dataset):
    notes: list[str] = []
    model = MODELS["GMF"]()
    trainer = Trainer(model, dataset, TrainingSpec(epochs=1, num_neg=2), on_note=notes.append)
    assert any("because recent items are looked up" in note for note in notes)
    known, seen = recent_layer(model).items, []
    score = trainer.score
    trainer.score = lambda *pairs: seen.append(known.numpy()) or score(*pairs)
    trainer.evaluate()
    trainer.test()
    np.testing.assert_array_equal(seen[0], split_validation(dataset).recent_items(LENGTH))
    np.testing.assert_array_equal(seen[-1], dataset.recent_items(LENGTH))
    assert (seen[0] != seen[-1]).any()


def test_what_comes_later_changes_no_score(dataset):
    """Trained on what came before some time, a model says the same, whatever order the rest has."""
    users, items = dataset.train_users, dataset.train_items
    order = dataset.train_order
    early = np.flatnonzero(order < 4)
    shuffled = order.copy()
    for user in range(USERS):
        later = np.flatnonzero((users == user) & (order >= 4))
        shuffled[later] = np.random.default_rng(user).permutation(order[later])
    assert (shuffled != order).any()
    results = []
    for times in (order, shuffled):
        one = Dataset.from_pairs(
            users, items, dataset.test_users, dataset.test_items, dataset.test_negatives,
            num_users=USERS, num_items=ITEMS, train_timestamps=times,
        )  # fmt: skip
        model = MODELS["GMF"]()
        spec = TrainingSpec(epochs=2, num_neg=2, select="none", engine="keras")
        Trainer(model, one, spec, positives=early).fit()
        before = one.items_in_time.before(early, LENGTH)
        results.append(model.predict_on_batch([users[early][:, None], items[early][:, None], before]))
    np.testing.assert_array_equal(*results)


def test_the_order_is_learned(dataset):
    """Either end of a user's stretch fits the user alike; which is the last one, only the order tells."""
    options = {
        "num_factors": 16, "epochs": 8, "learning_rate": 0.03, "batch_size": 64, "verbose": 0, "top_k": 1,
        "engine": "keras", "select": "none",
    }  # fmt: skip
    knowing = train(dataset, "GMF", recent=2, **options)
    assert knowing.test.hr > 0.9
    assert train(dataset, "GMF", **options).test.hr < 0.7


@pytest.mark.parametrize("options, message", [
    ({"sampler": "device"}, "`sampler` must be host or auto with a model that takes recent items"),
    ({"shards": 2}, "`shards` must be 1, in one process, with a model that takes recent items"),
    ({"step": "deferred"}, "`step` must be dense or auto"),
])  # fmt: skip
def test_what_does_not_go_with_recent_items_is_refused(options, message, dataset):
    with pytest.raises(InputError, match=message):
        Trainer(MODELS["GMF"](), dataset, TrainingSpec(**options))


def test_a_dataset_without_an_order_is_refused(dataset):
    without = Dataset.from_pairs(
        dataset.train_users, dataset.train_items, [0], [1], [[2]], num_users=USERS, num_items=ITEMS
    )
    with pytest.raises(InputError, match="must have timestamps"):
        train(without, "GMF", recent=2, epochs=1)


def test_a_warm_start_is_refused(dataset):
    model = MODELS["GMF"]()
    with pytest.raises(InputError, match="must be models that take no recent items"):
        warm_start(model, dataset, layers_of(model), None, None)


def test_scores_are_those_of_the_last_items(dataset):
    result = train(dataset, "GMF", recent=LENGTH, epochs=1, verbose=0)
    users, items = np.arange(USERS), dataset.test_items
    expected = result.model.predict_on_batch([users[:, None], items[:, None], dataset.recent_items(LENGTH)])
    np.testing.assert_allclose(model_scores(result.model)(users, items), expected[:, 0], rtol=0, atol=1e-6)
