"""A trained model as the `score(users, items)` function that evaluation, recommending and export share."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ncf_keras.models.factored import FactoredModel, can_factor

PAIRS_A_CALL = 2**15
INDICES = tf.TensorSpec([None], tf.int32)


def model_scores(model: keras.Model) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Return a function that scores pairs with the model's weights at the time of each call.

    Args:
        model: functional, from `user_input` and `item_input`, int32 of shape (batch, 1), to one prediction.

    Returns:
        `score(users, items)`: takes int32 indices of shape (pairs,), any number of them, and returns the
        predictions, float32 of shape (pairs,). GMF, MLP and NeuMF are scored by halves, see `factored.py`.
    """
    make_halves, score_chunk = _factored(model) if can_factor(model) else _plain(model)

    def score(users: np.ndarray, items: np.ndarray) -> np.ndarray:
        users, items = np.asarray(users, np.int32), np.asarray(items, np.int32)
        halves = make_halves()
        scores = np.empty(len(users), np.float32)
        for start in range(0, len(users), PAIRS_A_CALL):
            part = slice(start, start + PAIRS_A_CALL)
            pairs = tf.constant(users[part]), tf.constant(items[part])
            scores[part] = score_chunk(halves, *pairs).numpy()
        return scores

    return score


def _factored(model: keras.Model) -> tuple[Callable, Callable]:
    factored = FactoredModel(model)
    return _traced_once(factored.halves), _traced_once(factored.score_pairs, INDICES, INDICES)


def _plain(model: keras.Model) -> tuple[Callable, Callable]:
    def score_chunk(nothing: tuple, users: tf.Tensor, items: tf.Tensor) -> tf.Tensor:
        return model([users[:, None], items[:, None]], training=False)[:, 0]

    return tuple, _traced_once(score_chunk, INDICES, INDICES)


def _traced_once(function: Callable, *signature: tf.TensorSpec) -> Callable:
    """Return a function of tensors that is traced at its first call; `signature` is that of its last arguments.

    TensorFlow would take the functions of several models for one that is traced again and again, and warn.
    """
    programs: list[Callable] = []

    def call(*arguments: Any) -> Any:
        if not programs:
            first = arguments[: len(arguments) - len(signature)]
            program = tf.function(function, autograph=False)
            programs.append(program.get_concrete_function(*first, *signature))
        return programs[0](*arguments)

    return call
