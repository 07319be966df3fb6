"""Several replicas train as one alone does: the same losses, step by step, and the same weights."""

import keras
import numpy as np
import pytest

from ncf_keras.base.errors import InputError, WorkerLost
from ncf_keras.sampling import NegativeSampler
from ncf_keras.training import CompiledEngine
from ncf_keras.training.engines.distributed_engine import DistributedEngine
from tests.loopback_workers import start, workers
from tests.shared_files import PROJECT
from tests.training import one_worker

SCRIPT = PROJECT / "tests" / "training" / "one_worker.py"
PATIENCE = 300


def alone(name):
    """Return the losses and weights of one replica; `test_engines.py` holds these against plain Keras."""
    learner, penalty = one_worker.CASES[name]
    model = one_worker.build(penalty)
    sampler = NegativeSampler(one_worker.dataset(), 4, one_worker.SEED)
    engine = CompiledEngine(model, sampler, learner, one_worker.RATE, one_worker.BATCH_SIZE)
    return one_worker.record_losses(engine), model.get_weights()


def assert_equal_to_one(file, names):
    found = np.load(file)
    for name in names:
        losses, weights = alone(name)
        assert len(losses) == 502  # the last one of a partial batch
        np.testing.assert_allclose(found[name], losses, atol=1e-5, rtol=0)
        for number, array in enumerate(weights):
            np.testing.assert_allclose(found[f"{name}_{number}"], array, atol=1e-5, rtol=0)


@pytest.mark.slow
@pytest.mark.parametrize(("count", "names"), [(3, ["adam"]), (2, one_worker.CASES), (3, one_worker.CASES)])
def test_workers_equal_one(tmp_path, count, names):
    # 32 examples a batch do not divide by 3, and one worker has no example of the last batch.
    with workers(count, [SCRIPT, "multiworker", tmp_path / "out.npz", *names]) as processes:
        for process in processes:
            out, err = process.communicate(timeout=PATIENCE)
            assert process.returncode == 0, err
            assert out == ""
    assert_equal_to_one(tmp_path / "out.npz", names)


@pytest.mark.parametrize("names", [["sgd"], pytest.param(one_worker.CASES, marks=pytest.mark.slow)])
def test_two_devices_equal_one(tmp_path, names):
    process = start([SCRIPT, "mirrored", tmp_path / "out.npz", *names])
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    assert_equal_to_one(tmp_path / "out.npz", names)


class TwoWorkers:
    """Stands for the replicas of two processes, of which the other one is gone."""

    devices = ("/CPU:0",)
    count = 2
    several = True

    def from_chief(self, value):
        raise WorkerLost("Socket closed")


def test_a_model_with_other_state_than_weights_is_refused():
    users, items = (keras.Input((1,), dtype="int32", name=name) for name in ("user_input", "item_input"))
    latent = [keras.layers.Flatten()(keras.layers.Embedding(80, 4)(side)) for side in (users, items)]
    vector = keras.layers.BatchNormalization()(keras.layers.Concatenate()(latent))
    model = keras.Model([users, items], keras.layers.Dense(1, activation="sigmoid")(vector))
    with pytest.raises(InputError, match="no state but weights"):
        DistributedEngine(model, None, "sgd", 0.1, 8, TwoWorkers())


def test_a_lost_worker_ends_the_epoch_and_another_rate_counts_when_it_is_trained_again():
    sampler = NegativeSampler(one_worker.dataset(), 4, 1)
    engine = DistributedEngine(one_worker.build(), sampler, "sgd", 0.1, 32, TwoWorkers())
    with pytest.raises(WorkerLost, match="Socket closed"):
        engine.train_epoch()
    assert engine.progress == (0, 0)
    assert engine._schedule() is engine._schedule()
    engine.learning_rate = 0.05
    np.testing.assert_allclose(engine._schedule(), 0.05, rtol=1e-6)


def test_the_state_is_that_of_one_replica():
    """So a run goes on with another number of workers."""
    model = one_worker.build()
    sampler = NegativeSampler(one_worker.dataset(), 4, 1)
    compiled = CompiledEngine(model, sampler, "adam", 0.005, 32)
    state = {name: array + array.dtype.type(0.5) for name, array in compiled.state().items()}
    compiled.restore({**state, "counts": np.array([1, 0, 0, 0])})
    state = compiled.state()
    shared = DistributedEngine(one_worker.build(), sampler, "adam", 0.005, 32, TwoWorkers())
    shared.restore(state)
    assert shared.progress == (1, 0)
    for name, array in shared.state().items():
        np.testing.assert_array_equal(array, state[name])
