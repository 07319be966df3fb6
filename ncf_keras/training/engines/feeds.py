"""What feeds a compiled program with batches: stacks that the host drew, or the device's own sampler."""

import itertools
import weakref
from collections.abc import Iterator
from typing import Protocol

import numpy as np
import tensorflow as tf
from tensorflow import Tensor

from ncf_keras.sampling import (
    DeviceSampler,
    NegativeSampler,
    ShardedSampler,
    one_after_another,
    stack_dataset,
)
from ncf_keras.sampling.samplers import BATCHES_A_STACK, usual_batches_a_stack

# Tensors that describe the batches of one program.
Stack = tuple[Tensor, ...]
Batches = tuple[Tensor, ...]
# Examples that the device draws at a time, at the most, unless a batch has more: 12 bytes each stay there.
MOST_DRAWN = 2**23


class Feed(Protocol):
    """Gives the stacks of an epoch, one to a program, and in the program their batches.

    Attributes:
        on_device: whether the examples are drawn in the program.
        batches_a_stack: batches in a stack, at the most.
    """

    on_device: bool
    batches_a_stack: int

    def next_stack(self, epoch: int, stacks: int, steps: int) -> Stack:
        """Return the next stack of an epoch of which so many stacks were used and so many steps are done."""

    def forget(self) -> None:
        """Forget what was drawn ahead, because the epoch ends here or another place is gone to."""

    def inputs(self, stack: Stack, shape: tuple[int, int]) -> tuple[Stack, np.ndarray]:
        """Return what the program takes for a stack, and the number of examples of each of its batches.

        Args:
            stack: of `next_stack`.
            shape: batches and examples in a batch that every program has, some of which are padding.
        """

    def batches(self, inputs: Stack, first_step: Tensor, shape: tuple[int, int]) -> Batches:
        """Return, in the program, users int32, items int32 and labels float32, each of `shape`.

        And the recent items, int32 of shape (*shape, recent), where the sampler has any.

        Args:
            inputs: of `inputs`.
            first_step: int32, steps of the epoch done before.
            shape: as in `inputs`.
        """


def make_feed(
    sampler: "NegativeSampler | DeviceSampler", batch_size: int, batches_a_stack: int | None = None
) -> Feed:
    """Return what feeds the programs of an engine from a sampler.

    `batches_a_stack` are the batches of a program at the most; if left out, as many as are usual.
    """
    if isinstance(sampler, DeviceSampler):
        return DeviceFeed(sampler, batch_size, batches_a_stack or BATCHES_A_STACK)
    return HostFeed(sampler, batch_size, batches_a_stack or usual_batches_a_stack(batch_size, sampler.recent))


class HostFeed:
    """Stacks of users, items and labels, each (batches, examples); one is trained on, the next one drawn.

    And of recent items, where the sampler has any.
    """

    on_device = False

    def __init__(self, sampler: NegativeSampler, batch_size: int, batches_a_stack: int):
        self._sampler, self._batch_size = sampler, batch_size
        self.batches_a_stack = min(batches_a_stack, -(-sampler.num_examples // batch_size))
        # The iterator over the stacks, made when it is first needed. If it still drew ahead at the
        # interpreter's exit, Python would hang.
        self._stacks: list[Iterator] = []
        weakref.finalize(self, self._stacks.clear)

    def next_stack(self, epoch: int, stacks: int, steps: int) -> Stack:
        """Return users, items, labels and any recent items; see `Feed`."""
        if not self._stacks:
            drawn = self._drawn(itertools.count(epoch))
            # Each draw depends on those before it, so the examples that were used already are drawn again.
            self._stacks.append(iter(drawn.skip(stacks)))
        return next(self._stacks[0])

    def _drawn(self, epochs: Iterator[int]) -> tf.data.Dataset:
        """Return the stacks of one epoch after another."""
        return stack_dataset(self._sampler, self._batch_size, epochs, self.batches_a_stack)

    def forget(self) -> None:
        """Forget what was drawn ahead."""
        self._stacks.clear()

    def inputs(self, stack: Stack, shape: tuple[int, int]) -> tuple[Stack, np.ndarray]:
        """Return the stack with padding behind it; see `Feed`."""
        batches, size = stack[0].shape
        padding = [[0, shape[0] - batches], [0, shape[1] - size]]
        padded = tuple(tf.pad(each, [*padding, *[[0, 0]] * (each.shape.rank - 2)]) for each in stack)
        return padded, np.full(batches, size)

    def batches(self, inputs: Stack, first_step: Tensor, shape: tuple[int, int]) -> Batches:
        """Return the inputs, which are the batches."""
        return inputs


class DeviceFeed:
    """Draws the examples of a stack at the beginning of its program, from the keys of the epoch alone."""

    on_device = True

    def __init__(self, sampler: DeviceSampler, batch_size: int, batches_a_stack: int):
        self._sampler, self._batch_size = sampler, batch_size
        self._steps_an_epoch = -(-sampler.num_examples // batch_size)
        most = max(1, min(batches_a_stack, MOST_DRAWN // batch_size))
        # Stacks of about one size, because a program draws whole stacks.
        self.batches_a_stack = -(-self._steps_an_epoch // -(-self._steps_an_epoch // most))

    def next_stack(self, epoch: int, stacks: int, steps: int) -> Stack:
        """Return the keys of the epoch and the number of examples of each batch; see `Feed`."""
        numbers = np.arange(steps, min(steps + self.batches_a_stack, self._steps_an_epoch))
        sizes = np.minimum(self._batch_size, self._sampler.num_examples - numbers * self._batch_size)
        return tf.constant(self._sampler.keys(epoch)), tf.constant(sizes)

    def forget(self) -> None:
        """Do nothing, for nothing is drawn ahead."""

    def inputs(self, stack: Stack, shape: tuple[int, int]) -> tuple[Stack, np.ndarray]:
        """Return the keys alone; see `Feed`."""
        keys, sizes = stack
        return (keys,), sizes.numpy()

    def batches(self, inputs: Stack, first_step: Tensor, shape: tuple[int, int]) -> Batches:
        """Return batches that are drawn here; what is beyond the end of the epoch is padding."""
        first = tf.cast(first_step, tf.int64) * self._batch_size
        places = first + tf.range(shape[0] * shape[1], dtype=tf.int64)
        (keys,) = inputs
        users, items, labels = self._sampler.examples(keys, places)
        return tf.reshape(users, shape), tf.reshape(items, shape), tf.reshape(labels, shape)


class ShardsFeed(HostFeed):
    """Feeds the replicas of this process with the examples of their shards alone.

    Args:
        sampler: of all shards.
        batch_size: of all replicas together.
        steps: of an epoch.
        parts: the shards of each replica.
        shape: batches in a stack and padded examples in a replica's part of a batch.
        gives_way: whether to draw mostly while training waits. Workers wait for each other at every step, so
            all would wait for one whose sampler takes the core.
    """

    def __init__(
        self,
        sampler: ShardedSampler,
        batch_size: int,
        steps: int,
        parts: list[list[int]],
        shape: tuple[int, int],
        gives_way: bool,
    ):
        super().__init__(sampler, batch_size, shape[0])  # type: ignore[arg-type]
        self._shards, self._gives_way = sampler, gives_way
        self._arguments = steps, parts, shape[1], shape[0]

    def _drawn(self, epochs: Iterator[int]) -> tf.data.Dataset:
        return one_after_another(
            lambda epoch: self._shards.stacks(epoch, *self._arguments), epochs, gives_way=self._gives_way
        )
