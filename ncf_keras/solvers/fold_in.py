"""A vector for a user whom the model has never seen, from the items that the user interacted with.

Only the user's own embedding rows p are fitted; everything else stays as it was trained. What is minimised is
the log loss of equation 7 of the paper as training has it, in expectation, plus a Gaussian prior:

    - sum_{i in history} log y(p, i) - w sum_{i not in history} log(1 - y(p, i)) + (p - m)' S^-1 (p - m) / 2

with w such that all other items together weigh `num_neg` times the history, as the sampled negatives do; m and
S are the mean and covariance of the rows of the users whom the model knows. So it is the maximum a posteriori
estimate, and a short history stays near the average user. It is minimised by L-BFGS from p = m in coordinates
in which S is the identity: the whole catalogue at each step, no step size, no randomness.
"""

from collections.abc import Sequence

import keras
import numpy as np
import scipy.optimize
import tensorflow as tf
from tensorflow import Tensor

from ncf_keras.base.checks import require_count
from ncf_keras.base.errors import InputError
from ncf_keras.base.float32 import tensor_float_32
from ncf_keras.models.factored import require_factored

MOST_STEPS = 100
# Of the loss, relative: what float32 can tell apart. Below it the line search would look for what is not there.
TOLERANCE = 1e-6


class UserFolder:
    """Fits vectors of new users to histories, with everything in the model frozen as it is now.

    Args:
        model: GMF, MLP or NeuMF, trained; it is not changed.
        num_neg: how many negatives each positive of the training had.
        prior_strength: what the prior is multiplied with; 0 fits the history alone.
    """

    def __init__(self, model: keras.Model, num_neg: int = 4, prior_strength: float = 1.0):
        self._factored = require_factored(model, "to fold users into")
        require_count(num_neg, "num_neg")
        if not 0 <= prior_strength < float("inf"):
            rule = "a finite number of at least 0"
            raise InputError(f"`prior_strength` must be {rule}. Received: {prior_strength}")
        self._num_neg, self._strength = num_neg, prior_strength
        self._mean, self._root = user_prior([layer.embeddings.numpy() for layer in self._factored.user_layers])
        self._widths = [layer.output_dim for layer in self._factored.user_layers]
        self._halves = self._factored.halves()
        weights = tf.TensorSpec([self._factored.num_items])
        self._value_and_gradient = tf.function(self._data_term, autograph=False).get_concrete_function(
            tf.TensorSpec([1, sum(self._widths)]), weights, weights
        )

    @tensor_float_32(False)
    def __call__(self, histories: Sequence[Sequence[int] | np.ndarray]) -> list[np.ndarray]:
        """Return the rows of new users in each of the model's user embeddings.

        `histories` have for each new user the item indices of the interactions, in any order, at least one.
        The rows are float32, shape (histories, width): one array for GMF and MLP; for NeuMF that of the GMF
        tower, then that of the MLP tower. The same input gives the same rows.
        """
        positives = [_checked(history, self._factored.num_items) for history in histories]
        rows = np.array([self._fit(items) for items in positives]).reshape(-1, sum(self._widths))
        return np.split(rows.astype(np.float32), np.cumsum(self._widths)[:-1], axis=1)

    def _fit(self, items: np.ndarray) -> np.ndarray:
        positive = np.zeros(self._factored.num_items, np.float32)
        positive[items] = 1
        others = len(positive) - len(items)
        negative = (1 - positive) * np.float32(self._num_neg * len(items) / max(others, 1))
        start, arguments = np.zeros(len(self._mean)), (positive, negative)
        options = {"maxiter": MOST_STEPS, "ftol": TOLERANCE}
        found = scipy.optimize.minimize(self._loss, start, arguments, "L-BFGS-B", jac=True, options=options)
        return self._mean + self._root @ found.x

    def _loss(self, point: np.ndarray, positive: np.ndarray, negative: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the objective and its gradient, in coordinates in which the prior is N(0, 1)."""
        row = tf.constant(self._mean + self._root @ point, tf.float32)
        value, gradient = self._value_and_gradient(row[None], *map(tf.constant, (positive, negative)))
        penalty = 0.5 * self._strength * point @ point
        slope = self._root.T @ gradient.numpy()[0].astype(np.float64)
        return float(value) + penalty, slope + self._strength * point

    def _data_term(self, row: Tensor, positive: Tensor, negative: Tensor) -> tuple[Tensor, Tensor]:
        """Return the weighted log loss and its gradient by `row`; the weights are float32, shape (items,)."""
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(row)
            mf_user, mlp_user = self._factored.user_halves(tf.split(row, self._widths, axis=1))
            logits = self._factored.logits_of(self._halves._replace(mf_user=mf_user, mlp_user=mlp_user))
            losses = positive * tf.nn.softplus(-logits) + negative * tf.nn.softplus(logits)
            value = tf.reduce_sum(losses)
        return value, tape.gradient(value, row)


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

    `vectors` are as `fold_in` returns them; user u of the copy has row u.
    """
    layers = require_factored(model, "to have other users").user_layers
    widths, shapes = [layer.output_dim for layer in layers], [np.shape(rows) for rows in vectors]
    if shapes != [(len(vectors[0]) if vectors else 0, width) for width in widths]:
        raise InputError(f"`vectors` must have the widths {widths}. Received: shapes {shapes}")
    rows_of = {layer.name: rows for layer, rows in zip(layers, vectors, strict=True)}

    def copied(layer: keras.layers.Layer) -> keras.layers.Layer:
        config = layer.get_config()
        if layer.name in rows_of:
            config["input_dim"] = len(rows_of[layer.name])
        return type(layer).from_config(config)

    copy = keras.models.clone_model(model, clone_function=copied)
    for layer in model.layers:
        weights = [rows_of[layer.name]] if layer.name in rows_of else layer.get_weights()
        copy.get_layer(layer.name).set_weights(weights)
    return copy


def user_prior(tables: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Fit a Gaussian to the rows of users, those of both towers side by side.

    The covariance is shrunk towards a multiple of the identity, by width / (users + width), so that it can be
    inverted with fewer users than numbers in a row (after Ledoit and Wolf, "A well-conditioned estimator for
    large-dimensional covariance matrices", 2004, with a fixed weight).

    `tables` has a float32 table for each user embedding. Returns the mean, float64 of shape (width,), and the
    `root` of the covariance `root @ root.T`, shape (width, width).
    """
    rows = np.concatenate(tables, axis=1).astype(np.float64)
    users, width = rows.shape
    mean = rows.mean(axis=0)
    covariance = (rows - mean).T @ (rows - mean) / users
    share = width / (users + width)
    # The last term keeps a table of equal rows invertible.
    sphere = np.trace(covariance) / width + np.finfo(np.float32).eps
    shrunk = (1 - share) * covariance + share * sphere * np.eye(width)
    return mean, np.linalg.cholesky(shrunk)


def _checked(history: Sequence[int] | np.ndarray, num_items: int) -> np.ndarray:
    items = np.asarray(history)
    if items.ndim != 1 or len(items) == 0:
        raise InputError(
            "`history` must hold at least one item for each user (without any, popularity is left). "
            f"Received: shape {items.shape}"
        )
    if not np.issubdtype(items.dtype, np.integer) or items.min() < 0 or items.max() >= num_items:
        rule = f"item indices from 0 to {num_items - 1}"
        raise InputError(f"`histories` must hold {rule}. Received: {list(history)[:10]}")
    return np.unique(items)


class ItemFolder:
    """A stand-in until items are folded in: the mean of the items' rows."""

    def __init__(self, model: keras.Model, num_neg: int = 4, prior_strength: float = 1.0):
        self._tables = [layer.embeddings.numpy() for layer in require_factored(model, "").item_layers]

    def __call__(self, histories: Sequence[Sequence[int] | np.ndarray]) -> list[np.ndarray]:
        """Return a row for each history."""
        return [np.repeat(table.mean(0, keepdims=True), len(histories), 0) for table in self._tables]
