"""What the benchmarks measure on: datasets of any size made from a seed, models by name, steps by name."""

import functools
import time
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from ncf_keras.data import Dataset, read_dataset, sample_dataset
from ncf_keras.models import build_gmf, build_mlp, build_neumf
from ncf_keras.sampling import NegativeSampler, stacks_of_batches
from ncf_keras.training import CompiledEngine

LEARNING_RATE = 0.001
# Users, items and train positives of the paper's two datasets (its Table 1 less the held-out pairs).
ML_1M = (6_040, 3_706, 994_169)
PINTEREST = (55_187, 9_916, 1_445_622)
# Those of MovieLens-20M, every rating taken for an interaction.
ML_20M = (138_493, 26_744, 20_000_000)
TINY = (300, 200, 3_000)
TESTS = 6_040
NEGATIVES = 99


def load_dataset(path: str, name: str) -> Dataset:
    """Return the dataset that `--path` and `--dataset` name, or random data of a size, such as `synthetic`."""
    if name == "sample":
        return sample_dataset()
    sizes = {"synthetic": ML_1M, "synthetic-ml-20m": ML_20M, "tiny": TINY}
    return synthetic_dataset(*sizes[name]) if name in sizes else read_dataset(path, name)


@functools.cache
def synthetic_dataset(num_users: int, num_items: int, num_positives: int, seed: int = 2017) -> Dataset:
    """Draw exactly `num_positives` distinct pairs: some users are busier, some items more popular than others.

    The first 6,040 users have a test item and 99 negatives each, drawn uniformly: scoring them costs what
    scoring real ones does.
    """
    generator = np.random.default_rng(seed)
    busy = np.cumsum(generator.lognormal(0.0, 0.9, num_users))
    popular = np.cumsum(1.0 / (50 + generator.permutation(num_items)) ** 0.8)
    keys = np.empty(0, np.int64)
    while len(keys) < num_positives:
        missing = (num_positives - len(keys)) * 5 // 4 + 100
        users = np.searchsorted(busy, generator.random(missing) * busy[-1])
        items = np.searchsorted(popular, generator.random(missing) * popular[-1])
        keys = np.union1d(keys, users * num_items + items)
    users, items = np.divmod(generator.choice(keys, num_positives, replace=False), num_items)
    tests = min(num_users, TESTS)
    return Dataset.from_pairs(
        users,
        items,
        np.arange(tests),
        generator.integers(0, num_items, tests),
        generator.integers(0, num_items, (tests, NEGATIVES)),
        name="synthetic",
        num_users=num_users,
        num_items=num_items,
    )


def part_of(dataset: Dataset, num_positives: int, seed: int = 1) -> Dataset:
    """Return the dataset with only some of the train positives, to measure a part of an epoch."""
    chosen = np.random.default_rng(seed).permutation(dataset.num_train)[:num_positives]
    return Dataset.from_pairs(
        dataset.train_users[chosen],
        dataset.train_items[chosen],
        dataset.test_users,
        dataset.test_items,
        dataset.test_negatives,
        name=dataset.name,
        num_users=dataset.num_users,
        num_items=dataset.num_items,
    )


def build(model: str, factors: int, num_users: int, num_items: int) -> keras.Model:
    """Build GMF, MLP or NeuMF with so many of the paper's predictive factors; 8 give layers [64,32,16,8]."""
    layers = [8 * factors, 4 * factors, 2 * factors, factors]
    if model == "GMF":
        return build_gmf(num_users, num_items, factors, seed=1)
    if model == "MLP":
        return build_mlp(num_users, num_items, layers, [0] * 4, seed=1)
    return build_neumf(num_users, num_items, factors, layers, [0] * 4, seed=1)


class StepEngine(CompiledEngine):
    """The compiled engine around a step of the benchmark's choice, over one stack of whole batches.

    Args:
        make: takes a model and a rule and returns a step, such as `DeferredStep`.
        model: as in `CompiledEngine`.
        sampler: as in `CompiledEngine`.
        batch_size: as in `CompiledEngine`.
        steps: batches in the stack, at the most; fewer where the epoch has fewer.
    """

    def __init__(
        self, make: Callable, model: keras.Model, sampler: NegativeSampler, batch_size: int, steps: int
    ):
        super().__init__(model, sampler, "adam", LEARNING_RATE, batch_size)
        self._step = make(model, self._rule)
        self._stack = tuple(map(tf.constant, next(stacks_of_batches(sampler, 0, batch_size, steps))))
        self._stack_size = self.steps = len(self._stack[0])
        self._schedule = tf.constant(self._rule.schedule(0, self.steps), self._step.dtype)

    def measure(self) -> tuple[float, float]:
        """Train on the stack as an epoch; return the seconds of a step and of the end of the epoch."""
        started = time.perf_counter()
        self.train_stack(*self._stack, 0, self._schedule)
        trained = time.perf_counter()
        self._step.finish_epoch(self.steps, self._schedule)
        return (trained - started) / self.steps, time.perf_counter() - trained
