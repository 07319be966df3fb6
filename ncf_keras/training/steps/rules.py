"""The learners as arithmetic on tensors, for training that is compiled.

A rule keeps `slots` beside each weight (Adam's two moments, an accumulator, nothing). `update` is the dense
step of `learners.py`. `catch_up` brings a row that had no gradient for some steps to where those steps would
have taken it, so that a table's rows need to be touched only when they are read: *deferred rows*.

Adam moves every weight at every step, also with no gradient, because its moments decay slowly. Let a row be up
to date after step s, with moments m and v and no gradient in the steps s+1 … t. Step k = s+j then does

    m_k = b1^j m,   v_k = b2^j v,   w -= a_k m_k / (sqrt(v_k) + e),   a_k = lr sqrt(1 - b2^k) / (1 - b1^k)

(Kingma and Ba, Adam, ICLR 2015, section 2, with epsilon outside the root as in Keras 1.0.7). With
c_j = b2^(-j/2) the fraction is (b1 / sqrt(b2))^j m / (sqrt(v) + e c_j). Only c_j in the denominator keeps the
sum over j from being a product of something that depends on the row and something that depends on s and t.
But c_j is close to 1 wherever the term is not yet negligible: the terms shrink by 0.9005 a step, c_j grows by
1.0005. Write d = sqrt(v) + e and q = e / d, between 0 and 1, and expand in q (c_j - 1):

    1 / (sqrt(v) + e c_j) = 1 / (d (1 + q (c_j - 1))) = (1 - q (c_j - 1) + q^2 (c_j - 1)^2 - …) / d

The terms left out sum to less than 1e-5 lr in the worst case, a gradient of about epsilon, and to nothing that
float64 can hold for gradients of usual size. What remains are three sums of powers,

    U_n(s, t) = sum_{k=s+1..t} a_k r_n^(k-s),   r_n = b1 / b2^((n+1)/2),   n = 0, 1, 2,
    w -= m / d (S_0 - q S_1 + q^2 S_2),   S_0 = U_0,   S_1 = U_1 - U_0,   S_2 = U_2 - 2 U_1 + U_0,

and each is a difference of two tails, T_n(s) = sum_{k>s} a_k r_n^(k-s): U_n(s, t) = T_n(s) - r_n^(t-s) T_n(t).
The tails depend on the step alone and come from the recurrence T_n(s) = r_n (a_{s+1} + T_n(s+1)).
`tests/training/test_rules.py` holds all of this against dense Adam in float64.
"""

import itertools
import math
from typing import Protocol

import numpy as np
import tensorflow as tf
from tensorflow import Tensor

from ncf_keras.training.learners import EPSILON, known_learner

BETA_1 = 0.9
BETA_2 = 0.999
RHO = 0.9
# Steps beyond an epoch that its tails still see: 0.9015^400 is below 1e-18.
HORIZON = 400

Slots = list[Tensor]
After = tuple[Tensor, Slots]


class Rule(Protocol):
    """One learner's arithmetic.

    Attributes:
        num_slots: tensors of the shape of the weights that it keeps beside them, zero at first.
        learning_rate: what the next schedule is made with.
    """

    num_slots: int
    learning_rate: float

    def schedule(self, first_step: int, num_steps: int) -> np.ndarray:
        """Return what the steps of an epoch need that depends on the step alone.

        Args:
            first_step: steps taken before this epoch.
            num_steps: steps in it.

        Returns:
            float64, shape (num_steps + 1, columns); row s belongs to the moment after s steps of the epoch.
        """

    def update(self, weights: Tensor, slots: Slots, gradient: Tensor, now: Tensor) -> After:
        """Return weights and slots after one step; `now` is the row of the schedule after that step."""

    def catch_up(self, weights: Tensor, slots: Slots, then: Tensor, now: Tensor, skipped: Tensor) -> After:
        """Return weights and slots of rows after `skipped` steps without a gradient.

        Args:
            weights: shape (rows, width).
            slots: each of shape (rows, width).
            then: rows of the schedule after each row's last step, shape (rows, columns).
            now: the row of the schedule after the last skipped step, shape (columns,).
            skipped: number of skipped steps, of the dtype of the weights, shape (rows, 1).
        """


class Sgd:
    """w -= lr g. A row without a gradient stays as it is."""

    num_slots = 0

    def __init__(self, learning_rate: float):
        self.learning_rate = learning_rate

    def schedule(self, first_step: int, num_steps: int) -> np.ndarray:
        """Return one column, the learning rate."""
        return np.full((num_steps + 1, 1), self.learning_rate)

    def update(self, weights: Tensor, slots: Slots, gradient: Tensor, now: Tensor) -> After:
        """Return weights and slots after one step."""
        return weights - now[0] * gradient, slots

    def catch_up(self, weights: Tensor, slots: Slots, then: Tensor, now: Tensor, skipped: Tensor) -> After:
        """Return the rows as they are."""
        return weights, slots


class Adagrad(Sgd):
    """a += g^2, w -= lr g / (sqrt(a) + e). A row without a gradient stays as it is."""

    num_slots = 1

    def update(self, weights: Tensor, slots: Slots, gradient: Tensor, now: Tensor) -> After:
        """Return weights and slots after one step."""
        accumulator = slots[0] + gradient * gradient
        return weights - now[0] * gradient / (tf.sqrt(accumulator) + EPSILON), [accumulator]


class RmsProp(Sgd):
    """a = rho a + (1 - rho) g^2, w -= lr g / (sqrt(a) + e). Without a gradient only a decays."""

    num_slots = 1

    def update(self, weights: Tensor, slots: Slots, gradient: Tensor, now: Tensor) -> After:
        """Return weights and slots after one step."""
        accumulator = RHO * slots[0] + (1 - RHO) * gradient * gradient
        return weights - now[0] * gradient / (tf.sqrt(accumulator) + EPSILON), [accumulator]

    def catch_up(self, weights: Tensor, slots: Slots, then: Tensor, now: Tensor, skipped: Tensor) -> After:
        """Return the rows with their accumulator decayed."""
        return weights, [slots[0] * tf.exp(skipped * math.log(RHO))]


class Adam(Sgd):
    """Adam; the columns of its schedule are T_0, T_1, T_2 and the scaled rate a."""

    num_slots = 2
    _RATIOS = tuple(BETA_1 / BETA_2 ** ((n + 1) / 2) for n in range(3))

    def schedule(self, first_step: int, num_steps: int) -> np.ndarray:
        """Return the tails T_n and the scaled rate a after each step of an epoch."""
        rates = self._scaled_rates(np.arange(first_step, first_step + num_steps + HORIZON + 1))
        tails = [_tails(rates, ratio)[: num_steps + 1] for ratio in self._RATIOS]
        return np.stack([*tails, rates[: num_steps + 1]], axis=1)

    def update(self, weights: Tensor, slots: Slots, gradient: Tensor, now: Tensor) -> After:
        """Return weights and slots after one step."""
        mean = BETA_1 * slots[0] + (1 - BETA_1) * gradient
        square = BETA_2 * slots[1] + (1 - BETA_2) * gradient * gradient
        return weights - now[3] * mean / (tf.sqrt(square) + EPSILON), [mean, square]

    def catch_up(self, weights: Tensor, slots: Slots, then: Tensor, now: Tensor, skipped: Tensor) -> After:
        """Return the rows after the steps that the module's text sums in closed form."""
        mean, square = slots
        logs = tf.constant(np.log([*self._RATIOS, BETA_1, BETA_2]), weights.dtype)
        powers = tf.exp(skipped * logs)
        sums = then[:, :3] - powers[:, :3] * now[:3]
        u0, u1, u2 = sums[:, 0:1], sums[:, 1:2], sums[:, 2:3]
        s1, s2 = u1 - u0, u2 - 2 * u1 + u0
        inverse = 1 / (tf.sqrt(square) + EPSILON)
        q = EPSILON * inverse
        weights = weights - mean * inverse * (u0 - q * (s1 - q * s2))
        return weights, [mean * powers[:, 3:4], square * powers[:, 4:5]]

    def _scaled_rates(self, steps: np.ndarray) -> np.ndarray:
        """Return a_k of each step k; that of step 0, which no sum uses, is 0."""
        steps = np.asarray(steps, dtype=np.float64)
        started = np.maximum(steps, 1)
        rates = np.sqrt(-np.expm1(started * math.log(BETA_2))) / -np.expm1(started * math.log(BETA_1))
        return np.where(steps > 0, self.learning_rate * rates, 0.0)


def _tails(rates: np.ndarray, ratio: float) -> np.ndarray:
    """Return T(s) = sum over k > s of rates[k] ratio^(k - s), as if the last rate went on for ever."""
    beyond = rates[-1] * ratio / (1 - ratio)
    backwards = itertools.accumulate(
        rates[:0:-1].tolist(), lambda tail, rate: ratio * (rate + tail), initial=beyond
    )
    return np.fromiter(backwards, dtype=np.float64, count=len(rates))[::-1]


def make_rule(learner: str, learning_rate: float) -> Rule:
    """Return the rule of a learner: `adagrad`, `adam`, `rmsprop` or `sgd`, in any case.

    Raises:
        InputError: another name.
    """
    rules = {"adagrad": Adagrad, "adam": Adam, "rmsprop": RmsProp, "sgd": Sgd}
    return rules[known_learner(learner)](learning_rate)
