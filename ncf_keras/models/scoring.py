"""A trained model as a function of indices: `score(users, items)` for pairs, `score_all(users)` for all items.

Evaluation takes either. They compute in float32, on a GPU too (`base/float32.py`). GMF, MLP and NeuMF are
scored by halves, see `factored.py`.
"""

import functools
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ncf_keras.base.float32 import tensor_float_32
from ncf_keras.models.factored import FactoredModel, can_factor
from ncf_keras.models.recent import pair_inputs

PAIRS_A_CALL = 2**15
# Numbers that one call may hold between two layers: 64 MiB of float32.
NUMBERS_A_CALL = 2**24


def model_scores(
    model: keras.Model, pairs_a_call: int = PAIRS_A_CALL
) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Return a function that scores pairs with the model's weights at the time of each call.

    Args:
        model: functional, from `user_input` and `item_input`, int32 of shape (batch, 1), to one prediction; one
            that takes recent items takes those it was told of.
        pairs_a_call: how many pairs are computed at a time, fewer in a wide model, which bounds the memory.

    The function takes int32 indices of shape (pairs,), any number, and returns float32 of that shape.
    """
    if can_factor(model):
        factored = FactoredModel(model)
        pairs_a_call = max(1, min(pairs_a_call, NUMBERS_A_CALL // factored.widest))
        make_halves, score_pairs = _programs(factored.halves, factored.score_pairs)
    else:
        make_halves, score_pairs = _programs(
            tuple, lambda _, users, items: model(pair_inputs(model, users, items), training=False)[:, 0]
        )

    @tensor_float_32(False)
    def score(users: np.ndarray, items: np.ndarray) -> np.ndarray:
        users, items = np.asarray(users, np.int32), np.asarray(items, np.int32)
        halves = make_halves()
        scores = np.empty(len(users), np.float32)
        for start in range(0, len(users), pairs_a_call):
            part = slice(start, start + pairs_a_call)
            scores[part] = score_pairs(halves, users[part], items[part]).numpy()
        return scores

    return score


def all_scores(
    model: keras.Model, num_items: int | None = None, numbers_a_call: int = NUMBERS_A_CALL
) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function that scores all items for some users with the model's weights at the time of each call.

    Args:
        model: as in `model_scores`.
        num_items: items are 0 … num_items - 1; needed only for a model that is none of GMF, MLP and NeuMF.
        numbers_a_call: how many numbers lie between two layers at a time, which bounds the memory.

    The function takes int32 indices of shape (users,) and returns float32 of shape (users, items): 4 bytes a
    user and item, so callers with many users ask for some at a time.
    """
    users_a_call = 1
    make_halves: Callable[..., Any]
    score_users: Callable[..., Any]
    if can_factor(model):
        factored = FactoredModel(model)
        num_items = factored.num_items
        users_a_call = max(1, numbers_a_call // (num_items * factored.widest))
        make_halves, score_users = _programs(factored.halves, factored.score_users)
    elif num_items is None:
        raise ValueError("`num_items` must be given for a model that is none of GMF, MLP and NeuMF.")
    else:
        score, items = model_scores(model), np.arange(num_items, dtype=np.int32)
        make_halves, score_users = tuple, lambda _, users: score(np.repeat(users, len(items)), items)

    @tensor_float_32(False)
    def score_all(users: np.ndarray) -> np.ndarray:
        users = np.asarray(users, np.int32)
        halves: Any = make_halves()
        scores = np.empty((len(users), num_items), np.float32)
        for start in range(0, len(users), users_a_call):
            part = slice(start, start + users_a_call)
            scores[part] = score_users(halves, users[part])
        return scores

    return score_all


def _programs(*computations: Callable[..., Any]) -> list[Callable[..., Any]]:
    """Return computations as programs, traced for the number of rows that comes first, then for any number."""
    # TensorFlow warns of a function that is traced often. Wrapped anew, that of another model is another one.
    wrapped = [functools.partial(compute) for compute in computations]
    return [tf.function(compute, autograph=False, reduce_retracing=True) for compute in wrapped]
