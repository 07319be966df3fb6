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

With the usual b1 = 0.9 and b2 = 0.999 the terms left out sum to less than 1e-5 lr in the worst case, a
gradient of about epsilon, and to nothing that float64 can hold for gradients of usual size. What remains are
three sums of powers,

    U_n(s, t) = sum_{k=s+1..t} a_k r_n^(k-s),   r_n = b1 / b2^((n+1)/2),   n = 0, 1, 2,
    w -= m / d (S_0 - q S_1 + q^2 S_2),   S_0 = U_0,   S_1 = U_1 - U_0,   S_2 = U_2 - 2 U_1 + U_0,

and each is a difference of two tails, T_n(s) = sum_{k>s} a_k r_n^(k-s): U_n(s, t) = T_n(s) - r_n^(t-s) T_n(t).
The tails depend on the step alone and come from the recurrence T_n(s) = r_n (a_{s+1} + T_n(s+1)). The rate may
differ from step to step, for a_k stands under the sum.

With other betas c_j may grow too fast for the expansion: by 1.41 a step with b1 = 0.25 and b2 = 0.5, those of
NVIDIA's NCF. But there the terms vanish fast as well, term j is r_0^j m / sqrt(v) at the most, so that the
first 19 of them, added one by one, are the sum to 1e-8 lr. `make_rule` bounds both errors
(`_error_of_expansion`, `_terms_that_count`) and takes what is exact; where neither is, `sums_skipped_steps` is
False, and every row moves at every step (`make_step`).
`tests/training/test_rules.py` holds all of this against dense Adam in float64.
"""

import dataclasses
import itertools
import math
from typing import Protocol

import numpy as np
import tensorflow as tf
from tensorflow import Tensor

from ncf_keras.training.adam_settings import DEFAULT_ADAM, AdamSettings
from ncf_keras.training.learners import EPSILON, known_learner
from ncf_keras.training.schedules import WarmUpAndDecay

RHO = 0.9
# Steps beyond an epoch that its tails still see: 0.9015^400 is below 1e-18.
HORIZON = 400
# The errors that a sum over skipped steps may have, in learning rates: of the expansion, of the first terms.
ERROR_OF_EXPANSION, ERROR_OF_TERMS = 1e-4, 1e-8
# More terms than these, added one by one, cost more than they save.
MOST_TERMS = 64

Slots = list[Tensor]
After = tuple[Tensor, Slots]


class Rule(Protocol):
    """One learner's arithmetic.

    Attributes:
        num_slots: tensors of the shape of the weights that it keeps beside them, zero at first.
        sums_skipped_steps: whether `catch_up` can be called.
        learning_rate: what the next schedule is made with.
        steps_before: taken before the training whose steps are counted, in an earlier one: Adam's moments are
            corrected by all steps, but a rate that changes begins anew.
    """

    num_slots: int
    sums_skipped_steps: bool
    learning_rate: float | WarmUpAndDecay
    steps_before: int

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
    sums_skipped_steps = True

    def __init__(self, learning_rate: float | WarmUpAndDecay):
        self.learning_rate = learning_rate
        self.steps_before = 0

    def schedule(self, first_step: int, num_steps: int) -> np.ndarray:
        """Return one column, the learning rate of the step before each moment."""
        return self._rates(np.arange(first_step, first_step + num_steps + 1))[:, None]

    def _rates(self, steps: np.ndarray) -> np.ndarray:
        """Return the learning rate of each step, which are counted from 1; Keras' schedules count from 0."""
        if isinstance(self.learning_rate, WarmUpAndDecay):
            return np.asarray(self.learning_rate(np.maximum(steps - 1, 0)), np.float64)
        return np.full(len(steps), self.learning_rate, np.float64)

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


class DenseAdam(Sgd):
    """Adam that can't sum skipped steps; the last column of its schedule is the scaled rate a."""

    num_slots = 2
    sums_skipped_steps = False

    def __init__(self, learning_rate: float | WarmUpAndDecay, settings: AdamSettings):
        super().__init__(learning_rate)
        self.settings = settings

    def schedule(self, first_step: int, num_steps: int) -> np.ndarray:
        """Return one column, the scaled rate."""
        return self._scaled_rates(np.arange(first_step, first_step + num_steps + 1))[:, None]

    def update(self, weights: Tensor, slots: Slots, gradient: Tensor, now: Tensor) -> After:
        """Return weights and slots after one step."""
        beta_1, beta_2 = self.settings.beta_1, self.settings.beta_2
        mean = beta_1 * slots[0] + (1 - beta_1) * gradient
        square = beta_2 * slots[1] + (1 - beta_2) * gradient * gradient
        return weights - now[-1] * mean / (tf.sqrt(square) + self.settings.epsilon), [mean, square]

    def catch_up(self, weights: Tensor, slots: Slots, then: Tensor, now: Tensor, skipped: Tensor) -> After:
        """Raise NotImplementedError: no step may be skipped."""
        raise NotImplementedError

    def _scaled_rates(self, steps: np.ndarray) -> np.ndarray:
        """Return a_k of each step k; that of step 0, which no sum uses, is 0."""
        started = np.maximum(steps.astype(np.float64) + self.steps_before, 1)
        of_beta_1, of_beta_2 = (
            -np.expm1(started * math.log(beta)) for beta in (self.settings.beta_1, self.settings.beta_2)
        )
        return np.where(steps > 0, self._rates(steps) * np.sqrt(of_beta_2) / of_beta_1, 0.0)


class Adam(DenseAdam):
    """Adam that sums skipped steps by the expansion; the columns of its schedule are T_0, T_1, T_2 and a."""

    sums_skipped_steps = True

    def __init__(self, learning_rate: float | WarmUpAndDecay, settings: AdamSettings):
        super().__init__(learning_rate, settings)
        self._ratios = [settings.beta_1 / settings.beta_2 ** ((n + 1) / 2) for n in range(3)]

    def schedule(self, first_step: int, num_steps: int) -> np.ndarray:
        """Return the tails T_n and the scaled rate a after each step of an epoch."""
        rates = self._scaled_rates(np.arange(first_step, first_step + num_steps + HORIZON + 1))
        tails = [_tails(rates, ratio)[: num_steps + 1] for ratio in self._ratios]
        return np.stack([*tails, rates[: num_steps + 1]], axis=1)

    def catch_up(self, weights: Tensor, slots: Slots, then: Tensor, now: Tensor, skipped: Tensor) -> After:
        """Return the rows after the steps that the module's text sums in closed form."""
        mean, square = slots
        beta_1, beta_2, epsilon = dataclasses.astuple(self.settings)
        logs = tf.constant(np.log([*self._ratios, beta_1, beta_2]), weights.dtype)
        powers = tf.exp(skipped * logs)
        sums = then[:, :3] - powers[:, :3] * now[:3]
        u0, u1, u2 = sums[:, 0:1], sums[:, 1:2], sums[:, 2:3]
        s1, s2 = u1 - u0, u2 - 2 * u1 + u0
        inverse = 1 / (tf.sqrt(square) + epsilon)
        q = epsilon * inverse
        weights = weights - mean * inverse * (u0 - q * (s1 - q * s2))
        return weights, [mean * powers[:, 3:4], square * powers[:, 4:5]]


class BriefAdam(DenseAdam):
    """Adam that adds the first terms of skipped steps, for moments that are soon forgotten.

    The columns of its schedule are the scaled rates of the steps after the moment, as many as there are terms,
    and that of the step before it.
    """

    sums_skipped_steps = True

    def __init__(self, learning_rate: float | WarmUpAndDecay, settings: AdamSettings, terms: int):
        super().__init__(learning_rate, settings)
        self.terms = terms

    def schedule(self, first_step: int, num_steps: int) -> np.ndarray:
        """Return the scaled rates of the steps after each moment of an epoch, and of the step before it."""
        rates = self._scaled_rates(np.arange(first_step, first_step + num_steps + self.terms + 1))
        windows = np.lib.stride_tricks.sliding_window_view(rates, self.terms + 1)
        return np.concatenate([windows[:, 1:], windows[:, :1]], axis=1)

    def catch_up(self, weights: Tensor, slots: Slots, then: Tensor, now: Tensor, skipped: Tensor) -> After:
        """Return the rows after the steps that were skipped, the first `terms` of which move them."""
        beta_1, beta_2, epsilon = dataclasses.astuple(self.settings)
        mean, square = slots
        root = tf.sqrt(square)
        for term in range(1, self.terms + 1):
            rate = tf.where(skipped >= term, then[:, term - 1 : term] * beta_1**term, 0)
            weights -= rate * mean / (root * beta_2 ** (term / 2) + epsilon)
        powers = tf.exp(skipped * tf.constant(np.log([beta_1, beta_2]), weights.dtype))
        return weights, [mean * powers[:, 0:1], square * powers[:, 1:2]]


def sums_skipped_steps(settings: AdamSettings) -> bool:
    """Tell whether Adam with these settings leaves the rows alone that no example of a batch has."""
    return _adam(1.0, settings).sums_skipped_steps


def _adam(learning_rate: float | WarmUpAndDecay, settings: AdamSettings) -> DenseAdam:
    """Return the rule that sums skipped steps exactly, if there is one."""
    if _error_of_expansion(settings) <= ERROR_OF_EXPANSION:
        return Adam(learning_rate, settings)
    terms = _terms_that_count(settings)
    if terms is not None and terms <= MOST_TERMS:
        return BriefAdam(learning_rate, settings, terms)
    return DenseAdam(learning_rate, settings)


def _ratio(settings: AdamSettings) -> float:
    """Return r_0, by which the largest possible term shrinks from one skipped step to the next."""
    return settings.beta_1 / math.sqrt(settings.beta_2)


def _largest_mean(settings: AdamSettings) -> float:
    """Return the most that m / sqrt(v) can be, by the inequality of Cauchy and Schwarz; r_0 must be below 1."""
    return (1 - settings.beta_1) / math.sqrt((1 - settings.beta_2) * (1 - _ratio(settings) ** 2))


def _error_of_expansion(settings: AdamSettings) -> float:
    """Return a bound on what the expansion to q^2 leaves out, in learning rates; infinity if it is unknown."""
    smallest_decay = -math.log(settings.beta_1 / settings.beta_2**1.5)
    if smallest_decay < 0.001:
        return math.inf
    # What is left out of a term is r_0^j x^3 / (1 + x), which falls at least as fast as r_2^j.
    steps = np.arange(1.0, 40 / smallest_decay + 2)
    q = np.linspace(0, 1, 51)[:, None]
    x = q * np.expm1(-steps / 2 * math.log(settings.beta_2))
    left_out = (np.exp(steps * math.log(_ratio(settings))) * x**3 / (1 + x)).sum(1)
    # Where q is near 1, the mean is small beside epsilon: |m| / d is (1 - q) |m| / sqrt(v).
    return _largest_mean(settings) * float(((1 - q[:, 0]) * left_out).max())


def _terms_that_count(settings: AdamSettings) -> int | None:
    """Return after how many skipped steps the rest moves a weight by less than 1e-8 learning rates, if ever."""
    ratio = _ratio(settings)
    if ratio >= 1:
        return None
    smallest = ERROR_OF_TERMS * (1 - ratio) / _largest_mean(settings)
    return math.ceil(math.log(smallest) / math.log(ratio))


def _tails(rates: np.ndarray, ratio: float) -> np.ndarray:
    """Return T(s) = sum over k > s of rates[k] ratio^(k - s), as if the last rate went on for ever."""
    beyond = rates[-1] * ratio / (1 - ratio)
    backwards = itertools.accumulate(
        rates[:0:-1].tolist(), lambda tail, rate: ratio * (rate + tail), initial=beyond
    )
    return np.fromiter(backwards, dtype=np.float64, count=len(rates))[::-1]


def make_rule(learner: str, learning_rate: float | WarmUpAndDecay, adam: AdamSettings = DEFAULT_ADAM) -> Rule:
    """Return the rule of a learner: `adagrad`, `adam`, `rmsprop` or `sgd`, in any case.

    Raises:
        InputError: another name.
    """
    learner = known_learner(learner)
    if learner == "adam":
        return _adam(learning_rate, adam)
    return {"adagrad": Adagrad, "rmsprop": RmsProp, "sgd": Sgd}[learner](learning_rate)
