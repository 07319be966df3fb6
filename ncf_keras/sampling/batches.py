"""Batches of a sampler's examples as `tf.data` datasets, for our engines and for `model.fit`."""

import functools
import itertools
from collections.abc import Callable, Iterable, Iterator

import tensorflow as tf

from ncf_keras.base.checks import require_count
from ncf_keras.data import Dataset
from ncf_keras.sampling.giving_way import drawn_giving_way
from ncf_keras.sampling.samplers import Examples, NegativeSampler, PairSampler, Sampler, stacks_of_batches

# Stacks that are drawn ahead. The first one of an epoch takes the longest, because the order of the whole epoch
# is drawn before it; the last two of the epoch before may be short. So with less than three, training waits.
STACKS_AHEAD = 3

# Traced without AutoGraph, which has nothing to do here and, on Python 3.13, warns.
as_it_is = tf.autograph.experimental.do_not_convert


def stack_dataset(
    sampler: Sampler, batch_size: int, epochs: Iterable[int], batches_a_stack: int | None = None
) -> tf.data.Dataset:
    """Return `stacks_of_batches` of one epoch after another, drawn ahead while the last one is used.

    `epochs` are their numbers, such as `itertools.count()`. An element is (users, items, labels): int32, int32,
    float32 of shape (batches, examples in a batch), of at most `batches_a_stack` batches, if left out
    `usual_batches_a_stack`; and the recent items, if the sampler has any.
    """
    return one_after_another(
        lambda epoch: stacks_of_batches(sampler, epoch, batch_size, batches_a_stack), epochs, sampler.recent
    )


def one_after_another(
    stacks_of: Callable[[int], Iterable[Examples]],
    epochs: Iterable[int],
    recent: int = 0,
    *,
    gives_way: bool = False,
) -> tf.data.Dataset:
    """Return the stacks that `stacks_of` gives of one epoch after another, drawn ahead; see `stack_dataset`.

    Args:
        stacks_of: the number of an epoch to its stacks.
        epochs: their numbers.
        recent: how many recent items an example has.
        gives_way: draw mostly while training waits, see `drawn_giving_way`.
    """
    options = tf.data.Options()
    # There is nothing to tune, and letting go of an iterator would wait for the tuner, up to a second.
    options.autotune.enabled = False

    def make_stacks() -> Iterator[Examples]:
        return itertools.chain.from_iterable(map(stacks_of, epochs))

    drawn = functools.partial(drawn_giving_way, make_stacks) if gives_way else make_stacks
    stacks = _drawn_ahead(drawn, tf.float32, recent)
    return stacks.with_options(options)


def batch_dataset(sampler: NegativeSampler, batch_size: int, epochs: Iterator[int]) -> tf.data.Dataset:
    """Return batches for `model.fit`; each pass over the dataset is the epoch that `epochs` gives next.

    A batch is ({"user_input": int32, "item_input": int32}, label float32), each of shape (batch, 1), with
    "recent_input", int32 of shape (batch, recent), if the sampler has recent items; the last, partial one of an
    epoch is kept.
    """

    @as_it_is
    def as_fit_takes_them(users: tf.Tensor, items: tf.Tensor, labels: tf.Tensor, *recent: tf.Tensor) -> tuple:
        names = ("user_input", "item_input", "recent_input")
        return dict(zip(names, (users, items, *recent), strict=False)), labels

    stacks = _drawn_ahead(
        lambda: stacks_of_batches(sampler, next(epochs), batch_size), tf.float32, sampler.recent
    )
    return _batches(stacks.map(as_fit_takes_them), sampler, batch_size)


def pair_batch_dataset(sampler: PairSampler, batch_size: int, epoch: int) -> tf.data.Dataset:
    """Return the batches of pairs of an epoch for `model.fit`.

    A batch is ({"user_input", "item_input", "negative_input"}, label): int32 and float32 ones, each of shape
    (batch, 1); the last, partial one is kept.
    """

    @as_it_is
    def as_fit_takes_them(users: tf.Tensor, positives: tf.Tensor, negatives: tf.Tensor) -> tuple:
        inputs = {"user_input": users, "item_input": positives, "negative_input": negatives}
        return inputs, tf.ones_like(users, tf.float32)

    stacks = _drawn_ahead(lambda: stacks_of_batches(sampler, epoch, batch_size), tf.int32)
    return _batches(stacks.map(as_fit_takes_them), sampler, batch_size)


def training_dataset(
    dataset: Dataset, num_neg: int = 4, batch_size: int = 256, seed: int | None = None, *, recent: int = 0
) -> tf.data.Dataset:
    """Return batches for any `model.fit`: each pass over them is an epoch with negatives drawn anew.

    The batches are those of `batch_dataset`, with `num_neg` negatives for each train interaction, and the
    `recent` items before it. The same seed gives the same first pass, second pass and so on; None differs each
    time.

    Example:
        >>> model = build_neumf(dataset.num_users, dataset.num_items)
        >>> model.compile(make_optimizer("adam", 0.001), "binary_crossentropy")
        >>> model.fit(training_dataset(dataset), epochs=20, shuffle=False)
    """
    require_count(batch_size, "batch_size")
    return batch_dataset(NegativeSampler(dataset, num_neg, seed, recent=recent), batch_size, itertools.count())


def _drawn_ahead(
    make_stacks: Callable[[], Iterator[Examples]], third: tf.DType, recent: int = 0
) -> tf.data.Dataset:
    """Return stacks, the next ones drawn while one is used; `third` is the dtype of the third array."""
    signature = tuple(tf.TensorSpec([None, None], dtype) for dtype in (tf.int32, tf.int32, third))
    if recent:
        signature = (*signature, tf.TensorSpec([None, None, recent], tf.int32))
    return tf.data.Dataset.from_generator(make_stacks, output_signature=signature).prefetch(STACKS_AHEAD)


def _batches(stacks: tf.data.Dataset, sampler: Sampler, batch_size: int) -> tf.data.Dataset:
    """Return the batches in the stacks of an epoch, each array of shape (batch, 1), or (batch, recent)."""

    def in_column(array: tf.Tensor) -> tf.Tensor:
        return array[:, :, None] if array.shape.rank == 2 else array

    @as_it_is
    def in_columns(*stack: tf.Tensor) -> tf.data.Dataset:
        return tf.data.Dataset.from_tensor_slices(tf.nest.map_structure(in_column, stack))

    batches = stacks.flat_map(in_columns)
    return batches.apply(tf.data.experimental.assert_cardinality(-(-sampler.num_examples // batch_size)))
