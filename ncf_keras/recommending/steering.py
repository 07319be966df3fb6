"""What a request wants of its lists: only some items, not others, few of a category, less of what is popular.

The lists are exact: as if all items were sorted by score and walked from the top, and each were taken that is
allowed, not left out, and of which no category has its number yet. All of it is functions of tensors.
"""

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from tensorflow import Tensor

from ncf_keras.data.features import Feature
from ncf_keras.recommending.blocks import LOWEST, NO_ITEM, NO_SCORE, ScoreBlock

# Places of a sorted list that are looked at in one turn of the walk.
PLACES_A_TURN = 512
NO_LIMIT = 2**31 - 1
# Among the items of `only_items`: one that nobody has.
NO_SUCH_ITEM = -2


class Constraints(NamedTuple):
    """What lists must keep to; a single row, or a scalar, stands for all lists.

    Attributes:
        only_items: int32, shape (rows, any): the items to choose from. A row of `NO_ITEM` alone, or of nothing,
            restricts nothing; any other number that is no item's index restricts, but allows none.
        not_items: int32, shape (rows, any): the items to leave out; what is no item's index is padding.
        max_per: int32: how many items of a category a list may have; below 1: any number.
        popularity_penalty: float32, p: items are ranked by score - p log(1 + n) / log(1 + max n), where n is an
            item's number of train interactions. What is not above 0, or not finite, is 0.
    """

    only_items: Tensor
    not_items: Tensor
    max_per: Tensor
    popularity_penalty: Tensor

    def of_rows(self, rows: Tensor, count: Tensor) -> "Constraints":
        """Return those of some of `count` lists; InvalidArgumentError unless there are one or so many."""
        places = (tf.broadcast_to(tf.range(tf.shape(part)[0]), [count]) for part in self[:2])
        lists = (tf.gather(part, tf.gather(place, rows)) for part, place in zip(self[:2], places, strict=True))
        numbers = (tf.broadcast_to(tf.reshape(part, [-1]), [count]) for part in self[2:])
        return Constraints(*lists, *(tf.gather(part, rows) for part in numbers))


class Groups(NamedTuple):
    """The categories of items, of which a list may have a limited number of each.

    Attributes:
        offsets: int64, shape (items + 1,). Item i has the categories `codes[offsets[i]:offsets[i + 1]]`.
        codes: int32, from 0; none twice in an item.
        count: int32 scalar: how many categories there are.
    """

    offsets: Any
    codes: Any
    count: Any

    @classmethod
    def of(cls, feature: Feature | None, num_items: int) -> "Groups":
        """Return the categories of a feature; None: no item has any."""
        if feature is None:
            return cls(np.zeros(num_items + 1, np.int64), np.zeros(0, np.int32), np.int32(0))
        return cls(feature.offsets, feature.codes, np.int32(len(feature.categories)))


def popularity_share(counts: np.ndarray) -> np.ndarray:
    """Return log(1 + n) / log(1 + max n) of each item's number of interactions: float32, from 0 to 1."""
    logs = np.log1p(counts)
    return (logs / max(float(logs.max(initial=0)), 1e-9)).astype(np.float32)


def all_scores(score_block: ScoreBlock, num_items: int, items_a_block: int) -> Tensor:
    """Return the scores of all items, computed a stretch at a time: float32, shape (rows, items)."""
    if num_items <= items_a_block:
        return score_block(tf.constant(0), tf.constant(num_items))
    blocks = -(-num_items // items_a_block)
    parts = tf.TensorArray(tf.float32, blocks, infer_shape=False, element_shape=[None, None])

    def body(number: Tensor, parts: tf.TensorArray) -> tuple[Tensor, tf.TensorArray]:
        start = number * items_a_block
        scores = score_block(start, tf.minimum(start + items_a_block, num_items))
        return number + 1, parts.write(number, tf.transpose(scores))

    start = tf.constant(0), parts
    _, parts = tf.while_loop(lambda number, _: number < blocks, body, start, parallel_iterations=1)
    return tf.transpose(parts.concat())


def steered_items(
    scores: Tensor,
    hidden_rows: Tensor,
    hidden_items: Tensor,
    constraints: Constraints,
    groups: Groups,
    lengths: Tensor,
    width: Tensor,
) -> tuple[Tensor, Tensor]:
    """Return the items of each row's list and their scores, shape (rows, width); of equal ones the lower first.

    Places for which no item is left come last and hold `NO_ITEM` and `NO_SCORE`.

    Args:
        scores: float32, shape (rows, items), finite, or `LOWEST`, which no row gets.
        hidden_rows, hidden_items: int32; `hidden_rows[n]` must not get `hidden_items[n]`.
        constraints: of each row. The penalty is not looked at: the scores have it already.
        groups: of all items.
        lengths: int32, shape (rows,): of each list, at most `width`.
        width: int32 scalar, at most the number of items.
    """
    num_items = tf.shape(scores)[1]
    restricted = tf.reduce_any(constraints.only_items != NO_ITEM, axis=1)
    allowed = _are_in(constraints.only_items, num_items) | ~restricted[:, None]
    allowed &= ~_are_in(constraints.not_items, num_items)
    hidden = tf.stack([hidden_rows, hidden_items], axis=1)
    allowed = tf.tensor_scatter_nd_update(allowed, hidden, tf.zeros_like(hidden_rows, tf.bool))
    limits = tf.where(constraints.max_per < 1, NO_LIMIT, constraints.max_per)
    limited = tf.reduce_any(limits < NO_LIMIT) & (groups.count > 0)
    # Without limits the best are the list; with them any item may be on it, so all are sorted.
    best, items = tf.math.top_k(tf.where(allowed, scores, LOWEST), tf.where(limited, num_items, width))
    stops = tf.math.count_nonzero(best > LOWEST, axis=1, dtype=tf.int32)
    places = tf.cond(
        limited,
        lambda: _walk(items, stops, limits, groups, lengths, width),
        lambda: tf.where(tf.range(width) < tf.minimum(stops, lengths)[:, None], tf.range(width), -1),
    )
    empty = places < 0
    found, kept = (tf.gather(part, tf.maximum(places, 0), batch_dims=1) for part in (items, best))
    return tf.where(empty, NO_ITEM, found), tf.where(empty, NO_SCORE, kept)


def _are_in(lists: Tensor, num_items: Tensor) -> Tensor:
    """Return which items are in each list of indices, whatever else is in it: bool, shape (rows, items)."""
    pairs = tf.cast(tf.where((lists >= 0) & (lists < num_items)), tf.int32)
    pairs = tf.stack([pairs[:, 0], tf.gather_nd(lists, pairs)], axis=1)
    nobody = tf.fill([tf.shape(lists)[0], num_items], False)
    return tf.tensor_scatter_nd_update(nobody, pairs, tf.ones_like(pairs[:, 0], tf.bool))


def _walk(
    items: Tensor, stops: Tensor, limits: Tensor, groups: Groups, lengths: Tensor, width: Tensor
) -> Tensor:
    """Return the places of sorted items that the walk from the top takes, behind them -1: (rows, width), int32.

    All rows walk at once. A turn looks at the next `PLACES_A_TURN` places of each and takes the first item none
    of whose categories is full, so there are about as many turns as a list has places, and one for each so many
    items that are passed over.

    Args:
        items: int32, shape (rows, items), best first.
        stops: int32, shape (rows,): where the items end that may be taken at all.
        limits: int32, shape (rows,): how many of a category.
        groups, lengths, width: as in `steered_items`.
    """
    rows, turn = tf.range(tf.size(stops)), tf.minimum(PLACES_A_TURN, tf.shape(items)[1])
    ahead = tf.range(turn)

    def goes_on(place: Tensor, filled: Tensor, *_: Tensor) -> Tensor:
        return tf.reduce_any((place < stops) & (filled < lengths))

    def body(place: Tensor, filled: Tensor, taken: Tensor, counts: Tensor) -> tuple[Tensor, ...]:
        window = place[:, None] + ahead
        there = tf.gather(items, tf.minimum(window, tf.shape(items)[1] - 1), batch_dims=1)
        which, codes = _categories_of(groups, tf.reshape(there, [-1]))
        row = which // turn
        full = tf.gather_nd(counts, tf.stack([row, codes], 1)) >= tf.gather(limits, row)
        full = tf.math.unsorted_segment_max(tf.cast(full, tf.int32), which, tf.size(there))
        free = (window < stops[:, None]) & (tf.reshape(full, tf.shape(there)) < 1)
        takes = tf.reduce_any(free, axis=1) & (filled < lengths)
        first = tf.argmax(free, axis=1, output_type=tf.int32)
        takers = tf.boolean_mask(rows, takes)
        slots = tf.stack([takers, tf.boolean_mask(filled, takes)], 1)
        taken = tf.tensor_scatter_nd_update(taken, slots, tf.boolean_mask(place + first, takes))
        which, codes = _categories_of(groups, tf.boolean_mask(tf.gather(there, first, batch_dims=1), takes))
        counted = tf.stack([tf.gather(takers, which), codes], 1)
        counts = tf.tensor_scatter_nd_add(counts, counted, tf.ones_like(codes))
        place += tf.where(takes, first + 1, turn)
        return place, filled + tf.cast(takes, tf.int32), taken, counts

    nothing = tf.zeros_like(stops)
    taken = tf.fill([tf.size(stops), width], -1)
    counts = tf.zeros([tf.size(stops), groups.count], tf.int32)
    *_, taken, _ = tf.while_loop(goes_on, body, (nothing, nothing, taken, counts), parallel_iterations=1)
    return taken


def _categories_of(groups: Groups, items: Tensor) -> tuple[Tensor, Tensor]:
    """Return the places of items, shape (items,), and the categories beside them, int32."""
    found = tf.ragged.range(tf.gather(groups.offsets, items), tf.gather(groups.offsets, items + 1))
    return tf.cast(found.value_rowids(), tf.int32), tf.gather(groups.codes, found.flat_values)
