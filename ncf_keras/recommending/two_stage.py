"""Lists found in two stages: candidates by inner products, which alone the network ranks."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow import Tensor

from ncf_keras.base.errors import InputError
from ncf_keras.base.float32 import tensor_float_32
from ncf_keras.data import Dataset
from ncf_keras.models.factored import can_factor
from ncf_keras.recommending.blocks import (
    ITEMS_A_BLOCK,
    NO_ITEM,
    NO_SCORE,
    ScoreBlock,
    in_blocks_of_rows,
)
from ncf_keras.recommending.candidates import Candidates
from ncf_keras.recommending.logit_vectors import fit_logit_vectors
from ncf_keras.recommending.ranking import Ranker
from ncf_keras.recommending.scorer import NOT_FINITE, NetworkScores
from ncf_keras.recommending.stages import (
    FEWEST_CANDIDATES,
    MEASURED_LENGTH,
    USERS_MEASURED,
    Stages,
    Wanted,
)

# Unseen items whose inner products are computed for each candidate; one costs a fraction of a score.
PROBED_A_CANDIDATE = 32
# Scores of a multiple of so many items are computed.
ROWS_ALIKE = 64
SEED = 2017


def make_ranker(
    model: Any,
    num_users: int,
    num_items: int,
    dataset: Dataset | None,
    wanted: Wanted,
    *,
    check_scores: bool = False,
) -> Ranker:
    """Return a ranker that finds lists as wanted; exact, if no number of candidates reaches a wanted recall.

    The other arguments are those of a `Ranker`. InputError if candidates are wanted of a model that is no GMF,
    MLP or NeuMF, or a score is not finite.
    """
    if wanted.is_exact:
        return Ranker(model, num_users, num_items, dataset, check_scores=check_scores)
    if not can_factor(model):
        name = getattr(model, "name", None) or repr(model)
        raise InputError(f"`model` must be a GMF, MLP or NeuMF to find candidates. Received: {name}")
    ranker = TwoStageRanker(model, num_users, num_items, dataset, wanted, check_scores=check_scores)
    if ranker.stages.candidates is None:
        exact = Ranker(model, num_users, num_items, dataset, check_scores=check_scores)
        exact.stages = ranker.stages
        return exact
    return ranker


class TwoStageRanker(Ranker):
    """A `Ranker` of a GMF, MLP or NeuMF whose lists of items for users are found in two stages.

    The candidates are those of `Candidates`; the network ranks them as it would rank all items, so every score
    is exact, and a list is exact if its items are among the candidates. A list above `MEASURED_LENGTH` has
    candidates in proportion to its length, up to a block of items, and never fewer than its places. Similar
    items, places of new items and users for items are exact.

    Args:
        model, num_users, num_items, dataset, check_scores: as of a `Ranker`.
        wanted: how many candidates, or the recall that their number is chosen for.

    Attributes:
        stages: what was chosen and measured. If no number of candidates reaches the wanted recall,
            `stages.candidates` is None, and all lists are exact.

    Raises:
        InputError: a score is not finite.
    """

    def __init__(
        self,
        model: Any,
        num_users: int,
        num_items: int,
        dataset: Dataset | None,
        wanted: Wanted,
        *,
        check_scores: bool = False,
    ):
        super().__init__(model, num_users, num_items, dataset, check_scores=check_scores)
        assert self._factored is not None
        users, items = _indices(self.listed.users, num_users), _indices(self.listed.items, num_items)
        generator = np.random.default_rng(SEED)
        counts = np.zeros(num_items, np.int64) if dataset is None else dataset.item_counts
        vectors = fit_logit_vectors(self._factored, self._halves, users, items, counts[items], generator)
        self._candidates = Candidates(self._factored, num_items, items, vectors, generator)
        # Candidates differ from user to user, so a row is all that is found at a time.
        self.users_a_block = 1
        self._most = min(self.items_a_block, len(items))
        asked = generator.choice(users, min(USERS_MEASURED, len(users)), replace=False)
        self.stages = wanted.measured or self._choose(wanted, asked, len(items))

    def _best(self, score_block: ScoreBlock, rows: Tensor, items: Tensor, k: Any) -> tuple[Any, Any]:
        count = self.stages.candidates
        # What has no user halves is no list of items for users.
        if count is None or not isinstance(score_block, NetworkScores):
            return super()._best(score_block, rows, items, k)
        return self._find(score_block, items, tf.convert_to_tensor(k), tf.constant(count))

    def _find(self, scores: NetworkScores, seen: Tensor, k: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
        """Return the list of one row, by `count` candidates for each `MEASURED_LENGTH` places of it."""
        # Bounded before they are multiplied, so that the product stays in int32.
        tens = tf.clip_by_value(-(-k // MEASURED_LENGTH), 1, self._most)
        count = tf.maximum(tf.minimum(count * tens, self._most), k)
        # Where all items may be looked into, no product is needed.
        probed = tf.minimum(count, self.num_items // PROBED_A_CANDIDATE + 1) * PROBED_A_CANDIDATE
        found = self._candidates.find(scores.halves, seen, count, tf.maximum(probed, count))
        # They ascend, so of equal scores the lower index stands first.
        best, order = tf.math.top_k(_scores_of(scores, found), tf.minimum(k, tf.size(found)))
        empty = [[0, 0], [0, k - tf.shape(order)[1]]]
        items = tf.pad(tf.gather(found, order), empty, constant_values=NO_ITEM)
        return items, tf.pad(best, empty, constant_values=NO_SCORE)

    @tensor_float_32(False)
    def _choose(self, wanted: Wanted, users: np.ndarray, listed: int) -> Stages:
        """Return the fewest candidates, of numbers that double, whose measured recall is what is wanted."""
        asked, length = tf.constant(users), tf.constant(min(MEASURED_LENGTH, self.num_items))

        # As long as nothing is chosen, lists are exact.
        def right(some: Tensor) -> Tensor:
            def best(row: Tensor) -> tuple[Tensor, Tensor]:
                return self._best_for(row, length, False)

            return in_blocks_of_rows(best, some, 1, length)[0]

        def found(some: Tensor, count: Tensor) -> Tensor:
            def best(row: Tensor) -> tuple[Tensor, Tensor]:
                scores = self.scores_for(row)
                assert isinstance(scores, NetworkScores)
                return self._find(scores, self.seen_by(row)[1], length, count)

            return in_blocks_of_rows(best, some, 1, length)[0]

        exact_lists = _ask(right, asked)
        program = _traced(found, asked, tf.constant(0))
        counts = [wanted.candidates] if wanted.candidates is not None else _doubling(self._most)
        for count in counts:
            count = min(count, self._most)
            recall = _recall(exact_lists, program(asked, tf.constant(count)).numpy())
            if wanted.recall is None or recall >= wanted.recall:
                return Stages(count, min(count * PROBED_A_CANDIDATE, listed), listed, recall, len(users))
        return Stages(None, None, listed, users=len(users))


def _scores_of(scores: NetworkScores, items: Tensor) -> Tensor:
    """Return the scores of items, float32, shape (1, items), computed a stretch at a time."""
    # Products of matrices may round the last, odd rows otherwise: equal items would have unequal scores.
    whole = tf.pad(items, [[0, -tf.size(items) % ROWS_ALIKE]])

    def body(start: Tensor, done: Tensor) -> tuple[Tensor, Tensor]:
        more = scores.of_items(whole[start : start + ITEMS_A_BLOCK])
        return start + ITEMS_A_BLOCK, tf.concat([done, more], 1)

    _, found = tf.while_loop(
        lambda start, _: start < tf.size(whole),
        body,
        (tf.constant(ITEMS_A_BLOCK), scores.of_items(whole[:ITEMS_A_BLOCK])),
        shape_invariants=(tf.TensorShape([]), tf.TensorShape([None, None])),
        parallel_iterations=1,
    )
    return found[:, : tf.size(items)]


def _traced(compute: Callable[..., Tensor], *arguments: Tensor) -> Callable[..., Tensor]:
    return tf.function(compute, autograph=False).get_concrete_function(
        *map(tf.TensorSpec.from_tensor, arguments)
    )


def _ask(compute: Callable[[Tensor], Tensor], users: Tensor) -> np.ndarray:
    """Return what is computed for users; InputError if a score is not finite."""
    try:
        return _traced(compute, users)(users).numpy()
    except tf.errors.InvalidArgumentError as error:
        if NOT_FINITE not in str(error):
            raise
        raise InputError(NOT_FINITE) from None


def _indices(listed: np.ndarray | None, count: int) -> np.ndarray:
    """Return who is listed, ascending."""
    return np.flatnonzero(np.ones(count, bool) if listed is None else listed).astype(np.int32)


def _doubling(most: int) -> list[int]:
    """Return numbers of candidates, each twice the one before; half of the most would hardly save anything."""
    counts = [FEWEST_CANDIDATES]
    while counts[-1] * 2 <= most // 2:
        counts.append(counts[-1] * 2)
    return counts


def _recall(right: np.ndarray, found: np.ndarray) -> float:
    """Return the share of the items in the right lists that is in those found; 1 if there is none."""
    wanted = right >= 0
    hits = (right[:, :, None] == found[:, None, :]).any(axis=2) & wanted
    return float(hits.sum() / wanted.sum()) if wanted.any() else 1.0
