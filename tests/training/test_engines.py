"""The compiled engine against plain Keras, from the same weights and the same batches."""

import itertools
from functools import partial

import keras
import numpy as np
import pytest

from ncf_keras.base.errors import InputError
from ncf_keras.data import Dataset
from ncf_keras.models import build_gmf, build_mlp, build_neumf
from ncf_keras.sampling import NegativeSampler, stacks_of_batches
from ncf_keras.training import LEARNERS, CompiledEngine, KerasEngine, clipped_log_loss, make_optimizer
from ncf_keras.training.adam_settings import DEFAULT_ADAM, AdamSettings
from ncf_keras.training.schedules import WarmUpAndDecay
from ncf_keras.training.steps.rules import make_rule
from ncf_keras.training.steps.steps import DeferredStep, DenseStep, can_defer_rows, make_step
from tests.training.one_worker import record_losses, spread_weights

BATCH_SIZE = 32
RATE = 0.005
BUILDERS = {
    "GMF": partial(build_gmf, num_factors=4),
    "MLP": partial(build_mlp, layers=(16, 8), reg_layers=(0, 0)),
    "NeuMF": partial(build_neumf, mf_dim=4, layers=(16, 8), reg_layers=(0, 0)),
}

pytestmark = pytest.mark.usefixtures("shared_programs")


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    """300 users, 80 items, some of them rare; 810 positives make 127 steps, the last one partial."""
    generator = np.random.default_rng(3)
    popularity = 1 / np.arange(1, 24_001) ** 0.7
    pairs = generator.choice(24_000, 810, replace=False, p=popularity / popularity.sum())
    users, items = np.divmod(generator.permutation(24_000)[pairs], 80)
    test = np.arange(5)
    return Dataset.from_pairs(users, items, test, test, test[:, None], num_users=300, num_items=80)


@pytest.fixture
def policy():
    """Set Keras' policy, and set it back after the test."""
    before = keras.config.dtype_policy()
    yield keras.config.set_dtype_policy
    keras.config.set_dtype_policy(before)


def all_predictions(model: keras.Model) -> np.ndarray:
    users, items = np.indices((300, 80), dtype=np.int32).reshape(2, -1, 1)
    return model([users, items]).numpy().ravel()


# All pairs, of which the golden runs have all. NeuMF has the layers of the others, and Adam moves rows that are
# not in a batch.
FAST = "NeuMF", "adam"
PAIRS = [
    pytest.param(*pair, marks=[] if pair == FAST else pytest.mark.slow)
    for pair in itertools.product(BUILDERS, LEARNERS)
]


@pytest.mark.parametrize(("kind", "learner"), PAIRS)
def test_dense_and_deferred_steps_equal_keras(dataset, kind, learner):
    models = [BUILDERS[kind](300, 80) for _ in range(3)]
    spread_weights(models[0])
    for model in models[1:]:
        model.set_weights(models[0].get_weights())
    sampler = NegativeSampler(dataset, 4, seed=5)

    reference = models[0]
    reference.compile(make_optimizer(learner, RATE), clipped_log_loss)
    expected = []
    for users, items, labels in stacks_of_batches(sampler, 0, BATCH_SIZE):
        for batch in zip(users, items, labels, strict=True):
            user, item, label = (array[:, None] for array in batch)
            expected.append(reference.train_on_batch([user, item], label))
            reference.reset_metrics()

    for model, step in zip(models[1:], ("deferred", "dense"), strict=True):
        losses = record_losses(CompiledEngine(model, sampler, learner, RATE, BATCH_SIZE, step=step))
        assert len(losses) == 127
        np.testing.assert_allclose(losses, expected, atol=1e-5, rtol=0)
        np.testing.assert_allclose(all_predictions(model), all_predictions(reference), atol=5e-4, rtol=0)


SETTINGS = {
    "sgd, scheduled": ("sgd", WarmUpAndDecay(0.5, 30, "cosine", 120), DEFAULT_ADAM, DeferredStep),
    "adam, scheduled": ("adam", WarmUpAndDecay(0.02, 30, "exponential", 50), DEFAULT_ADAM, DeferredStep),
    "adam with NVIDIA's betas": ("adam", WarmUpAndDecay(RATE, 9), AdamSettings(0.25, 0.5, 1e-8), DeferredStep),
    "adam that sums no steps": ("adam", RATE, AdamSettings(0.9, 0.99, 1e-6), DenseStep),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_schedules_and_settings_of_adam_are_the_same_on_both_engines(dataset, name):
    learner, rate, adam, step = SETTINGS[name]
    models = [BUILDERS["NeuMF"](300, 80) for _ in range(2)]
    spread_weights(models[0])
    models[1].set_weights(models[0].get_weights())
    sampler = NegativeSampler(dataset, 4, seed=5)
    models[0].compile(make_optimizer(learner, rate, adam), clipped_log_loss)
    expected = []
    for users, items, labels in stacks_of_batches(sampler, 0, BATCH_SIZE):
        for batch in zip(users, items, labels, strict=True):
            user, item, label = (array[:, None] for array in batch)
            expected.append(models[0].train_on_batch([user, item], label))
            models[0].reset_metrics()
    engine = CompiledEngine(models[1], sampler, learner, rate, BATCH_SIZE, adam=adam)
    assert type(engine._step) is step
    np.testing.assert_allclose(record_losses(engine), expected, atol=1e-5, rtol=0)
    np.testing.assert_allclose(all_predictions(models[1]), all_predictions(models[0]), atol=5e-4, rtol=0)


def test_a_schedule_goes_on_in_the_next_epoch_and_is_scaled_as_a_whole(dataset):
    sampler, engines = NegativeSampler(dataset, 4, seed=5), []
    for kind in (CompiledEngine, KerasEngine):
        rate = WarmUpAndDecay(0.02, 200, "exponential", 50)
        engines.append(kind(BUILDERS["NeuMF"](300, 80, seed=2), sampler, "adam", rate, BATCH_SIZE))
    losses = []
    for halved in (False, False, True):
        for engine in engines:
            if halved:
                engine.learning_rate = 0.01
            assert engine.learning_rate == pytest.approx(0.01 if halved else 0.02)
        losses.append([engine.train_epoch() for engine in engines])
    np.testing.assert_allclose(*np.transpose(losses), atol=1e-5)


def test_deferred_rows_equal_dense_adam_in_float64(dataset, policy):
    policy("float64")
    models = [BUILDERS["NeuMF"](300, 80) for _ in range(2)]
    spread_weights(models[0])
    models[1].set_weights(models[0].get_weights())
    sampler = NegativeSampler(dataset, 4, seed=5)
    results = []
    for model, step in zip(models, ("deferred", "dense"), strict=True):
        engine = CompiledEngine(model, sampler, "adam", RATE, BATCH_SIZE, step=step)
        results.append(record_losses(engine))
        assert results[-1].dtype == np.float64
    np.testing.assert_allclose(results[0], results[1], atol=1e-7, rtol=0)
    for deferred, dense in zip(models[0].get_weights(), models[1].get_weights(), strict=True):
        assert deferred.dtype == np.float64
        np.testing.assert_allclose(deferred, dense, atol=1e-7, rtol=0)


def test_both_engines_report_the_same_mean_loss_and_the_same_seed_gives_the_same_bits(dataset):
    models = [BUILDERS["NeuMF"](300, 80, seed=2) for _ in range(3)]
    sampler = NegativeSampler(dataset, 4, seed=5)
    engines = [
        engine(model, sampler, "adam", RATE, BATCH_SIZE)
        for engine, model in zip((CompiledEngine, CompiledEngine, KerasEngine), models, strict=True)
    ]
    for _ in range(2):
        compiled, again, plain = (engine.train_epoch() for engine in engines)
        assert compiled == again == pytest.approx(plain, abs=1e-5)
    np.testing.assert_allclose(all_predictions(models[0]), all_predictions(models[2]), atol=5e-4, rtol=0)
    for one, other in zip(models[0].get_weights(), models[1].get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_every_example_is_used_once_and_the_loss_is_their_mean(dataset):
    sampler = NegativeSampler(dataset, 4, seed=5)
    engine = CompiledEngine(BUILDERS["GMF"](300, 80), sampler, "sgd", RATE, BATCH_SIZE, batches_a_stack=50)
    seen, results, progress = [], [], []
    train_stack = engine.train_stack

    def recording(users, items, labels, first_step, schedule):
        seen.append(np.stack([array.numpy().ravel() for array in (users, items, labels)]))
        results.append(train_stack(users, items, labels, first_step, schedule))
        return results[-1]

    engine.train_stack = recording
    mean = engine.train_epoch(progress.append)
    used = np.concatenate(seen, axis=1)
    drawn = np.concatenate([np.stack(chunk) for chunk in sampler.chunks(0, BATCH_SIZE * 50)], axis=1)
    np.testing.assert_array_equal(used, drawn)
    assert used.shape[1] == dataset.num_train * 5 == progress[-1]
    assert len(seen) == 4  # 50 + 50 + 26 whole batches and the partial one
    losses, sizes = (np.concatenate(column) for column in zip(*results, strict=True))
    assert sizes[-1] == dataset.num_train * 5 % BATCH_SIZE
    assert mean == pytest.approx(np.average(losses, weights=sizes), rel=1e-12)


def test_rows_are_deferred_unless_embeddings_have_penalties():
    for build in BUILDERS.values():
        assert can_defer_rows(build(30, 20))
    assert can_defer_rows(build_mlp(30, 20, (8, 4), (0, 0.1)))  # of kernels alone
    for penalised in (
        build_gmf(30, 20, 4, regs=(0, 0.1)),
        build_mlp(30, 20, (8, 4), (0.1, 0)),
        build_neumf(30, 20, 4, (8, 4), (0, 0), reg_mf=0.1),
    ):
        assert not can_defer_rows(penalised)


def test_a_model_of_another_make_takes_the_dense_step_and_keeps_its_state(dataset):
    users, items = (keras.Input((1,), dtype="int32", name=f"{side}_input") for side in ("user", "item"))
    shifted = keras.ops.mod(items + 1, 80)
    latent = [keras.layers.Embedding(300, 4)(users), keras.layers.Embedding(80, 6)(shifted)]
    vector = keras.layers.Dropout(0.5, seed=1)(keras.layers.Flatten()(keras.layers.Concatenate()(latent)))
    model = keras.Model([users, items], keras.layers.Dense(1, activation="sigmoid")(vector))
    assert not can_defer_rows(model)
    engine = CompiledEngine(model, NegativeSampler(dataset, 4, seed=5), "adam", RATE, BATCH_SIZE)
    before = [variable.numpy().copy() for variable in model.non_trainable_variables]
    losses = [engine.train_epoch() for _ in range(5)]
    assert losses[-1] < losses[0] < 0.7
    after = [variable.numpy() for variable in model.non_trainable_variables]
    assert any((one != other).any() for one, other in zip(before, after, strict=True))


@pytest.mark.parametrize(
    ("rows", "batch_size", "penalty", "expected"),
    [
        (4096, 1024, 0, DenseStep),  # four rows an example
        (4097, 1024, 0, DeferredStep),
        (30, 1023, 0, DeferredStep),  # too small a batch
        (4097, 1024, 0.1, DenseStep),  # every row has a gradient
    ],
)
def test_all_rows_move_where_a_batch_is_large_beside_the_tables(rows, batch_size, penalty, expected):
    model = build_gmf(rows - 20, 20, 2, regs=(0, penalty))
    assert type(make_step(model, make_rule("adam", 0.1), batch_size=batch_size)) is expected


def test_the_kind_of_step_can_be_chosen():
    model, rule = build_gmf(30, 20, 2), make_rule("sgd", 0.1)
    assert type(make_step(model, rule, kind="dense")) is DenseStep
    assert type(make_step(model, rule, kind="deferred", batch_size=4096)) is DeferredStep
    with pytest.raises(InputError, match="`step` must be dense or auto where"):
        make_step(build_gmf(30, 20, 2, regs=(0, 0.1)), rule, kind="deferred")
    with pytest.raises(InputError, match="`step` must be dense or auto where"):
        make_step(model, make_rule("adam", 0.1, AdamSettings(0.9, 0.99, 1e-6)), kind="deferred")


def test_a_model_that_uses_its_inputs_elsewhere_takes_the_dense_step():
    users, items = (keras.Input((1,), dtype="int32", name=f"{side}_input") for side in ("user", "item"))
    latent = [keras.layers.Embedding(300, 4)(users), keras.layers.Embedding(80, 4)(items)]
    vector = keras.layers.Flatten()(keras.layers.Multiply()(latent))
    parity = keras.ops.cast(items % 2, "float32")
    outputs = [keras.layers.Dense(1)(keras.layers.Concatenate()([vector, extra])) for extra in (parity, vector)]
    assert not can_defer_rows(keras.Model([users, items], outputs[0]))
    assert can_defer_rows(keras.Model([users, items], outputs[1]))


def test_bfloat16_trains_alike_on_both_engines(dataset, policy):
    policy("mixed_bfloat16")
    sampler, losses = NegativeSampler(dataset, 4, seed=5), []
    for engine, options in (
        (CompiledEngine, {"step": "deferred"}),
        (CompiledEngine, {"step": "dense"}),
        (KerasEngine, {}),
    ):
        model = build_mlp(300, 80, (8, 4), (0, 1e-4), reg_rows=1e-5, seed=2)
        spread_weights(model)
        losses.append(engine(model, sampler, "adam", RATE, BATCH_SIZE, **options).train_epoch())
    assert losses[1:] == pytest.approx([losses[0]] * 2, abs=2e-3)
    assert {weight.dtype for weight in model.weights} == {"float32"} and model.output.dtype == "float32"
    assert model.get_layer("layer1").compute_dtype == "bfloat16"


def test_float16_is_for_the_keras_engine(dataset, policy):
    sampler = NegativeSampler(dataset, 4, seed=5)
    for name in ("float16", "bfloat16", "mixed_float16"):
        policy(name)
        with pytest.raises(InputError, match=f"`model` must have weights of 32 or 64 bits.* Received: {name}$"):
            CompiledEngine(BUILDERS["GMF"](300, 80), sampler, "adam", RATE, BATCH_SIZE)
    losses = [0.0, 0.0]
    for number, name in enumerate(("float32", "mixed_float16")):
        policy(name)
        losses[number] = KerasEngine(BUILDERS["GMF"](300, 80, seed=1), sampler, "adam", RATE, 128).train_epoch()
    assert losses[1] == pytest.approx(losses[0], abs=1e-4)
