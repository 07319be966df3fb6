"""The deferred step with only its first parts, for `profile_step.py`."""

import keras
import tensorflow as tf

from ncf_keras.training.steps.rules import Rule
from ncf_keras.training.steps.state import State
from ncf_keras.training.steps.steps import DeferredStep, batch_loss

PARTS = (
    "the loop, reading ids and labels",
    "gathering the rows, forward pass and loss",
    "backward pass",
    "update of the hidden and output layers",
    "writing the rows",
    "Adam on the rows",
    "catching the rows up when they are read",
    "summing the gradients of repeated rows",
)
# Small enough to change nothing, yet XLA has to compute what is multiplied by it.
NEXT_TO_NOTHING = 1e-30


class PartialStep(DeferredStep):
    """Does the first `level` of `PARTS`; with all of them it is `DeferredStep` itself.

    Args:
        model: as in `DeferredStep`.
        rule: as in `DeferredStep`.
        level: from 1 to the number of parts.
    """

    def __init__(self, model: keras.Model, rule: Rule, level: int):
        super().__init__(model, rule)
        self._level = level

    def __call__(
        self,
        state: State,
        ids: State,
        labels: tf.Tensor,
        mask: tf.Tensor,
        step: tf.Tensor,
        schedule: tf.Tensor,
    ) -> tuple[tf.Tensor, State]:
        """Return the batch's loss and the state, as `DeferredStep` does."""
        if self._level == len(PARTS):
            return super().__call__(state, ids, labels, mask, step, schedule)
        places = tf.concat([index + offset for index, offset in zip(ids, self._offsets, strict=False)], 0)
        if self._level == 1:
            return tf.reduce_mean(labels) + NEXT_TO_NOTHING * _total(places, self.dtype), state
        rows, chosen, *rest = state
        count = len(self._parameters.state)
        head_state, others = rest[:count], rest[count:]
        weights, slots = self._current(tf.gather(rows, places), step, schedule)
        latent = [
            part
            for side, widths in zip(tf.split(weights, len(ids)), self._widths, strict=True)
            for part in tf.split(side, widths, 1)
        ]
        head = self._parameters.weights(head_state)
        with tf.GradientTape() as tape:
            tape.watch([latent, head])
            features = self._head.features(ids)
            predictions, others, penalties = self._head(head, others, latent, features)
            loss = batch_loss(self._loss, labels, predictions, mask, penalties)
        if self._level == 2:
            return loss, state
        latent_gradients, head_gradients = tape.gradient(loss, [latent, head])
        now = tf.gather(schedule, step + 1)
        if self._level == 3:
            used = sum(_total(each, self.dtype) for each in [*latent_gradients, *head_gradients])
            return loss + NEXT_TO_NOTHING * used, state
        head_state = self._parameters.update(head_state, head_gradients, now)
        if self._level == 4:
            used = sum(_total(each, self.dtype) for each in latent_gradients)
            return loss + NEXT_TO_NOTHING * used, [rows, chosen, *head_state, *others]
        gradient = self._joined(latent_gradients)
        if self._level == 5:
            weights = weights - NEXT_TO_NOTHING * gradient
        else:
            weights, slots = self._rule.update(weights, slots, gradient, now)
        written = tf.fill([places.shape[0], 1], tf.cast(step + 1, self.dtype))
        rows = tf.tensor_scatter_nd_update(rows, places[:, None], tf.concat([weights, *slots, written], 1))
        return loss, [rows, chosen, *head_state, *others]

    def _current(
        self, rows: tf.Tensor, step: tf.Tensor, schedule: tf.Tensor
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        if self._level >= 7:
            return self._read(rows, step, schedule)
        weights, *slots, _ = tf.split(rows, [self._width] * (1 + self._rule.num_slots) + [1], 1)
        return weights, slots


def _total(tensor: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    return tf.cast(tf.reduce_sum(tensor), dtype)
