"""A training that begins where another ended, against one in plain Keras that was never interrupted."""

import dataclasses
import itertools

import numpy as np
import pytest

from ncf_keras.data import Dataset
from ncf_keras.models import ModelSpec
from ncf_keras.sampling import samplers
from ncf_keras.training import LEARNERS, Trainer, TrainingSpec, clipped_log_loss, make_optimizer
from ncf_keras.training.callbacks.checkpoints import Checkpoints
from ncf_keras.training.checkpoints import CheckpointDirectory
from ncf_keras.training.earlier_training import read_earlier_training
from ncf_keras.training.engines import feeds, sharded_engine
from ncf_keras.training.make_sampler import make_sampler
from ncf_keras.training.warm_start import warm_start
from tests.training.one_worker import record_losses, spread_weights

USERS, ITEMS, BATCH_SIZE, STEPS, RATE, SEED = 60, 40, 16, 47, 0.005, 5
A_STACK = 20
NOTHING = np.zeros(0, int)

pytestmark = pytest.mark.usefixtures("shared_programs")


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    """60 users, 40 items; 150 positives make 47 steps an epoch, the last one partial."""
    generator = np.random.default_rng(3)
    popularity = 1 / np.arange(1, USERS * ITEMS + 1) ** 0.7
    pairs = generator.choice(USERS * ITEMS, 150, replace=False, p=popularity / popularity.sum())
    users, items = np.divmod(generator.permutation(USERS * ITEMS)[pairs], ITEMS)
    return Dataset.from_pairs(
        users, items, NOTHING, NOTHING, NOTHING.reshape(0, 1), num_users=USERS, num_items=ITEMS
    )


@pytest.fixture(scope="module")
def spec():
    return ModelSpec("NeuMF", USERS, ITEMS, num_factors=4, layers=(8, 4))


@pytest.fixture
def short_programs(monkeypatch):
    """Programs of 20 steps, so that an epoch can be left in the middle."""
    for module in (feeds, sharded_engine, samplers):
        monkeypatch.setattr(module, "usual_batches_a_stack", lambda batch_size, recent=0: A_STACK)


def training_of(**settings):
    return TrainingSpec(
        epochs=1, batch_size=BATCH_SIZE, learning_rate=RATE, select="none", seed=SEED, **settings
    )


def batches(training, dataset, epoch):
    """Yield users, items and labels of the steps of an epoch."""
    sampler = make_sampler(dataset, training, shared=False)
    if training.shards == 1:
        for stack in samplers.stacks_of_batches(sampler, epoch, BATCH_SIZE):
            yield from zip(*stack, strict=True)
        return
    parts, of_all = [range(training.shards)], np.concatenate(sampler.users)
    for stack in sampler.stacks(epoch, STEPS, parts, sampler.width(STEPS, parts[0]), A_STACK):
        for users, items, labels in zip(*stack, strict=True):
            taken = labels >= 0
            yield of_all[users[taken]], items[taken], labels[taken]


def losses_of_keras(spec, training, steps_done, later, dataset):
    """Train an epoch and so many steps of the next in plain Keras, then an epoch of a later training.

    Returns:
        Of each step of the last epoch the loss and the number of examples.
    """
    model = spec.build(1)
    spread_weights(model)
    model.compile(make_optimizer(training.learner, RATE, training.adam), clipped_log_loss)

    def losses(of, epoch, most=STEPS):
        for users, items, labels in itertools.islice(batches(of, dataset, epoch), most):
            yield model.train_on_batch([users[:, None], items[:, None]], labels[:, None]), len(users)
            model.reset_metrics()

    list(losses(training, 0))
    list(losses(training, 1, steps_done))
    return np.array(list(losses(later, 0))).T


class Stop(Exception):
    pass


def leave_checkpoint(spec, training, dataset, directory, steps_done):
    """Train an epoch and so many steps of the next, and write a checkpoint."""
    model = spec.build(1)
    spread_weights(model)
    trainer = Trainer(model, dataset, training)
    trainer.fit()
    if steps_done:

        def stop(examples):
            if trainer.engine.progress[1] == steps_done:
                raise Stop

        with pytest.raises(Stop):
            trainer.engine.train_epoch(stop)
    with CheckpointDirectory(directory) as kept:
        return Checkpoints(trainer, kept, {}, {}, model=spec).save()


ADAM, DENSE, SHARDS = {"learner": "adam"}, {"step": "dense"}, {"shards": 4}
# Settings of the earlier training, how many steps of its second epoch are done, and what the later one does.
FAST = [({**ADAM}, 20, {})]
SLOW = [
    ({"learner": "rmsprop", **DENSE}, 20, DENSE),
    ({**ADAM}, 0, DENSE), ({**ADAM}, 40, {}), ({**ADAM}, 47, {}), ({**ADAM, **DENSE}, 20, {}),
    ({**ADAM, "beta_1": 0.25, "beta_2": 0.5}, 20, {}), ({**ADAM, "beta_1": 0.9, "beta_2": 0.99}, 20, {}),
    ({"learner": "rmsprop"}, 20, {}), ({"learner": "adagrad"}, 20, {}), ({"learner": "adagrad"}, 0, DENSE),
    ({"learner": "sgd"}, 20, {}), ({"learner": "sgd"}, 0, DENSE),
    *(({"learner": learner, "engine": "keras"}, 0, {}) for learner in LEARNERS),
    ({**ADAM, **SHARDS}, 20, {}), ({**ADAM, **SHARDS}, 47, SHARDS), ({**ADAM}, 20, SHARDS),
    ({"learner": "adagrad", **SHARDS}, 0, SHARDS), ({"learner": "rmsprop", **SHARDS}, 20, SHARDS),
    ({"learner": "sgd", **SHARDS}, 20, SHARDS),
]  # fmt: skip
CASES = [*FAST, *(pytest.param(*case, marks=pytest.mark.slow) for case in SLOW)]


def going_on(spec, dataset, file, training):
    """Return a trainer of another model with the rows and slots of a checkpoint."""
    earlier = read_earlier_training(file)
    model = spec.build(2)
    started = warm_start(model, dataset, earlier.layers, None, None, learner=earlier.learner)
    trainer = Trainer(model, dataset, training)
    trainer.set_learner_state(started.learner)
    return trainer


@pytest.mark.parametrize(("settings", "steps_done", "then"), CASES)
def test_a_training_goes_on_as_if_it_had_not_been_interrupted(
    dataset, spec, tmp_path, short_programs, settings, steps_done, then
):
    training = training_of(**settings)
    file = leave_checkpoint(spec, training, dataset, tmp_path, steps_done)
    later = dataclasses.replace(training, **{"step": "auto", "engine": "compiled", "shards": 1, **then})
    trainer = going_on(spec, dataset, file, later)
    assert trainer.engine.steps_before == trainer.model.optimizer.iterations == STEPS + steps_done
    expected, _ = losses_of_keras(spec, training, steps_done, later, dataset)
    np.testing.assert_allclose(record_losses(trainer.engine._engine), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("learner", [*LEARNERS])
@pytest.mark.slow
def test_plain_keras_goes_on_from_a_checkpoint(dataset, spec, tmp_path, short_programs, learner):
    training = training_of(learner=learner)
    file = leave_checkpoint(spec, training, dataset, tmp_path, 20)
    later = dataclasses.replace(training, engine="keras")
    trainer = going_on(spec, dataset, file, later)
    expected, sizes = losses_of_keras(spec, training, 20, later, dataset)
    loss = trainer.fit().history["loss"][0]
    assert loss == pytest.approx((expected @ sizes) / sizes.sum(), abs=1e-5)
    assert trainer.model.optimizer.iterations == 2 * STEPS + 20
