"""Training in shards: the steps of plain Keras on the same batches, and the same for any number of replicas."""

import functools

import keras
import numpy as np
import pytest

from ncf_keras.base.errors import InputError, WorkerLost
from ncf_keras.sampling import batches
from ncf_keras.training import clipped_log_loss, make_optimizer
from ncf_keras.training.engines import divided_rows, sharded_engine as sharded_engine_module
from ncf_keras.training.engines.sharded_engine import ShardedEngine
from tests.loopback_workers import start, workers
from tests.shared_files import PROJECT
from tests.training import one_worker

SCRIPT = PROJECT / "tests" / "training" / "one_worker.py"
PATIENCE = 300
FAST = ("adam", "items dense")
CASES = [pytest.param(name, marks=[] if name in FAST else pytest.mark.slow) for name in one_worker.CASES]


def losses_of_keras(name):
    """Return the loss of each batch of an epoch in plain Keras, and the weights after them."""
    learner, penalty, batch_size = one_worker.CASES[name]
    model, sampler = one_worker.build(penalty), one_worker.sharded_sampler()
    model.compile(make_optimizer(learner, one_worker.RATE), clipped_log_loss)
    steps = -(-sampler.num_examples // batch_size)
    losses = []
    parts = [range(one_worker.SHARDS)]
    of_all = np.concatenate(sampler.users)
    for stack in sampler.stacks(0, steps, parts, sampler.width(steps, parts[0]), 2048):
        for users, items, labels in zip(*stack, strict=True):
            taken = labels >= 0
            inputs = [array[taken, None] for array in (of_all[users], items)]
            losses.append(model.train_on_batch(inputs, labels[taken, None]))
            model.reset_metrics()
    return np.array(losses), model.get_weights()


@pytest.fixture(scope="module")
def trained():
    """Return what gives the engine of a case after an epoch in this process, and its results, compiled once."""

    @functools.cache
    def train(name):
        engine, model = one_worker.make_engine(name)
        return engine, model, one_worker.results_of(engine, model)

    return train


@pytest.mark.parametrize("name", CASES)
def test_an_epoch_in_shards_equals_keras_on_the_same_batches(name, trained):
    results, (expected, weights) = trained(name)[-1], losses_of_keras(name)
    losses = results["losses"]
    assert len(losses) == {16: 1004, 32: 502, 512: 32}[one_worker.CASES[name][2]]
    # With penalties the loss is above 1, where float32 has fewer digits.
    np.testing.assert_allclose(losses, expected, atol=1e-5, rtol=1e-5 if "penalised" in name else 0)
    assert len(weights) == sum(what.startswith("weights ") for what in results)
    for number, wanted in enumerate(weights):
        np.testing.assert_allclose(results[f"weights {number}"], wanted, atol=5e-4, rtol=0)


def assert_equal_to_one(file, names, trained):
    found = np.load(file)
    for name in names:
        for what, array in trained(name)[-1].items():
            np.testing.assert_allclose(found[f"{name} {what}"], array, atol=1e-5, rtol=0, err_msg=what)


@pytest.mark.slow
@pytest.mark.parametrize(("count", "names"), [
    (2, ["adam", "dense"]), (3, ["adam"]), (4, ["adam", "items dense"]), (2, one_worker.CASES),
])  # fmt: skip
def test_workers_equal_one(tmp_path, count, names, trained):
    with workers(count, [SCRIPT, "multiworker", tmp_path / "out.npz", *names]) as processes:
        for process in processes:
            out, err = process.communicate(timeout=PATIENCE)
            assert process.returncode == 0, err
            assert out == ""
    assert_equal_to_one(tmp_path / "out.npz", names, trained)


@pytest.mark.parametrize("names", [["adam"], pytest.param(one_worker.CASES, marks=pytest.mark.slow)])
def test_two_devices_equal_one(tmp_path, names, trained):
    process = start([SCRIPT, "mirrored", tmp_path / "out.npz", *names])
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    assert_equal_to_one(tmp_path / "out.npz", names, trained)


class FirstWorker:
    """Stands for the first of several processes, of which the others are gone."""

    devices = (None,)
    numbers = (0,)
    several = is_chief = True

    def __init__(self, count=2):
        self.count = count

    def from_chief(self, value):
        raise WorkerLost("Socket closed")


@pytest.mark.parametrize("count", [1, 2, 4])
def test_a_worker_holds_its_share_of_the_users(count):
    engine, _ = one_worker.make_engine("adam", FirstWorker(count))
    (replica,) = engine._replicas
    held = {variable.shape[0] for variable in (replica.users._rows, replica.users._chosen)}
    # 300 users in 8 shards are 37 or 38 in each.
    assert held == {sum(map(len, one_worker.sharded_sampler().users[: 8 // count]))}
    assert abs(held.pop() - 300 / count) <= 4
    assert engine._feed.next_stack(0, 0, 0)[0].numpy().max() < 300 / count + 4


@pytest.mark.parametrize(("workers", "gives_way"), [(None, False), (FirstWorker(), True)])
def test_only_with_others_to_wait_for_the_sampler_gives_way(workers, gives_way, monkeypatch):
    used = []

    def drawn(make):
        used.append(True)
        yield from make()

    monkeypatch.setattr(batches, "drawn_giving_way", drawn)
    engine, _ = one_worker.make_engine("dense", workers)
    engine._feed.next_stack(0, 0, 0)
    engine._feed.forget()
    assert bool(used) == gives_way


def test_a_training_goes_on_bit_for_bit_from_within_an_epoch(monkeypatch):
    monkeypatch.setattr(sharded_engine_module, "usual_batches_a_stack", lambda size: 200)
    whole, model = one_worker.make_engine("adam")
    whole.train_epoch()
    wanted = whole.train_epoch()

    class Paused(Exception):
        pass

    def pause(done):
        raise Paused

    engine, _ = one_worker.make_engine("adam")
    engine.train_epoch()
    with pytest.raises(Paused):
        engine.train_epoch(pause)
    assert engine.progress == (1, 200)
    resumed, resumed_model = one_worker.make_engine("adam", None)
    resumed_model.set_weights([0 * array for array in resumed_model.get_weights()])
    resumed.restore(engine.state())
    assert resumed.train_epoch() == wanted
    for one, other in zip(model.get_weights(), resumed_model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    for name, array in whole.state().items():
        np.testing.assert_array_equal(resumed.state()[name], array)


def test_a_state_is_handed_on_as_it_came_and_restores_the_model():
    """So a run goes on with another number of workers."""
    engine, _ = one_worker.make_engine("items dense")
    generator = np.random.default_rng(4)
    state = {name: generator.random(array.shape).astype(array.dtype) for name, array in engine.state().items()}
    state["counts"] = np.array([1, 0, 0, 0])
    other, model = one_worker.make_engine("items dense", FirstWorker(4))
    other.restore(state)
    assert other.progress == (1, 0)
    assert other.state().keys() == state.keys()
    for name, array in other.state().items():
        np.testing.assert_array_equal(array, state[name])
    embeddings = model.get_layer("mf_embedding_user").embeddings.numpy()
    assert any(np.array_equal(embeddings, state["users"][:, c : c + 4]) for c in range(9))
    other.read_model()
    assert other.state()["users"].shape == state["users"].shape
    with pytest.raises(InputError, match="must be that of a training in shards"):
        other.restore({name: array for name, array in state.items() if name != "items"})
    with pytest.raises(InputError, match="must have users of float32 and shape"):
        other.restore({**state, "users": state["users"][:-1]})


@pytest.mark.parametrize("at_once", [1, 5_000, 10**9])
def test_the_rows_of_users_come_back_as_they_were_placed_however_many_at_once(at_once, monkeypatch):
    """38 users of a shard have 1,368 numbers with their slots: each shard alone, three at a time, or all."""
    monkeypatch.setattr(divided_rows, "MOST_EXCHANGED", at_once)
    engine, _ = one_worker.make_engine("dense")
    rows = np.random.default_rng(6).random(engine._rows.shape("users")).astype(np.float32)
    assert rows.shape == (300, 36)
    engine._rows.place_users(rows, 36)
    np.testing.assert_array_equal(engine._rows.users_rows(36), rows)
    np.testing.assert_array_equal(engine._rows.users_rows(12), rows[:, :12])


def test_weights_that_a_callback_sets_are_taken_over_with_the_slots_kept(trained):
    # No other test looks at this engine and model again, but at their results alone.
    engine, model, _ = trained("items dense")
    before = engine.state()
    model.set_weights([array + 1 for array in model.get_weights()])
    engine.read_model()
    after = engine.state()
    for name in ("users", "items"):
        np.testing.assert_allclose(after[name][:, :12], before[name][:, :12] + 1, rtol=1e-6)
        np.testing.assert_array_equal(after[name][:, 12:], before[name][:, 12:])
    np.testing.assert_allclose(after["head_000"], before["head_000"] + 1, rtol=1e-6)
    np.testing.assert_array_equal(after["head_001"], before["head_001"])


def test_a_lost_worker_ends_the_epoch_and_another_rate_counts_when_it_is_trained_again():
    engine, _ = one_worker.make_engine("sgd", FirstWorker())
    with pytest.raises(WorkerLost, match="Socket closed"):
        engine.train_epoch()
    assert engine.progress == (0, 0)
    assert engine._schedule() is engine._schedule()
    engine.learning_rate = 0.05
    np.testing.assert_allclose(engine._schedule(), 0.05, rtol=1e-6)


def latent_of(users, items, width=4, **options):
    sides = [keras.layers.Embedding(80, width, **options)(side) for side in (users, items)]
    return [keras.layers.Flatten()(side) for side in sides]


@pytest.mark.parametrize(("behind", "sentence"), [
    (lambda *sides: keras.layers.BatchNormalization()(keras.layers.Concatenate()(latent_of(*sides))),
     "no state but weights"),
    (lambda users, items: keras.layers.Concatenate()(
        [latent_of(users, items)[0], keras.ops.cast(items, "float32")]),
     "must look its embeddings up"),
    (lambda *sides: keras.layers.Concatenate()(
        latent_of(*sides, embeddings_regularizer=keras.regularizers.OrthogonalRegularizer())),
     "no penalties on embeddings but L1 and L2"),
])  # fmt: skip
def test_a_model_that_can_not_be_trained_in_shards_is_refused(behind, sentence):
    users, items = (keras.Input((1,), dtype="int32", name=name) for name in ("user_input", "item_input"))
    model = keras.Model([users, items], keras.layers.Dense(1, activation="sigmoid")(behind(users, items)))
    with pytest.raises(InputError, match=sentence):
        ShardedEngine(model, one_worker.sharded_sampler(), "sgd", 0.1, 8)


def test_fewer_shards_than_workers_are_refused():
    with pytest.raises(InputError, match=r"`shards` must be at least 9, the number of workers. Received: 8"):
        one_worker.make_engine("sgd", FirstWorker(9))
