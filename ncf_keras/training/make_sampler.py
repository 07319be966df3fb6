"""Where the examples of a training are drawn: by the host, or by the device in the programs that train."""

import numpy as np
import tensorflow as tf

from ncf_keras.base.errors import InputError
from ncf_keras.data import Dataset
from ncf_keras.sampling import DeviceSampler, NegativeSampler, ShardedSampler
from ncf_keras.sampling.device_sampler import fits
from ncf_keras.training.spec import TrainingSpec


def make_sampler(
    dataset: Dataset,
    spec: TrainingSpec,
    shared: bool,
    positives: np.ndarray | None = None,
    known_items: bool = False,
    recent: int = 0,
) -> NegativeSampler | DeviceSampler | ShardedSampler:
    """Return the sampler that a spec asks for: `auto` is the device's where there is a GPU, else the host's.

    Shards, which several replicas need, are drawn by the host.

    Args:
        dataset: whose train interactions are the positives.
        spec: the settings.
        shared: whether several replicas train together.
        positives: the places in `train_items` of those to train on, which the host draws; None: all.
        known_items: draw negatives among items with train interactions alone, which the host does.
        recent: how many recent items an example has, which the host looks up; 0: none.

    Raises:
        InputError: the device's is asked for where there is none, or it or shards where only the host can
            draw; or as `DeviceSampler` and `NegativeSampler`.
    """
    if positives is not None or known_items or recent:
        why = "with `positives`"
        if recent:
            why = "with a model that takes recent items"
        elif known_items:
            why = "with features of items that nobody has chosen yet"
        if spec.sampler == "device":
            raise InputError(f"`sampler` must be host or auto {why}. Received: 'device'")
        if shared or spec.shards > 1:
            received = "several workers" if shared else spec.shards
            raise InputError(f"`shards` must be 1, in one process, {why}. Received: {received}")
        return NegativeSampler(
            dataset, spec.num_neg, spec.seed, positives=positives, known_items=known_items, recent=recent
        )
    if shared and spec.sampler == "device":
        raise InputError("`sampler` must be host or auto with several workers. Received: 'device'")
    if shared or spec.shards > 1:
        return ShardedSampler(dataset, spec.num_neg, spec.seed, spec.shards)
    on_device = spec.sampler == "device"
    if spec.sampler == "auto" and spec.engine == "compiled":
        on_device = bool(tf.config.get_visible_devices("GPU")) and fits(dataset, spec.num_neg)
    kind = DeviceSampler if on_device else NegativeSampler
    return kind(dataset, spec.num_neg, spec.seed)
