"""An engine whose programs draw their own examples, against one that is fed the same examples by the host."""

import numpy as np
import pytest
import tensorflow as tf

from ncf_keras.base.errors import InputError
from ncf_keras.sampling import DeviceSampler, NegativeSampler, stacks_of_batches
from ncf_keras.training import CompiledEngine, KerasEngine, clipped_log_loss, make_optimizer
from ncf_keras.training.engines import feeds
from ncf_keras.training.engines.feeds import DeviceFeed
from tests.training.one_worker import RATE, build, dataset, record_losses

# 502 steps in programs of 101, the last of them with 98.
BATCH_SIZE, STACK = 32, 101

pytestmark = pytest.mark.usefixtures("shared_programs")


class Written(NegativeSampler):
    """Gives the examples of a device's sampler as arrays."""

    def __init__(self, data, sampler):
        super().__init__(data, 4, seed=0)
        self._drawn = sampler

    def chunks(self, epoch, chunk_size):
        keys = tf.constant(self._drawn.keys(epoch))
        examples = self._drawn.examples(keys, tf.range(self.num_examples, dtype=tf.int64))
        for start in range(0, self.num_examples, chunk_size):
            yield tuple(column.numpy()[start : start + chunk_size] for column in examples)


@pytest.fixture(scope="module")
def data():
    return dataset()


@pytest.fixture(scope="module")
def sampler(data):
    return DeviceSampler(data, 4, seed=5)


@pytest.fixture(scope="module")
def feed(sampler):
    """The feed that all engines here share, and so their program."""
    return DeviceFeed(sampler, BATCH_SIZE, STACK)


@pytest.fixture
def make_engine(sampler, feed, monkeypatch):
    monkeypatch.setattr("ncf_keras.training.engines.compiled_engine.make_feed", lambda *_: feed)
    return lambda: CompiledEngine(build(), sampler, "adam", RATE, BATCH_SIZE)


def test_steps_equal_keras_on_the_same_examples(data, sampler, make_engine):
    engine, reference, expected = make_engine(), build(), []
    reference.compile(make_optimizer("adam", RATE), clipped_log_loss)
    for users, items, labels in stacks_of_batches(Written(data, sampler), 0, BATCH_SIZE):
        for batch in zip(users, items, labels, strict=True):
            user, item, label = (array[:, None] for array in batch)
            expected.append(reference.train_on_batch([user, item], label))
            reference.reset_metrics()
    losses = record_losses(engine)
    assert len(losses) == 502 and data.num_train * 5 % BATCH_SIZE
    np.testing.assert_allclose(losses, expected, atol=1e-5, rtol=0)


def test_an_epoch_equals_that_of_the_keras_engine_and_the_next_one_is_another(data, sampler, make_engine):
    engine, progress = make_engine(), []
    reference = KerasEngine(build(), Written(data, sampler), "adam", RATE, BATCH_SIZE)
    for _ in range(2):
        assert engine.train_epoch(progress.append) == pytest.approx(reference.train_epoch(), abs=1e-5)
    size = data.num_train * 5
    assert progress == [*(STACK * BATCH_SIZE * stacks for stacks in range(1, 5)), size] * 2


class Stopped(Exception):
    """Raised between two programs."""


def test_a_training_goes_on_within_an_epoch_bit_for_bit(make_engine):
    whole, first = make_engine(), make_engine()
    losses = [whole.train_epoch() for _ in range(2)]

    def stop(done):
        if first.progress == (1, 2 * STACK):
            raise Stopped

    assert first.train_epoch() == losses[0]
    with pytest.raises(Stopped):
        first.train_epoch(stop)
    second = make_engine()
    second.restore(first.state())
    assert second.progress == (1, 2 * STACK)
    assert second.train_epoch() == losses[1]
    expected = whole.state()
    for name, array in second.state().items():
        assert array.tobytes() == expected[name].tobytes(), name


def test_a_callback_may_end_an_epoch(make_engine):
    engine = make_engine()
    engine.train_epoch(lambda done: True)
    assert engine.progress == (1, 0)


def test_a_training_goes_on_with_its_own_sampler_alone(data, make_engine):
    drawn = make_engine()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ncf_keras.training.engines.compiled_engine.make_feed", feeds.make_feed)
        fed = CompiledEngine(build(), NegativeSampler(data, 4, seed=5), "adam", RATE, BATCH_SIZE)
    with pytest.raises(InputError, match=r"`sampler` must be device, as in .* Received: host"):
        fed.restore(drawn.state())
    with pytest.raises(InputError, match=r"`sampler` must be host, as in .* Received: device"):
        drawn.restore(fed.state())


@pytest.mark.parametrize(("batch_size", "most", "expected"), [
    (32, 2048, 502),  # all at once
    (32, 500, 251),  # two programs
    (100, 60, 54),  # 161 batches in three programs
    (2_000, 2048, 5),  # 9 batches in two programs, because 9 are more than 17,000 examples
    (50_000, 2048, 1),
])  # fmt: skip
def test_stacks_are_of_about_one_size_and_not_too_big(sampler, monkeypatch, batch_size, most, expected):
    monkeypatch.setattr(feeds, "MOST_DRAWN", 17_000)
    feed = DeviceFeed(sampler, batch_size, most)
    steps, stacks = 0, []
    while steps < -(-sampler.num_examples // batch_size):
        stacks.append(feed.next_stack(0, len(stacks), steps)[1].numpy())
        steps += len(stacks[-1])
    assert feed.batches_a_stack == max(map(len, stacks)) == expected
    sizes = np.concatenate(stacks)
    assert (sizes[:-1] == batch_size).all() and sizes.sum() == sampler.num_examples
