"""Which sampler a training takes."""

import pytest
import tensorflow as tf

from ncf_keras import InputError, TrainingSpec
from ncf_keras.sampling import DeviceSampler, NegativeSampler, ShardedSampler
from ncf_keras.training import make_sampler as module
from ncf_keras.training.make_sampler import make_sampler

GPU, NONE = [tf.config.PhysicalDevice("/physical_device:GPU:0", "GPU")], []


@pytest.mark.parametrize(("gpus", "settings", "shared", "kind"), [
    (NONE, {}, False, NegativeSampler),
    (GPU, {}, False, DeviceSampler),
    (GPU, {}, True, ShardedSampler),
    (GPU, {"shards": 2}, False, ShardedSampler),
    (GPU, {"engine": "keras"}, False, NegativeSampler),
    (GPU, {"sampler": "host"}, False, NegativeSampler),
    (NONE, {"sampler": "device"}, False, DeviceSampler),
])  # fmt: skip
def test_the_device_draws_where_it_is_a_gpu_or_asked_to(sample, monkeypatch, gpus, settings, shared, kind):
    monkeypatch.setattr(tf.config, "get_visible_devices", lambda kind: gpus)
    assert type(make_sampler(sample, TrainingSpec(**settings), shared)) is kind


def test_what_the_device_can_not_number_is_drawn_by_the_host(sample, monkeypatch):
    monkeypatch.setattr(tf.config, "get_visible_devices", lambda kind: GPU)
    monkeypatch.setattr(module, "fits", lambda dataset, num_neg: False)
    assert type(make_sampler(sample, TrainingSpec(), False)) is NegativeSampler


def test_several_workers_are_fed_by_the_host(sample):
    with pytest.raises(InputError) as error:
        make_sampler(sample, TrainingSpec(sampler="device"), True)
    assert str(error.value) == "`sampler` must be host or auto with several workers. Received: 'device'"
