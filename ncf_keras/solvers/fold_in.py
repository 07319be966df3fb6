"""Rows for a user, or an item, that the model has never seen, from the interactions of that one.

Only the newcomer's own embedding rows p are fitted; everything else stays as it was trained. What is minimised
is the log loss of equation 7 of the paper as training has it, in expectation, plus a Gaussian prior:

    - sum_{i in history} log y(p, i) - sum_{i not in history} w_i log(1 - y(p, i)) + (p - m)' S^-1 (p - m) / 2

For a new user i runs over all items; all outside the history weigh the same, together `num_neg` times the
history, as the sampled negatives do.

For a new item i runs over all users. Each positive of user i draws `num_neg` of the items that the user has
not, so an item is drawn w_i = `num_neg` n_i / (items - n_i) times, with n_i the number of the user's
interactions: what few have taken is drawn as often as what many have, and is predicted lower. But few users
have had the chance to take what was published an hour ago. So as long as the item has fewer interactions than
the average item, w_i is multiplied with its share of them, as if it were to become as popular as that one.

m and S are the mean and covariance of the rows that the model has. Where the features of the newcomer are
known, its row is their sum and an identity of its own, of which alone there is doubt: then m is their sum and
the mean identity of the rows that the model has, and S the covariance of these identities. So it is the maximum
a posteriori estimate, and a short history stays near the average. It is found by Newton's method from p = m,
damped after Levenberg and Marquardt, in coordinates in which S is the identity. The logits of GMF are linear in
p and those of a tower of ReLUs are in pieces, so first derivatives give the curvature. There is no step size
and no randomness, and all of it is TensorFlow, so that an export folds in too.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from tensorflow import Tensor

from ncf_keras.base.checks import require_count
from ncf_keras.base.errors import InputError
from ncf_keras.base.float32 import tensor_float_32
from ncf_keras.models.copies import plain_copy
from ncf_keras.models.factored import FactoredModel, Halves, require_factored
from ncf_keras.models.latent_tables import LatentTable

MOST_STEPS = 40
# Of the loss, relative: a step that promises less is the last. At the bends of ReLUs all promises are too high.
TOLERANCE = 1e-3
# What is added to the curvature, of which the prior gives 1.
FIRST_DAMPING, LEAST_DAMPING = 1.0, 0.01
# Of the other side, whose derivatives are held at a time.
ROWS_A_BLOCK = 2**13


class _Point(NamedTuple):
    """A place in coordinates in which the prior is N(0, 1), and what the objective is there; all float64.

    Attributes:
        place: shape (width,).
        value: of the objective, a scalar; infinite, and the others 0, where one of them is not finite.
        gradient: shape (width,).
        curvature: shape (width, width): the Hessian, the bends of activations aside.
    """

    place: Tensor
    value: Tensor
    gradient: Tensor
    curvature: Tensor


class _Prior(NamedTuple):
    """A Gaussian of rows, those of both towers side by side.

    Attributes:
        mean: float64, shape (width,).
        root: of the covariance `root @ root.T`: float64, shape (width, width).
        directions: what the halves, which are linear in the row, change by with each coordinate of the place:
            float32, shape (width, width of the halves).
    """

    mean: Any
    root: np.ndarray
    directions: np.ndarray


class _Folder(ABC):
    """Fits rows of newcomers on one side of a model to histories of the other side.

    Args:
        factored: the model, frozen as it is now.
        tables: those of the newcomers' side.
        others: how many there are on the other side.
        num_neg: how many negatives each positive of the training had.
        prior_strength: what the prior is multiplied with.
        active: which rows of that side the prior is fitted to, bool; None: all.
    """

    def __init__(
        self,
        factored: FactoredModel,
        tables: Sequence[LatentTable],
        others: int,
        num_neg: int,
        prior_strength: float,
        active: np.ndarray | None,
    ):
        require_count(num_neg, "num_neg")
        if not 0 <= prior_strength < float("inf"):
            rule = "a finite number of at least 0"
            raise InputError(f"`prior_strength` must be {rule}. Received: {prior_strength}")
        self._factored, self._others = factored, others
        self._num_neg, self._strength = num_neg, prior_strength
        self._tables, self._rows = tables, slice(None) if active is None else active
        self._widths = [each.width for each in tables]
        self._width = sum(self._widths)
        self._prior = self._prior_of([each.table().numpy()[self._rows] for each in tables])

    @cached_property
    def prior_of_identities(self) -> _Prior:
        """The Gaussian of the rows without what features add; ask for it outside of what is traced."""
        return self._prior_of([each.without_features().numpy()[self._rows] for each in self._tables])

    def _prior_of(self, tables: Sequence[np.ndarray]) -> _Prior:
        mean, root = prior(tables)
        unit = mean + np.concatenate([np.zeros((1, self._width)), root.T])
        halves = self._halves_of(tf.constant(unit, tf.float32)).numpy()
        return _Prior(mean, root, halves[1:] - halves[0])

    @tensor_float_32(False)
    def __call__(
        self, histories: Sequence[Sequence[int] | np.ndarray], features: Sequence[np.ndarray] | None = None
    ) -> list[np.ndarray]:
        """Return the rows of newcomers in each of the model's embeddings of their side.

        `histories` have for each newcomer the indices of those on the other side with whom there was an
        interaction, in any order, at least one. `features` have what their features add to their rows, an array
        of shape (histories, width) for each embedding; None: nothing is known of them.

        The rows are float32, shape (histories, width): one array for GMF and MLP; for NeuMF that of the GMF
        tower, then that of the MLP tower. The same input gives the same rows.
        """
        checked = [self._checked(history) for history in histories]
        if features is None:
            fitted = [self._program(tf.constant(history)) for history in checked]
        else:
            sums = np.concatenate(features, axis=1).astype(np.float32)
            pairs = zip(checked, sums, strict=True)
            fitted = [self._program_of_described(tf.constant(one), tf.constant(known)) for one, known in pairs]
        rows = np.array([row.numpy() for row in fitted], np.float32)
        return np.split(rows.reshape(-1, self._width), np.cumsum(self._widths)[:-1], axis=1)

    @cached_property
    def _program(self) -> Callable[[Tensor], Tensor]:
        history = tf.TensorSpec([None], tf.int32)
        return tf.function(self.fit, autograph=False).get_concrete_function(history)

    @cached_property
    def _program_of_described(self) -> Callable[[Tensor, Tensor], Tensor]:
        given = tf.TensorSpec([None], tf.int32), tf.TensorSpec([self._width])
        assert self.prior_of_identities
        return tf.function(self.fit, autograph=False).get_concrete_function(*given)

    def fit(self, history: Tensor, features: Tensor | None = None) -> Tensor:
        """Return a newcomer's rows, those of all embeddings side by side, as a function of tensors.

        Args:
            history: int32, shape (interactions,), each in range.
            features: what the newcomer's features add to the rows: float32, shape (width,); None: not known.

        Returns:
            float32, shape (width,).
        """
        prior = self._prior
        if features is not None:
            prior = self.prior_of_identities
            prior = prior._replace(mean=prior.mean + tf.cast(features, tf.float64))
        ones = tf.ones_like(history, tf.float32)
        positive = tf.tensor_scatter_nd_update(tf.zeros([self._others]), history[:, None], ones)
        negative = (1 - positive) * self._negative_weights(tf.reduce_sum(positive))

        def goes_on(step: Tensor, promised: Tensor, _: Tensor, point: _Point) -> Tensor:
            return (step < MOST_STEPS) & (promised > TOLERANCE * point.value)

        def body(step: Tensor, _: Tensor, damping: Tensor, point: _Point) -> tuple[Any, ...]:
            damped = point.curvature + damping * tf.eye(self._width, dtype=tf.float64)
            move = -tf.linalg.solve(damped, point.gradient[:, None])[:, 0]
            promised = tf.tensordot(damping * move - point.gradient, move, 1) / 2
            there = self._point(prior, point.place + move, positive, negative)
            better = there.value < point.value
            damping = tf.where(better, tf.maximum(damping / 4, LEAST_DAMPING), damping * 4)
            # Behind the bend of a ReLU slopes are others. What both sides say is the better guide along it.
            share = 0.5 if self._factored.hidden else 1
            taken = there._replace(curvature=_mean(point.curvature, there.curvature, share))
            refused = point._replace(
                gradient=_mean(point.gradient, there.gradient, 0.3),
                curvature=_mean(point.curvature, there.curvature, 0.3),
            )
            best = (tf.where(better, *both) for both in zip(taken, refused, strict=True))
            return step + 1, promised, damping, _Point(*best)

        start = self._point(prior, tf.zeros([self._width], tf.float64), positive, negative)
        numbers = (tf.constant(value, tf.float64) for value in (np.inf, FIRST_DAMPING))
        *_, found = tf.while_loop(goes_on, body, (tf.constant(0), *numbers, start))
        return _row(prior, found.place)

    def _point(self, prior: _Prior, place: Tensor, positive: Tensor, negative: Tensor) -> _Point:
        """Return the objective at a place; the weights of all others are float32, shape (others,)."""
        row, directions = _row(prior, place)[None], tf.constant(prior.directions, tf.float64)

        def body(start: Tensor, *sums: Tensor) -> tuple[Tensor, ...]:
            stop = tf.minimum(start + ROWS_A_BLOCK, self._others)
            logits, slopes = self._logits_and_slopes(row, tf.range(start, stop))
            predictions = tf.sigmoid(logits)
            liked, others = positive[start:stop], negative[start:stop]
            losses = liked * tf.nn.softplus(-logits) + others * tf.nn.softplus(logits)
            residuals = others * predictions - liked * (1 - predictions)
            bends = (liked + others) * predictions * (1 - predictions)
            more = (
                tf.reduce_sum(losses),
                tf.linalg.matvec(slopes, residuals, transpose_a=True),
                tf.matmul(slopes, bends[:, None] * slopes, transpose_a=True),
            )
            return stop, *(one + tf.cast(other, tf.float64) for one, other in zip(sums, more, strict=True))

        width = prior.directions.shape[1]
        nothing = (tf.zeros(shape, tf.float64) for shape in ([], [width], [width, width]))
        _, value, gradient, curvature = tf.while_loop(
            lambda start, *_: start < self._others, body, (tf.constant(0), *nothing)
        )
        value += self._strength * tf.tensordot(place, place, 1) / 2
        gradient = tf.linalg.matvec(directions, gradient) + self._strength * place
        curvature = directions @ tf.matmul(curvature, directions, transpose_b=True)
        curvature += self._strength * tf.eye(self._width, dtype=tf.float64)
        finite = tf.math.is_finite(value + tf.reduce_sum(curvature))
        gradient, curvature = tf.where(finite, gradient, 0), tf.where(finite, curvature, 0)
        return _Point(place, tf.where(finite, value, np.inf), gradient, curvature)

    @abstractmethod
    def _halves_of(self, rows: Tensor) -> Tensor:
        """Return the newcomers' halves of both towers side by side, shape (rows, width of the halves)."""

    @abstractmethod
    def _logits_and_slopes(self, row: Tensor, others: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logit of a newcomer with each of the others, and its derivatives by the halves.

        `row` is float32, shape (1, width); `others` are indices. The derivatives are as wide as `_halves_of`.
        """

    @abstractmethod
    def _checked(self, history: Sequence[int] | np.ndarray) -> np.ndarray:
        """Return a history as int32 after a look at it."""

    def _negative_weights(self, count: Tensor) -> Tensor:
        """Return what each of the others weighs where it is not in a history of so many."""
        return self._num_neg * count / tf.maximum(self._others - count, 1)


class UserFolder(_Folder):
    """Fits vectors of new users to histories of items, with everything in the model frozen as it is now.

    Args:
        model: GMF, MLP or NeuMF, trained; it is not changed.
        num_neg: how many negatives each positive of the training had.
        prior_strength: what the prior is multiplied with; 0 fits the history alone.
        active: which users' rows the prior is fitted to, bool, shape (users,); None: all.
    """

    def __init__(
        self,
        model: keras.Model,
        num_neg: int = 4,
        prior_strength: float = 1.0,
        active: np.ndarray | None = None,
    ):
        factored = require_factored(model, "to fold users into")
        self._halves = factored.halves()
        super().__init__(factored, factored.users, factored.num_items, num_neg, prior_strength, active)

    def _halves_of(self, rows: Tensor) -> Tensor:
        halves = self._factored.with_users(Halves(), tf.split(rows, self._widths, axis=1))
        return _side_by_side(halves.mf_user, halves.mlp_user)

    def _logits_and_slopes(self, row: Tensor, others: Tensor) -> tuple[Tensor, Tensor]:
        tables = tf.split(row, self._widths, axis=1)
        pairs = self._factored.with_users(self._halves.of_items(others), tables)
        logits, slopes = self._factored.logits_and_slopes(pairs)
        return logits, _side_by_side(slopes.mf_user, slopes.mlp_user)

    def _checked(self, history: Sequence[int] | np.ndarray) -> np.ndarray:
        return _checked(history, self._others, "user", "item", " (without any, popularity is left)")


class ItemFolder(_Folder):
    """Fits vectors of new items to histories of users, with everything in the model frozen as it is now.

    Args:
        model: GMF, MLP or NeuMF, trained; it is not changed.
        num_neg: how many negatives each positive of the training had.
        prior_strength: what the prior is multiplied with; 0 fits the history alone.
        user_counts: each user's number of train interactions, by which a user weighs as a negative. Give them
            where they are known: the lists are much better. None: the users outside a history weigh the same,
            together `num_neg` times the history.
        halves: those of the model, where the caller has them.
        active: which items' rows the prior is fitted to, bool, shape (items,); None: all.
    """

    def __init__(
        self,
        model: keras.Model,
        num_neg: int = 4,
        prior_strength: float = 1.0,
        user_counts: np.ndarray | None = None,
        halves: Halves | None = None,
        active: np.ndarray | None = None,
    ):
        factored = require_factored(model, "to fold items into")
        self._halves, self._weights = halves or factored.halves(), None
        if user_counts is not None:
            counts = np.asarray(user_counts, np.float64)
            if counts.shape != (factored.num_users,):
                rule = f"have a number for each of the {factored.num_users} users"
                raise InputError(f"`user_counts` must {rule}. Received: shape {counts.shape}")
            weights = num_neg * counts / np.maximum(factored.num_items - counts, 1)
            # A constant would lie in the graph of an export, which can't be above 2 GB.
            self._weights = tf.Variable(weights, trainable=False, dtype=tf.float32)
            self._average = counts.sum() / factored.num_items
        super().__init__(factored, factored.items, factored.num_users, num_neg, prior_strength, active)

    def _halves_of(self, rows: Tensor) -> Tensor:
        halves = self._factored.with_items(Halves(), tf.split(rows, self._widths, axis=1))
        return _side_by_side(halves.mf_item, halves.mlp_item)

    def _logits_and_slopes(self, row: Tensor, others: Tensor) -> tuple[Tensor, Tensor]:
        tables = tf.split(row, self._widths, axis=1)
        pairs = self._factored.with_items(self._halves.of_users(others), tables)
        logits, slopes = self._factored.logits_and_slopes(pairs)
        return logits, _side_by_side(slopes.mf_item, slopes.mlp_item)

    def _checked(self, history: Sequence[int] | np.ndarray) -> np.ndarray:
        return _checked(history, self._others, "item", "user", "")

    def _negative_weights(self, count: Tensor) -> Tensor:
        if self._weights is None:
            return super()._negative_weights(count)
        return self._weights * tf.minimum(count / self._average, 1)


def fold_in(
    model: keras.Model,
    histories: Sequence[Sequence[int] | np.ndarray],
    num_neg: int = 4,
    prior_strength: float = 1.0,
) -> list[np.ndarray]:
    """Return what `UserFolder(model, num_neg, prior_strength)(histories)` does, to fold in once."""
    return UserFolder(model, num_neg, prior_strength)(histories)


def with_users(model: keras.Model, vectors: Sequence[np.ndarray]) -> keras.Model:
    """Return a copy of a GMF, MLP or NeuMF that has other users: whatever takes the model takes these too.

    `vectors` are as `UserFolder` returns them; user u of the copy has row u.
    """
    return plain_copy(model, users=_checked_rows(require_factored(model, "to have other users").users, vectors))


def with_items(model: keras.Model, vectors: Sequence[np.ndarray]) -> keras.Model:
    """Return a copy of a GMF, MLP or NeuMF that has other items: whatever takes the model takes these too.

    `vectors` are as `ItemFolder` returns them; item i of the copy has row i.
    """
    return plain_copy(model, items=_checked_rows(require_factored(model, "to have other items").items, vectors))


def _checked_rows(tables: Sequence[LatentTable], vectors: Sequence[np.ndarray]) -> Sequence[np.ndarray]:
    """Return the rows of each table; InputError unless they are as wide as the tables, and equally many."""
    widths, shapes = [each.width for each in tables], [np.shape(rows) for rows in vectors]
    if shapes != [(len(vectors[0]) if vectors else 0, width) for width in widths]:
        raise InputError(f"`vectors` must have the widths {widths}. Received: shapes {shapes}")
    return vectors


def prior(tables: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Fit a Gaussian to the rows of users or of items, those of both towers side by side.

    The covariance is shrunk towards a multiple of the identity, by width / (rows + width), so that it can be
    inverted with fewer rows than numbers in a row (after Ledoit and Wolf, "A well-conditioned estimator for
    large-dimensional covariance matrices", 2004, with a fixed weight).

    `tables` has a float32 table for each embedding. Returns the mean, float64 of shape (width,), and the `root`
    of the covariance `root @ root.T`, shape (width, width).
    """
    rows = np.concatenate(tables, axis=1).astype(np.float64)
    count, width = rows.shape
    mean = rows.mean(axis=0)
    covariance = (rows - mean).T @ (rows - mean) / count
    share = width / (count + width)
    # The last term keeps a table of equal rows invertible.
    sphere = np.trace(covariance) / width + np.finfo(np.float32).eps
    shrunk = (1 - share) * covariance + share * sphere * np.eye(width)
    return mean, np.linalg.cholesky(shrunk)


def _row(prior: _Prior, place: Tensor) -> Tensor:
    return tf.cast(prior.mean + tf.linalg.matvec(prior.root, place), tf.float32)


def _mean(here: Tensor, there: Tensor, share: float) -> Tensor:
    return (1 - share) * here + share * there


def _side_by_side(*halves: Tensor | None) -> Tensor:
    return tf.concat([half for half in halves if half is not None], axis=1)


def _checked(
    history: Sequence[int] | np.ndarray, others: int, newcomer: str, other: str, advice: str
) -> np.ndarray:
    indices = np.asarray(history)
    if indices.ndim != 1 or len(indices) == 0:
        rule = f"at least one {other} for each {newcomer}{advice}"
        raise InputError(f"`history` must hold {rule}. Received: shape {indices.shape}")
    if not np.issubdtype(indices.dtype, np.integer) or indices.min() < 0 or indices.max() >= others:
        rule = f"{other} indices from 0 to {others - 1}"
        raise InputError(f"`histories` must hold {rule}. Received: {list(history)[:10]}")
    return np.unique(indices).astype(np.int32)
