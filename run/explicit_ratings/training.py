"""Training on explicit ratings with the squared loss; the epoch with the lowest RMSE on validation is kept."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np

from explicit_ratings.errors import root_mean_squared_error
from explicit_ratings.ratings import Ratings
from ncf_keras.training.engines.guard import Diverged
from ncf_keras.training.learners import make_optimizer

PAIRS_A_CALL = 2**15


@dataclass(frozen=True)
class RatingEpoch:
    """What one epoch gave.

    Attributes:
        number: from 0.
        loss: mean squared error of the train ratings while it went on.
        rmse: RMSE of the validation ratings after it.
        seconds: of both.
    """

    number: int
    loss: float
    rmse: float
    seconds: float


def train_on_ratings(
    model: keras.Model,
    train: Ratings,
    validation: Ratings,
    *,
    learner: str = "adam",
    learning_rate: float = 0.001,
    batch_size: int = 256,
    epochs: int = 50,
    patience: int = 3,
    seed: int = 0,
    on_epoch: Callable[[RatingEpoch], None] | None = None,
) -> RatingEpoch | None:
    """Train a model and leave it with the weights of its best epoch.

    Args:
        model: from `user_input` and `item_input` to one rating, built.
        train: to learn from.
        validation: to choose the epoch on.
        learner: as in `make_optimizer`, and so is the learning rate.
        batch_size: ratings a step.
        epochs: at the most; it ends after `patience` epochs without a lower RMSE.
        seed: of the order of the ratings.
        on_epoch: called after each epoch.

    Returns:
        The best epoch, or None if there was none.

    Raises:
        InputError: an unknown learner or a learning rate that is not positive.
        Diverged: after an epoch the loss, the RMSE or a weight was no finite number; the model is left with
            the weights of the best epoch before it, or of the start.
    """
    model.compile(make_optimizer(learner, learning_rate), "mean_squared_error")
    generator = np.random.default_rng(seed)
    best, best_weights = None, model.get_weights()
    for number in range(epochs):
        started = time.perf_counter()
        order = generator.permutation(len(train))
        inputs = [train.users[order][:, None], train.items[order][:, None]]
        history = model.fit(inputs, train.values[order], batch_size, epochs=1, verbose=0, shuffle=False)
        rmse = root_mean_squared_error(
            predict_ratings(model, validation.users, validation.items), validation.values
        )
        epoch = RatingEpoch(number, history.history["loss"][0], rmse, time.perf_counter() - started)
        weights = model.get_weights()
        if not _all_finite(epoch.loss, epoch.rmse, *weights):
            model.set_weights(best_weights)
            raise Diverged(
                "the learning rate (`--lr`) must be smaller: the loss, the RMSE or a weight is no finite "
                f"number after epoch {number}. Received: {learning_rate:g}"
            )
        if on_epoch:
            on_epoch(epoch)
        if best is None or epoch.rmse < best.rmse:
            best, best_weights = epoch, weights
        elif number - best.number >= patience:
            break
    model.set_weights(best_weights)
    return best


def predict_ratings(model: keras.Model, users: np.ndarray, items: np.ndarray) -> np.ndarray:
    """Return the predicted ratings of pairs: float32, shape (pairs,), for int32 indices of that shape."""
    return model.predict([users[:, None], items[:, None]], PAIRS_A_CALL, verbose=0)[:, 0]


def _all_finite(*numbers: float | np.ndarray) -> bool:
    return all(np.isfinite(number).all() for number in numbers)
